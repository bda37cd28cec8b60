"""Pages for people, and the Git API."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from azure_devops_server import seed
from tests.contract.azure_devops_server.conftest import PROJECT, Site


def test_run_page__shows_state_stages_steps_tests_and_links_that_work(site: Site) -> None:
    run = site.start("full", requestId="page")
    site.ended(run["id"])
    answer = site.session.get(run["_links"]["web"]["href"], timeout=10, auth=None)
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    text = answer.text
    for word in ("Run page-1", "Succeeded", "Test", "Deploy", "CmdLine", "smoke", "1 of 3 failed", "drop", "from-step"):
        assert word in text
    assert 'http-equiv="refresh"' not in text
    links = set(re.findall(r'href="([^"]+)"', text))
    assert len(links) > 5
    for target in links:
        assert site.session.get(target.replace("&amp;", "&"), timeout=10, auth=None).status_code == 200


def test_running_page__reloads_itself(site: Site) -> None:
    run = site.start("sleeper")
    site.record(run["id"], "Task")
    assert 'http-equiv="refresh"' in site.session.get(run["_links"]["web"]["href"], timeout=10).text
    site.ok("PATCH", f"build/builds/{run['id']}", json={"status": 4})
    site.ended(run["id"])


def test_pages__text_of_users__is_escaped(site: Site) -> None:
    evil = "<script>alert(1)</script>"
    run = site.start("quick", requestId=evil)
    site.ended(run["id"])
    site.ok("POST", f"build/builds/{run['id']}/tags", json=[evil])
    text = site.session.get(run["_links"]["web"]["href"], timeout=10).text
    assert evil not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


@pytest.mark.parametrize("path", ["", "/ml-platform", "/ml-platform/_build", "/ml-platform/_release"])
def test_pages__lists__open(site: Site, path: str) -> None:
    answer = site.session.get(site.url + path, timeout=10, auth=None)
    assert answer.status_code == 200
    assert "<h1>" in answer.text


def test_pages__that_do_not_exist__404(site: Site) -> None:
    for path in ("_build/results?buildId=9999", "_build/definition?definitionId=99", "_environments/99",
                 "_release?releaseId=9", "_build/results"):  # fmt: skip
        assert site.session.get(f"{site.url}/{PROJECT}/{path}", timeout=10).status_code == 404


def test_release_and_environment_pages__open(site: Site) -> None:
    task = {"taskId": "d9bafed4-0b18-4f58-968d-86655b4d2ce9", "name": "say", "inputs": {"script": "exit 1"}}
    body = {"name": "p", "environments": [{"name": "prod <1>", "deployPhases": [{"workflowTasks": [task]}]}]}
    definition = site.ok("POST", "Release/definitions", json=body, host="vsrm")
    release = site.ok("POST", "Release/releases", json={"definitionId": definition["id"]}, host="vsrm")
    page = site.session.get(release["_links"]["web"]["href"], timeout=10)
    assert page.status_code == 200
    assert "prod &lt;1&gt;" in page.text
    row = seed.environment(site.organization, PROJECT, "production")
    assert site.session.get(f"{site.url}/{PROJECT}/_environments/{row.id}", timeout=10).status_code == 200


def test_git__repository_refs_items_and_commits__are_readable(site: Site) -> None:
    (repository,) = site.ok("GET", "git/repositories")["value"]
    assert repository["name"] == PROJECT
    assert site.ok("GET", f"git/repositories/{repository['id']}") == repository
    base = f"git/repositories/{PROJECT}"
    (ref,) = site.ok("GET", f"{base}/refs?filter=heads/main")["value"]
    assert ref["name"] == "refs/heads/main"
    (commit,) = site.ok("GET", f"{base}/commits?searchCriteria.$top=5")["value"]
    assert commit["commitId"] == ref["objectId"]
    assert site.ok("GET", f"{base}/commits/{commit['commitId']}") == commit
    items = site.ok("GET", f"{base}/items?recursionLevel=Full")["value"]
    assert {"/quick.yml", "/results.xml"} <= {item["path"] for item in items}
    text = site.send("GET", f"{base}/items?path=/quick.yml", headers={"Accept": "text/plain"}).text
    assert "requestId" in text
    document = site.ok("GET", f"{base}/items?path=/quick.yml&includeContent=true&$format=json")
    assert document["content"] == text
    version = f"{base}/items?path=/quick.yml&versionDescriptor.version=main&versionDescriptor.versionType=branch"
    assert site.send("GET", version).status_code == 200


@pytest.mark.parametrize(
    "path", ["none", f"{PROJECT}/items?path=/none.txt", f"{PROJECT}/commits/abc",
             f"{PROJECT}/items?path=/quick.yml&versionDescriptor.version=--help"]
)  # fmt: skip
def test_git__what_is_not_there__404(site: Site, path: str) -> None:
    assert site.send("GET", f"git/repositories/{path}").status_code == 404


def test_changes__are_the_commits_since_the_build_before(own_site: Site, tmp_path: Path) -> None:
    first = own_site.start("quick")
    (only,) = own_site.ok("GET", f"build/builds/{first['id']}/changes")["value"]
    assert only["type"] == "TfsGit"
    for name in ("one", "two"):
        (tmp_path / "source" / name).write_text(name)
        seed.repository(own_site.organization, PROJECT, tmp_path / "source", message=f"Add {name}")
    second, third = own_site.start("quick"), own_site.start("quick")
    rows = own_site.ok("GET", f"build/builds/{second['id']}/changes")["value"]
    assert [row["message"].strip() for row in rows] == ["Add two", "Add one"]
    assert own_site.session.get(rows[0]["location"], timeout=10).json()["commitId"] == rows[0]["id"]
    assert own_site.ok("GET", f"build/builds/{third['id']}/changes")["value"] == []
