"""What clients that were not written for this server send: the Node client, git, and people with curl.

The requests of the Node client were recorded from azure-devops-node-api 17.0.1; every call of it that this file names was
run against the server.
"""

from __future__ import annotations

import base64
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from azure_devops_server import seed
from tests.contract.azure_devops_server.conftest import PROJECT, Site

NODE = {
    "Accept": "application/json;api-version=7.2-preview.1;enumsAsInts=true;msDateFormat=true;noArrayWrap=true",
    "User-Agent": "azure-devops-node-api (Linux 6.1)",
    "X-TFS-FedAuthRedirect": "Suppress",
}


def node(site: Site, method: str, path: str, **more: Any) -> Any:
    """A call as the Node client makes it: token after a user name, enums wanted as numbers."""
    return site.ok(method, path, headers=NODE, auth=("PAT", "any"), **more)


def test_node__connects__by_connection_data_and_options_of_an_area(site: Site) -> None:
    for auth in ({"auth": ("PAT", "x")}, {"headers": {"Authorization": "Bearer x", **NODE}}):
        answer = site.session.get(f"{site.url}/_apis/connectionData", timeout=10, **auth)
        assert answer.json()["authenticatedUser"]["providerDisplayName"] == "Demo Administrator"
    for area, host in (("Location", ""), ("pipelines", ""), ("build", ""), ("git", ""), ("Release", "vsrm/")):
        base = site.url.replace(site.server.address, f"{site.server.address}/{host}".rstrip("/"))
        rows = site.session.options(f"{base}/_apis/{area}", timeout=10).json()["value"]
        assert rows, area
        assert {row["area"].casefold() for row in rows} == {area.casefold()}


def test_node__flags_as_one_number__select(site: Site) -> None:
    run = site.start("quick", requestId="flags")
    site.ended(run["id"])
    numbers = [row["id"] for row in node(site, "GET", "build/builds?statusFilter=34&resultFilter=10")["value"]]
    assert run["id"] in numbers
    assert run["id"] not in [row["id"] for row in node(site, "GET", "build/builds?statusFilter=33")["value"]]
    assert site.send("GET", "build/builds?statusFilter=64").status_code == 400


def test_node__dates_of_a_query__are_read_as_http_dates(site: Site) -> None:
    run = site.start("full", requestId="dates")
    site.ended(run["id"])
    window = "minLastUpdatedDate=Fri, 01 Jan 2100 00:00:00 GMT&maxLastUpdatedDate=Sat, 02 Jan 2100 00:00:00 GMT"
    assert node(site, "GET", f"test/runs?{window}")["value"] == []
    assert node(site, "GET", "build/builds?minTime=Fri, 01 Jan 2100 00:00:00 GMT")["value"] == []
    assert site.send("GET", "build/builds?minTime=Fri, 99 Jan").status_code == 400


def test_node__test_results_client__reads_from_its_own_host(site: Site) -> None:
    run = site.start("full", requestId="vstmr")
    site.ended(run["id"])
    (found,) = node(site, "GET", f"testresults/runs?buildUri=vstfs:///Build/Build/{run['id']}", host="vstmr")["value"]
    base = f"testresults/runs/{found['id']}"
    assert node(site, "GET", base, host="vstmr")["totalTests"] == 3
    results = node(site, "GET", f"{base}/results?outcomes=Failed", host="vstmr")["value"]
    assert [row["testCaseTitle"] for row in results] == ["fails"]
    assert node(site, "GET", f"{base}/statistics", host="vstmr")["run"]["id"] == str(found["id"])
    shown = node(site, "GET", f"testresults/resultsbybuild?buildId={run['id']}&outcomes=Failed", host="vstmr")["value"]
    assert [(row["runId"], row["outcome"]) for row in shown] == [(found["id"], "Failed")]
    groups = node(site, "GET", f"testresults/resultdetailsbybuild?buildId={run['id']}", host="vstmr")
    assert len(groups["resultsForGroup"][0]["results"]) == 3
    summary = node(site, "GET", f"testresults/resultsummarybybuild?buildId={run['id']}", host="vstmr")
    analysis = summary["aggregatedResultsAnalysis"]
    assert (analysis["totalTests"], analysis["duration"]) == (3, "00:00:01.2500000")
    assert analysis["resultsByOutcome"]["Failed"]["count"] == 1
    assert site.send("GET", "testresults/resultsbybuild?buildId=99999", host="vstmr").status_code == 404


def test_node__tags_of_all_builds_queues_and_pools__are_listed(site: Site) -> None:
    run = site.start("quick", requestId="tagged")
    site.ok("POST", f"build/builds/{run['id']}/tags", json=["of-the-project"])
    assert "of-the-project" in node(site, "GET", "build/tags")["value"]
    (queue,) = node(site, "GET", "distributedtask/queues?queueName=azure pipelines")["value"]
    pools = site.session.get(f"{site.url}/_apis/distributedtask/pools?poolName=none", timeout=10).json()
    assert (queue["id"], pools["count"]) == (1, 0)
    assert node(site, "GET", "distributedtask/variablegroups")["value"] == []


def test_node__tag_with_the_body_null__is_put(site: Site) -> None:
    run = site.start("quick", requestId="null-body")
    path = f"build/builds/{run['id']}/tags/by-node?api-version=7.2-preview.3"
    headers = {**NODE, "Content-Type": "application/json"}
    assert site.ok("PUT", path, data=b"null", headers=headers)["value"] == ["by-node"]


def test_az__old_versions_and_python_spelling__are_served_or_told(site: Site) -> None:
    assert site.ok("GET", "build/builds?api-version=5.0")["count"] >= 0
    assert site.ok("GET", "pipelines?api-version=6.0-preview.1")["count"] >= 1
    rows = site.session.options(f"{site.url}/_apis?allHostTypes=True", timeout=10).json()
    assert rows["count"] > 30
    order = {"definition": {"id": site.pipeline("quick")}, "parameters": "{'greeting': 'b'}"}
    answer = site.send("POST", "build/builds?api-version=5.0", json=order)
    assert answer.status_code == 400
    assert "must be a JSON object as text" in answer.json()["message"]


def test_release_tags__patch_post_delete(site: Site) -> None:
    task = {"taskId": "d9bafed4-0b18-4f58-968d-86655b4d2ce9", "name": "say", "inputs": {"script": "true"}}
    body = {"name": "tags", "environments": [{"name": "one", "deployPhases": [{"workflowTasks": [task]}]}]}
    definition = site.ok("POST", "Release/definitions", json=body, host="vsrm")
    release = site.ok("POST", "Release/releases", json={"definitionId": definition["id"]}, host="vsrm")
    tags = f"Release/releases/{release['id']}/tags"
    assert node(site, "PATCH", f"{tags}/a", host="vsrm")["value"] == ["a"]
    assert node(site, "POST", tags, json=["b", "A"], host="vsrm")["value"] == ["a", "b"]
    assert node(site, "DELETE", f"{tags}/A", host="vsrm")["value"] == ["b"]
    assert node(site, "GET", tags, host="vsrm")["value"] == ["b"]
    assert site.send("POST", tags, json="c", host="vsrm").status_code == 400


@pytest.mark.parametrize("asked", ["99.0", "7.3-preview.1", "seven"])
def test_api_version__that_is_not_served__400(site: Site, asked: str) -> None:
    answer = site.send("GET", f"build/builds?api-version={asked}")
    assert answer.status_code == 400
    assert asked in answer.json()["message"]
    by_header = site.send("GET", "build/builds", headers={"Accept": f"application/json;api-version={asked}"})
    assert by_header.status_code == 400


def _push(site: Site, path: str, text: str, *, old: str, **more: Any) -> Any:
    change = {"changeType": 1, "item": {"path": path}, "newContent": {"content": text, "contentType": 0}, **more}
    body = {
        "refUpdates": [{"name": "refs/heads/main", "oldObjectId": old}],
        "commits": [{"comment": "From the API", "changes": [change]}],
    }
    return site.send("POST", f"git/repositories/{PROJECT}/pushes", json=body)


def test_push__over_the_api__is_a_commit_whose_pipeline_runs(own_site: Site) -> None:
    (branch,) = own_site.ok("GET", f"git/repositories/{PROJECT}/stats/branches")["value"]
    old = branch["commit"]["commitId"]
    pushed = _push(own_site, "/sub/new.yml", "steps:\n- script: echo from a push\n", old=old)
    assert pushed.status_code == 201
    made = pushed.json()["refUpdates"][0]["newObjectId"]
    assert pushed.json()["commits"][0]["comment"] == "From the API"
    assert own_site.ok("GET", f"git/repositories/{PROJECT}/stats/branches?name=main")["commit"]["commitId"] == made
    repository = own_site.ok("GET", "git/repositories")["value"][0]["id"]
    body = {"name": "new", "configuration": {"type": 1, "path": "/sub/new.yml", "repository": {"id": repository}}}
    pipeline = own_site.ok("POST", "pipelines", json=body)
    run = own_site.ok("POST", f"pipelines/{pipeline['id']}/runs", json={})
    assert own_site.ended(run["id"])["result"] == "succeeded"
    stale = _push(own_site, "/sub/new.yml", "x", old=old)
    assert (stale.status_code, "TF401028" in stale.json()["message"]) == (409, True)
    assert _push(own_site, "/sub/new.yml", "", old=made, changeType="delete").status_code == 201
    assert own_site.send("GET", f"git/repositories/{PROJECT}/items?path=/sub/new.yml").status_code == 404


def test_push__base64_and_what_cannot_be_pushed(own_site: Site) -> None:
    (branch,) = own_site.ok("GET", f"git/repositories/{PROJECT}/stats/branches")["value"]
    old = branch["commit"]["commitId"]
    content = {"content": base64.b64encode(b"\x00\xff").decode(), "contentType": "base64Encoded"}
    assert _push(own_site, "/x.bin", "", old=old, newContent=content).status_code == 201
    raw = own_site.send("GET", f"git/repositories/{PROJECT}/items?path=/x.bin&download=true")
    assert raw.content == b"\x00\xff"
    for path in ("", "../outside", ".git/config"):
        answer = _push(own_site, path, "x", old=_head(own_site))
        assert answer.status_code == 400, answer.text
    assert _push(own_site, "/y", "x", old="0" * 40).status_code == 409


def _head(site: Site) -> str:
    return str(site.ok("GET", f"git/repositories/{PROJECT}/stats/branches?name=main")["commit"]["commitId"])


def test_repositories__without_a_project__by_guid_only(site: Site) -> None:
    rows = site.session.get(f"{site.url}/_apis/git/repositories", timeout=10).json()["value"]
    row = next(row for row in rows if row["name"] == PROJECT)
    base = f"{site.url}/_apis/git/repositories"
    assert site.session.get(f"{base}/{row['id']}", timeout=10).json() == row
    assert site.session.get(f"{base}/{row['id']}/refs", timeout=10).json()["count"] >= 1
    assert site.session.get(f"{base}/{PROJECT}", timeout=10).status_code == 404


def test_repository__new__is_empty_and_its_name_is_taken(site: Site) -> None:
    made = site.send("POST", "git/repositories", json={"name": "models"})
    assert (made.status_code, made.json()["name"]) == (201, "models")
    assert site.send("POST", "git/repositories", json={"name": "Models"}).status_code == 409
    assert site.ok("GET", "git/repositories/models/refs")["value"] == []


def _git(folder: Path, *arguments: str) -> str:
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
        "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@b.invalid",
        "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b.invalid",
    }  # fmt: skip
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_git__clone_and_push__at_the_remote_url(own_site: Site, tmp_path: Path) -> None:
    url = own_site.ok("GET", "git/repositories")["value"][0]["remoteUrl"]
    _git(tmp_path, "clone", "--quiet", url, "clone")
    clone = tmp_path / "clone"
    assert "requestId" in (clone / "quick.yml").read_text()
    (clone / "more.yml").write_text("steps:\n- script: echo cloned\n")
    _git(clone, "add", ".")
    _git(clone, "commit", "--quiet", "-m", "By git")
    _git(clone, "push", "--quiet", "origin", "HEAD:main")
    assert own_site.ok("GET", f"git/repositories/{PROJECT}/commits")["value"][0]["comment"] == "By git"
    pipeline = seed.pipeline(own_site.organization, PROJECT, "more", "more.yml")
    run = own_site.ok("POST", f"pipelines/{pipeline.id}/runs", json={})
    assert own_site.ended(run["id"])["result"] == "succeeded"
