"""JUnit XML, as pytest, unittest, Surefire, Robot Framework, behave, Jest, Go, CTest, node and others write it.

There is no standard, so what a file's counters say is compared with what it lists, and a suite's own errors are read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element

from services.catalogue.test_reports.documents import (
    Reading,
    UnreadableError,
    children,
    local,
    more_than_listed,
    shortened,
    whole_number,
)
from services.catalogue.test_reports.junit_outcome import Seen, read_case
from services.domain import test_results as results
from services.domain.catalogue import TestCase
from services.domain.examined import LeftOut

ROOTS = frozenset({"testsuite", "testsuites"})
_DIGITS = 12
_NODE_TOTAL = re.compile(rb"<!-- (tests|fail|cancelled) (\d{1,9}) -->")


@dataclass(frozen=True)
class _File:
    """Who wrote the file, where that decides how it is read."""

    is_node: bool
    is_pytest: bool


@dataclass(frozen=True)
class _Suite:
    """A suite with all that is below it."""

    seen: tuple[Seen, ...] = ()
    elements: int = 0
    """`testcase` elements, before repeats were folded."""
    contradictions: tuple[str, ...] = ()
    uncounted: int = 0
    """Tests that pytest counts without a separate element: its subtests."""


def read(root: Element, data: bytes) -> Reading:
    """The report. Raises UnreadableError where it names no test."""
    file = _File(is_node=_is_node(root), is_pytest=_is_pytest(root))
    suite = _suite(root, file)
    if not suite.seen:
        raise UnreadableError(_nothing_listed(root))
    contradictions = [*suite.contradictions, *(_node_totals(data, suite) if file.is_node else ())]
    more = f"{suite.uncounted:,} counted tests without an entry"
    left_out = [LeftOut(more, "pytest counts subtests and lists those that failed", by_policy=True)]
    return Reading(
        tuple(seen.case for seen in suite.seen),
        tuple(contradictions),
        tuple(seen.case.name for seen in suite.seen if seen.is_flaky),
        tuple(left_out if suite.uncounted else ()),
    )


def _is_node(root: Element) -> bool:
    """Node's own reporter writes no attribute on the root, and the class `test` on each test outside a file's own."""
    cases = [element for element in root.iter() if local(element) == "testcase"]
    return local(root) == "testsuites" and not root.attrib and all(case.get("classname") == "test" for case in cases)


def _is_pytest(root: Element) -> bool:
    return root.get("name") == "pytest tests" or any(suite.get("name") == "pytest" for suite in (root, *root))


def _nothing_listed(root: Element) -> str:
    counted = max((_count(suite, "tests") or 0 for suite in root.iter() if local(suite) in ROOTS), default=0)
    return f"The file counts {counted:,} tests and lists none." if counted else "The file names no test."


def _suite(element: Element, file: _File) -> _Suite:
    """A suite or anything else that holds tests; recursion is bounded by the depth of a document."""
    elements = children(element, "testcase")
    disabled = _are_disabled(element, elements)
    own = [read_case(case, is_node=file.is_node, disabled_in_suite=disabled) for case in elements]
    seen = _folded(element, own) if local(element) in ROOTS else own
    below = [_suite(inner, file) for inner in element if _may_hold_tests(inner)]
    all_seen = (*seen, *_own_errors(element), *(item for suite in below for item in suite.seen))
    total = len(own) + sum(suite.elements for suite in below)
    found = _Suite(all_seen, total, uncounted=sum(suite.uncounted for suite in below))
    said = [sentence for suite in below for sentence in suite.contradictions]
    if local(element) in ROOTS:
        uncounted, more = _disagreements(element, found, file)
        found, said = replace(found, uncounted=uncounted), [*said, *more]
    return replace(found, contradictions=tuple(said))


def _may_hold_tests(element: Element) -> bool:
    return local(element) in ROOTS or any(
        local(inner) == "testcase" for inner in element.iter() if inner is not element
    )


def _are_disabled(suite: Element, cases: list[Element]) -> bool:
    """Whether the suite counts as disabled all that was not run."""
    not_run = sum(case.get("status") == "notrun" for case in cases)
    return (_count(suite, "disabled") or 0) >= not_run > 0


def _own_errors(suite: Element) -> Iterator[Seen]:
    """A suite's own failure: a set-up or tear-down that broke, or a process that died."""
    if local(suite) not in ROOTS:
        return
    name = suite.get("name") or "unnamed"
    for broken in children(suite, "error", "failure"):
        message = shortened(broken.get("message") or "".join(broken.itertext()))
        yield Seen(TestCase(f"suite {name}", results.ERROR, None, message, name), 1)


def _folded(suite: Element, own: list[Seen]) -> list[Seen]:
    """One entry a test where each try has an element, which only the counters tell (pytest-rerunfailures)."""
    tests = _count(suite, "tests")
    if tests is None or not tests < len(own) or len({seen.key for seen in own}) != tests:
        return own
    tries: dict[tuple[str, str], list[Seen]] = {}
    for seen in own:
        tries.setdefault(seen.key, []).append(seen)
    folded = [_last_word(group) for group in tries.values()]
    counted = [_count(suite, name) or 0 for name in ("failures", "errors")]
    failed = sum(seen.case.outcome in results.FAILING for seen in folded)
    return folded if failed == sum(counted) else own


def _last_word(tries: list[Seen]) -> Seen:
    """Failed where one try says so; passed, and flaky, where none does."""
    if len(tries) == 1:
        return tries[0]
    worst = min(tries, key=lambda seen: results.rank(seen.case.outcome))
    if worst.case.outcome != results.PASSED:
        return worst
    note = f"passed on try {len(tries)}"
    return replace(tries[-1], case=replace(tries[-1].case, message=note), is_flaky=True)


def _disagreements(element: Element, suite: _Suite, file: _File) -> tuple[int, list[str]]:
    """What a suite counts beyond what it lists: tests that pytest keeps no element of, and sentences on the rest."""
    where = f"Suite {element.get('name') or 'unnamed'}" if local(element) == "testsuite" else "The file"
    try:
        tests, failures, errors, skipped, ignored, disabled = (
            whole_number(element.get(name))
            for name in ("tests", "failures", "errors", "skipped", "ignored", "disabled")
        )
    except UnreadableError as error:
        return suite.uncounted, [f"{where}: {error}"]
    outcomes = [seen.case.outcome for seen in suite.seen]
    failing = sum(outcome in results.FAILING for outcome in outcomes)
    shown = max(failing, sum(seen.failures for seen in suite.seen))
    not_passed = sum(outcome in results.SKIPPING or outcome == results.NOT_RUN for outcome in outcomes)
    said = more_than_listed(where, max(_sum(failures, errors), _otherwise_failed(element)), shown, "failed tests")
    said += more_than_listed(where, _sum(skipped, ignored, disabled), not_passed, "skipped tests")
    missing = max(0, (tests or 0) - max(suite.elements, len(outcomes)))
    if not missing or file.is_pytest:
        return max(missing, suite.uncounted), said
    return suite.uncounted, said + more_than_listed(where, tests, suite.elements, "tests")


def _otherwise_failed(suite: Element) -> int:
    """Failed tests by the names that few writers use, in any letter case."""
    named = {name.lower(): value.strip() for name, value in suite.attrib.items()}
    counts = (named.get(name, "") for name in ("failures", "errors", "failed", "failure", "error", "broken"))
    return max((int(count) for count in counts if count.isdecimal() and len(count) < _DIGITS), default=0)


def _sum(*counts: int | None) -> int:
    """Mocha counts below zero where a hook failed."""
    return sum(max(0, count or 0) for count in counts)


def _count(element: Element, name: str) -> int | None:
    try:
        return whole_number(element.get(name))
    except UnreadableError:
        return None


def _node_totals(data: bytes, suite: _Suite) -> Iterable[str]:
    """Node writes its totals as comments at the end of the file."""
    totals = {name.decode(): int(number) for name, number in _NODE_TOTAL.findall(data[-2_000:])}
    failing = sum(seen.case.outcome in results.FAILING for seen in suite.seen)
    failed = totals.get("fail", 0) + totals.get("cancelled", 0)
    yield from more_than_listed("Node's summary", failed, failing, "failed tests")
    yield from more_than_listed("Node's summary", totals.get("tests"), suite.elements, "tests")
