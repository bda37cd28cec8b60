"""Evidence is sealed by digest, shown as it was, and gives the same when it is computed again."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from services.cli.candidates import as_text
from services.comparisons.desk import compare_files, drift_files
from services.comparisons.held_out import HeldOutPredictions
from services.domain.checks import Verdict
from services.domain.registry import VersionKey
from services.policies.reading import parse_governance
from services.promotions.desk import PromotionDesk
from services.promotions.material import MaterialReader
from services.promotions.replay import replay
from services.promotions.sealed.sealer import Sealer
from services.promotions.sealed.verifying import EvidenceVerifier
from tests.simulators.basics import ANA, CHLOE
from tests.world import MODEL, World

GOVERNANCE = """
version: 1
environments:
  production: {stage: Production, alias: champion}
policies:
  - models: "*"
    environment: production
    quorum: 1
    expires_after_days: 14
    checks:
      - {kind: comparison, with: {margin: 0.002, baseline: 0.6, resamples: 100}}
      - {kind: slice_floor, with: {at_least: 0.5, columns: [sex]}}
      - {kind: drift, with: {max_psi: 0.25}}
      - {kind: safe_format, enforcement: warn}
"""
ROWS = 600


def _table(noise: float) -> bytes:
    random = np.random.default_rng(3)
    label = random.random(ROWS) < 0.4
    score = 1 / (1 + np.exp(-(label * 2 - 1 + random.normal(0, noise, ROWS))))
    sex = np.where(random.random(ROWS) < 0.5, "f", "m")
    frame = pd.DataFrame({"row_id": range(ROWS), "label": label.astype(int), "score": score, "sex": sex})
    return _bytes(frame)


def _sample(share: float) -> bytes:
    random = np.random.default_rng(4)
    sex = np.where(random.random(2000) < share, "f", "m")
    return _bytes(pd.DataFrame({"age": random.normal(40, 9, 2000), "sex": sex}))


def _bytes(frame: pd.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.to_parquet(buffer)
    return buffer.getvalue()


@pytest.fixture
def held_out(world: World) -> HeldOutPredictions:
    for version, noise, share in ((1, 2.0, 0.5), (2, 1.0, 0.5), (3, 1.0, 0.02)):
        run = f"run-{MODEL}-{version}"
        world.registry.files[(run, "evaluation/predictions.parquet")] = _table(noise)
        world.registry.files[(run, "training/sample.parquet")] = _sample(share)
    return HeldOutPredictions(world.registry, world.folder / "tables", world.clock)


@pytest.fixture
def desk(world: World, held_out: HeldOutPredictions) -> PromotionDesk:
    reader, rules = MaterialReader(world.registry, held_out), parse_governance(GOVERNANCE)
    addresses = {"version": "http://mlflow/v", "run": "http://mlflow/r"}
    sealer = Sealer(reader, rules, compare_files, drift=drift_files, addresses=lambda *_: addresses)
    return PromotionDesk(world.units, sealer, clock=world.clock, ids=world.ids)


@pytest.fixture
def verifier(world: World, held_out: HeldOutPredictions) -> EvidenceVerifier:
    return EvidenceVerifier(world.units, held_out, compare=compare_files, drift=drift_files)


def _opened(desk: PromotionDesk, version: int) -> str:
    return desk.open(ANA, VersionKey(MODEL, version), "production", reason="Better.").id


def _checks(desk: PromotionDesk, request: str) -> dict[str, Any]:
    return {check.name: check for check in desk.detail(CHLOE, request).checks}


def test_sealed__with_all_inputs__has_checks_with_links_and_is_equal_again(
    desk: PromotionDesk, verifier: EvidenceVerifier
) -> None:
    request = _opened(desk, 2)
    checks = _checks(desk, request)
    assert checks["Comparison with live"].verdict is Verdict.PASS
    assert checks["Comparison with live"].link == f"/compare?model={MODEL}&versions=1%2C2"
    assert checks["Drift of the training data"].verdict is Verdict.PASS
    assert checks["Drift of the training data"].link == "http://mlflow/r"
    found = verifier.verify(request)
    assert found.is_equal is True
    assert "Equal: comparison and drift" in as_text(found)


def test_sealed__training_data_of_one_sex__drifts_and_blocks(desk: PromotionDesk) -> None:
    check = _checks(desk, _opened(desk, 3))["Drift of the training data"]
    assert check.verdict is Verdict.FAIL
    assert check.is_blocking
    assert check.value.endswith("for sex")


def test_sealed__first_version__is_judged_against_the_baseline(world: World, desk: PromotionDesk) -> None:
    world.registry.add_version("other", 1)
    world.registry.files[("run-other-1", "evaluation/predictions.parquet")] = _table(1.0)
    request = desk.open(ANA, VersionKey("other", 1), "production", reason="The first.").id
    check = _checks(desk, request)["Comparison with a baseline"]
    assert check.verdict is Verdict.PASS
    assert "threshold 0.6" in check.sentence


def test_sealed__first_version_without_predictions__does_not_pass(world: World, desk: PromotionDesk) -> None:
    world.registry.add_version("other", 1)
    del world.registry.files[("run-other-1", "evaluation/predictions.parquet")]
    request = desk.open(ANA, VersionKey("other", 1), "production", reason="The first.").id
    assert _checks(desk, request)["Comparison with a baseline"].verdict is Verdict.UNKNOWN


def test_verify__after_the_artifact_was_replaced__still_computes_from_what_was_sealed(
    world: World, desk: PromotionDesk, verifier: EvidenceVerifier
) -> None:
    request = _opened(desk, 2)
    world.registry.files[(f"run-{MODEL}-2", "evaluation/predictions.parquet")] = _table(0.1)
    assert verifier.verify(request).is_equal is True


def test_verify__table_gone_and_replaced__says_that_it_cannot(
    world: World, desk: PromotionDesk, verifier: EvidenceVerifier
) -> None:
    request = _opened(desk, 2)
    for path in (world.folder / "tables").iterdir():
        path.unlink()
    world.registry.files[(f"run-{MODEL}-2", "evaluation/predictions.parquet")] = _table(0.1)
    found = verifier.verify(request)
    assert found.is_equal is None
    assert "was replaced since it was sealed" in found.lines[0]


def test_verify__sealed_document_changed_in_the_database__is_not_equal(
    world: World, desk: PromotionDesk, verifier: EvidenceVerifier
) -> None:
    request = _opened(desk, 2)
    digest = desk.detail(CHLOE, request).request.evidence_digest
    with world.engine.begin() as connection:
        body = connection.execute(text("select body from document where digest = :d"), {"d": digest}).scalar_one()
        better = json.dumps({**json.loads(body), "comparison_problem": "none"})
        connection.execute(text("update document set body = :b where digest = :d"), {"b": better, "d": digest})
    found = verifier.verify(request)
    assert found.is_equal is False
    assert "evidence document is not the one" in found.lines[1]


def test_verify__engine_that_says_something_else__names_what_differs(
    world: World, desk: PromotionDesk, held_out: HeldOutPredictions
) -> None:
    request = _opened(desk, 2)

    def other(*given: Any) -> Any:
        return replace(compare_files(*given), win_rate=0.123)

    found = EvidenceVerifier(world.units, held_out, compare=other, drift=drift_files).verify(request)
    assert found.is_equal is False
    assert found.differences[0].startswith("comparison.win_rate: ")
    assert found.differences[0].endswith("→ 0.123")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("at_least: 0.5, columns", "at_least: 0.99, columns", "Every slice: Below the floor: sex = "),
        ("- {kind: safe_format, enforcement: warn}", "- {kind: calibration, with: {max_ece: 0.0001}}", "Calibration"),
        (
            "- {kind: safe_format, enforcement: warn}",
            "- {kind: fairness_bound, with: {column: sex, rate: selection rate, max_difference: 0.00001}}",
            "Fairness by sex",
        ),
        ("", "", ""),
    ],
)
def test_replay__bounds_of_what_was_measured__are_judged_anew_from_the_sealed_evidence(
    world: World, desk: PromotionDesk, old: str, new: str, why: str
) -> None:
    world.desk = desk
    request = _opened(desk, 2)
    world.approve(desk.detail(CHLOE, request).request)
    (found,) = replay(world.units, parse_governance(GOVERNANCE.replace(old, new) if old else GOVERNANCE))
    assert found.differs is bool(why), found.in_words()
    assert why in found.in_words()


@pytest.mark.parametrize(("bound", "is_told"), [("0.25", True), ("1000", False)])
def test_replay__another_bound_of_drift__is_judged_anew(
    world: World, desk: PromotionDesk, bound: str, is_told: bool
) -> None:
    _opened(desk, 3)
    (found,) = replay(world.units, parse_governance(GOVERNANCE.replace("max_psi: 0.25", f"max_psi: {bound}")))
    assert any("Drift" in reason for reason in found.reasons) is is_told


def test_replay__of_evidence_without_the_input__takes_the_verdict_of_then_and_says_so(
    world: World, desk: PromotionDesk
) -> None:
    digest = desk.detail(CHLOE, _opened(desk, 2)).request.evidence_digest
    with world.engine.begin() as connection:
        body = json.loads(
            connection.execute(text("SELECT body FROM document WHERE digest = :d"), {"d": digest}).scalar_one()
        )
        body["drift"] = None
        connection.execute(
            text("UPDATE document SET body = :b WHERE digest = :d"), {"b": json.dumps(body), "d": digest}
        )
    (found,) = replay(world.units, parse_governance(GOVERNANCE.replace("{max_psi: 0.25}", "{max_psi: 0.00001}")))
    assert "Drift" not in "".join(found.reasons)
    assert "Drift of the training data judged as it was then" in found.notes
