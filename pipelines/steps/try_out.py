"""Scores known records against an endpoint and compares with the expected results; writes a JUnit report.

The deployment must return exactly the evaluated scores; see `known_records.py` for where the records come from.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from common import option, run_step
from known_records import read_known, report, score_and_compare
from targets import add_target_options, endpoint_name, open_target


def main() -> None:
    """Score, compare, report; a difference fails the step after the report is written."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_target_options(parser)
    option(parser, "--mlflow-url")
    option(parser, "--model", also="MODELNAME")
    option(parser, "--version", also="MODELVERSION")
    parser.add_argument("--report", required=True, help="file for the JUnit report")
    arguments = parser.parse_args()
    known = read_known(arguments.mlflow_url, arguments.model, arguments.version)
    cases, seconds = score_and_compare(open_target(arguments), endpoint_name(arguments), known, arguments.version)
    report(Path(arguments.report), "smoke test", cases, seconds)


if __name__ == "__main__":
    run_step(main)
