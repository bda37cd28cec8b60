"""Every column of either sample is judged or named: missing, infinite, deleted, new, and free text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.comparisons.live_inputs import LiveDrift
from services.domain.checks import Check, Enforcement, Verdict
from services.domain.policy import CheckRule
from services.evidence.aspects.drift import drift_lines
from services.evidence.rows.tables import table_from_mapping
from services.promotions.checks import KINDS, Compared

N = 2000
RNG = np.random.default_rng(1)
AGE = RNG.integers(18, 80, N).astype(float)
JOB = RNG.choice(["clerk", "driver", "nurse"], N)
REFERENCE = {"age": AGE, "job": JOB, "flag": np.array(["0"] * N)}
NAMES = np.array([f"Person {place}" for place in range(N)])


def judged(now: dict[str, Any], reference: dict[str, Any] | None = None, **settings: Any) -> Check:
    tables = [table_from_mapping(side, name="x") for side in (reference or REFERENCE, now)]
    lines = drift_lines(*tables)
    rule = CheckRule("drift", Enforcement.BLOCK, {"max_psi": 0.25, "warn_psi": 0.1, **settings})
    return KINDS["drift"](rule, None, Compared(None, drift=lines))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed",
    [
        {"job": np.array([None if i % 20 else v for i, v in enumerate(JOB)], dtype=object)},
        {"job": np.array([None] * N, dtype=object)},
        {"job": np.array([JOB[0]] + [None] * (N - 1), dtype=object)},
        {"age": np.full(N, np.nan)},
        {"age": np.where(np.arange(N) == 5, AGE, np.nan)},
        {"age": np.where(np.arange(N) % 2, np.inf, AGE)},
        {"age": np.where(np.arange(N) % 2, -np.inf, AGE)},
        {"age": np.full(N, np.inf)},
        {"age": np.array([f"{v:.0f} years" for v in AGE], dtype=object)},
        {"age": np.array([f"{i} years" for i in range(N)], dtype=object)},
        {"flag": np.array(["1"] * N)},
    ],
    ids=[
        "95 % missing", "all missing", "one value left", "numbers all missing", "one number left", "half infinite",
        "half -infinite", "all infinite", "numbers became texts", "numbers became unique texts", "constant changed",
    ],
)  # fmt: skip
def test_drift__column_lost_its_values__fails(changed: dict[str, Any]) -> None:
    """Case 19."""
    assert judged({**REFERENCE, **changed}).verdict is Verdict.FAIL
    (name,) = changed
    assert judged({**REFERENCE, **changed}, columns=[name]).verdict is Verdict.FAIL


def test_drift__no_row_at_all__is_never_passed() -> None:
    """Case 19: an empty table."""
    assert judged({"age": np.array([]), "job": np.array([], dtype=object)}).verdict is not Verdict.PASS


def test_drift__column_deleted__fails_and_says_so() -> None:
    """Case 19: a column that is missing altogether."""
    check = judged({name: values for name, values in REFERENCE.items() if name != "job"})
    assert check.verdict is Verdict.FAIL
    assert "job (the column is missing from the newer data)" in check.sentence


def test_drift__column_deleted_under_a_huge_bound__still_fails() -> None:
    now = {name: values for name, values in REFERENCE.items() if name != "job"}
    assert judged(now, max_psi=1000).verdict is Verdict.FAIL


def test_drift__same__passes() -> None:
    assert judged(REFERENCE).verdict is Verdict.PASS


def test_drift__column_without_a_reference__is_unknown_until_the_policy_names_columns() -> None:
    now = {**REFERENCE, "pay": AGE}
    check = judged(now)
    assert check.verdict is Verdict.UNKNOWN
    assert "3 of 4 columns checked. column pay not checked" in check.sentence
    assert judged(now, columns=["age", "job"]).verdict is Verdict.PASS


def test_drift__free_text_in_both__is_named_and_does_not_block() -> None:
    check = judged({**REFERENCE, "name": NAMES[::-1]}, {**REFERENCE, "name": NAMES})
    assert check.verdict is Verdict.PASS
    assert "column name not checked: nearly every value differs" in check.sentence


def test_drift__free_text_became_one_word__fails() -> None:
    assert judged({**REFERENCE, "name": np.array(["x"] * N)}, {**REFERENCE, "name": NAMES}).verdict is Verdict.FAIL


def test_drift__free_text_became_numbers__fails() -> None:
    now = {**REFERENCE, "name": np.arange(N) + 0.5}
    assert judged(now, {**REFERENCE, "name": NAMES}).verdict is Verdict.FAIL


def test_drift__so_few_rows_that_chance_hides_it__is_unknown() -> None:
    few = {name: values[:8] for name, values in REFERENCE.items()}
    check = judged({"age": AGE[8:16]}, {"age": few["age"] * 0 + np.arange(8)})
    assert check.verdict is not Verdict.PASS
    check = judged({"age": AGE[:20]}, {"age": AGE})
    assert check.verdict is Verdict.UNKNOWN
    assert "by chance alone" in check.sentence


def test_drift__hundreds_of_categories__are_pooled_and_judged() -> None:
    codes = np.array([f"zip {code}" for code in RNG.integers(0, 400, 2 * N)])
    assert judged({"zip": codes[:N]}, {"zip": codes[N:]}).verdict is Verdict.PASS
    rare = np.array([f"zip {code}" for code in RNG.integers(0, 900, 2 * N)])
    assert judged({"zip": rare[:N]}, {"zip": rare[N:]}).verdict is Verdict.PASS
    moved = np.array([f"zip {code}" for code in RNG.integers(4000, 4900, N)])
    assert judged({"zip": moved}, {"zip": rare[N:]}).verdict is Verdict.FAIL
    assert judged({"zip": moved}, {"zip": codes[N:]}).verdict is Verdict.FAIL


def test_live_drift__column_that_the_log_lacks__fails_where_the_signature_names_it() -> None:
    from services.promotions.checks.facts import ModelFacts

    lines = drift_lines(
        table_from_mapping({**REFERENCE, "income": JOB}, name="x"),
        table_from_mapping({"age": AGE, "flag": REFERENCE["flag"]}, name="y"),
        must_stay=False,
    )
    live = LiveDrift(lines, 400, "2026-11-01", "2026-11-20")
    rule = CheckRule("drift", Enforcement.BLOCK, {"max_psi": 0.25, "against": "live"})

    def ask(*names: str) -> Check:
        signature = {"inputs": [{"name": name, "type": "double"} for name in names]} if names else None
        compared = Compared(None, live=live, model=ModelFacts(signature=signature))
        return KINDS["drift"](rule, None, compared)  # type: ignore[arg-type]

    assert ask("age", "flag").verdict is Verdict.PASS
    assert ask("age", "flag", "job").verdict is Verdict.FAIL
    assert ask().verdict is Verdict.UNKNOWN


RANK = {Verdict.FAIL: 0, Verdict.UNKNOWN: 0, Verdict.WARN: 1, Verdict.PASS: 2}
MOVES: dict[str, dict[str, Any]] = {
    "none": {},
    "age": {"age": AGE * 2},
    "job": {"job": np.where(np.arange(N) % 3 == 0, "pilot", JOB)},
    "a little": {"age": AGE + 6},
}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(MOVES)),
    st.sampled_from(["column", "reference column", "values", "reference values", "infinite", "drifted values", "rows"]),
    st.sampled_from(["age", "job", "flag"]),
    st.integers(2, 9),
    st.sampled_from([(), ("age",), ("age", "job")]),
)
def test_drift__something_removed__is_never_greener(
    moved: str, what: str, column: str, every: int, named: tuple[str, ...]
) -> None:
    full = {**REFERENCE, **MOVES[moved]}
    now, reference = dict(full), dict(REFERENCE)
    hit = np.arange(N) % every == 0
    gone = np.full(N, None, dtype=object)
    if what == "column":
        del now[column]
    elif what == "reference column":
        del reference[column]
    elif what == "values":
        now[column] = np.where(hit, gone, now[column])
    elif what == "reference values":
        reference[column] = gone
    elif what == "infinite":
        now["age"] = np.where(hit, np.inf, now["age"])
    elif what == "drifted values":
        hit = full["job"] == "pilot"
        now["job"] = np.where(hit, gone, now["job"])
    else:
        now = {name: values[: 10 * every] for name, values in now.items()}
    before = judged(full, columns=list(named)) if named else judged(full)
    after = judged(now, reference, columns=list(named)) if named else judged(now, reference)
    assert RANK[after.verdict] <= RANK[before.verdict], (before.sentence, after.sentence)
