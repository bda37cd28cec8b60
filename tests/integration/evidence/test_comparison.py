"""What a reviewer is told in situations whose truth is known."""

import json

import numpy as np
import pytest

from services.errors import InvalidInputError
from services.evidence.aspects.leaks import training_rows
from services.evidence.baseline import first_version
from services.evidence.candidates import pick_best
from services.evidence.comparison import Comparison, Options, compare
from services.evidence.findings import Severity
from services.evidence.report import as_text
from services.evidence.rows.inputs import Columns, Task
from services.evidence.rows.tables import table_from_mapping
from tests.unit.evidence.makers import World, kinds, predictions, sigmoid

FEW = Options(resamples=200, with_curves=False)


def judged(comparison):
    return comparison.verdict.value, comparison.recommendation.value


def test_compare__clearly_better__promote():
    world = World()
    found = compare(world.table(world.scores(0.2)), world.table(world.scores(1.2)), options=FEW)
    assert judged(found) == ("better", "promote")
    assert found.difference.low > 0
    assert found.win_rate > 0.99
    assert found.wins + found.ties + found.losses + found.bootstrap.not_computable == 200
    assert found.reason.count(".") >= 1
    assert "no guardrail was triggered" in found.reason


def test_compare__clearly_worse__reject():
    world = World()
    found = compare(world.table(world.scores(1.2)), world.table(world.scores(0.2)), options=FEW)
    assert judged(found) == ("worse", "reject")
    assert not found.published_rule.passes


def test_compare__equally_good__cannot_tell_and_says_what_it_could_see():
    world = World(seed=3)
    found = compare(world.table(world.scores(0.4)), world.table(world.scores(0.4)), options=FEW)
    assert judged(found) == ("cannot_tell", "hold")
    assert found.power.detectable_difference > abs(found.difference.value)
    assert found.power.rows_needed > world.rows


def test_compare__small_loss_within_the_margin__not_worse_and_held_unless_accepted():
    world = World(rows=5000, seed=4)
    scores = world.scores(0.3)
    nearly = scores + 1e-3 * world.rng.random(world.rows) * (1 - scores)
    found = compare(world.table(nearly), world.table(scores), margin=0.005, options=FEW)
    assert judged(found) == ("not_worse", "hold")
    accepted = compare(
        world.table(nearly), world.table(scores), margin=0.005, options=Options(resamples=50, accept_not_worse=True)
    )
    assert judged(accepted) == ("not_worse", "promote")


def test_compare__trained_on_men_only__slice_harm_though_the_mean_hardly_moves():
    world = World(rows=6000, seed=5)
    good = world.scores(0.3)
    noisy_for_women = np.where(world.sex == "female", world.scores(1.1), good)
    found = compare(world.table(noisy_for_women, sex=world.sex), world.table(good), margin=0.03, options=FEW)
    assert found.verdict.value != "better"
    assert "slice_harm" in kinds(found)
    assert found.recommendation.value == "reject"
    assert "sex = female" in found.reason
    worst = found.slices[0]
    assert (worst.column, worst.value, worst.harmed) == ("sex", "female", True)
    assert not next(line for line in found.slices if line.value == "male").harmed


def test_compare__better_on_average_but_women_harmed__reject():
    world = World(rows=6000, seed=6)
    women = world.sex == "female"
    found = compare(
        world.table(np.where(women, world.scores(1.2), world.scores(0.1)), sex=world.sex),
        world.table(world.scores(0.6)),
        options=FEW,
    )
    assert found.recommendation.value == "reject"
    assert "slice_harm" in kinds(found)


def test_compare__scores_shifted_for_one_group_only__slice_harm_although_its_ranking_is_the_same():
    world = World(rows=4000, seed=7)
    scores = world.scores(0.2)
    found = compare(
        world.table(np.where(world.sex == "female", scores * 0.5, scores), sex=world.sex),
        world.table(scores),
        options=FEW,
    )
    assert {finding.subject for finding in found.findings if finding.kind == "slice_harm"} == {"sex=female"}
    assert found.recommendation.value == "reject"


def test_compare__fourth_power_of_the_scores__calibration_harm_and_no_slice_blamed():
    world = World(seed=8)
    scores = world.scores(0.2)
    found = compare(world.table(scores**4, sex=world.sex), world.table(scores), options=FEW)
    assert found.difference.value == 0.0
    assert (found.wins, found.ties, found.losses) == (0, 200, 0)
    assert found.published_rule.passes
    assert "calibration_harm" in kinds(found)
    assert "slice_harm" not in kinds(found)
    assert found.recommendation.value == "reject"


def test_compare__identical_model__identical_and_never_promoted():
    world = World(seed=9)
    scores = world.scores(0.2)
    options = Options(resamples=50, accept_not_worse=True)
    found = compare(world.table(scores), world.table(scores.copy()), options=options)
    assert "identical" in kinds(found)
    assert found.recommendation.value == "hold"
    assert found.published_rule.passes
    assert found.win_rate == 0.0


def five_rows_per_customer(seed):
    rng = np.random.default_rng(seed)
    customer = np.repeat(np.arange(300), 5)
    logit = np.repeat(rng.normal(size=300), 5)
    labels = np.repeat((rng.random(300) < sigmoid(logit[::5])).astype(int), 5)
    scores = [
        sigmoid(logit + np.repeat(0.6 * rng.normal(size=300), 5) + 0.01 * rng.normal(size=1500)) for _ in range(2)
    ]
    return customer, labels, scores


def test_compare__five_rows_per_customer__clustered_rows_is_said_with_or_without_the_column():
    customer, labels, scores = five_rows_per_customer(1)
    for further in ({"customer_id": customer}, {}):
        sides = [predictions(row_id=np.arange(1500), label=labels, score=part, **further) for part in scores]
        found = compare(*sides, options=FEW)
        assert "clustered_rows" in kinds(found), further
        assert found.recommendation.value != "promote"


def test_compare__groups_named__interval_widens_and_nothing_is_warned():
    customer, labels, scores = five_rows_per_customer(1)
    columns = Columns(group="customer_id")
    sides = [predictions(columns, row_id=np.arange(1500), label=labels, score=s, customer_id=customer) for s in scores]
    grouped = compare(*sides, options=FEW)
    naive = compare(*[predictions(row_id=np.arange(1500), label=labels, score=part) for part in scores], options=FEW)
    assert "clustered_rows" not in kinds(grouped)
    assert grouped.difference.standard_error > 1.5 * naive.difference.standard_error
    assert grouped.difference.method == "obuchowski"
    assert grouped.bootstrap.unit == "groups"
    boot = (grouped.bootstrap.high - grouped.bootstrap.low) / (grouped.difference.high - grouped.difference.low)
    assert 0.8 < boot < 1.25


def test_compare__verdict_only_by_copies__is_blocked():
    world = World(rows=300, seed=31)
    first, second = world.scores(0.4), world.scores(0.75)
    rows = np.repeat(np.arange(300), 12)
    sides = [
        predictions(row_id=np.arange(3600), label=world.labels[rows], score=part[rows], customer=rows)
        for part in (first, second)
    ]
    found = compare(*sides, options=FEW)
    (finding,) = [one for one in found.findings if one.kind == "clustered_rows"]
    assert found.verdict.value == "better"
    assert finding.severity is Severity.BLOCKING
    assert found.recommendation.value == "hold"


def test_compare__independent_rows__no_groups_are_suspected():
    world = World(seed=10)
    further = {"age": world.rng.integers(18, 80, world.rows), "city": world.rng.choice(list("abcdefghij"), world.rows)}
    found = compare(world.table(world.scores(0.3), **further), world.table(world.scores(0.5)), options=FEW)
    assert "clustered_rows" not in kinds(found)


def test_compare__leaked_rows__hold_although_better():
    world = World(seed=11)
    training = training_rows(table_from_mapping({"row_id": world.ids[:40]}, name="train"), key="row_id", columns=[])
    found = compare(world.table(world.scores(0.1)), world.table(world.scores(1.2)), options=FEW, training=training)
    assert judged(found) == ("better", "hold")
    assert "training row" in found.reason


@pytest.mark.parametrize(
    ("rows", "kind"), [(1, "too_few_rows"), (2, "too_few_rows"), (5, "too_few_rows"), (40, "too_few_rows")]
)
def test_compare__few_rows__hold_without_a_crash(rows, kind):
    world = World(rows=rows, seed=12)
    found = compare(world.table(world.scores(0.1)), world.table(world.scores(1.5)), options=FEW)
    assert kind in kinds(found)
    assert found.recommendation.value != "promote"
    json.dumps(found.to_json(), allow_nan=False)


def test_compare__one_percent_positives__too_few_is_said():
    world = World(rows=1000, seed=13, base=-7)
    found = compare(world.table(world.scores(0.1)), world.table(world.scores(1.5)), options=FEW)
    assert "too_few_rows" in kinds(found)
    assert found.recommendation.value == "hold"


def test_compare__one_class__hold():
    world = World(seed=14)
    sides = [predictions(row_id=world.ids, label=np.zeros(world.rows), score=world.scores(n)) for n in (0.1, 0.5)]
    found = compare(*sides, options=FEW)
    assert {"one_class"} <= kinds(found)
    assert judged(found) == ("cannot_tell", "hold")
    assert found.bootstrap.not_computable == 200
    assert found.win_rate is None
    assert not found.published_rule.passes


def test_compare__constant_candidate__is_said():
    world = World(seed=15)
    found = compare(world.table(np.full(world.rows, 0.4)), world.table(world.scores(0.3)), options=FEW)
    assert "constant_scores" in kinds(found)
    assert found.recommendation.value == "reject"


def test_compare__both_perfect__uncertainty_is_not_invented():
    world = World(seed=16)
    sides = [world.table(0.5 * world.labels + 0.4 * world.rng.random(world.rows)) for _ in range(2)]
    found = compare(*sides, options=FEW)
    assert (found.difference.value, found.difference.low, found.p_value) == (0.0, None, None)
    assert judged(found) == ("cannot_tell", "hold")
    assert "not_estimable" in kinds(found)


def test_compare__reversed_scores__are_named():
    world = World(seed=17)
    found = compare(world.table(1 - world.scores(0.2)), world.table(world.scores(0.2)), options=FEW)
    assert "reversed_scores" in kinds(found)
    assert found.recommendation.value == "reject"


def test_compare__only_the_candidate_leaves_0_to_1__blocks():
    world = World(seed=18)
    found = compare(world.table(world.logit), world.table(world.scores(1.2)), options=FEW)
    assert "score_range" in kinds(found)
    assert judged(found) == ("better", "hold")
    assert found.calibration is None
    both = compare(world.table(world.logit), world.table(world.logit + world.rng.normal(size=world.rows)), options=FEW)
    assert judged(both) == ("better", "promote")


def test_compare__coarse_scores__ties_are_exact():
    world = World(seed=19)
    rounded = world.scores(0.2).round(1), world.scores(1.2).round(1)
    found = compare(world.table(rounded[0]), world.table(rounded[1]), options=FEW)
    from sklearn.metrics import roc_auc_score

    assert found.candidate == pytest.approx(roc_auc_score(world.labels, rounded[0]), abs=1e-12)
    assert found.verdict.value == "better"


def test_compare__weights__are_used_everywhere():
    world = World(seed=20)
    weight = np.where(world.sex == "male", 1.0, 0.0)
    first, second = world.scores(0.3), world.scores(0.9)
    found = compare(world.table(first, weight=weight), world.table(second), options=FEW)
    men = world.sex == "male"
    alone = compare(
        *[predictions(row_id=world.ids[men], label=world.labels[men], score=part[men]) for part in (first, second)],
        options=FEW,
    )
    assert found.rows == men.sum()
    for line, same in zip(found.metrics, alone.metrics, strict=True):
        assert line.candidate == pytest.approx(same.candidate, abs=1e-12), line.name
        assert line.difference.standard_error == pytest.approx(same.difference.standard_error, abs=1e-12), line.name


def test_compare__metric_of_choice__leads():
    world = World(seed=21)
    sides = world.table(world.scores(0.1)), world.table(world.scores(1.5))
    found = compare(*sides, options=Options(metric="log_loss", resamples=100))
    assert (found.metric, found.higher_is_better) == ("log_loss", False)
    assert found.difference.value < 0
    assert judged(found) == ("better", "promote")
    with pytest.raises(InvalidInputError, match="cannot be computed"):
        compare(*sides, options=Options(metric="rmse"))


def test_compare__regression__lower_error_is_better():
    rng = np.random.default_rng(22)
    truth = rng.normal(size=800)
    sides = [
        predictions(task=Task.REGRESSION, row_id=np.arange(800), label=truth, score=truth + k * rng.normal(size=800))
        for k in (0.5, 1.0)
    ]
    found = compare(*sides, task="regression", options=FEW)
    assert judged(found) == ("better", "promote")
    assert {line.name for line in found.metrics} == {"rmse", "mae", "pinball", "r2"}
    swapped = compare(*sides[::-1], task=Task.REGRESSION, options=FEW)
    assert judged(swapped) == ("worse", "reject")


def test_compare__regression_on_a_constant_target__is_not_promoted():
    rng = np.random.default_rng(23)
    sides = [
        predictions(
            task=Task.REGRESSION, row_id=np.arange(300), label=np.full(300, 3.0), score=k * rng.normal(size=300)
        )
        for k in (1, 2)
    ]
    found = compare(*sides, task="regression", options=FEW)
    assert "constant_target" in kinds(found)
    assert found.recommendation.value == "hold"


def test_compare__multiclass__accuracy_leads_and_all_metrics_are_there():
    rng = np.random.default_rng(24)
    labels = rng.choice(list("abc"), 900)

    def shares(strength):
        raw = {f"score_{name}": strength * (labels == name) + rng.random(900) for name in "abc"}
        total = sum(raw.values())
        return {name: values / total for name, values in raw.items()}

    raw_scores = shares(0.8)
    sides = [
        predictions(task=Task.MULTICLASS, row_id=np.arange(900), label=labels, **each)
        for each in (raw_scores, shares(0.3))
    ]
    found = compare(*sides, task="multiclass", options=FEW)
    assert judged(found) == ("better", "promote")
    assert [line.name for line in found.metrics] == ["accuracy", "macro_f1", "auc_ovr", "log_loss"]
    from sklearn.metrics import f1_score, log_loss, roc_auc_score

    scores = np.stack([raw_scores[f"score_{name}"] for name in "abc"], axis=1)
    assert found.metrics[1].candidate == pytest.approx(
        f1_score(labels, np.array(list("abc"))[scores.argmax(axis=1)], average="macro")
    )
    assert found.metrics[2].candidate == pytest.approx(roc_auc_score(labels, scores, multi_class="ovr"), abs=1e-12)
    assert found.metrics[3].candidate == pytest.approx(log_loss(labels, scores), abs=1e-12)


def test_compare__multiclass_decisions_only__work():
    rng = np.random.default_rng(25)
    labels = rng.integers(0, 3, 600)
    sides = [
        predictions(
            task=Task.MULTICLASS,
            row_id=np.arange(600),
            label=labels,
            prediction=np.where(rng.random(600) < hit, labels, (labels + 1) % 3),
        )
        for hit in (0.9, 0.7)
    ]
    found = compare(*sides, task="multiclass", options=FEW)
    assert judged(found) == ("better", "promote")
    assert found.metrics[0].candidate == pytest.approx(0.9, abs=0.05)


def test_compare__same_seed__same_record_and_json_round_trip():
    world = World(rows=600, seed=26)
    sides = world.table(world.scores(0.2), sex=world.sex), world.table(world.scores(0.8))
    first, second = (compare(*sides, options=Options(resamples=100)) for _ in range(2))
    assert first == second
    text = json.dumps(first.to_json(), allow_nan=False)
    again = Comparison.from_json(json.loads(text))
    assert again.to_json() == first.to_json()
    assert json.dumps(again.to_json(), allow_nan=False) == text
    assert as_text(again) == as_text(first)
    assert len(first.curves["roc"]["candidate"]["true_positive_rate"]) <= 500


def test_from_json__something_else__is_refused():
    with pytest.raises(InvalidInputError, match="not a comparison record"):
        Comparison.from_json({"task": "binary"})


def test_compare__slice_column_absent__is_refused():
    world = World(rows=100)
    sides = world.table(world.scores(0.2)), world.table(world.scores(0.8))
    with pytest.raises(InvalidInputError, match="slice column 'sex'"):
        compare(*sides, options=Options(slices=("sex",)))


def test_first_version__constant_heuristic__is_beaten_and_a_threshold_too():
    world = World(seed=27)
    candidate = world.table(world.scores(0.3))
    found = first_version(candidate, options=FEW)
    assert judged(found) == ("better", "promote")
    assert found.current == 0.5
    assert "first_version" in kinds(found)
    assert judged(first_version(candidate, threshold=0.6, options=FEW)) == ("better", "promote")
    high = first_version(candidate, threshold=0.97, options=FEW)
    assert judged(high) == ("worse", "reject")
    assert high.difference.value == pytest.approx(high.candidate - 0.97)
    for task, label, score in (("regression", world.logit, world.logit + 0.1), ("multiclass", world.labels, None)):
        further = {"score": score} if score is not None else {"prediction": world.labels}
        one = predictions(task=Task(task), row_id=world.ids, label=label, **further)
        assert judged(first_version(one, task=task, options=FEW)) == ("better", "promote")


def test_pick_best__many_equal_candidates__no_lucky_winner():
    winners = 0
    for seed in range(12):
        world = World(rows=800, seed=100 + seed)
        current = world.table(world.scores(0.5))
        found = pick_best(
            {f"run{k}": world.table(world.scores(0.5)) for k in range(5)},
            current,
            options=Options(resamples=10, with_curves=False),
        )
        winners += found.winner is not None
    assert winners <= 2


def test_pick_best__one_truly_better__wins_and_is_corrected():
    world = World(seed=28)
    candidates = {
        "poor": world.table(world.scores(1.4)),
        "good": world.table(world.scores(0.1)),
        "same": world.table(world.scores(1.0)),
    }
    found = pick_best(candidates, world.table(world.scores(1.0)), options=FEW)
    assert found.winner == "good"
    assert found.candidates[0].name == "good"
    assert found.candidates[0].p_adjusted >= found.candidates[0].comparison.p_value / 2
    assert "3 candidates" in found.sentence
    with pytest.raises(InvalidInputError):
        pick_best({}, candidates["good"])


def test_pick_best__earlier_looks_at_the_same_rows__raise_the_bar():
    world = World(rows=400, seed=30)
    candidate, current = world.table(world.scores(0.3)), world.table(world.scores(0.9))
    once = pick_best({"a": candidate}, current, options=FEW)
    often = pick_best({"a": candidate}, current, options=FEW, earlier_looks=50)
    assert often.candidates[0].p_adjusted == pytest.approx(51 * once.candidates[0].p_adjusted)
