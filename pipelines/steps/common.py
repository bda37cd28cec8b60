"""What the steps share: polling with a deadline, MLflow's REST addresses, and errors that end a step plainly."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import requests

SECONDS = 15
T = TypeVar("T")


class StepError(Exception):
    """The step cannot go on; the message says why and what to do."""


def fail(message: str) -> NoReturn:
    """End the step with an error that Azure DevOps shows on the run's page."""
    print(f"##vso[task.logissue type=error]{message.replace(chr(10), ' ')}")
    sys.exit(1)


def run_step(step: Callable[[], None]) -> None:
    """Run a step; known failures end it with one line, not with a traceback."""
    try:
        step()
    except StepError as error:
        fail(str(error))
    except requests.RequestException as error:
        fail(f"A server cannot be reached: {type(error).__name__}. Check the addresses given to the pipeline.")


def poll(look: Callable[[], T | None], *, what: str, seconds: float, every: float = 1.0) -> T:
    """Look until something is there, showing progress. Raises StepError when the time is over."""
    start = time.monotonic()
    shown = 0.0
    while True:
        found = look()
        if found is not None:
            return found
        passed = time.monotonic() - start
        if passed > seconds:
            raise StepError(f"{what}: not done within {seconds:g} s.")
        if passed - shown >= 5:
            shown = passed
            print(f"{what}: waiting for {passed:.0f} s", flush=True)
            print(f"##vso[task.setprogress value={min(99, int(100 * passed / seconds))};]{what}", flush=True)
        time.sleep(every)


def mlflow_headers() -> dict[str, str]:
    """Authorization for MLflow, where the environment gives a token."""
    token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
    return {"Authorization": f"Bearer {token}"} if token else {}


def mlflow_get(base: str, path: str, **parameters: str) -> dict[str, Any]:
    """One read of MLflow's REST API. Raises StepError."""
    answer = requests.get(
        f"{base.rstrip('/')}/api/2.0/mlflow/{path}", params=parameters, headers=mlflow_headers(), timeout=SECONDS
    )
    if not answer.ok:
        raise StepError(f"MLflow answers {answer.status_code} for {path}: {answer.text[:300]}")
    value: dict[str, Any] = answer.json()
    return value


def mlflow_post(base: str, path: str, body: dict[str, str]) -> None:
    """One write of MLflow's REST API. Raises StepError."""
    answer = requests.post(
        f"{base.rstrip('/')}/api/2.0/mlflow/{path}", json=body, headers=mlflow_headers(), timeout=SECONDS
    )
    if not answer.ok:
        raise StepError(f"MLflow answers {answer.status_code} for {path}: {answer.text[:300]}")


def endpoint_url(serving_url: str, endpoint: str) -> str:
    """The address of an endpoint on the serving host."""
    return f"{serving_url.rstrip('/')}/endpoints/{requests.utils.quote(endpoint, safe='')}"
