"""Asks the portal to promote a version: the hand-over from a training job. Prints the request's address."""

from __future__ import annotations

import argparse
import os

import requests
from common import SECONDS, StepError, run_step


def main() -> None:
    """Open a request; people decide."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--portal-url", "--model", "--version", "--environment", "--reason"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    wanted = {"model": arguments.model, "version": int(arguments.version)}
    wanted |= {"environment": arguments.environment, "reason": arguments.reason}
    portal = arguments.portal_url.rstrip("/")
    headers = {"Authorization": f"Bearer {os.environ.get('COUNTERSIGN_API_TOKEN', '')}"}
    answer = requests.post(f"{portal}/api/v1/requests", json=wanted, headers=headers, timeout=4 * SECONDS)
    if not answer.ok:
        raise StepError(f"The portal refuses: {answer.status_code} {answer.text[:300]}")
    opened = answer.json()
    print(f"Request {opened['id']} is {opened['state']}: {portal}/request?id={opened['id']}")
    print(f"##vso[task.setvariable variable=requestId;isOutput=true]{opened['id']}")


if __name__ == "__main__":
    run_step(main)
