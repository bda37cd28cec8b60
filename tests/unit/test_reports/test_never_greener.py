"""Whatever is taken out of a report, its verdict does not become green."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.catalogue.test_reports.reading import read_report
from services.domain.checks import Verdict
from services.domain.test_results import judge, reports_from_tags
from tests.unit.test_reports.test_recorded import EXPECTED, FILES

GREEN = {Verdict.PASS, Verdict.WARN}
RED = sorted(name for name, expected in EXPECTED.items() if expected[-1] is not Verdict.PASS)


def is_green(data: bytes) -> bool:
    return judge([read_report("r", data)]).verdict in GREEN


def without_one_element(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The file without each of its elements and comments in turn."""
    parser = ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))
    root = ET.fromstring(data, parser)
    places = [(i, j) for i, parent in enumerate(root.iter()) for j in range(len(parent))]
    for i, j in places:
        changed = copy.deepcopy(root)
        parent = list(changed.iter())[i]
        gone = parent[j]
        parent.remove(gone)
        yield f"{gone.tag} {gone.attrib}", ET.tostring(changed)


def without_one_value(value: Any) -> Iterator[tuple[str, Any]]:
    """The value without each field and each item in turn, at any depth."""
    if isinstance(value, dict):
        for name in value:
            yield name, {k: v for k, v in value.items() if k != name}
            for what, inner in without_one_value(value[name]):
                yield f"{name}.{what}", value | {name: inner}
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield str(number), value[:number] + value[number + 1 :]
            for what, inner in without_one_value(item):
                yield f"{number}.{what}", [*value[:number], inner, *value[number + 1 :]]


@pytest.mark.parametrize("name", [name for name in RED if name.endswith(".xml")])
def test_recorded_xml__without_any_one_element__does_not_become_green(name: str) -> None:
    data = (FILES / name).read_bytes()
    greener = [what for what, changed in without_one_element(data) if is_green(changed)]
    assert greener == []


@pytest.mark.parametrize("name", [name for name in RED if name.endswith(".json")])
def test_recorded_json__without_any_one_value__does_not_become_green(name: str) -> None:
    value = json.loads((FILES / name).read_bytes())
    greener = [what for what, changed in without_one_value(value) if is_green(json.dumps(changed).encode())]
    assert greener == []


EXPECTATION = {"expectation_config": {"type": "expect_x", "kwargs": {}}}
ONE_FAILURE: dict[str, Any] = {
    "great expectations": {
        "success": False, "results": [EXPECTATION | {"success": True}, EXPECTATION | {"success": False}],
        "statistics": {"evaluated_expectations": 2, "successful_expectations": 1, "unsuccessful_expectations": 1},
    },
    "jest": {
        "numFailedTests": 1, "numTotalTests": 2, "success": False, "testResults": [{"name": "a", "status": "failed",
        "assertionResults": [{"fullName": "x", "status": "passed"}, {"fullName": "y", "status": "failed"}]}],
    },
    "mocha": {
        "stats": {"tests": 2, "passes": 1, "pending": 0, "failures": 1}, "passes": [{"fullTitle": "x"}], "pending": [],
        "failures": [{"fullTitle": "y"}],
    },
    "playwright": {
        "config": {}, "stats": {"expected": 1, "unexpected": 1, "flaky": 0, "skipped": 0}, "errors": [],
        "suites": [{"title": "a", "specs": [{"title": "x", "tests": [{"status": "expected"}]},
                                            {"title": "y", "tests": [{"status": "unexpected"}]}]}],
    },
    "pytest": {
        "exitcode": 1, "summary": {"passed": 1, "failed": 1, "total": 2}, "collectors": [],
        "tests": [{"nodeid": "x", "outcome": "passed"}, {"nodeid": "y", "outcome": "failed"}],
    },
    "ctrf": {"reportFormat": "CTRF", "results": {
        "tool": {"name": "t"}, "summary": {"tests": 2, "passed": 1, "failed": 1},
        "tests": [{"name": "x", "status": "passed"}, {"name": "y", "status": "failed"}],
    }},
    "behave": [{"keyword": "Feature", "status": "failed", "elements": [
        {"name": "x", "status": "passed", "steps": [{"result": {"status": "passed"}}]},
        {"name": "y", "status": "failed", "steps": [{"result": {"status": "failed"}}]},
    ]}],
}  # fmt: skip


@pytest.mark.parametrize("tool", sorted(ONE_FAILURE))
def test_json__with_one_failure__without_any_one_value__does_not_become_green(tool: str) -> None:
    value = ONE_FAILURE[tool]
    assert judge([read_report("r", json.dumps(value).encode())]).verdict is Verdict.FAIL
    greener = [what for what, changed in without_one_value(value) if is_green(json.dumps(changed).encode())]
    assert greener == []


@pytest.mark.parametrize("name", sorted(path.name for path in FILES.iterdir()))
def test_recorded_report__cut_off_anywhere__is_never_green(name: str) -> None:
    data = (FILES / name).read_bytes().rstrip()
    assert not any(is_green(data[:length]) for length in range(0, len(data) - 1, max(1, len(data) // 50)))


KINDS = {"passed": "", "failed": "<failure/>", "error": "<error/>", "skipped": "<skipped/>"}
CASES = st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=8)


def junit(kinds: list[str], writer: str) -> ET.Element:
    suite = ET.Element("testsuite", name=writer, tests=str(len(kinds)))
    for counter, kind in (("failures", "failed"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(counter, str(kinds.count(kind)))
    for number, kind in enumerate(kinds):
        suite.append(ET.fromstring(f'<testcase classname="c" name="t{number}">{KINDS[kind]}</testcase>'))
    return suite


@settings(deadline=None)
@given(kinds=CASES, writer=st.sampled_from(["pytest", "surefire"]), data=st.data())
def test_junit__without_some_tests_or_their_outcomes__does_not_become_green(
    kinds: list[str], writer: str, data: st.DataObject
) -> None:
    suite = junit(kinds, writer)
    before = is_green(ET.tostring(suite))
    assert before == ("passed" in kinds and not {"failed", "error"} & set(kinds))
    for case in list(suite):
        what = data.draw(st.sampled_from(["keep", "drop", "drop its outcome"]))
        if what == "drop":
            suite.remove(case)
        elif what == "drop its outcome" and len(case):
            case.remove(case[0])
    assert before or not is_green(ET.tostring(suite))


@given(
    passed=st.integers(0, 3), failed=st.integers(0, 2), skipped=st.integers(0, 2), exit_code=st.sampled_from([0, 1, 137]),
    gone=st.sampled_from(["passed", "failed", "skipped", "exit_code", "url"]),
)  # fmt: skip
def test_tags__without_one_of_them__do_not_become_green(
    passed: int, failed: int, skipped: int, exit_code: int, gone: str
) -> None:
    fields = {"passed": passed, "failed": failed, "skipped": skipped, "exit_code": exit_code, "not_run": 0, "url": "x"}
    tags = {f"countersign.test.smoke.{name}": str(value) for name, value in fields.items()}
    before = judge(reports_from_tags(tags)).verdict in GREEN
    del tags[f"countersign.test.smoke.{gone}"]
    assert before or judge(reports_from_tags(tags)).verdict not in GREEN
