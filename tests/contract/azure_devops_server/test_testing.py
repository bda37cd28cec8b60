"""Test runs and results: from JUnit files, and from users' own tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from azure_devops_server.engine.tasks.junit_file import JUnitError, read_junit
from tests.contract.azure_devops_server.conftest import Site


@pytest.fixture(scope="module")
def tested(site: Site) -> tuple[Site, int, Any]:
    """A finished run with published results, and its test run."""
    run = site.start("full", requestId="tests")
    site.ended(run["id"])
    (found,) = site.ok("GET", f"test/runs?buildUri=vstfs:///Build/Build/{run['id']}&includeRunDetails=true")["value"]
    return site, run["id"], found


def test_published_run__is_linked_to_the_build_and_counts(tested: tuple[Site, int, Any]) -> None:
    _, build_id, run = tested
    assert (run["name"], run["state"], run["build"]["id"]) == ("smoke", "Completed", str(build_id))
    assert (run["totalTests"], run["passedTests"], run["unanalyzedTests"], run["notApplicableTests"]) == (3, 1, 1, 1)
    assert run["incompleteTests"] == 0
    assert {(row["outcome"], row["count"]) for row in run["runStatistics"]} == {
        ("Passed", 1), ("Failed", 1), ("NotExecuted", 1),
    }  # fmt: skip
    assert run["pipelineReference"]["stageReference"]["stageName"] == "Test"
    assert run["buildConfiguration"]["uri"] == f"vstfs:///Build/Build/{build_id}"


def test_run_without_details__has_the_short_form(tested: tuple[Site, int, Any]) -> None:
    site, build_id, _ = tested
    (short,) = site.ok("GET", f"test/runs?buildUri=vstfs%3A%2F%2F%2FBuild%2FBuild%2F{build_id}")["value"]
    assert set(short) == {
        "id",
        "name",
        "url",
        "isAutomated",
        "owner",
        "startedDate",
        "completedDate",
        "state",
        "revision",
    }


def test_results__outcomes_skip_and_top__select(tested: tuple[Site, int, Any]) -> None:
    site, _, run = tested
    path = f"test/Runs/{run['id']}/Results"
    rows = site.ok("GET", path)["value"]
    assert [row["id"] for row in rows] == [100000, 100001, 100002]
    assert [row["testCaseTitle"] for row in site.ok("GET", path + "?$skip=1&$top=1")["value"]] == ["fails"]
    assert [row["outcome"] for row in site.ok("GET", path + "?outcomes=failed,3")["value"]] == ["Failed"]
    assert site.send("GET", path + "?$top=1001").status_code == 400
    one = site.ok("GET", path + "/100000")
    assert (one["durationInMs"], one["automatedTestName"], one["automatedTestStorage"]) == (
        250.0, "pkg.Case.passes", "pkg.Case",
    )  # fmt: skip


def test_own_run__made_filled_changed_and_removed(site: Site) -> None:
    run = site.ok("POST", "test/runs", json={"name": "mine", "isAutomated": True, "state": "inProgress"})
    assert run["state"] == "InProgress"
    path = f"test/runs/{run['id']}"
    body = [
        {"testCaseTitle": "a", "outcome": "Passed", "state": "Completed", "durationInMs": 5},
        {"testCase": {"name": "b"}, "outcome": 3, "errorMessage": "no", "priority": 1},
    ]
    added = site.ok("POST", f"{path}/results", json=body)["value"]
    assert [(row["id"], row["testCaseTitle"], row["outcome"]) for row in added] == [
        (100000, "a", "Passed"), (100001, "b", "Failed"),
    ]  # fmt: skip
    changed = site.ok("PATCH", f"{path}/results", json=[{"id": 100001, "outcome": "Passed", "comment": "flaky"}])
    assert (changed["value"][0]["outcome"], changed["value"][0]["revision"]) == ("Passed", 2)
    done = site.ok("PATCH", path, json={"state": "Completed", "comment": "fine"})
    assert (done["state"], done["passedTests"], "completedDate" in done) == ("Completed", 2, True)
    assert site.send("PATCH", f"{path}/results", json=[{"id": 7}]).status_code == 404
    site.ok("DELETE", path)
    assert site.send("GET", path).status_code == 404


def test_query__by_a_window__must_be_at_most_seven_days(site: Site) -> None:
    site.ok("POST", "test/runs", json={"name": "windowed"})
    wide = "minLastUpdatedDate=2026-01-01T00:00:00Z&maxLastUpdatedDate=2026-02-01T00:00:00Z"
    assert site.send("GET", f"test/runs?{wide}").status_code == 400
    assert site.send("POST", "test/runs", json={"name": ""}).status_code == 400
    assert site.send("POST", "test/runs", json={"name": "x", "build": {"id": "99999"}}).status_code == 400


@pytest.mark.parametrize("text", ["", "<html/>", "no xml", "<testsuite><testcase></testsuite>"])
def test_read_junit__what_is_no_junit__says_so(tmp_path: Path, text: str) -> None:
    path = tmp_path / "TEST.xml"
    path.write_text(text)
    with pytest.raises(JUnitError):
        read_junit(path)


def test_read_junit__entity_bomb__is_refused(tmp_path: Path) -> None:
    path = tmp_path / "TEST.xml"
    levels = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    path.write_text(f'<!DOCTYPE x [<!ENTITY l0 "aaaaaaaaaa">{levels}]><testsuite name="&l11;"/>')
    with pytest.raises(JUnitError):
        read_junit(path)


def test_read_junit__odd_values__are_tamed(tmp_path: Path) -> None:
    path = tmp_path / "TEST.xml"
    path.write_text(
        '<testsuite><testcase name="a" time="1,234.5"/><testcase name="b" time="nan"/>'
        '<testcase name="c"><error type="E"/></testcase></testsuite>'
    )
    rows = read_junit(path)
    assert [(row.duration_ms, row.outcome) for row in rows] == [
        (1_234_500.0, "Passed"),
        (0.0, "Passed"),
        (0.0, "Failed"),
    ]


@pytest.mark.parametrize(
    ("text", "outcomes"),
    [
        ('<testsuites><testcase name="a"/><testsuite><testcase name="b"/></testsuite></testsuites>', ["Passed"]),
        ('<testsuite><testcase name="a"/><testsuite><testcase name="b"><failure/></testcase></testsuite></testsuite>', ["Failed", "Passed"]),
        ('<testsuite tests="5" failures="2"><testcase name="a"/><testcase name=""/><error message="gone"/></testsuite>', ["Passed"]),
        ('<testsuite><testcase name="a" status="failed"/><testcase name="b" status="notrun"/></testsuite>', ["Passed", "Passed"]),
        ('<testsuite><testcase name="a"><skipped/><failure/></testcase><testcase name="a"><skipped message="m"/></testcase></testsuite>',
         ["Failed", "NotExecuted"]),
        ('<testsuite><testcase name="a"><rerunFailure/></testcase><testcase name="b"><group><error/></group></testcase></testsuite>',
         ["Passed", "Passed"]),
    ],
)  # fmt: skip
def test_read_junit__counts__what_the_real_task_counts(tmp_path: Path, text: str, outcomes: list[str]) -> None:
    path = tmp_path / "TEST.xml"
    path.write_text(text)
    assert [row.outcome for row in read_junit(path)] == outcomes
