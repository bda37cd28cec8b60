"""Calibration, slices, fairness, drift and curves, each against a plain calculation."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc

from services.evidence.aspects.calibration import (
    calibration_of,
    expected_calibration_error,
    reliability_curve,
    reliability_term,
    wilson,
)
from services.evidence.aspects.clusters import dependence, suspected_groups
from services.evidence.aspects.drift import column_drift, drift_lines, ks_distance, psi, wasserstein
from services.evidence.aspects.fairness import fairness_findings, fairness_tables
from services.evidence.aspects.slices import segments, slice_columns
from services.evidence.comparison import Options, compare
from services.evidence.measures.curves import curves_of, precision_recall, roc_curve
from services.evidence.measures.metrics import Settings
from services.evidence.rows.alignment import align
from services.evidence.rows.tables import table_from_mapping
from tests.unit.evidence.makers import World, kinds


def test_reliability_curve__equal_counts__and_ties_never_split():
    scores = np.repeat([0.1, 0.2, 0.9], [40, 10, 50])
    labels = np.tile([0.0, 1.0], 50)
    curve = reliability_curve(labels, scores, bins=10)
    assert sum(part.rows for part in curve) == 100
    assert [part.rows for part in curve] == [40, 10, 50]
    assert all(part.low <= part.observed <= part.high for part in curve)
    smooth = reliability_curve(labels, np.linspace(0, 1, 100), bins=10)
    assert [part.rows for part in smooth] == [10] * 10


def test_ece__plain_calculation__agrees():
    world = World(rows=1000, seed=1)
    scores = world.scores(0.5)
    curve = reliability_curve(world.labels.astype(float), scores, bins=10)
    order = np.argsort(scores)
    gaps = [abs(world.labels[part].mean() - scores[part].mean()) for part in np.split(order, 10)]
    assert expected_calibration_error(curve) == pytest.approx(np.mean(gaps), abs=1e-12)


def test_reliability_term__honest_scores__is_about_zero_and_shifted_scores_show():
    world = World(rows=4000, seed=2)
    labels = world.labels.astype(float)
    assert reliability_term(reliability_curve(labels, world.chance)) < 0.001
    assert reliability_term(reliability_curve(labels, world.chance**4)) > 0.02


def test_wilson__known_values__and_limits():
    assert wilson(0, 10) == (0.0, pytest.approx(0.2775, abs=1e-4))
    assert wilson(5, 10) == (pytest.approx(0.2366, abs=1e-4), pytest.approx(0.7634, abs=1e-4))


def test_calibration__few_rows__uses_fewer_bins():
    world = World(rows=12, seed=3)
    rows = align(world.table(world.scores(0.1)), world.table(world.scores(0.2)))
    assert calibration_of(rows).bins == 2


def test_segments__numbers__become_ranges_that_cover_every_row_once():
    values = np.concatenate((np.arange(100.0), [np.nan] * 3))
    found = segments(values)
    assert sum(mask.sum() for _, mask in found) == 103
    assert [name for name, _ in found][-1] == "(missing)"
    assert max(np.sum([mask for _, mask in found], axis=0)) == 1


def test_segments__many_words__rare_ones_stand_together():
    values = np.array([f"w{k}" for k in range(30) for _ in range(k + 1)], dtype=object)
    found = dict(segments(values))
    assert len(found) == 21
    assert found["(other)"].sum() == sum(range(1, 11))


def test_slice_columns__ids_and_constants__are_not_slices():
    world = World(rows=400, seed=4)
    rows = align(
        world.table(
            world.scores(0.1), sex=world.sex, constant=["x"] * 400, serial=np.arange(400) * 7, height=world.logit,
            note=[f"text {k}" for k in range(400)],
        ),
        world.table(world.scores(0.2)),
    )  # fmt: skip
    assert set(slice_columns(rows, None, skip=frozenset())) == {"sex", "height"}


def test_slices__values__equal_scikit_learn_on_the_part():
    world = World(seed=5)
    first, second = world.scores(0.3), world.scores(0.6)
    found = compare(world.table(first, sex=world.sex), world.table(second), options=Options(resamples=10))
    for line in found.slices:
        part = world.sex == line.value
        assert line.rows == part.sum()
        assert line.positives == world.labels[part].sum()
        assert line.candidate == pytest.approx(roc_auc_score(world.labels[part], first[part]), abs=1e-12)
        assert line.current == pytest.approx(roc_auc_score(world.labels[part], second[part]), abs=1e-12)


def test_slices__tiny_segment__is_listed_and_not_judged():
    world = World(seed=6)
    region = np.where(world.ids < 20, "islet", "mainland")
    found = compare(
        world.table(world.scores(0.3), region=region), world.table(world.scores(0.3)), options=Options(resamples=10)
    )
    islet = next(line for line in found.slices if line.value == "islet")
    assert (islet.rows, islet.p_value, islet.harmed) == (20, None, False)
    assert "fewer than" in islet.note


def test_fairness__rates__equal_plain_counts():
    world = World(seed=7)
    first, second = world.scores(0.2), world.scores(0.8)
    rows = align(world.table(first), world.table(second))
    sex = world.sex[np.argsort(world.ids.astype(str))]
    scores, labels = rows.candidate, rows.labels
    (table,) = fairness_tables(rows, {"sex": sex.astype(object)}, Settings(threshold=0.4))
    for group in table.groups:
        part = sex == group.group
        assert group.candidate_selected == pytest.approx((scores[part] >= 0.4).mean())
        assert group.candidate_true_positive == pytest.approx((scores[part & (labels == 1)] >= 0.4).mean())
        assert group.current_false_positive == pytest.approx((rows.current[part & (labels == 0)] >= 0.4).mean())
    rates = [group.candidate_selected for group in table.groups]
    assert table.gaps[0].candidate_difference == pytest.approx(max(rates) - min(rates))
    assert table.gaps[0].candidate_ratio == pytest.approx(min(rates) / max(rates))


def test_fairness__gap_that_grows__is_warned_and_one_that_stays_is_not():
    world = World(rows=6000, seed=8)
    scores = world.scores(0.2)
    lowered = np.where(world.sex == "female", scores * 0.6, scores)
    rows = align(world.table(lowered), world.table(scores))
    sex = {"sex": world.sex[np.argsort(world.ids.astype(str))].astype(object)}
    found = fairness_findings(fairness_tables(rows, sex, Settings()), rows)
    assert {finding.kind for finding in found} == {"fairness_gap"}
    same = align(world.table(scores), world.table(scores))
    assert fairness_findings(fairness_tables(same, sex, Settings()), same) == []


def test_dependence__independent_rows_near_zero__and_copies_far_from_it():
    rng = np.random.default_rng(9)
    groups = np.repeat(np.arange(400), 5)
    assert abs(dependence(rng.normal(size=2000), groups)) < 4
    assert dependence(np.repeat(rng.normal(size=400), 5), groups) > 20
    assert dependence(np.zeros(2000), groups) == 0


def test_suspected_groups__row_ids_with_a_common_first_part__are_seen():
    world = World(rows=1000, seed=10)
    noise = np.repeat(world.rng.normal(size=200), 5)
    ids = np.array([f"c{k // 5}-{k % 5}" for k in range(1000)])
    world.ids = ids
    rows = align(world.table(world.scores(0.1)), world.table(world.scores(0.2)))
    number = np.array([int(text[1:].split("-")[0]) for text in rows.ids])
    found = suspected_groups(rows, noise[::5][number])
    assert found.count == 200
    assert "first part" in found.source


def test_suspected_groups__table_sorted_by_score__is_not_suspected():
    world = World(rows=1000, seed=11)
    order = np.argsort(world.scores(0.1))
    world.labels, world.logit = world.labels[order], world.logit[order]
    found = compare(world.table(world.scores(0.3)), world.table(world.scores(0.5)), options=Options(resamples=10))
    assert "clustered_rows" not in kinds(found)


def test_drift__numbers__equal_scipy_and_rank_by_effect():
    from scipy.stats import ks_2samp, wasserstein_distance

    rng = np.random.default_rng(12)
    first, second = rng.normal(size=500), rng.normal(0.5, 1.2, size=700)
    assert ks_distance(first, second) == pytest.approx(ks_2samp(first, second).statistic, abs=1e-12)
    assert wasserstein(first, second) == pytest.approx(wasserstein_distance(first, second), abs=1e-12)
    reference = table_from_mapping(
        {"a": first, "b": first, "sex": ["f", "m"] * 250, "id": [f"r{k}" for k in range(500)]}, name="reference"
    )
    now = table_from_mapping(
        {"a": second, "b": rng.normal(size=700), "sex": ["f"] * 600 + ["m"] * 100, "id": [f"s{k}" for k in range(700)]},
        name="now",
    )
    lines = drift_lines(reference, now)
    assert {line.column for line in lines[:2]} == {"sex", "a"}
    assert [(line.column, line.verdict) for line in lines[2:]] == [("b", "little"), ("id", "unknown")]
    sex = next(line for line in lines if line.column == "sex")
    assert (sex.kind, sex.verdict) == ("categorical", "much")
    assert sex.ks == pytest.approx(600 / 700 - 0.5)


def test_psi__known_value__and_missing_values_are_a_cell():
    assert psi(np.array([0.5, 0.5]), np.array([0.25, 0.75])) == pytest.approx(0.25 * np.log(2) + 0.25 * np.log(1.5))
    whole = np.array([None if k % 2 else k for k in range(200)], dtype=object)
    line = column_drift("x", np.arange(200), whole)
    assert line.missing_now == 0.5
    assert line.verdict == "much"
    emptied = column_drift("x", np.arange(5), np.array([None] * 5, dtype=object))
    assert (emptied.verdict, emptied.missing_now, emptied.psi and emptied.psi > 1) == ("much", 1.0, True)


def test_roc_curve__thinned__keeps_ends_and_area():
    world = World(rows=5000, seed=13)
    labels, scores = world.labels.astype(float), world.scores(0.5)
    curve = roc_curve(labels, scores, points=100)
    x, y = np.array(curve["false_positive_rate"]), np.array(curve["true_positive_rate"])
    assert len(x) <= 100
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(y, x) == pytest.approx(roc_auc_score(labels, scores), abs=0.002)
    full = roc_curve(labels, scores.round(1))
    expected = sklearn_roc(labels, scores.round(1), drop_intermediate=False)
    np.testing.assert_allclose(full["true_positive_rate"], expected[1], atol=1e-6)
    np.testing.assert_allclose(full["false_positive_rate"], expected[0], atol=1e-6)


def test_precision_recall__last_point__is_everyone():
    labels = np.array([0.0, 1.0, 1.0, 0.0])
    found = precision_recall(labels, np.array([0.1, 0.9, 0.4, 0.4]))
    assert found["recall"] == [0.5, 1.0, 1.0]
    assert found["precision"] == [1.0, round(2 / 3, 6), 0.5]


def test_curves__histograms__count_every_row():
    world = World(rows=300, seed=14)
    rows = align(world.table(world.logit), world.table(world.logit + 1))
    curves = curves_of(rows)
    for side in ("candidate", "current"):
        parts = curves["scores"][side]
        assert sum(parts["positive"]) + sum(parts["negative"]) == 300


def test_segments__one_frequent_number__stands_alone():
    values = np.concatenate((np.zeros(80), np.arange(1.0, 41.0)))
    found = segments(values)
    assert [(name, int(mask.sum())) for name, mask in found] == [("0", 80), ("1 to below 20.5", 20), ("20.5 to 40", 20)]


def test_slices__everybody_loses_alike__the_verdict_speaks_and_no_group_is_blamed():
    world = World(rows=6000, seed=15)
    found = compare(
        world.table(world.scores(0.9), sex=world.sex), world.table(world.scores(0.2)), options=Options(resamples=10)
    )
    assert found.verdict.value == "worse"
    assert all(line.harmed for line in found.slices)
    assert "slice_harm" not in kinds(found)
    assert found.reason.startswith("The candidate is worse: auc")


def test_drift__small_sample_with_many_categories__chance_is_not_called_drift():
    rng = np.random.default_rng(3)
    kinds = np.array([f"country {place}" for place in range(40)])
    shares = np.arange(40, 0, -1) / np.arange(40, 0, -1).sum()
    reference, now = (table_from_mapping({"country": rng.choice(kinds, n, p=shares)}, name="x") for n in (5000, 300))
    line = drift_lines(reference, now)[0]
    assert line.psi > 0.1
    assert (line.verdict, round(line.noise, 3)) == ("little", 0.138)
    moved = table_from_mapping({"country": rng.choice(kinds[::-1], 300, p=shares)}, name="x")
    assert drift_lines(reference, moved)[0].verdict == "much"
