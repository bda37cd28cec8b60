"""Wrong answers that the benchmark of known truth found: each stays right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from services.domain.checks import Check, Enforcement, Verdict
from services.domain.policy import CheckRule
from services.evidence.aspects.drift import drift_lines
from services.evidence.comparison import Options, compare
from services.evidence.rows.tables import table_from_mapping
from services.promotions.checks import KINDS, Compared
from tests.unit.evidence.makers import World, predictions

OPTIONS = Options(resamples=100, with_curves=False)
WORLD = World(rows=1200)
BETTER, WORSE = WORLD.scores(0.3), WORLD.scores(2.0)


def judged(candidate: Any, current: Any) -> Check:
    rule = CheckRule("comparison", Enforcement.BLOCK, {})
    result = compare(candidate, current, options=OPTIONS)
    return KINDS["comparison"](rule, None, Compared(result))  # type: ignore[arg-type]


def table(scores: Any, labels: Any = WORLD.labels, rows: int = WORLD.rows) -> Any:
    return predictions(row_id=WORLD.ids[:rows], label=labels[:rows], score=scores[:rows])


@pytest.mark.parametrize(
    ("labels", "rows"), [(WORLD.labels * 0, WORLD.rows), (WORLD.labels, 12)], ids=["one class", "a dozen rows"]
)
def test_comparison__held_because_the_evidence_cannot_be_used__is_unknown_and_blocks(labels: Any, rows: int) -> None:
    check = judged(table(BETTER, labels, rows), table(WORSE, labels, rows))
    assert (check.verdict, check.is_blocking) == (Verdict.UNKNOWN, True)
    assert check.sentence.startswith("Cannot be judged. ")


def test_comparison__held_because_nothing_is_gained__stays_a_warning() -> None:
    assert judged(table(BETTER), table(BETTER)).verdict is Verdict.WARN


@pytest.mark.parametrize("lacks", ["candidate", "current"])
def test_comparison__labels_in_one_table_only__says_whose_were_used(lacks: str) -> None:
    sides = {"candidate": table(BETTER), "current": table(WORSE)}
    scores = {"candidate": BETTER, "current": WORSE}
    sides[lacks] = predictions(row_id=WORLD.ids, score=scores[lacks])
    check = judged(sides["candidate"], sides["current"])
    assert f"labels of the {lacks} table not checked" in check.sentence
    assert check.verdict is Verdict.PASS
    assert "labels of" not in judged(table(BETTER), table(WORSE)).sentence


@pytest.mark.parametrize("rows", [10, 20, 40, 60])
def test_drift__few_rows_of_one_source__never_fails(rows: int) -> None:
    rng = np.random.default_rng(rows)

    def sample(count: int) -> Any:
        jobs = rng.choice(["clerk", "driver", "nurse"], count, p=[0.5, 0.3, 0.2])
        return table_from_mapping({"age": rng.normal(size=count), "job": jobs}, name="sample")

    rule = CheckRule("drift", Enforcement.BLOCK, {"max_psi": 0.25})
    reference = sample(2000)
    for _ in range(40):
        lines = drift_lines(reference, sample(rows))
        check = KINDS["drift"](rule, None, Compared(None, drift=lines))  # type: ignore[arg-type]
        assert check.verdict is not Verdict.FAIL, check.sentence


def test_drift__few_rows_that_lie_all_elsewhere__still_fails() -> None:
    rng = np.random.default_rng(1)
    before, now = ({"age": rng.normal(size=count)} for count in (2000, 60))
    now["age"] += 40
    lines = drift_lines(*(table_from_mapping(side, name="sample") for side in (before, now)))
    rule = CheckRule("drift", Enforcement.BLOCK, {"max_psi": 0.25})
    check = KINDS["drift"](rule, None, Compared(None, drift=lines))  # type: ignore[arg-type]
    assert check.verdict is Verdict.FAIL
