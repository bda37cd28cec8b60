"""Each check: what passes, what fails, and that nothing passes when something is missing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from services.comparisons.live_inputs import LiveDrift
from services.domain.catalogue import TestReport
from services.domain.checks import Check, Enforcement, Verdict
from services.domain.model_metrics import MetricValue
from services.domain.policy import CheckRule
from services.domain.registry import Dataset, ModelVersion, RegistrySnapshot, Run
from services.evidence.record import DriftLine
from services.promotions.checks import KINDS, Compared, ModelFacts, own
from services.promotions.material import Material
from tests.fake_evidence import SAME_CALIBRATION, comparison, slice_document

AT = datetime(2026, 1, 2, tzinfo=UTC)
RUN = Run("r1", "1", user="ana", metrics={"auc": 0.9, "rmse": 4.0}, datasets=(Dataset("d", "abc", "training"),))
METRICS = {name: MetricValue(name, value, "run r1") for name, value in RUN.metrics.items()}
COLUMN = {"type": "double", "name": "age", "required": True}
OUTPUT = [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}]
BEFORE = {"inputs": [COLUMN], "outputs": OUTPUT}
RESULT = comparison(
    recommendation="promote",
    verdict="better",
    reason="It is better.",
    slices=[
        slice_document("sex", "Female", 900, (0.81, 0.9)),
        slice_document("sex", "Male", 1100, (0.92, 0.9)),
        slice_document("race", "Other", 12, (0.2, 0.9)),
    ],
    fairness=[
        {
            "column": "sex",
            "threshold": 0.5,
            "groups": [],
            "gaps": [
                {
                    "rate": "selection rate",
                    "candidate_difference": 0.2,
                    "current_difference": 0.1,
                    "candidate_ratio": 0.6,
                    "current_ratio": 0.7,
                }
            ],
        }
    ],
    calibration=SAME_CALIBRATION | {"candidate_ece": 0.04, "current_ece": 0.01},
)
DRIFT = (
    DriftLine("sex", "categorical", 0.6, None, 0.3, 0.0, 0.0, "much"),
    DriftLine("age", "numeric", 0.15, 0.2, 0.1, 0.0, 0.0, "some"),
)
MODEL = ModelFacts(
    files=("MLmodel", "model.skops", "requirements.txt"),
    requirements="mlflow==3.17.2\nscikit-learn==1.9.1\n",
    signature=BEFORE,
    current_signature=BEFORE,
)
FULL = Compared(RESULT, drift=DRIFT, model=MODEL, live=LiveDrift(DRIFT, 400, "2026-01-01", "2026-01-31"))
NOTHING = Compared(None, problem="MLflow has no table.")


def material(**parts: Any) -> Material:
    version = ModelVersion("census", 2, AT, AT, run_id="r1", description="A model.", tags=parts.pop("tags", {}))
    known: dict[str, Any] = {
        "version": version, "run": RUN, "holders": RegistrySnapshot(), "artifact_digest": "sha256:aa",
        "artifact_problem": "", "tests": (TestReport("unit", "run", "", 3, 0, 0),), "card": "# Card\n\nScores.",
        "predictions": None, "predictions_problem": "", "metrics": METRICS,
    }  # fmt: skip
    return Material(**{**known, **parts})


def judge(kind: str, settings: Mapping[str, Any], compared: Compared = FULL, **parts: Any) -> Check:
    return KINDS[kind](CheckRule(kind, Enforcement.BLOCK, settings), material(**parts), compared)


def model(**parts: Any) -> Compared:
    return Compared(RESULT, model=ModelFacts(**{**MODEL.__dict__, **parts}))


@pytest.mark.parametrize(
    "kind", sorted(set(KINDS) - {"artifact_digest", "tests_passed", "lineage_complete", "model_card"})
)
def test_check__without_settings_and_evidence__is_unknown_and_blocks(kind: str) -> None:
    check = judge(kind, {}, NOTHING)
    assert check.verdict is Verdict.UNKNOWN
    assert check.is_blocking
    assert check.sentence.endswith(".")


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("slice_floor", {"at_least": 0.8}),
        ("fairness_bound", {"column": "sex", "max_difference": 0.5}),
        ("calibration", {"max_ece": 0.05}),
        ("drift", {"max_psi": 0.25}),
        ("drift", {"max_psi": 0.25, "against": "live"}),
        ("signature", {"change": "compatible"}),
        ("dependencies", {}),
        ("safe_format", {}),
        ("comparison", {}),
    ],
)
def test_check__with_settings_and_no_evidence__is_unknown(kind: str, settings: dict[str, Any]) -> None:
    assert judge(kind, settings, NOTHING).verdict is Verdict.UNKNOWN
    assert judge(kind, settings, Compared(None, is_first=True)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("kind", "settings", "verdict", "said"),
    [
        ("slice_floor", {"at_least": 0.8}, Verdict.PASS, "All 2 slices"),
        ("slice_floor", {"at_least": 0.85, "columns": ["sex"]}, Verdict.FAIL, "sex = Female (0.810)"),
        ("slice_floor", {"at_least": 0.1, "columns": ["age"]}, Verdict.UNKNOWN, "no slices for age"),
        ("fairness_bound", {"column": "sex", "max_difference": 0.3}, Verdict.PASS, "within the bounds"),
        ("fairness_bound", {"column": "sex", "max_difference": 0.15}, Verdict.FAIL, "20.0%"),
        ("fairness_bound", {"column": "sex", "min_ratio": 0.8}, Verdict.FAIL, "0.60"),
        ("fairness_bound", {"column": "sex", "max_widening": 0.05}, Verdict.FAIL, "the gap grows by 10.0%"),
        ("fairness_bound", {"column": "race", "max_difference": 0.9}, Verdict.UNKNOWN, "not known"),
        ("calibration", {"max_ece": 0.05}, Verdict.PASS, "4.0 percentage points"),
        ("calibration", {"max_ece": 0.03}, Verdict.FAIL, "4.0 percentage points"),
        ("calibration", {"max_ece": 0.05, "max_rise": 0.01}, Verdict.FAIL, "1.0"),
        ("drift", {"max_psi": 0.25}, Verdict.FAIL, "distribution of sex differs strongly"),
        ("drift", {"max_psi": 0.25, "columns": ["age"]}, Verdict.PASS, "similar to the current version"),
        ("drift", {"max_psi": 0.25, "warn_psi": 0.1, "columns": ["age"]}, Verdict.WARN, "differs slightly"),
        ("drift", {"max_psi": 0.25, "against": "live"}, Verdict.FAIL, "live distribution of sex differs strongly"),
        ("drift", {"max_psi": 0.25, "against": "live", "columns": ["age"]}, Verdict.PASS, "Live inputs are similar"),
        ("drift", {"max_psi": 0.25, "columns": ["city"]}, Verdict.UNKNOWN, "no column city"),
        ("metric_floor", {"metric": "auc", "at_least": 0.85}, Verdict.PASS, "0.9000"),
        ("metric_floor", {"metric": "rmse", "at_most": 3.5}, Verdict.FAIL, "at most 3.5"),
        ("documentation", {"description": True, "card": True}, Verdict.PASS, "All required documentation exists"),
        ("documentation", {"tags": ["owner"]}, Verdict.FAIL, "tag owner"),
        ("comparison", {}, Verdict.PASS, "It is better."),
        ("signature", {"change": "unchanged"}, Verdict.PASS, "the same"),
        ("dependencies", {}, Verdict.PASS, "No vulnerability database is queried"),
        ("dependencies", {"forbidden": ["scikit-learn<2"]}, Verdict.FAIL, "on the list as"),
        ("dependencies", {"forbidden": ["not a requirement"]}, Verdict.UNKNOWN, "invalid requirements"),
        ("safe_format", {}, Verdict.PASS, "No file"),
    ],
)
def test_check__of_known_evidence__judges_and_says_why(
    kind: str, settings: dict[str, Any], verdict: Verdict, said: str
) -> None:
    check = judge(kind, settings)
    assert (check.verdict, said in check.sentence) == (verdict, True), check.sentence
    assert check.name
    assert check.source
    assert check.value


@pytest.mark.parametrize(
    ("inputs", "verdict", "said"),
    [
        ([COLUMN, {"type": "double", "name": "pay", "required": True}], Verdict.FAIL, "pay is new and required"),
        ([COLUMN, {"type": "double", "name": "pay", "required": False}], Verdict.PASS, "do not notice"),
        ([{**COLUMN, "type": "string"}], Verdict.FAIL, "age was double and is string"),
        ([], Verdict.PASS, "do not notice"),
    ],
)
def test_signature__changed__breaks_callers_or_not(inputs: Any, verdict: Verdict, said: str) -> None:
    check = judge("signature", {"change": "compatible"}, model(signature={"inputs": inputs, "outputs": OUTPUT}))
    assert check.verdict is verdict
    assert said in check.sentence


def test_signature__compatible_and_unchanged_asked__fails() -> None:
    wider = {"inputs": [{**COLUMN, "required": False}], "outputs": OUTPUT}
    assert judge("signature", {"change": "unchanged"}, model(signature=wider)).verdict is Verdict.FAIL
    assert judge("signature", {"change": "compatible"}, model(signature=wider)).verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("text", "verdict", "said"),
    [
        ("numpy>=1.0\n", Verdict.FAIL, "numpy>=1.0"),
        ("numpy==2.*\n", Verdict.FAIL, "not pinned"),
        ("-e ../mine\n", Verdict.FAIL, "not pinned"),
        ("numpy==2.4.6\nsome words\n", Verdict.FAIL, "not readable: some words"),
        ("\n# nothing\n", Verdict.FAIL, "0 libraries"),
        ("Numpy==2.4.6  # pinned\n", Verdict.PASS, "All 1 libraries"),
    ],
)
def test_dependencies__of_an_environment_file__are_read(text: str, verdict: Verdict, said: str) -> None:
    check = judge("dependencies", {}, model(requirements=text))
    assert check.verdict is verdict
    assert said in check.sentence + check.value


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        ("model.pkl", Verdict.FAIL),
        ("data/model.PTH", Verdict.FAIL),
        ("code/helper.py", Verdict.FAIL),
        ("weights.safetensors", Verdict.PASS),
        ("what.is.this", Verdict.UNKNOWN),
    ],
)
def test_safe_format__judged_by_names__never_loads(path: str, verdict: Verdict) -> None:
    assert judge("safe_format", {}, model(files=("MLmodel", path))).verdict is verdict


def test_safe_format__accepted_by_the_policy__passes_and_says_so() -> None:
    check = judge("safe_format", {"allow": [".pkl"]}, model(files=("MLmodel", "model.pkl")))
    assert check.verdict is Verdict.PASS
    assert "1 are accepted by the policy" in check.sentence


def test_artifact_digest__noted_at_registration_and_other_now__fails() -> None:
    check = judge("artifact_digest", {}, tags={"countersign.artifact_digest": "sha256:bb"})
    assert check.verdict is Verdict.FAIL
    assert "replaced" in check.sentence


def test_tests__all_skipped__is_unknown() -> None:
    assert judge("tests_passed", {}, tests=(TestReport("unit", "run", "", 0, 0, 4),)).verdict is Verdict.UNKNOWN


def _install(monkeypatch: pytest.MonkeyPatch, function: str) -> None:
    point = EntryPoint("mine", f"tests.unit.checks.test_checks:{function}", own.GROUP)
    monkeypatch.setattr(own, "entry_points", lambda **wanted: EntryPoints((point,)).select(**wanted))


def good(settings: dict[str, Any], evidence: dict[str, Any]) -> dict[str, Any]:
    return {"verdict": settings["say"], "sentence": f"Metric {evidence['run']['metrics']['auc']}.", "value": "1"}


def broken(_settings: dict[str, Any], _evidence: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError("with details that nobody should see")


def silent(_settings: dict[str, Any], _evidence: dict[str, Any]) -> None:
    return None


def test_own_check__installed__is_asked_with_settings_and_evidence(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, "good")
    check = judge("custom", {"name": "mine", "say": "warn"})
    assert (check.verdict, check.sentence, check.value) == (Verdict.WARN, "Metric 0.9.", "1")


@pytest.mark.parametrize(
    ("function", "settings"),
    [
        ("broken", {"name": "mine"}),
        ("silent", {"name": "mine"}),
        ("good", {"name": "mine", "say": "yes"}),
        ("good", {"name": "other"}),
    ],
)
def test_own_check__missing_broken_or_silent__is_unknown(
    monkeypatch: pytest.MonkeyPatch, function: str, settings: dict[str, Any]
) -> None:
    _install(monkeypatch, function)
    check = judge("custom", settings)
    assert check.verdict is Verdict.UNKNOWN
    assert "details" not in check.sentence


def partial(_settings: dict[str, Any], _evidence: dict[str, Any]) -> dict[str, Any]:
    return {"verdict": "pass", "sentence": "Fine.", "left_out": ["the images", {"what": "fold 5", "why": "no time"}]}


def test_own_check__says_what_it_left_out__is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    _install(monkeypatch, "partial")
    check = judge("custom", {"name": "mine"})
    assert check.verdict is Verdict.UNKNOWN
    assert "the images not checked" in check.sentence
    assert "fold 5 not checked: no time." in check.sentence


def test_own_check__two_of_one_name__is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("mine", f"tests.unit.checks.test_checks:{name}", own.GROUP) for name in ("good", "partial")]
    monkeypatch.setattr(own, "entry_points", lambda **wanted: EntryPoints(points).select(**wanted))
    assert judge("custom", {"name": "mine", "say": "pass"}).verdict is Verdict.UNKNOWN


def test_comparison__several_versions_in_the_stage__is_unknown() -> None:
    of_stage = material(holders=RegistrySnapshot(in_stage=(1, 2, 3, 4)))
    assert of_stage.also_in_stage == (1, 3)
    assert material(holders=RegistrySnapshot(alias_version=4, in_stage=(3, 4))).also_in_stage == ()
    check = judge("comparison", {}, Compared(RESULT, also_live=of_stage.also_in_stage))
    assert check.verdict is Verdict.UNKNOWN
    assert "v1 not checked: it is in the stage as well" in check.sentence
