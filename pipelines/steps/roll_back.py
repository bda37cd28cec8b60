"""Removes one version from an endpoint and restores the previous one.

Does nothing if the endpoint serves another version, so running it twice, or after a failed deployment, is safe. Sets
`modelVersion` for later steps of the job to the restored version; empty if there was nothing to do.
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
    parser.add_argument("--remove-if-first", action="store_true", help="remove the endpoint if nothing came before")
    arguments = parser.parse_args()
    target, endpoint = open_target(arguments), endpoint_name(arguments)
    served = target.look(endpoint)
    if served is None or (served.model, served.version) != (arguments.model, arguments.from_version):
        print(f"Nothing to roll back: {in_words(served)} at {endpoint}, not v{arguments.from_version}.")
        say_restored("")
        return
    before = arguments.to_version or served.previous_version
    if before is None and arguments.remove_if_first:
        target.remove(endpoint)
        print(f"There was no version before v{arguments.from_version}: {endpoint} was removed.")
        say_restored("")
        return
    if before is None or before == arguments.from_version:
        raise StepError(f"The version before v{arguments.from_version} is not known. Pass --to-version.")
    print(f"Restoring {arguments.model} v{before} at {endpoint}.", flush=True)
    target.deploy(endpoint, Wanted(arguments.model, before, arguments.environment), watch_of(arguments))
    print(f"{endpoint} serves {arguments.model} v{before} again.")
    say_restored(before)


def say_restored(version: str) -> None:
    """Let later steps verify what is served now."""
    print(f"##vso[task.setvariable variable=modelVersion]{version}")


def in_words(served: Served | None) -> str:
    """What is served, in words."""
    return f"{served.model} v{served.version} is served" if served and served.version else "no version is served"


if __name__ == "__main__":
    run_step(main)
