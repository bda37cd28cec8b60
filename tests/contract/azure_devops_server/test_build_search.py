"""The builds list: filters, order, paging."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from azure_devops_server.model.build import Build
from azure_devops_server.values import new_guid, wire_time
from tests.contract.azure_devops_server.conftest import Site, open_site

START = datetime(2026, 11, 1, 12, 0, 0, 123456, tzinfo=UTC)


def at(minutes: int) -> str:
    """A time of the history, as it is sent."""
    return str(wire_time(START + timedelta(minutes=minutes)))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Six builds of two pipelines, a minute apart, in all states."""
    with open_site(tmp_path_factory.mktemp("history")) as server:
        site = Site(server)
        blank = Build(
            id=0, project_id=site.project_id, pipeline_id=site.pipeline("quick"), pipeline_revision=1, number="",
            number_revision=1, plan_id="", ref="refs/heads/main", commit="0" * 40,
            requested_by=server.organization.identities.administrator.id, queued=START, changed=START,
        )  # fmt: skip
        rows: list[dict[str, Any]] = [
            {"number": "r-1-1", "status": "completed", "result": "succeeded", "tags": ("a",)},
            {"number": "r-1-2", "status": "completed", "result": "failed", "tags": ("a", "B")},
            {"number": "r-10-1", "status": "inProgress", "tags": ("b",)},
            {"number": "other", "status": "notStarted", "pipeline_id": site.pipeline("full"), "reason": "schedule"},
            {"number": "R-2-1", "status": "cancelling", "ref": "refs/heads/topic"},
            {"number": "r-1-3", "status": "completed", "result": "canceled"},
        ]
        for position, fields in enumerate(rows, start=1):
            queued = START + timedelta(minutes=position)
            done = fields["status"] == "completed"
            times: dict[str, Any] = (
                {"started": queued, "finished": queued + timedelta(minutes=20 - 3 * position)} if done else {}
            )
            server.organization.state.builds.put(
                replace(blank, id=position, plan_id=new_guid(), queued=queued, **times, **fields)
            )
        yield site


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", [6, 5, 4, 3, 2, 1]),
        ("queryOrder=queueTimeAscending", [1, 2, 3, 4, 5, 6]),
        ("queryOrder=5", [1, 2, 3, 4, 5, 6]),
        ("queryOrder=finishTimeAscending&statusFilter=completed", [6, 2, 1]),
        ("buildNumber=r-1-1", [1]),
        ("buildNumber=r-1-%2A", [6, 2, 1]),
        ("buildNumber=r-1*", [6, 3, 2, 1]),
        ("statusFilter=inProgress%2CnotStarted", [4, 3]),
        ("statusFilter=INPROGRESS", [3]),
        ("statusFilter=2", [6, 2, 1]),
        ("statusFilter=all", [6, 5, 4, 3, 2, 1]),
        ("resultFilter=failed,canceled", [6, 2]),
        ("tagFilters=a", [2, 1]),
        ("tagFilters=a,b", [2]),
        ("branchName=refs/heads/topic", [5]),
        ("branchName=topic", [5]),
        ("buildIds=2,4", [4, 2]),
        ("reasonFilter=schedule", [4]),
        ("requestedFor=Demo%20Administrator", [6, 5, 4, 3, 2, 1]),
        ("requestedFor=nobody", []),
        ("maxBuildsPerDefinition=1", [6, 4]),
        ("deletedFilter=onlyDeleted", []),
        ("repositoryType=TfsGit&$top=2", [6, 5]),
        (f"minTime={quote(at(5))}", [6, 5]),
        (f"maxTime={quote(at(2))}", [2, 1]),
        ("minTime=2026-11-01T12:05:00.000Z", [6, 5]),
        (f"queryOrder=finishTimeDescending&minTime={quote(at(16))}", [1, 2]),
    ],
)
def test_builds__each_filter__selects(history: Site, query: str, ids: list[int]) -> None:
    found = history.ok("GET", f"build/builds?{query}")
    assert [row["id"] for row in found["value"]] == ids
    assert found["count"] == len(ids)


def test_builds__by_definition__selects(history: Site) -> None:
    found = history.ok("GET", f"build/builds?definitions={history.pipeline('full')}")
    assert [row["id"] for row in found["value"]] == [4]


@pytest.mark.parametrize("order", ["queueTimeDescending", "queueTimeAscending", "finishTimeAscending"])
def test_builds__pages_by_token__give_each_build_once(history: Site, order: str) -> None:
    whole = [row["id"] for row in history.ok("GET", f"build/builds?queryOrder={order}")["value"]]
    seen: list[int] = []
    token = ""
    for _ in range(10):
        more = f"&continuationToken={quote(token)}" if token else ""
        answer = history.send("GET", f"build/builds?queryOrder={order}&$top=2{more}")
        seen += [row["id"] for row in answer.json()["value"]]
        token = answer.headers.get("x-ms-continuationtoken", "")
        if not token or (len(seen) > 3 and order.startswith("finish")):
            break
    # Three builds have not finished: they come last, at the same time, which a token cannot tell apart.
    assert seen[:4] == whole[:4]
    assert order.startswith("finish") or seen == whole


@pytest.mark.parametrize(
    "query",
    ["statusFilter=bogus", "definitions=x", "minTime=yesterday", "continuationToken=3", "queryOrder=up", "$top=0"],
)
def test_builds__unusable_filter__400(history: Site, query: str) -> None:
    assert history.send("GET", f"build/builds?{query}").status_code == 400


def test_latest_build__by_id_name_and_branch__is_the_newest(history: Site) -> None:
    builds = history.ok("GET", "build/builds?queryOrder=queueTimeDescending")["value"]
    newest = max((row for row in builds if row["definition"]["name"] == "quick"), key=lambda row: row["id"])
    number = newest["definition"]["id"]
    for wanted in (f"{number}", "Quick", f"{number}?branchName=main", f"{number}?branchName=refs/heads/main"):
        assert history.ok("GET", f"build/latest/{wanted}")["id"] == newest["id"]
    assert history.send("GET", f"build/latest/{number}?branchName=other").status_code == 404
    assert history.send("GET", "build/latest/nothing").status_code == 404
