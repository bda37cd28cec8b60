"""Takes one version away from an endpoint and restores the one that answered before it.

Nothing is done where another version answers: running it twice, or after a deployment that never got through, does no
harm. Sets `modelVersion` for later steps of the job to what was restored, empty when there was nothing to do.
"""

from __future__ import annotations

import argparse

from common import StepError, option, run_step
from targets import Served, Wanted, add_target_options, endpoint_name, open_target, watch_of


def main() -> None:
    """Look, restore, wait."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_target_options(parser, seconds=1200)
    option(parser, "--model", also="MODELNAME")
    parser.add_argument("--environment", required=True)
    option(parser, "--from-version", also="FROMVERSION")
    option(parser, "--to-version", needed=False)
    parser.add_argument("--remove-if-first", action="store_true", help="remove the endpoint where nothing came before")
    arguments = parser.parse_args()
    target, endpoint = open_target(arguments), endpoint_name(arguments)
    served = target.look(endpoint)
    if served is None or (served.model, served.version) != (arguments.model, arguments.from_version):
        print(f"Nothing to roll back: {told(served)} at {endpoint}, not v{arguments.from_version}.")
        say_restored("")
        return
    before = arguments.to_version or served.previous_version
    if before is None and arguments.remove_if_first:
        target.remove(endpoint)
        print(f"Nothing answered before v{arguments.from_version}: {endpoint} is removed.")
        say_restored("")
        return
    if before is None or before == arguments.from_version:
        raise StepError(f"Nothing is known to have answered before v{arguments.from_version}. Give --to-version.")
    print(f"Restoring {arguments.model} v{before} at {endpoint}.", flush=True)
    target.deploy(endpoint, Wanted(arguments.model, before, arguments.environment), watch_of(arguments))
    print(f"{arguments.model} v{before} answers at {endpoint} again.")
    say_restored(before)


def say_restored(version: str) -> None:
    """Let later steps verify what is there now."""
    print(f"##vso[task.setvariable variable=modelVersion]{version}")


def told(served: Served | None) -> str:
    """What answers, in words."""
    return f"{served.model} v{served.version} answers" if served and served.version else "no version answers"


if __name__ == "__main__":
    run_step(main)
