"""Groups that could not be judged, rows that were not compared and columns that were not used are named, never passed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.domain.checks import Check, Enforcement, Verdict
from services.domain.policy import CheckRule
from services.errors import InvalidInputError
from services.evidence.baseline import first_version
from services.evidence.comparison import Comparison, Options, compare
from services.evidence.rows.inputs import Columns, predictions_from_table
from services.evidence.rows.tables import table_from_mapping
from services.promotions.checks import KINDS, Compared
from services.promotions.sealed.verifying import compared as differences

N = 1200
RNG = np.random.default_rng(7)
LABEL = RNG.integers(0, 2, N)
SCORE = np.clip(LABEL * 0.4 + RNG.random(N) * 0.6, 0, 1)
SEX = RNG.choice(["f", "m"], N)
QUICK = Options(resamples=20, with_curves=False)


def table(rows: Any = None, **columns: Any) -> Any:
    parts = {"row_id": np.arange(N), "label": LABEL, "score": SCORE, "sex": SEX, **columns}
    kept = np.arange(N) if rows is None else np.flatnonzero(rows)
    return {name: np.asarray(values)[kept] for name, values in parts.items() if values is not None}


def record(candidate: Any, current: Any = None, options: Options = QUICK) -> dict[str, Any]:
    sides = [
        predictions_from_table(table_from_mapping(side, name=name), Columns())
        for name, side in (("candidate", candidate), ("current", current)) if side is not None
    ]  # fmt: skip
    found = (
        compare(sides[0], sides[1], options=options) if len(sides) == 2 else first_version(sides[0], options=options)
    )
    return found.to_json()


def judge(kind: str, result: dict[str, Any], *, is_first: bool = False, **given_: Any) -> Check:
    rule = CheckRule(kind, Enforcement.BLOCK, given_)
    return KINDS[kind](rule, None, Compared(Comparison.from_json(result), is_first=is_first))  # type: ignore[arg-type]


TPR = {"column": "sex", "rate": "true positive rate", "max_difference": 0.9}


def test_fairness__group_without_positives__is_named_and_not_passed() -> None:
    """Case 20."""
    group = np.where(np.arange(N) < 200, "x", SEX)
    label = np.where(group == "x", 0, LABEL)
    result = record(table(sex=group, label=label), table(sex=group, label=label))
    check = judge("fairness_bound", result, **TPR)
    assert check.verdict is Verdict.UNKNOWN
    assert "2 of 3 groups checked. sex = x (200 rows) not checked: it has no positive rows." in check.sentence
    assert judge("fairness_bound", result, **{**TPR, "rate": "selection rate"}).verdict is Verdict.PASS


def test_slices__group_without_positives__is_named_and_not_passed() -> None:
    """Case 20."""
    group = np.where(np.arange(N) < 200, "x", SEX)
    label = np.where(group == "x", 0, LABEL)
    result = record(table(sex=group, label=label), table(sex=group, label=label))
    check = judge("slice_floor", result, at_least=0.5)
    assert check.verdict is Verdict.UNKNOWN
    assert "sex = x (200 rows) not checked: auc cannot be computed: it has no positive rows." in check.sentence


def test_fairness__group_below_the_smallest_size__passes_and_is_named() -> None:
    group = np.where(np.arange(N) < 29, "x", SEX)
    result = record(table(sex=group), table(sex=group))
    check = judge("fairness_bound", result, **TPR)
    assert check.verdict is Verdict.PASS
    assert "sex = x not checked: fewer than 30 rows." in check.sentence
    assert judge("fairness_bound", result, **TPR, min_rows=10).verdict is Verdict.PASS
    assert "not checked" not in judge("fairness_bound", result, **TPR, min_rows=10).sentence


def test_fairness__policy_with_its_own_smallest_size__judges_the_small_group_too() -> None:
    group = np.where(np.arange(N) < 25, "x", SEX)
    score = np.where(group == "x", 0.1, SCORE)
    result = record(table(sex=group, score=score), table(sex=group))
    bounds = {"column": "sex", "rate": "selection rate", "max_difference": 0.3}
    assert judge("fairness_bound", result, **bounds).verdict is Verdict.PASS
    assert judge("fairness_bound", result, **bounds, min_rows=10).verdict is Verdict.FAIL


def test_slices__min_rows_of_zero__is_not_the_usual_number() -> None:
    group = np.where(np.arange(N) < 40, "x", SEX)
    score = np.where(group == "x", 1 - SCORE, SCORE)
    result = record(table(sex=group, score=score), table(sex=group))
    assert judge("slice_floor", result, at_least=0.6).verdict is Verdict.PASS
    assert judge("slice_floor", result, at_least=0.6, min_rows=0).verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("kind", "bounds"),
    [
        ("fairness_bound", {"column": "sex", "max_difference": 0.9}),
        ("slice_floor", {"at_least": 0.1}),
        ("calibration", {"max_ece": 0.9}),
        ("comparison", {}),
    ],
)
def test_checks__rows_that_were_not_compared__are_counted_and_not_passed(kind: str, bounds: dict[str, Any]) -> None:
    better = np.clip(SCORE + (LABEL - 0.5) * 0.3, 0, 1)
    whole = record(table(score=better), table())
    assert judge(kind, whole, **bounds).verdict is Verdict.PASS
    half = record(table(np.arange(N) < 700, score=better), table())
    check = judge(kind, half, **bounds)
    assert check.verdict is Verdict.UNKNOWN
    assert "500 of 1,200 rows not checked" in check.sentence
    few = judge(kind, record(table(np.arange(N) < N - 3, score=better), table()), **bounds)
    assert few.verdict is Verdict.PASS
    assert "3 of 1,200 rows not checked" in few.sentence


def test_checks__small_group_that_the_candidate_left_out__is_not_passed() -> None:
    """Ten rows in 1,200 are few; all ten rows of the rule's own group are not."""
    group = np.where(np.arange(N) < 10, "x", SEX)
    result = record(table(np.arange(N) >= 10, sex=group), table(sex=group))
    check = judge("fairness_bound", result, column="sex", max_difference=0.9, min_rows=5)
    assert check.verdict is Verdict.UNKNOWN
    assert "10 of 10 rows of sex = x not checked" in check.sentence
    assert judge("fairness_bound", result, column="sex", max_difference=0.9).verdict is Verdict.PASS


def test_coverage__equal_copies_of_rows__are_not_lost() -> None:
    twice = {name: np.concatenate((values, values[:50])) for name, values in table().items()}
    coverage = record(twice, table())["coverage"]
    assert (coverage["rows"], coverage["rows_total"], coverage["left_out"], coverage["groups"]) == (N, N, [], [])


def test_coverage__scores_missing_and_ids_missing__are_lost() -> None:
    score = np.where(np.arange(N) < 100, np.nan, SCORE)
    ids = np.array([None if i >= N - 50 else i for i in range(N)], dtype=object)
    coverage = record(table(score=score, row_id=ids), table())["coverage"]
    assert coverage["rows"] == N - 150
    assert coverage["rows_total"] >= N


def test_slices__column_that_the_tables_dispute_or_of_many_texts__is_named_and_not_passed() -> None:
    disputed = record(table(race=RNG.choice(["a", "b"], N)), table(race=RNG.choice(["a", "b"], N)))
    check = judge("slice_floor", disputed, at_least=0.1)
    assert check.verdict is Verdict.UNKNOWN
    assert "column race not checked: the two tables differ in it" in check.sentence
    many = np.array([f"c{i % 70}" for i in range(N)])
    assert (
        judge("slice_floor", record(table(country=many), table(country=many)), at_least=0.1).verdict is Verdict.UNKNOWN
    )
    own = np.array([f"id {i}" for i in range(N)])
    assert judge("slice_floor", record(table(mail=own), table(mail=own)), at_least=0.1).verdict is Verdict.PASS


def test_slices__more_columns_than_are_used__are_named_and_not_passed() -> None:
    more = {f"c{place:02}": RNG.choice(["a", "b"], N) for place in range(33)}
    result = record(table(**more), table(**more))
    check = judge("slice_floor", result, at_least=0.1)
    assert check.verdict is Verdict.UNKNOWN
    assert "only the first 30 columns are used" in check.sentence
    assert judge("slice_floor", result, at_least=0.1, columns=["sex"]).verdict is Verdict.PASS


def test_first_version__bounds_against_what_is_live__are_left_out_by_name() -> None:
    result = record(table())
    only = judge("fairness_bound", result, is_first=True, column="sex", max_widening=0.1)
    assert only.verdict is Verdict.UNKNOWN
    both = judge("fairness_bound", result, is_first=True, column="sex", max_widening=0.1, max_difference=0.9)
    assert (both.verdict, "max_widening not checked" in both.sentence) == (Verdict.PASS, True)
    rise = judge("calibration", result, is_first=True, max_ece=0.9, max_rise=0.1)
    assert (rise.verdict, "max_rise not checked" in rise.sentence) == (Verdict.PASS, True)


def test_verify__record_that_kept_no_coverage__still_equals() -> None:
    again = record(table(), table())
    sealed = {name: value for name, value in again.items() if name != "coverage"}
    assert differences(sealed, again) == []
    assert differences(again, sealed) != []


RANK = {Verdict.FAIL: 0, Verdict.UNKNOWN: 0, Verdict.WARN: 1, Verdict.PASS: 2}
CHECKS: list[tuple[str, dict[str, Any]]] = [
    ("fairness_bound", {"column": "sex", "rate": "true positive rate", "max_difference": 0.15}),
    ("fairness_bound", {"column": "sex", "rate": "selection rate", "min_ratio": 0.7}),
    ("slice_floor", {"at_least": 0.8}),
    ("slice_floor", {"at_least": 0.8, "columns": ["sex"]}),
    ("calibration", {"max_ece": 0.1}),
]
BASE = np.where(np.arange(N) % 5 == 0, "x", SEX)


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(CHECKS), st.floats(0, 0.5), st.data())
def test_verdict__rows_columns_or_values_removed_from_the_candidate__is_never_greener(
    check: tuple[str, dict[str, Any]], shift: float, data: st.DataObject
) -> None:
    score = np.where(BASE == "x", np.clip(SCORE - shift, 0, 1), SCORE)
    full = table(sex=BASE, score=score)
    poorer = {name: np.array(values, dtype=object) for name, values in full.items()}
    what = data.draw(st.sampled_from(["group", "rows", "scores", "labels", "column", "positives"]))
    if what == "group":
        poorer = {name: values[BASE != "x"] for name, values in poorer.items()}
    elif what == "rows":
        kept = np.arange(N) % data.draw(st.integers(2, 9)) != 0
        poorer = {name: values[kept] for name, values in poorer.items()}
    elif what == "positives":
        kept = (BASE != "x") | (LABEL == 0)
        poorer = {name: values[kept] for name, values in poorer.items()}
    elif what in {"scores", "labels"}:
        poorer[what[:-1]] = np.array([None if b == "x" else v for b, v in zip(BASE, poorer[what[:-1]], strict=True)])
    else:
        del poorer["sex"]
    current = table(sex=BASE)
    before = judge(check[0], record(full, current), **check[1])
    try:
        after = judge(check[0], record(poorer, current), **check[1])
    except InvalidInputError:
        return
    assert RANK[after.verdict] <= RANK[before.verdict], (what, before.sentence, after.sentence)


def test_groups__beyond_the_most_frequent__are_judged_one_by_one_or_named() -> None:
    state = np.array([f"s{place % 40:02}" for place in range(N)])
    worst = np.where(state == "s39", 1 - SCORE, SCORE)
    asked = Options(resamples=20, with_curves=False, slices=("state",), fairness=("state",))
    result = record(table(state=state, score=worst), table(state=state), asked)
    bounds = {"column": "state", "rate": "true positive rate", "max_difference": 0.5}
    assert judge("fairness_bound", result, **bounds, min_rows=10).verdict is Verdict.FAIL
    check = judge("slice_floor", result, at_least=0.6, columns=["state"], min_rows=10)
    assert (check.verdict, "state = s39" in check.sentence) == (Verdict.FAIL, True)
    unasked = record(table(state=state, score=worst), table(state=state))
    check = judge("slice_floor", unasked, at_least=0.6, min_rows=10)
    assert check.verdict is not Verdict.PASS
    assert "each value of state by itself not checked" in check.sentence


def test_segments__one_frequent_number_within_another__no_row_is_lost() -> None:
    from services.evidence.aspects.slices import segments

    values = np.concatenate((np.zeros(700), np.full(200, 5.0), np.linspace(6, 99, 100), np.full(40, np.nan)))
    found = segments(values)
    assert sum(mask.sum() for _, mask in found) == len(values)
    assert np.all(np.sum([mask for _, mask in found], axis=0) == 1)


@given(st.lists(st.sampled_from([0.0, 0.0, 0.0, 5.0, np.nan, np.inf]) | st.floats(-9, 9), min_size=1, max_size=80))
def test_segments__any_numbers__put_each_row_into_one(values: list[float]) -> None:
    from services.evidence.aspects.slices import segments

    masks = [mask for _, mask in segments(np.array(values))]
    assert np.all(np.sum(masks, axis=0) == 1)
