"""Deploys one version to an endpoint and waits until that version answers there."""

from __future__ import annotations

import argparse
from typing import Any

import requests
from common import SECONDS, StepError, endpoint_url, poll, run_step


def main() -> None:
    """Deploy and follow, with progress and a deadline."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--serving-url", "--endpoint", "--environment", "--model", "--version"):
        parser.add_argument(name, required=True)
    parser.add_argument("--seconds", type=float, default=240, help="deadline; default: %(default)s")
    arguments = parser.parse_args()
    url = endpoint_url(arguments.serving_url, arguments.endpoint)
    wanted = {"environment": arguments.environment, "model": arguments.model, "version": arguments.version}
    answer = requests.put(url, json=wanted, timeout=SECONDS)
    if not answer.ok:
        raise StepError(f"The serving host refuses the deployment: {answer.status_code} {answer.text[:300]}")
    print(f"Deploying {arguments.model} v{arguments.version} to {arguments.endpoint}")
    what = f"Endpoint {arguments.endpoint}"
    found = poll(lambda: look(url, arguments.version), what=what, seconds=arguments.seconds)
    print(f"{found['model']} v{found['version']} answers at {arguments.endpoint}.")


def look(url: str, version: str) -> dict[str, Any] | None:
    """The endpoint once the wanted version answers; None while it is on its way. Raises StepError when it failed."""
    endpoint: dict[str, Any] = requests.get(url, timeout=SECONDS).json()
    if endpoint.get("wanted_version") != version:
        raise StepError("Another deployment to the same endpoint came in between.")
    if endpoint.get("state") == "failed":
        raise StepError(f"The deployment failed: {endpoint.get('error', 'no reason given')}")
    is_there = endpoint.get("state") == "ready" and endpoint.get("version") == version
    return endpoint if is_there else None


if __name__ == "__main__":
    run_step(main)
