"""The gate step lets nothing pass but a clear yes to exactly what the run was started with."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from tests.integration.pipelines.answering import Asked, answering
from tests.integration.pipelines.steps import issue, run_step

YES = {
    "allowed": True,
    "why": "Approved, sealed, and under way.",
    "request_id": "R-1",
    "approvers": ["Ben Okafor"],
    "plan_digest": "sha256:plan",
    "artifact_digest": "sha256:files",
}
TOKEN = "secret-of-the-gate"


def ask(*answers: Any, status: int = 200, seconds: str = "10", env: dict[str, str] | None = None) -> Any:
    """The step's end and what it asked, when the portal gives these answers one after the other."""
    left = list(answers)

    def handle(_: Asked) -> tuple[int, Any]:
        value = left.pop(0) if len(left) > 1 else left[0]
        return (value, "busy") if isinstance(value, int) else (status, value)

    with answering(handle) as portal:
        done = run_step(
            "gate", "--portal-url", portal.url, "--environment", "production", "--seconds", seconds,
            env={
                "MODELNAME": 'Fraud "EU"', "MODELVERSION": "7", "REQUESTID": "R-1", "PLANDIGEST": "sha256:plan",
                "ARTIFACTDIGEST": "sha256:files", "COUNTERSIGN_API_TOKEN": TOKEN, **(env or {}),
            },
        )  # fmt: skip
        return done, portal.asked


def test_gate__clear_yes__passes_and_tells_who_approved() -> None:
    done, asked = ask(YES)
    assert done.returncode == 0, done.stdout
    assert "Ben Okafor" in done.stdout
    assert "sha256:plan" in done.stdout
    (one,) = asked
    assert one.headers["authorization"] == f"Bearer {TOKEN}"
    assert "model=Fraud+%22EU%22&version=7&environment=production&plan_digest=sha256%3Aplan" in one.path


def test_gate__by_broken_glass__passes_with_a_warning_that_names_who_did_it() -> None:
    done, _ = ask(YES | {"approvers": [], "glass_broken_by": "Olu Adeyemi", "why": "Glass broken."})
    assert done.returncode == 0, done.stdout
    assert "##vso[task.logissue type=warning]Olu Adeyemi broke the glass" in done.stdout
    assert "Approved by nobody." in done.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"allowed": False, "why": "The request is open."}, "The request is open."),
        ({"allowed": False, "why": None}, "no reason given"),
        ({"allowed": "yes"}, "Approved, sealed"),
        ({"allowed": None}, "Approved, sealed"),
        ({"request_id": "R-2"}, "about request R-2, not R-1"),
        ({"approvers": []}, "nobody has approved"),
        ({"approvers": [], "glass_broken_by": ""}, "nobody has approved"),
        ({"approvers": [], "glass_broken_by": "Olu", "allowed": False}, "Approved, sealed"),
        ({"plan_digest": "sha256:other"}, "plan digest is sha256:other, this run was started with sha256:plan"),
        ({"plan_digest": ""}, "plan digest is , this run"),
        ({"artifact_digest": "sha256:changed"}, "artifact digest is sha256:changed"),
        ({"artifact_digest": None}, "artifact digest is None"),
    ],
)
def test_gate__anything_but_a_yes_to_this__ends_the_run(change: dict[str, Any], said: str) -> None:
    done, _ = ask({**YES, **change})
    assert said in issue(done)
    assert 'refuses Fraud "EU" v7' in done.stdout


def test_gate__answer_that_is_no_object_of_ours__ends_the_run() -> None:
    done, _ = ask({})
    assert "no reason given" in issue(done)
    done, _ = ask("<html>sign in</html>")
    assert "not JSON" in issue(done)


@pytest.mark.parametrize("status", [401, 403, 404, 422, 500])
def test_gate__error_of_the_portal__ends_the_run_with_what_it_said(status: int) -> None:
    done, asked = ask({"message": "This API needs a valid token."}, status=status)
    assert f"{status}" in issue(done)
    assert len(asked) == 1


def test_gate__portal_busy_for_a_while__is_asked_again() -> None:
    done, asked = ask(503, YES)
    assert (done.returncode, len(asked)) == (0, 2)


def test_gate__portal_away__ends_at_the_deadline() -> None:
    done, _ = ask(503, seconds="1")
    assert "not done within 1 s" in issue(done)


def test_gate__no_token_or_an_unset_variable__is_said_before_asking() -> None:
    for value in ("", "$(countersignToken)"):
        done, asked = ask(YES, env={"COUNTERSIGN_API_TOKEN": value})
        assert ("No token" in issue(done), asked) == (True, [])


def test_gate__without_a_needed_option__says_which() -> None:
    done: subprocess.CompletedProcess[str] = run_step("gate", "--environment", "production")
    assert (done.returncode, "--portal-url" in done.stderr) == (2, True)
