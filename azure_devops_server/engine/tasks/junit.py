"""`PublishTestResults@2`: find JUnit files, count their failures, hand them over."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from azure_devops_server.engine.journal import TestAttachment
from azure_devops_server.engine.tasks.junit_file import FAILED, JUnitError, read_junit
from azure_devops_server.engine.tasks.patterns import find_files

if TYPE_CHECKING:
    from azure_devops_server.engine.step.step_run import StepRun


def run_publish_test_results(step: StepRun) -> None:
    """Find the files and publish them; failed tests fail the step where the inputs say so."""
    folder = step.path(step.inputs["searchFolder"])
    patterns = step.inputs["testResultsFiles"]
    files = find_files(folder, patterns) if folder.is_dir() else []
    if not files:
        step.warning(f"No test result files matching '{patterns.strip()}' were found in '{folder}'.")
        if _is_true(step.inputs["failTaskOnMissingResultsFile"]):
            step.conclude("failed")
        return
    failures = publish_results(
        step, files, title=step.inputs["testRunTitle"], merge=_is_true(step.inputs["mergeTestResults"])
    )
    if failures and _is_true(step.inputs["failTaskOnFailedTests"]):
        step.error(f"There are one or more test failures detected in result files: {failures} failed.")
        step.conclude("failed")


def publish_results(step: StepRun, files: Sequence[Path], *, title: str, merge: bool) -> int:
    """Hand over JUnit files, as one test run or one a file; returns the number of failed tests.

    Files that are no JUnit XML are named in a warning and left out.
    """
    counts = {path: _failures(path) for path in files}
    for path, count in counts.items():
        if count is None:
            step.warning(f"Failed to read '{path}'. It is not a JUnit file.")
    readable = [path for path, count in counts.items() if count is not None]
    for number, group in enumerate([readable] if merge and readable else [[path] for path in readable], start=1):
        step.job.run.journal.publish_tests(
            TestAttachment(
                title=_title(title, number, merged=merge),
                files=tuple(group),
                stage=step.job.stage.plan.name,
                job=step.job.plan.name,
            )
        )
        step.log(f"Published test results: {', '.join(path.name for path in group)}")
    return sum(count for count in counts.values() if count)


def _title(title: str, number: int, *, merged: bool) -> str:
    if not title:
        return "JUnit_TestResults" if merged else f"JUnit_TestResults_{number}"
    return title if merged or number == 1 else f"{title}_{number}"


def _failures(path: Path) -> int | None:
    try:
        return sum(case.outcome == FAILED for case in read_junit(path))
    except JUnitError:
        return None


def _is_true(text: str) -> bool:
    return text.casefold() == "true"
