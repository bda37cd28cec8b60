"""Test reports of all forms: green, failing, cut off, at odds with their own counters or with the step's exit code."""

from __future__ import annotations

import random
from collections.abc import Sequence

from benchmarks.truth.case import Answer, Case, Truth, of_verdict
from benchmarks.truth.report_files import (
    COUNTING,
    FAILED,
    PASSED,
    SILENT,
    SKIPPED,
    UNSKIPPING,
    Tests,
    Writer,
    suite,
    surefire,
)
from services.catalogue.test_reports.reading import read_report
from services.domain.catalogue import TestReport
from services.domain.test_results import judge

File = tuple[str, bytes, int | None]
"""Path, bytes and the exit code that was recorded beside it."""
RERUN = (
    '<testsuite name="pytest" tests="1" failures="0" errors="0">'
    + '<testcase name="a" classname="t"/>' * 3
    + "</testsuite>"
)
SUITE_ERROR = '<error message="the container went away">exit 137</error>'
ONE = '<testcase name="a" classname="a"/>'
NOT_RUN = '<testcase name="b" classname="b" status="notrun"><skipped message="Unable to find executable"/></testcase>'
DISABLED = '<testcase name="b" classname="b" status="disabled"/>'
STATUS_FAILED = '<testcase name="b" classname="t" status="failed"/>'
TEARDOWN = '<testcase name="a" classname="t"/><testcase name="a" classname="t"><error message="teardown"/></testcase>'
OWN: tuple[tuple[str, Truth, str], ...] = (
    ("tries of one test that passed in the end", Truth.GOOD, RERUN),
    ("a suite's own error", Truth.BAD, suite([("a", PASSED)], [("a", PASSED)], own=SUITE_ERROR)),
    ("a test that could not be run", Truth.OPEN, f'<testsuite tests="2" skipped="1">{ONE}{NOT_RUN}</testsuite>'),
    ("a disabled test", Truth.GOOD, f'<testsuite tests="2" disabled="1">{ONE}{DISABLED}</testsuite>'),
    ("a status that says failed", Truth.BAD, f'<testsuite tests="2" failures="1">{ONE}{STATUS_FAILED}</testsuite>'),
    ("an error of the tear-down", Truth.BAD, f'<testsuite name="pytest" tests="1" errors="1">{TEARDOWN}</testsuite>'),
    ("counts tests, lists none", Truth.OPEN, '<testsuite tests="3" failures="0"/>'),
    ("counters that are not numbers", Truth.OPEN, '<testsuite tests="many"><testcase name="a"/></testsuite>'),
)  # fmt: skip


def _report(file: File) -> TestReport:
    path, data, code = file
    return read_report(path, data, exit_code=code)


def _case(name: str, truth: Truth, *files: File) -> Case:
    def answer() -> Answer:
        return of_verdict(judge([_report(file) for file in files]).verdict)

    return Case("test reports", name, truth, answer)


def _tests(chance: random.Random, *, may_skip: bool) -> list[tuple[str, str]]:
    """At least two that passed, some skipped where the form can say so."""
    skipped = chance.randint(0, 2) if may_skip else 0
    outcomes = [PASSED] * chance.randint(2, 30) + [SKIPPED] * skipped
    chance.shuffle(outcomes)
    return [(f"test_{number} <é&>", outcome) for number, outcome in enumerate(outcomes)]


def make(chance: random.Random) -> Sequence[Case]:
    """A green report; then a failure put in, a test taken out, the file cut, and other files beside it."""
    path = chance.choice([*COUNTING, *SILENT])
    write = (COUNTING | SILENT)[path]
    tests = _tests(chance, may_skip=path not in UNSKIPPING)
    victim = chance.choice([at for at, (_, outcome) in enumerate(tests) if outcome == PASSED])
    failing = [(name, FAILED if at == victim else outcome) for at, (name, outcome) in enumerate(tests)]
    green, red = write(tests, tests), write(failing, failing)
    name, truth, text = chance.choice(OWN)
    many = [(f"TEST-{at:02}.xml", surefire([(f"t{at}", PASSED)], [(f"t{at}", PASSED)]), None) for at in range(24)]
    return (
        _case(f"{path}, green", Truth.GOOD, (path, green, chance.choice([None, 0]))),
        _case(f"{path}, one failed", Truth.BAD, (path, red, chance.choice([None, 1]))),
        _case(f"{path}, green beside exit code 1", Truth.OPEN, (path, green, 1)),
        _case(f"{path}, cut off", Truth.OPEN, (path, green[: chance.randint(len(green) // 3, len(green) - 3)], None)),
        _case(f"{path}, nothing left", Truth.OPEN, (path, b"", None)),
        *_at_odds(path, write, tests, (failing, victim)),
        *_all_skipped(path, write, tests),
        _case(name, truth, ("junit.xml", text.encode(), None)),
        _case("24 green and a failing one", Truth.BAD, *many, (path, red, None)),
        _case("24 green and one that cannot be read", Truth.OPEN, *many, ("z.xml", b"<testsuite", None)),
        _case("24 green", Truth.GOOD, *many),
        _case("no report", Truth.OPEN),
    )


def _at_odds(path: str, write: Writer, tests: Tests, failure: tuple[Tests, int]) -> list[Case]:
    """The file lists fewer tests, or fewer failures, than it counts."""
    failing, victim = failure
    if path == "behave.json":
        return [_case(f"{path}, feature failed and no scenario", Truth.OPEN, (path, write(tests, failing), None))]
    if path in SILENT:
        return []
    fewer = [test for at, test in enumerate(tests) if at != victim]
    lost = [("one passed test of those counted", Truth.OPEN, write(fewer, tests))]
    if path == "pytest.xml":  # pytest counts the subtests that passed, and lists no element of them
        lost = []
    lost += [
        ("the failed test of those counted", Truth.DOUBTFUL, write(fewer, failing)),
        ("a failure of those counted", Truth.DOUBTFUL, write(tests, failing)),
    ]
    return [_case(f"{path}, without {name}", truth, (path, data, None)) for name, truth, data in lost]


def _all_skipped(path: str, write: Writer, tests: Tests) -> list[Case]:
    if path in UNSKIPPING:
        return []
    skipped = [(name, SKIPPED) for name, _ in tests]
    return [_case(f"{path}, all skipped", Truth.OPEN, (path, write(skipped, skipped), None))]
