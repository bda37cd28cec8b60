"""Writes the result of a JUnit report to the model version as tags, which the portal reads."""

from __future__ import annotations

import argparse
from pathlib import Path

from common import StepError, mlflow_post, option, run_step
from junit_counts import count, kept_exit_code


def main() -> None:
    """Count and tag: ``countersign.test.NAME.passed|failed|skipped|not_run|exit_code|url``.

    `passed` comes last, so that an incomplete set of tags is never green.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    option(parser, "--mlflow-url")
    option(parser, "--model", also="MODELNAME")
    option(parser, "--version", also="MODELVERSION")
    for name in ("--name", "--report", "--run-url"):
        parser.add_argument(name, required=True)
    parser.add_argument("--exit-code", help="of the step that ran the tests; default: from REPORT.exit_code")
    arguments = parser.parse_args()
    for field, value in fields(Path(arguments.report), arguments.exit_code, arguments.run_url).items():
        body = {"name": arguments.model, "version": arguments.version}
        body |= {"key": f"countersign.test.{arguments.name}.{field}", "value": str(value)}
        mlflow_post(arguments.mlflow_url, "model-versions/set-tag", body)
        print(f"{body['key']} = {value}")


def fields(report: Path, exit_code: str | None, run_url: str) -> dict[str, str | int]:
    """What the tags say, in the order in which they are written. Raises StepError."""
    code = kept_exit_code(report) if exit_code is None else exit_code.strip()
    if code != "unknown" and not code.removeprefix("-").isdecimal():
        raise StepError(f"The exit code “{code}” is not a number.")
    return {"url": run_url.replace(" ", "%20"), "exit_code": code, **count(report)}


if __name__ == "__main__":
    run_step(main)
