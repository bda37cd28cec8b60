"""Opens a promotion request for a version: the hand-over from a training job. Prints the request's URL.

The token comes from the environment variable COUNTERSIGN_API_TOKEN. The output variable `requestId` is the request's
id.
"""

from __future__ import annotations

import argparse

import requests
from common import SECONDS, StepError, option, portal_headers, run_step, set_output


def main() -> None:
    """Open a request; people decide."""
    parser = argparse.ArgumentParser(description=__doc__)
    option(parser, "--portal-url")
    option(parser, "--model", also="MODELNAME")
    option(parser, "--reason", also="PROMOTIONREASON")
    parser.add_argument("--environment", required=True)
    option(parser, "--version", also="MODELVERSION")
    arguments = parser.parse_args()
    if not arguments.version.isdecimal():
        raise StepError(f"A version is a number, not “{arguments.version}”.")
    wanted = {"model": arguments.model, "version": int(arguments.version)}
    wanted |= {"environment": arguments.environment, "reason": arguments.reason}
    portal = arguments.portal_url.rstrip("/")
    answer = requests.post(f"{portal}/api/v1/requests", json=wanted, headers=portal_headers(), timeout=8 * SECONDS)
    if not answer.ok:
        raise StepError(f"The portal refuses the request: {answer.status_code} {answer.text[:300]}")
    opened = answer.json()
    print(f"Request {opened['id']} is {opened['state']}: {portal}/request?id={opened['id']}")
    set_output("requestId", opened["id"])


if __name__ == "__main__":
    run_step(main)
