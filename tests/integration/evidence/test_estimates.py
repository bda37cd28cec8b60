"""Closed forms against slow textbook implementations and scikit-learn."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from services.evidence.measures import sums
from services.evidence.measures.estimates import (
    Design,
    Difference,
    Outcome,
    harm_p_value,
    holm,
    outcome_of,
    paired_difference,
    power_of,
    variance,
    win_probability,
)
from services.evidence.measures.ranking import auc_estimate, average_precision_estimate, rank_order, same_ranking
from services.evidence.resampling.delong import delong_test


def textbook_delong(labels, first, second):
    """All pairs, as in the paper: AUCs and the variance of their difference."""
    positive, negative = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    components = []
    for scores in (first, second):
        psi = np.array([[0.5 * (scores[p] == scores[q]) + (scores[p] > scores[q]) for q in negative] for p in positive])
        components.append((psi.mean(), psi.mean(axis=1), psi.mean(axis=0)))
    (a, a10, a01), (b, b10, b01) = components
    s10, s01 = np.cov(np.stack((a10, b10))), np.cov(np.stack((a01, b01)))
    total = s10 / len(positive) + s01 / len(negative)
    return a, b, total[0, 0] + total[1, 1] - 2 * total[0, 1]


def some(rows, decimals, seed):
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.4).astype(float)
    labels[:4] = 0.0, 1.0, 0.0, 1.0
    return (
        labels,
        np.round(rng.random(rows) + 0.3 * labels, decimals),
        np.round(rng.random(rows) + 0.2 * labels, decimals),
    )


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(5, 40), decimals=st.integers(0, 3), seed=st.integers(0, 10_000))
def test_delong__any_ties__equals_the_textbook(rows, decimals, seed):
    labels, first, second = some(rows, decimals, seed)
    a, b, spread = textbook_delong(labels, first, second)
    fast = delong_test(labels, first, second)
    slow = paired_difference(auc_estimate(labels, first), auc_estimate(labels, second), Design(labels.astype(np.int64)))
    for difference in (fast.difference, slow):
        assert difference.value == pytest.approx(a - b, abs=1e-12)
        assert difference.standard_error**2 == pytest.approx(spread, abs=1e-12)
    assert (fast.candidate, fast.current) == (pytest.approx(a, abs=1e-12), pytest.approx(b, abs=1e-12))


@settings(max_examples=40, deadline=None)
@given(rows=st.integers(5, 60), decimals=st.integers(0, 3), seed=st.integers(0, 10_000), weighted=st.booleans())
def test_rankings__any_ties_and_weights__equal_scikit_learn(rows, decimals, seed, weighted):
    labels, scores, _ = some(rows, decimals, seed)
    weights = np.random.default_rng(seed).random(rows) + 0.01 if weighted else None
    auc = auc_estimate(labels, scores, weights=weights)
    precision = average_precision_estimate(labels, scores, weights=weights)
    assert auc.value == pytest.approx(sk.roc_auc_score(labels, scores, sample_weight=weights), abs=1e-12)
    assert precision.value == pytest.approx(
        sk.average_precision_score(labels, scores, sample_weight=weights), abs=1e-12
    )
    assert abs(auc.influence.sum()) < 1e-12
    assert abs(precision.influence.sum()) < 1e-12


def test_delong__one_class__has_no_value():
    found = delong_test(np.zeros(5), np.arange(5.0), np.arange(5.0))
    assert math.isnan(found.candidate)
    assert not found.difference.is_estimable


def test_obuchowski__every_row_five_times__does_not_shrink_the_error():
    labels, first, second = some(200, 2, 1)
    alone = paired_difference(
        auc_estimate(labels, first), auc_estimate(labels, second), Design(labels.astype(np.int64))
    )
    copied = [np.repeat(values, 5) for values in (labels, first, second)]
    groups = np.repeat(np.arange(200), 5)
    pair = [auc_estimate(copied[0], scores) for scores in copied[1:]]
    naive = paired_difference(*pair, Design(copied[0].astype(np.int64)))
    clustered = paired_difference(*pair, Design(copied[0].astype(np.int64), groups))
    assert clustered.standard_error == pytest.approx(alone.standard_error, rel=0.01)
    assert naive.standard_error < 0.5 * alone.standard_error


def test_average_precision__its_error__is_that_of_the_bootstrap():
    labels, scores, _ = some(400, 2, 2)
    rng = np.random.default_rng(0)
    drawn = [sk.average_precision_score(labels[i], scores[i]) for i in (rng.integers(0, 400, 400) for _ in range(150))]
    error = math.sqrt(variance(average_precision_estimate(labels, scores).influence, Design()))
    assert error == pytest.approx(np.std(drawn), rel=0.25)


def decision_metrics():
    return [
        (sums.F1, sums.decision_columns, lambda y, d, w: sk.f1_score(y, d, sample_weight=w)),
        (sums.PRECISION, sums.decision_columns, lambda y, d, w: sk.precision_score(y, d, sample_weight=w)),
        (sums.RECALL, sums.decision_columns, lambda y, d, w: sk.recall_score(y, d, sample_weight=w)),
        (sums.ACCURACY, sums.hit_column, lambda y, d, w: sk.accuracy_score(y, d, sample_weight=w)),
    ]


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("place", range(4))
def test_decision_metrics__any_rows__equal_scikit_learn(place, weighted):
    metric, columns, reference = decision_metrics()[place]
    labels, scores, _ = some(150, 3, 5)
    weights = np.random.default_rng(1).random(150) if weighted else None
    decided = (scores > 0.6).astype(float)
    found = sums.sum_estimate(metric, columns(labels, decided), weights=weights)
    assert found.value == pytest.approx(reference(labels, decided, weights), abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
def test_losses__any_rows__equal_scikit_learn(weighted):
    rng = np.random.default_rng(3)
    labels, scores = (rng.random(200) < 0.4).astype(float), rng.random(200)
    weights = rng.random(200) if weighted else None
    pairs = [
        (sums.LOG_LOSS, sums.log_loss_column(labels, scores), sk.log_loss(labels, scores, sample_weight=weights)),
        (sums.BRIER, sums.brier_column(labels, scores), sk.brier_score_loss(labels, scores, sample_weight=weights)),
    ]
    values = 3 * labels + rng.normal(size=200)
    pairs += [
        (
            sums.RMSE,
            sums.squared_error_column(labels, values),
            sk.root_mean_squared_error(labels, values, sample_weight=weights),
        ),
        (
            sums.MAE,
            sums.absolute_error_column(labels, values),
            sk.mean_absolute_error(labels, values, sample_weight=weights),
        ),
        (sums.R2, sums.r2_columns(labels, values), sk.r2_score(labels, values, sample_weight=weights)),
        (
            sums.PINBALL,
            sums.pinball_column(labels, values, quantile=0.8),
            sk.mean_pinball_loss(labels, values, sample_weight=weights, alpha=0.8),
        ),
    ]
    for metric, columns, expected in pairs:
        assert sums.sum_estimate(metric, columns, weights=weights).value == pytest.approx(expected, abs=1e-12), (
            metric.name
        )


def test_macro_f1__classes_never_seen__are_left_out_as_scikit_learn_does():
    rng = np.random.default_rng(6)
    labels, decided = rng.integers(0, 3, 100).astype(float), rng.integers(0, 3, 100).astype(float)
    found = sums.sum_estimate(sums.MACRO_F1, sums.class_columns(labels, decided, 5))
    assert found.value == pytest.approx(sk.f1_score(labels, decided, average="macro"), abs=1e-12)


def test_influence__delta_method__agrees_with_leaving_rows_out():
    labels, scores, _ = some(300, 3, 8)
    columns = sums.decision_columns(labels, (scores > 0.6).astype(float))
    found = sums.sum_estimate(sums.F1, columns)
    left_out = [sums.sum_estimate(sums.F1, np.delete(columns, row, axis=0)).value for row in range(300)]
    jackknife = 299 / 300 * np.sum((np.array(left_out) - np.mean(left_out)) ** 2)
    assert variance(found.influence, Design()) == pytest.approx(jackknife, rel=0.02)


def test_precision__nothing_said_yes__is_unknown_without_a_warning():
    found = sums.sum_estimate(sums.PRECISION, sums.decision_columns(np.ones(5), np.zeros(5)))
    assert math.isnan(found.value)
    assert np.isnan(found.influence).all()


def difference(low, high, value=None):
    centre = (low + high) / 2 if value is None else value
    return Difference(centre, low, high, (high - low) / 3.92, 0.5)


@pytest.mark.parametrize(
    ("low", "high", "margin", "expected"),
    [
        (0.01, 0.02, 0.0, Outcome.BETTER),
        (0.01, 0.02, 0.005, Outcome.BETTER),
        (0.001, 0.02, 0.005, Outcome.NOT_WORSE),
        (-0.001, 0.0005, 0.002, Outcome.NOT_WORSE),
        (-0.01, 0.01, 0.002, Outcome.CANNOT_TELL),
        (-0.02, -0.01, 0.0, Outcome.WORSE),
        (-0.02, -0.001, 0.005, Outcome.CANNOT_TELL),
        (float("nan"), float("nan"), 0.1, Outcome.CANNOT_TELL),
    ],
)
def test_outcome__interval_and_margin__give_one_of_four_words(low, high, margin, expected):
    assert outcome_of(difference(low, high), margin=margin) is expected


def test_outcome__lower_is_better__is_mirrored():
    assert outcome_of(difference(-0.2, -0.1), margin=0.0, higher_is_better=False) is Outcome.BETTER
    assert outcome_of(difference(0.1, 0.2), margin=0.0, higher_is_better=False) is Outcome.WORSE
    assert win_probability(difference(-0.2, -0.1), higher_is_better=False) > 0.99


def test_holm__known_example__and_nan_does_not_count():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    found = holm([0.02, float("nan"), 0.02])
    assert found[0] == found[2] == pytest.approx(0.04)
    assert math.isnan(found[1])
    assert holm([]) == []


def test_harm_p_value__margin__moves_it():
    gap = Difference(-0.01, -0.02, 0.0, 0.005, 0.05)
    assert harm_p_value(gap, margin=0.0, higher_is_better=True) == pytest.approx(0.02275, abs=1e-4)
    assert harm_p_value(gap, margin=0.01, higher_is_better=True) == pytest.approx(0.5)
    assert harm_p_value(gap, margin=0.0, higher_is_better=False) > 0.9


def test_power__rows_needed__grow_with_the_square():
    gap = Difference(0.004, -0.016, 0.024, 0.01, 0.7)
    found = power_of(gap, 1000, margin=0.005)
    assert found.detectable_difference == pytest.approx(0.0249, abs=1e-4)
    assert found.rows_needed == pytest.approx(1000 * (0.024865 / 0.005) ** 2, rel=1e-3)
    assert power_of(gap, 1000, margin=0.0).target == 0.004


def test_same_ranking__monotone_rescaling_yes__new_tie_no():
    scores = np.array([0.1, 0.4, 0.4, 0.9])
    assert same_ranking(rank_order(scores), rank_order(scores**4))
    assert not same_ranking(rank_order(scores), rank_order(np.array([0.1, 0.4, 0.5, 0.9])))
    assert not same_ranking(rank_order(scores), rank_order(np.array([0.4, 0.1, 0.4, 0.9])))
