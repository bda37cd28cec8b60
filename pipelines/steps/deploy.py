"""Deploys one version to an endpoint and waits until the endpoint serves it.

Prints the output variables `endpointUrl` and `previousVersion` (empty if nothing was served before). Before it changes
anything it sets `endpointChanged`, so that later steps of the job know that there is something to roll back.
"""

from __future__ import annotations

import argparse

from common import option, run_step, set_output
from targets import Wanted, add_target_options, endpoint_name, open_target, watch_of


def main() -> None:
    """Deploy and follow, with progress and a deadline."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_target_options(parser, seconds=1200)
    option(parser, "--model", also="MODELNAME")
    parser.add_argument("--environment", required=True)
    option(parser, "--version", also="MODELVERSION")
    option(parser, "--digest", also="ARTIFACTDIGEST", needed=False)
    arguments = parser.parse_args()
    target, endpoint = open_target(arguments), endpoint_name(arguments)
    wanted = Wanted(arguments.model, arguments.version, arguments.environment, arguments.digest)
    print(f"Deploying {wanted.model} v{wanted.version} to {endpoint} ({arguments.target}).", flush=True)
    before = target.look(endpoint)
    if before is None or not before.serves(wanted.model, wanted.version):
        print("##vso[task.setvariable variable=endpointChanged]true", flush=True)
    served = target.deploy(endpoint, wanted, watch_of(arguments))
    print(f"{served.model} v{served.version} answers at {served.url}.")
    set_output("endpointUrl", served.url)
    set_output("previousVersion", served.previous_version or "")


if __name__ == "__main__":
    run_step(main)
