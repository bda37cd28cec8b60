"""Runs a test command and stores its exit code beside the report that it writes: ``unit.xml.exit_code``.

Some writers omit a failure from their report, such as one in a clean-up after the last test. The exit code reveals it,
and the portal shows a green report of a failed step as contradicted.

    python pipelines/steps/run_tests.py --report unit.xml -- pytest --junitxml=unit.xml
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from common import StepError, run_step
from junit_counts import keep_exit_code


def main() -> None:
    """Run the command and end with its exit code. The report of an earlier run is removed first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--report", required=True, help="the file that the command writes")
    parser.add_argument("--seconds", type=float, default=3600, help="how long the command may run")
    parser.add_argument("command", nargs="+", help="the command, after --")
    arguments = parser.parse_args()
    report = Path(arguments.report)
    report.unlink(missing_ok=True)
    keep_exit_code(report, 1)
    code = run(arguments.command, arguments.seconds)
    keep_exit_code(report, code)
    if report.is_file():
        print("##vso[task.setvariable variable=reportWritten]true")
    elif code == 0:
        raise StepError(f"The command succeeded but wrote no {report}: nothing shows which tests it ran.")
    if code:
        print(f"##vso[task.logissue type=error]The tests ended with exit code {code}.")
        sys.exit(code if 0 < code < 256 else 1)


def run(command: list[str], seconds: float) -> int:
    """The command's exit code. Raises StepError if it cannot be started, or its time is up."""
    try:
        return subprocess.run(command, check=False, timeout=seconds).returncode
    except subprocess.TimeoutExpired as error:
        raise StepError(f"The tests were not done within {seconds:g} s. Raise --seconds.") from error
    except OSError as error:
        raise StepError(f"{command[0]} cannot be started: {error.strerror}.") from error


if __name__ == "__main__":
    run_step(main)
