"""Asks the portal whether this version may be deployed; fails unless the answer is yes for exactly this version.

The token comes from the environment variable COUNTERSIGN_API_TOKEN, never from the command line.
"""

from __future__ import annotations

import argparse
import os
from typing import Any

import requests
from common import SECONDS, StepError, option, poll, portal_headers, run_step

AWAY = {429, 502, 503, 504}


def main() -> None:
    """Ask until there is an answer; refuse on anything but a clear yes."""
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("--portal-url", "--request-id"):
        option(parser, name)
    option(parser, "--model", also="MODELNAME")
    parser.add_argument("--environment", required=True)
    option(parser, "--version", also="MODELVERSION")
    option(parser, "--plan-digest", needed=False)
    option(parser, "--artifact-digest", needed=False)
    parser.add_argument("--seconds", type=float, default=120, help="deadline; default: %(default)s")
    arguments = parser.parse_args()
    answer = poll(lambda: ask(arguments), what="The gate", seconds=arguments.seconds, every=3)
    reason = why_not(answer, arguments)
    if reason:
        raise StepError(f"The gate refuses {arguments.model} v{arguments.version}: {reason}")
    if answer.get("glass_broken_by"):
        warning = f"{answer['glass_broken_by']} broke the glass: this goes live without the policy's signatures."
        print(f"##vso[task.logissue type=warning]{' '.join(warning.split())}")
    print(f"Allowed: {answer['why']} Approved by {', '.join(answer['approvers']) or 'nobody'}.")
    print(f"Plan {answer['plan_digest']}, model files {answer.get('artifact_digest')}.")


def why_not(answer: dict[str, Any], wanted: argparse.Namespace) -> str:
    """Empty for a yes to what this run was started with; otherwise why not. `allowed` alone is not enough."""
    if answer.get("allowed") is not True:
        return str(answer.get("why") or "no reason given")
    if answer.get("request_id") != wanted.request_id:
        return f"the answer is about request {answer.get('request_id')}, not {wanted.request_id}."
    if not answer.get("approvers") and not answer.get("glass_broken_by"):
        return "nobody has approved it."
    for name, mine in (("plan_digest", wanted.plan_digest), ("artifact_digest", wanted.artifact_digest)):
        if mine and answer.get(name) != mine:
            return f"the {name.replace('_', ' ')} is {answer.get(name)}, this run was started with {mine}."
    return ""


def run_number() -> str:
    """The run that asks: the gate lets through only the one that the portal has started and noted."""
    release = os.environ.get("RELEASE_RELEASEID", "")
    return f"-{release}" if release else os.environ.get("BUILD_BUILDID", "")


def ask(arguments: argparse.Namespace) -> dict[str, Any] | None:
    """Ask once; None while the portal is unavailable or busy."""
    parameters = {
        "request_id": arguments.request_id,
        "model": arguments.model,
        "version": arguments.version,
        "environment": arguments.environment,
        "plan_digest": arguments.plan_digest,
        "run_id": run_number(),
    }
    address = f"{arguments.portal_url.rstrip('/')}/api/v1/gate"
    given = {name: value for name, value in parameters.items() if value}
    try:
        answer = requests.get(address, params=given, headers=portal_headers(), timeout=SECONDS)
    except (requests.ConnectionError, requests.Timeout) as error:
        print(f"The portal does not respond ({type(error).__name__}); retrying.", flush=True)
        return None
    if answer.status_code in AWAY:
        return None
    if not answer.ok:
        raise StepError(f"The portal answers {answer.status_code}: {answer.text[:300]}")
    value: dict[str, Any] = answer.json()
    return value


if __name__ == "__main__":
    run_step(main)
