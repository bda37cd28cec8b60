"""Verifies that an endpoint serves exactly one version: its number, the digest of its files, and its known scores.

Writes a JUnit report. If the target does not report the digest of the files that it loaded (Databricks, Azure ML), the
digest given to the deployment is compared: it shows that nobody has deployed something else since.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from common import option, run_step
from known_records import Case, read_known, report, score_and_compare
from targets import Served, add_target_options, endpoint_name, existing, open_target


def main() -> None:
    """Read, score, report; a difference fails the step after the report is written."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_target_options(parser)
    option(parser, "--mlflow-url")
    option(parser, "--model", also="MODELNAME")
    option(parser, "--version", also="MODELVERSION")
    option(parser, "--digest", also="ARTIFACTDIGEST", needed=False)
    parser.add_argument("--report", required=True, help="file for the JUnit report")
    arguments = parser.parse_args()
    target, endpoint = open_target(arguments), endpoint_name(arguments)
    served = existing(target, endpoint)
    cases = identity(served, arguments.model, arguments.version, digest=arguments.digest)
    known = read_known(arguments.mlflow_url, arguments.model, arguments.version)
    scored, seconds = score_and_compare(target, endpoint, known, arguments.version)
    report(Path(arguments.report), "verification", [*cases, *scored], seconds)


def identity(served: Served, model: str, version: str, *, digest: str) -> list[Case]:
    """Whether the endpoint serves what was signed; without a signed digest that check is left out, with a warning."""
    now = f"{served.model} v{served.version}, {served.state}"
    cases = [Case(f"{model} v{version} is served", "" if served.serves(model, version) else now)]
    if not digest:
        print("##vso[task.logissue type=warning]No digest was given, so the files were not compared.")
        return cases
    source = "files loaded by the endpoint" if served.digest_is_of_loaded_files else "files given to the deployment"
    failure = "" if served.digest == digest else f"digest {served.digest or 'unknown'}, signed {digest}"
    return [*cases, Case(f"{source} match the signed digest", failure)]


if __name__ == "__main__":
    run_step(main)
