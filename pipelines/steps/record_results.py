"""Writes the result of a JUnit report on the model version as tags, where the portal reads it."""

from __future__ import annotations

import argparse
from pathlib import Path
from xml.etree import ElementTree as ET

from common import StepError, mlflow_post, option, run_step


def main() -> None:
    """Count and tag: ``countersign.test.NAME.passed|failed|skipped|url``."""
    parser = argparse.ArgumentParser(description=__doc__)
    option(parser, "--mlflow-url")
    option(parser, "--model", also="MODELNAME")
    option(parser, "--version", also="MODELVERSION")
    for name in ("--name", "--report", "--run-url"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    url = arguments.run_url.replace(" ", "%20")
    for field, value in {**count(Path(arguments.report)), "url": url}.items():
        body = {"name": arguments.model, "version": arguments.version}
        body |= {"key": f"countersign.test.{arguments.name}.{field}", "value": str(value)}
        mlflow_post(arguments.mlflow_url, "model-versions/set-tag", body)
        print(f"{body['key']} = {value}")


def count(report: Path) -> dict[str, int]:
    """Passed, failed and skipped tests of a report. Raises StepError when there is none."""
    if not report.is_file():
        raise StepError(f"There is no report {report}; the test step did not get that far.")
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    for case in ET.parse(report).getroot().iter("testcase"):  # noqa: S314 - our own step wrote the file
        failed = case.find("failure") is not None or case.find("error") is not None
        skipped = case.find("skipped") is not None
        counts["failed" if failed else "skipped" if skipped else "passed"] += 1
    return counts


if __name__ == "__main__":
    run_step(main)
