"""Asks the portal whether this version may be deployed; ends the run when it may not.

The token stands in the environment variable COUNTERSIGN_API_TOKEN, never on the command line.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import requests
from common import SECONDS, StepError, poll, run_step

RETRY_SECONDS = 120


def main() -> None:
    """Ask until there is an answer; refuse on anything but a clear yes."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--portal-url", "--request-id", "--model", "--version", "--environment"):
        parser.add_argument(name, required=True)
    parser.add_argument("--plan-digest", default="")
    arguments = parser.parse_args()
    answer = poll(lambda: ask(arguments), what="The gate", seconds=RETRY_SECONDS, every=3)
    if not answer.get("allowed"):
        raise StepError(f"The gate refuses {arguments.model} v{arguments.version}: {answer.get('why', 'no reason')}")
    if arguments.plan_digest and answer.get("plan_digest") != arguments.plan_digest:
        raise StepError("The gate's plan digest is not the one that this run was started with.")
    print(f"Allowed: {answer['why']} Approved by {', '.join(answer['approvers'])}.")
    print(f"Plan {answer['plan_digest']}, model files {answer['artifact_digest']}.")


def ask(arguments: argparse.Namespace) -> dict[str, Any] | None:
    """One question; None while the portal is away or busy."""
    parameters = {
        "request_id": arguments.request_id,
        "model": arguments.model,
        "version": arguments.version,
        "environment": arguments.environment,
        "plan_digest": arguments.plan_digest,
    }
    headers = {"Authorization": f"Bearer {os.environ.get('COUNTERSIGN_API_TOKEN', '')}"}
    try:
        answer = requests.get(
            f"{arguments.portal_url.rstrip('/')}/api/v1/gate",
            params={k: v for k, v in parameters.items() if v}, headers=headers, timeout=SECONDS,
        )  # fmt: skip
    except requests.RequestException as error:
        print(f"The portal does not answer ({type(error).__name__}); asking again.")
        return None
    if answer.status_code in {429, 502, 503, 504}:
        return None
    if not answer.ok:
        raise StepError(f"The portal answers {answer.status_code}: {answer.text[:300]}")
    value: dict[str, Any] = answer.json()
    return value


if __name__ == "__main__":
    run_step(main)
