"""Evidence that earlier releases sealed (kept as their code wrote it) reads like today's."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from dashboard.widgets.evidence.verdict import headline, slices_by_harm
from services.domain.checks import Verdict
from services.errors import IntegrityError
from services.evidence.measures.estimates import Outcome
from services.promotions.sealed.evidence import SealedEvidence

KEPT = Path(__file__).resolve().parents[2] / "kept"
SCHEMAS = (1, 2, 3)


def kept(schema: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((KEPT / f"evidence-schema-{schema}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("schema", SCHEMAS)
def test_sealed_evidence__of_each_schema__is_read_whole(schema: int) -> None:
    document = kept(schema)
    found = SealedEvidence.from_json(document)
    result = found.compared.result
    assert result is not None
    assert result.schema == f"countersign.evidence.comparison/{schema}"
    assert (result.verdict, result.rows) == (Outcome.BETTER, 240)
    assert {line.value for line in slices_by_harm(result)} == {"female", "male"}
    assert headline(result, against="v5") == ("good", "Better than v5")
    assert (found.checks[0].verdict, found.checks[0].examined.is_whole) == (Verdict.PASS, True)
    assert found.run is not None
    assert (found.run.user, found.run.commit, found.run.datasets[0].context) == ("ana.novak", "c0ffee", "training")
    assert [case.name for case in found.tests[0].listed] == ["test_b"]
    assert (found.tests[0].report.failed, found.tests[0].report.cases) == (1, ())
    assert (found.card, found.policy_in_words) == ("# Card", ("One reviewer must sign.",))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_comparison__read_and_written_again__keeps_every_sealed_value(schema: int) -> None:
    sealed = kept(schema)["comparison"]
    result = SealedEvidence.from_json(kept(schema)).compared.result
    assert result is not None
    again = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert {name: again[name] for name in sealed if name != "slices"} == {
        name: value for name, value in sealed.items() if name != "slices"
    }
    for line, before in zip(again["slices"], sealed["slices"], strict=True):
        assert {name: line[name] for name in before} == before


def test_sealed_evidence__from_before_drift_and_inputs_were_kept__says_nothing_of_them() -> None:
    compared = SealedEvidence.from_json(kept(1)).compared
    assert (compared.drift, compared.live, compared.model, dict(compared.inputs)) == (None, None, None, {})


@pytest.mark.parametrize("schema", [2, 3])
def test_drift__sealed_before_notes_were_kept__is_read_and_written_again_with_its_values(schema: int) -> None:
    document = kept(schema)
    compared = SealedEvidence.from_json(document).compared
    assert compared.drift is not None
    assert compared.live is not None
    (line,) = compared.drift
    assert (line.column, line.psi, line.verdict, line.note) == ("age", 0.31, "much", "")
    assert {name: asdict(line)[name] for name in document["drift"][0]} == document["drift"][0]
    assert (compared.live.lines, compared.live.left_out) == (compared.drift, ())
    assert compared.live.sentence == document["live"]["sentence"]


def test_sealed_evidence__with_inputs__names_the_tables() -> None:
    inputs = SealedEvidence.from_json(kept(3)).compared.inputs
    current = inputs["current"]
    assert current is not None
    assert (current.digest, current.run_id) == ("sha256:02", "run-5")


def test_comparison__of_a_release_to_come__is_missing_with_the_reason_and_never_an_empty_one() -> None:
    document = kept(3)
    document["comparison"] |= {"verdict": "somewhat", "schema": "countersign.evidence.comparison/9"}
    compared = SealedEvidence.from_json(document).compared
    assert compared.result is None
    assert compared.problem.startswith("The sealed comparison cannot be read by this release.")
    assert "verdict" in compared.problem


@pytest.mark.parametrize(
    "broken", [{"checks": None}, {"checks": [{"name": "x"}]}, {"run": {"user": 3}}, {"tests": [1]}]
)
def test_sealed_evidence__that_cannot_be_read__is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError, match="cannot be read"):
        SealedEvidence.from_json(kept(3) | broken)


def test_sealed_evidence__without_checks__is_refused() -> None:
    document = kept(3)
    del document["checks"]
    with pytest.raises(IntegrityError):
        SealedEvidence.from_json(document)
