"""The fast bootstrap is the ordinary paired bootstrap: same values as scikit-learn on the same resamples."""

import hashlib

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from services.errors import InvalidInputError
from services.evidence.measures.sums import (
    ACCURACY,
    F1,
    RMSE,
    decision_columns,
    hit_column,
    log_loss_column,
    squared_error_column,
)
from services.evidence.resampling import engine, fallback, lanes
from services.evidence.resampling.bootstrap import Draw, paired_auc, paired_sums, warm_up
from services.evidence.resampling.draws import Resampled
from services.evidence.resampling.published import replay, rule_of


def data(rows, decimals=9, seed=0, prevalence=0.3):
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < prevalence).astype(float)
    labels[:2] = 0.0, 1.0
    return (
        labels,
        np.round(rng.random(rows) + 0.3 * labels, decimals),
        np.round(rng.random(rows) + 0.2 * labels, decimals),
    )


def sklearn_auc(labels, scores, counts):
    rows = np.repeat(np.arange(len(labels)), counts)
    return roc_auc_score(labels[rows], scores[rows]) if len(set(labels[rows])) == 2 else np.nan


def designs(labels, resamples):
    groups = np.unique(np.arange(len(labels)) * 7 % (len(labels) // 3), return_inverse=True)[1]
    return {
        "rows": Draw(resamples, 7),
        "strata": Draw(resamples, 7, strata=labels.astype(np.int64)),
        "groups": Draw(resamples, 7, groups=groups),
    }


@pytest.mark.parametrize("design", ["rows", "strata", "groups"])
@pytest.mark.parametrize(("rows", "decimals"), [(12, 9), (40, 1), (300, 9), (300, 0), (3000, 2)])
def test_paired_auc__same_resamples__equals_scikit_learn(rows, decimals, design):
    labels, candidate, current = data(rows, decimals)
    draw = designs(labels, 70)[design]
    ordered, _ = engine._negatives_first(engine.rank_order(candidate), labels == 1)
    units = engine.units_of(draw, rows, ordered)
    found = paired_auc(labels, candidate, current, draw)
    assert found.engine == "numba"
    for block in range(2):
        tile, state = np.empty((units.count, 64), np.uint8), np.empty(lanes.STATE_WORDS, np.uint64)
        engine.fill_tile(tile, state, units, seed=7, block=block)
        for lane in range(0, 64 if block == 0 else 6, 3):
            counts, place = tile[units.place, lane], block * 64 + lane
            np.testing.assert_allclose(
                found.candidate[place], sklearn_auc(labels, candidate, counts), rtol=0, atol=1e-12
            )
            np.testing.assert_allclose(found.current[place], sklearn_auc(labels, current, counts), rtol=0, atol=1e-12)


def test_paired_auc__numpy_engine__equals_scikit_learn():
    labels, candidate, current = data(200, 1)
    draw = Draw(30, 3)
    found = fallback.auc(labels, (candidate, current), draw)
    for place, counts in enumerate(fallback.row_counts(200, draw)):
        np.testing.assert_allclose(found.candidate[place], sklearn_auc(labels, candidate, counts), rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.current[place], sklearn_auc(labels, current, counts), rtol=0, atol=1e-12)


@pytest.mark.parametrize("design", ["rows", "strata"])
def test_row_counts__any_resample__draws_each_stratum_exactly(design):
    labels, _, _ = data(500)
    counts = engine.row_counts(500, designs(labels, 64)[design])
    assert (counts.sum(axis=0) == 500).all()
    if design == "strata":
        assert (counts[labels == 1].sum(axis=0) == labels.sum()).all()


def test_row_counts__same_seed__are_those_that_sealed_evidence_rests_on():
    strata = np.repeat([0, 1], [37, 163])
    drawn = engine.row_counts(150, Draw(128, seed=20)), engine.row_counts(200, Draw(64, seed=3, strata=strata))
    assert [hashlib.sha256(counts.tobytes()).hexdigest() for counts in drawn] == [
        "aca0bf89f3155891939130f4a8b7bc1b0876a743b91b89c40b8e86854406dff6",
        "b27d746fc0572846a363e89a08db25e2d242ab67c36519ab17ac1695b0c5ac72",
    ]


def test_row_counts__many_draws__have_the_multinomial_moments():
    counts = engine.row_counts(50, Draw(64 * 400, 5)).astype(float)
    resamples = counts.shape[1]
    assert counts.mean() == 1.0
    assert abs(counts.var(axis=1).mean() - (1 - 1 / 50)) < 0.02
    covariance = np.cov(counts)[~np.eye(50, dtype=bool)].mean()
    assert abs(covariance + 1 / 50) < 0.002
    expected = 50 * (49 / 50) ** 50 / 50
    assert abs((counts == 0).mean() - expected) < 4 * 0.5 / np.sqrt(50 * resamples)


def test_row_counts__tiny_tables__still_add_up():
    for rows in (1, 2, 3, 5):
        counts = engine.row_counts(rows, Draw(640, 1))
        assert (counts.sum(axis=0) == rows).all()
        assert abs(counts.mean(axis=1) - 1).max() < 0.25


@pytest.mark.parametrize("largest", [15, 63, 255])
def test_auc_pairs__counts_at_the_limit__do_not_overflow(largest):
    rows = 200
    rng = np.random.default_rng(1)
    positive = rng.random(rows) < 0.5
    tile = np.full((rows, 64), largest, np.uint8)
    order = np.concatenate((2 * np.arange(rows) + positive, np.zeros(lanes.AHEAD))).astype(np.int32)
    found = np.empty((3, 64), np.int64)
    lanes.auc_pairs(tile, order, largest, found)
    won = sum(int((~positive[:place]).sum()) for place in np.flatnonzero(positive))
    assert (found[0] == won * largest**2).all()
    assert (found[2] == int(positive.sum()) * largest).all()


def test_paired_auc__one_or_two_threads__is_the_same_bit_for_bit(monkeypatch):
    monkeypatch.setattr(engine, "_WORTH_A_THREAD", 0)
    labels, candidate, current = data(700, 2)
    one, two = (paired_auc(labels, candidate, current, Draw(500, 11, threads=threads)) for threads in (1, 2))
    assert one.candidate.tobytes() == two.candidate.tobytes()
    assert one.current.tobytes() == two.current.tobytes()
    other = paired_auc(labels, candidate, current, Draw(500, 12))
    assert other.candidate.tobytes() != one.candidate.tobytes()


def test_paired_auc__fewer_resamples__are_a_prefix_of_more():
    labels, candidate, current = data(100)
    few, many = (paired_auc(labels, candidate, current, Draw(count, 4)) for count in (70, 300))
    assert few.candidate.tobytes() == many.candidate[:70].tobytes()


def test_paired_auc__against_the_index_bootstrap__has_the_same_distribution():
    from scipy.stats import ks_2samp

    labels, candidate, current = data(150, 2, seed=3)
    fast = paired_auc(labels, candidate, current, Draw(4000, 1))
    plain = fallback.auc(labels, (candidate, current), Draw(4000, 2))
    for ours, theirs in (
        (fast.candidate, plain.candidate),
        (fast.candidate - fast.current, plain.candidate - plain.current),
    ):
        assert ks_2samp(ours, theirs).pvalue > 0.001
        assert abs(ours.std() / theirs.std() - 1) < 0.06


def test_paired_auc__weights__equal_scikit_learn_with_sample_weight():
    labels, candidate, current = data(120, 1)
    weights = np.random.default_rng(2).random(120)
    found = paired_auc(labels, candidate, current, Draw(20, 9), weights=weights)
    units = engine.units_of(Draw(20, 9), 120, engine.rank_order(candidate).order)
    tile = np.empty((120, 64), np.uint8)
    engine.fill_tile(tile, np.empty(lanes.STATE_WORDS, np.uint64), units, seed=9, block=0)
    for lane in range(20):
        mass = weights * tile[units.place, lane]
        assert abs(found.candidate[lane] - roc_auc_score(labels, candidate, sample_weight=mass)) < 1e-12
        assert abs(found.current[lane] - roc_auc_score(labels, current, sample_weight=mass)) < 1e-12
    plain = fallback.weighted_auc(labels, (candidate, current), Draw(400, 9), weights)
    many = paired_auc(labels, candidate, current, Draw(400, 9), weights=weights)
    assert abs(plain.candidate.std() / many.candidate.std() - 1) < 0.2


def test_paired_auc__resamples_of_one_class__are_counted_and_not_guessed():
    labels = np.zeros(60)
    labels[0] = 1.0
    scores = np.linspace(0, 1, 60)
    found = paired_auc(labels, scores, scores[::-1].copy(), Draw(1000, 1))
    assert 250 < found.not_computable < 500
    assert sum(found.score(higher_is_better=True)) == 1000 - found.not_computable


def test_paired_sums__cells__have_the_distribution_of_the_index_loop():
    rng = np.random.default_rng(4)
    labels = (rng.random(400) < 0.4).astype(float)
    decided = [np.where(rng.random(400) < share, labels, 1 - labels) for share in (0.8, 0.75)]
    cells = [decision_columns(labels, said) for said in decided]
    found = paired_sums(F1, *cells, Draw(3000, 1))
    plain = fallback.sums(F1, fallback.stacked_columns((cells[0], cells[1]), None), 3, Draw(3000, 2))
    for ours, theirs in ((found.candidate, plain.candidate), (found.current, plain.current)):
        assert abs(ours.mean() - theirs.mean()) < 0.004
        assert abs(ours.std() / theirs.std() - 1) < 0.07


def test_paired_sums__many_kinds_of_rows__equal_the_metric_on_the_same_counts():
    rng = np.random.default_rng(5)
    truth = rng.normal(size=1000)
    columns = [squared_error_column(truth, truth + scale * rng.normal(size=1000)) for scale in (1.0, 1.1)]
    draw = Draw(64, 8)
    found = paired_sums(RMSE, *columns, draw)
    counts = engine.row_counts(1000, draw).astype(float)
    np.testing.assert_allclose(found.candidate, np.sqrt(counts.T @ columns[0][:, 0] / 1000), atol=1e-12)
    np.testing.assert_allclose(found.current, np.sqrt(counts.T @ columns[1][:, 0] / 1000), atol=1e-12)


def test_paired_sums__groups__draw_whole_groups():
    labels = np.repeat([0.0, 1.0], 50)
    scores = np.where(labels == 1, 0.7, 0.2)
    groups = np.repeat(np.arange(10), 10)
    found = paired_sums(
        ACCURACY, hit_column(labels, scores > 0.5), hit_column(labels, scores > 0.1), Draw(200, 1, groups=groups)
    )
    assert (found.candidate == 1.0).all()
    assert set(np.round(found.current * 10).astype(int)) <= set(range(11))
    np.testing.assert_allclose(found.current * 10, np.round(found.current * 10), atol=1e-9)


def test_paired_sums__cells_of_groups__keep_group_sizes():
    columns = log_loss_column(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.9, 0.9]))
    found = paired_sums(ACCURACY, columns, columns, Draw(50, 1, groups=np.array([0, 0, 1])))
    assert np.isfinite(found.candidate).all()
    assert found.score(higher_is_better=True) == (0, 50, 0)


def test_bootstrap__nonsense__is_refused_with_a_hint():
    labels, candidate, current = data(10)
    with pytest.raises(InvalidInputError, match="at least one row") as caught:
        paired_auc(labels[:0], candidate[:0], current[:0], Draw())
    assert caught.value.hint
    with pytest.raises(InvalidInputError, match="together"):
        paired_auc(labels, candidate, current, Draw(groups=np.zeros(10, int), strata=np.zeros(10, int)))


def test_replay__coarse_scores__every_win_is_the_reference_loops_own():
    labels, candidate, current = data(60, 0, seed=5)
    found = replay(labels, candidate, current, resamples=120, seed=1)
    stream = np.random.RandomState(1)
    expected = []
    for _ in range(120):
        rows = stream.randint(0, 60, 60)
        expected.append(roc_auc_score(labels[rows], candidate[rows]) >= roc_auc_score(labels[rows], current[rows]))
    assert ((found.candidate >= found.current) == np.array(expected)).all()


def test_replay__reference_loop__is_repeated_on_its_own_stream():
    labels, candidate, current = data(300, 2, prevalence=0.02)
    found = replay(labels, candidate, current, resamples=40, seed=42)
    stream = np.random.RandomState(42)
    for place in range(40):
        rows = stream.randint(0, 300, 300)
        for ours, scores in ((found.candidate, candidate), (found.current, current)):
            expected = roc_auc_score(labels[rows], scores[rows]) if len(set(labels[rows])) == 2 else np.nan
            np.testing.assert_allclose(ours[place], expected, rtol=0, atol=1e-12)


def test_rule_of__ties_win_and_missing_classes_lose__as_published():
    resampled = Resampled(np.array([0.6, 0.5, 0.4, np.nan]), np.array([0.5, 0.5, 0.5, np.nan]), "numba")
    rule = rule_of(resampled, bar=0.5, seed=3)
    assert (rule.win_rate, rule.passes, rule.seed) == (0.5, True, 3)
    assert not rule_of(resampled, bar=0.51, seed=3).passes
    assert rule_of(resampled, bar=0.5, seed=3, higher_is_better=False).win_rate == 0.5


def test_warm_up__here__compiles():
    assert warm_up() == "numba"


def test_compiled_engine__switched_off__numpy_takes_over(monkeypatch):
    from services.evidence.resampling import bootstrap

    bootstrap.compiled_engine.cache_clear()
    monkeypatch.setenv(bootstrap.NO_NUMBA, "1")
    try:
        assert warm_up() == "numpy"
        labels, candidate, current = data(50)
        assert paired_auc(labels, candidate, current, Draw(10)).engine == "numpy"
    finally:
        bootstrap.compiled_engine.cache_clear()


def test_compiled_engine__numba_refuses__numpy_takes_over(monkeypatch):
    from services.evidence.resampling import bootstrap

    def refuse():
        raise RuntimeError("no compiler here")

    bootstrap.compiled_engine.cache_clear()
    monkeypatch.setattr(engine, "try_out", refuse)
    try:
        assert warm_up() == "numpy"
    finally:
        bootstrap.compiled_engine.cache_clear()
