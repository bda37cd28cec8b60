"""The examples in `examples/` work: policy, pipeline, prediction log, notification channels."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from azure_devops_server.engine.definition import PipelineError, PipelinePlan, expand, load_pipeline
from azure_devops_server.engine.plan import DEFAULT_CONDITION
from services.adapters.inference_log.build import build_inference_log
from services.bootstrap.notices import check_channels, subscription
from services.cli.main import main
from services.domain.why.predictions import MASK, masked
from services.errors import SettingsError
from services.policies.reading import load_governance
from services.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "examples"
GATE = {
    "modelName": "census-income", "modelVersion": "5", "requestId": "req-1", "planDigest": "sha256:aa",
    "portalUrl": "https://countersign.example.com", "mlflowUrl": "https://mlflow.example.com",
}  # fmt: skip


@pytest.fixture(autouse=True)
def nothing_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No `.env` of whoever runs the tests."""
    monkeypatch.chdir(tmp_path)


def test_example_policy__linted_strictly__is_clean(capsys: pytest.CaptureFixture[str]) -> None:
    folder = EXAMPLES / "policy"
    command = ["policy", "lint", str(folder / "governance.yaml"), "--people", str(folder / "people.yaml"), "--strict"]
    assert main(command) == 0
    assert capsys.readouterr().out == "governance.yaml: every policy can be satisfied (2 policies, 6 people).\n"


def test_example_policy__names_the_example_check__with_its_settings() -> None:
    first = load_governance(EXAMPLES / "policy" / "governance.yaml").policies[0]
    custom = [rule.settings for rule in first.checks if rule.kind == "custom"]
    assert custom == [{"name": "protected_inputs", "columns": ["sex", "race"]}]


def gate_plan(**parameters: str) -> PipelinePlan:
    text = (EXAMPLES / "gate-pipeline" / "azure-pipelines.yml").read_text("utf-8")
    definition = load_pipeline(text, read_template=lambda path: (ROOT / path.lstrip("/")).read_text("utf-8"))
    return expand(definition, parameters=parameters, variables={}, predefined={})


def test_example_pipeline__read_by_the_local_server__asks_the_gate_before_it_deploys() -> None:
    (stage,) = gate_plan(**GATE).stages
    (job,) = stage.jobs
    (deploy,) = job.instances
    names = [step.display_name for step in deploy.steps]
    assert names.index("Ask the gate") < names.index("Deploy")
    assert {(step.condition, step.continue_on_error) for step in deploy.steps} == {(DEFAULT_CONDITION, False)}


def test_example_pipeline__without_a_plan_digest__is_refused() -> None:
    with pytest.raises(PipelineError, match="planDigest"):
        gate_plan(**{name: value for name, value in GATE.items() if name != "planDigest"})


def test_example_log__written_and_declared__finds_a_prediction(tmp_path: Path) -> None:
    folder = EXAMPLES / "prediction-log"
    script = [sys.executable, str(folder / "make_log.py"), str(tmp_path / "prediction-log")]
    made = subprocess.run(script, check=True, capture_output=True, text=True, timeout=60)
    settings = Settings(_env_file=folder / "countersign.env")
    log = build_inference_log(settings)
    assert log is not None
    assert log.check().startswith("prediction-log: 1 file")
    (found,) = log.find(made.stdout.split()[0])
    assert (found.model, found.version, found.environment) == ("census-income", 4, "production")
    assert found.score == 0.81
    assert masked(found, settings.predictions_masked).inputs == {"age": 39, "hours_per_week": 40, "sex": MASK}


def test_example_log__column_that_is_not_there__is_refused(tmp_path: Path) -> None:
    folder = EXAMPLES / "prediction-log"
    script = [sys.executable, str(folder / "make_log.py"), str(tmp_path / "prediction-log")]
    subprocess.run(script, check=True, capture_output=True, timeout=60)
    wrong = Settings(_env_file=folder / "countersign.env", predictions_columns={"score": "confidence"})
    log = build_inference_log(wrong)
    assert log is not None
    with pytest.raises(SettingsError, match="confidence"):
        log.check()


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # Apprise's own import
def test_example_channels__read_as_settings__can_be_opened() -> None:
    settings = Settings(_env_file=EXAMPLES / "notifications" / "countersign.env")
    check_channels(settings)
    opened = [subscription(item, settings.address) for item in settings.notify]
    assert [(item.name, item.is_personal) for item in opened] == [("people", True), ("risk", False), ("siem", False)]
