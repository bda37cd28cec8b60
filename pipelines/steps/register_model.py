"""Registers the model that a training run logged as a new version, and waits until it is ready.

Prints the version's number as the output variable `modelVersion`. For a run that was registered before, that is the
existing version, so that a retried job does not register twice.
"""

from __future__ import annotations

import argparse
from typing import Any

import requests
from common import SECONDS, StepError, mlflow_get, mlflow_headers, mlflow_post, option, poll, run_step, set_output


def main() -> None:
    """Register once, wait, print the version."""
    parser = argparse.ArgumentParser(description=__doc__)
    option(parser, "--mlflow-url")
    option(parser, "--model", also="MODELNAME")
    parser.add_argument("--run-id", required=True)
    parser.add_argument("--logged-as", default="model", help="name or folder that it was logged as; default: model")
    parser.add_argument("--seconds", type=float, default=300, help="deadline; default: %(default)s")
    arguments = parser.parse_args()
    url, model, run_id = arguments.mlflow_url, arguments.model, arguments.run_id
    create_model(url, model)
    made = known_version(url, model, run_id) or create_version(url, model, run_id, logged_as=arguments.logged_as)
    version = str(made["version"])
    poll(lambda: ready(url, model, version), what=f"{model} v{version}", seconds=arguments.seconds)
    print(f"Run {run_id} is {model} v{version}.")
    set_output("modelVersion", version)


def create_model(url: str, model: str) -> None:
    """Create the registered model unless it exists. Raises StepError."""
    answer = requests.post(
        f"{url.rstrip('/')}/api/2.0/mlflow/registered-models/create",
        json={"name": model}, headers=mlflow_headers(), timeout=SECONDS,
    )  # fmt: skip
    if not answer.ok and "RESOURCE_ALREADY_EXISTS" not in answer.text:
        raise StepError(f"MLflow refuses to create the model {model}: {answer.status_code} {answer.text[:300]}")


def known_version(url: str, model: str, run_id: str) -> dict[str, Any] | None:
    """The version that was registered from this run before, if any."""
    found = mlflow_get(url, "model-versions/search", filter=f"run_id = '{run_id}'").get("model_versions", [])
    same: list[dict[str, Any]] = [version for version in found if version["name"] == model]
    return min(same, key=lambda version: int(version["version"])) if same else None


def create_version(url: str, model: str, run_id: str, *, logged_as: str) -> dict[str, Any]:
    """A new version of what the run logged: a logged model (MLflow 3), or a folder of its artifacts (MLflow 2)."""
    run = mlflow_get(url, "runs/get", run_id=run_id)["run"]
    body = {"name": model, "run_id": run_id, "source": f"{run['info']['artifact_uri']}/{logged_as}"}
    for output in run.get("outputs", {}).get("model_outputs", []):
        info = mlflow_get(url, f"logged-models/{output['model_id']}")["model"]["info"]
        if info["name"] == logged_as:
            body |= {"source": f"models:/{output['model_id']}", "model_id": output["model_id"]}
    made: dict[str, Any] = mlflow_post(url, "model-versions/create", body)["model_version"]
    return made


def ready(url: str, model: str, version: str) -> dict[str, Any] | None:
    """The version once its files are ready. Raises StepError if the registration failed."""
    found: dict[str, Any] = mlflow_get(url, "model-versions/get", name=model, version=version)["model_version"]
    if found.get("status") == "FAILED_REGISTRATION":
        raise StepError(f"MLflow could not register it: {found.get('status_message', 'no reason given')}")
    return found if found.get("status", "READY") == "READY" else None


if __name__ == "__main__":
    run_step(main)
