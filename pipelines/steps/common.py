"""Shared by the steps: options, polling with a deadline, MLflow's REST calls, errors that end a step with one line."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

import requests

SECONDS = 15
PROGRESS_EVERY = 5.0
T = TypeVar("T")


class StepError(Exception):
    """The step cannot continue; the message says why and what to do."""


def fail(message: str) -> NoReturn:
    """End the step with an error that Azure DevOps shows on the run's page."""
    print(f"##vso[task.logissue type=error]{message.replace(chr(13), ' ').replace(chr(10), ' ')}")
    sys.exit(1)


def run_step(step: Callable[[], None]) -> None:
    """Run a step; known failures end it with one line, not with a traceback."""
    forget_unset_variables()
    try:
        step()
    except StepError as error:
        fail(str(error))
    except requests.JSONDecodeError:
        fail("A server's response is not JSON. Check the addresses given to the pipeline.")
    except requests.RequestException as error:
        where = error.request.url if error.request is not None else "an address"
        fail(f"{where} cannot be reached: {type(error).__name__}. Check the addresses given to the pipeline.")


def forget_unset_variables() -> None:
    """Azure leaves ``$(name)`` in a step's environment if the pipeline has no such variable; remove it."""
    for name, value in list(os.environ.items()):
        if re.fullmatch(r"\$\([\w.]+\)", value):
            del os.environ[name]


def option(parser: argparse.ArgumentParser, name: str, *, also: str = "", needed: bool = True) -> None:
    """An option ``--some-name`` that can also come from the pipeline's variable ``someName`` (environment SOMENAME).

    Values chosen by people or other systems (a model's name) come this way, so they never become part of a command.
    """
    variable = also or name.removeprefix("--").replace("-", "").upper()
    default = os.environ.get(variable, "")
    text = f"default: the environment variable {variable}"
    parser.add_argument(name, default=default, required=needed and not default, help=text)


def endpoint_of(model: str) -> str:
    """The endpoint for a model: the model's name if every target takes it, else a unique one derived from it."""
    name = model.lower()
    if re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?", name):
        return name
    readable = re.sub(r"[^a-z0-9]+", "-", name).strip("-")[:40].strip("-") or "model"
    return f"{readable}-{hashlib.sha256(model.encode()).hexdigest()[:8]}"


def poll(look: Callable[[], T | None], *, what: str, seconds: float, every: float = 1.0) -> T:
    """Poll until there is a result, showing progress. Raises StepError if the time is up."""
    start = time.monotonic()
    shown = 0.0
    while True:
        found = look()
        if found is not None:
            return found
        passed = time.monotonic() - start
        if passed >= seconds:
            raise StepError(f"{what}: not done within {seconds:g} s. Raise --seconds, or find out what takes so long.")
        if passed - shown >= PROGRESS_EVERY:
            shown = passed
            print(f"{what}: waiting for {passed:.0f} s", flush=True)
            print(f"##vso[task.setprogress value={min(99, int(100 * passed / seconds))};]{what}", flush=True)
        time.sleep(min(every, max(0.0, seconds - passed)))


def set_output(name: str, value: str) -> None:
    """Make a value an output variable of the step: ``$(step.name)`` in the job, ``dependencies…`` outside."""
    print(f"##vso[task.setvariable variable={name};isOutput=true]{value}")


def portal_headers() -> dict[str, str]:
    """Authorization for the portal; the token comes from the environment, never from the command line."""
    token = os.environ.get("COUNTERSIGN_API_TOKEN", "")
    if not token:
        raise StepError("No token: set COUNTERSIGN_API_TOKEN in the step's environment, from a secret variable.")
    return {"Authorization": f"Bearer {token}"}


def mlflow_headers() -> dict[str, str]:
    """Authorization for MLflow, if the environment has a token."""
    token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
    return {"Authorization": f"Bearer {token}"} if token else {}


def mlflow_get(base: str, path: str, **parameters: str) -> dict[str, Any]:
    """One read of MLflow's REST API. Raises StepError."""
    answer = requests.get(
        f"{base.rstrip('/')}/api/2.0/mlflow/{path}", params=parameters, headers=mlflow_headers(), timeout=SECONDS
    )
    return _json(answer, path)


def mlflow_post(base: str, path: str, body: dict[str, str]) -> dict[str, Any]:
    """One write of MLflow's REST API. Raises StepError."""
    answer = requests.post(
        f"{base.rstrip('/')}/api/2.0/mlflow/{path}", json=body, headers=mlflow_headers(), timeout=SECONDS
    )
    return _json(answer, path)


def _json(answer: requests.Response, path: str) -> dict[str, Any]:
    if not answer.ok:
        raise StepError(f"MLflow answers {answer.status_code} for {path}: {answer.text[:300]}")
    value: dict[str, Any] = answer.json()
    return value
