"""Runs: start, read, refuse, cancel, retry, name, tags, logs, artifacts."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.contract.azure_devops_server.conftest import PROJECT, Site, wait_for
from tests.contract.azure_devops_server.test_wire import SEVEN_DIGITS


def test_start__parameters_and_variables__are_echoed_and_used(site: Site) -> None:
    body = {
        "templateParameters": {"requestId": "r-1", "flag": "True"},
        "variables": {"greeting": {"value": "good day"}},
        "resources": {"repositories": {"self": {"refName": "refs/heads/main"}}},
    }
    run = site.ok("POST", f"pipelines/{site.pipeline('quick')}/runs", json=body)
    assert run["state"] == "inProgress"
    assert "result" not in run
    assert run["name"] == "r-1-1"
    assert run["templateParameters"] == {"requestId": "r-1", "flag": "True"}
    assert run["variables"] == {"greeting": {"value": "good day"}}
    assert SEVEN_DIGITS.fullmatch(run["createdDate"])
    assert f"/demo/{site.project_id}/_apis/pipelines/" in run["url"]
    assert run["_links"]["web"]["href"].endswith(f"/{site.project_id}/_build/results?buildId={run['id']}")
    build = site.ended(run["id"])
    assert (build["result"], build["buildNumber"]) == ("succeeded", "r-1-1")
    assert build["parameters"] == '{"greeting":"good day"}'
    assert build["templateParameters"] == {"requestId": "r-1", "flag": "True"}
    task = next(row for row in site.records(run["id"], "Task") if row["name"] == "CmdLine")
    text = site.send("GET", f"build/builds/{run['id']}/logs/{task['log']['id']}").text
    assert "hello r-1 good day" in text


def test_list_runs__leaves_template_parameters_out_but_get_run_has_them(site: Site) -> None:
    run = site.start("quick", requestId="listed")
    listed = site.ok("GET", f"pipelines/{run['pipeline']['id']}/runs")["value"]
    assert listed[0]["id"] == run["id"]
    assert "templateParameters" not in listed[0]
    read = site.ok("GET", f"pipelines/{run['pipeline']['id']}/runs/{run['id']}")
    assert read["templateParameters"] == {"requestId": "listed"}
    assert read["resources"]["repositories"]["self"]["repository"]["type"] == "azureReposGit"
    assert len(read["resources"]["repositories"]["self"]["version"]) == 40


def test_same_start_twice__is_two_runs_with_counted_names(site: Site) -> None:
    first, second = site.start("quick", requestId="twice"), site.start("quick", requestId="twice")
    assert first["id"] != second["id"]
    assert [first["name"], second["name"]] == ["twice-1", "twice-2"]


def test_fresh_build__leaves_unset_fields_out_and_writes_explicit_nulls(site: Site) -> None:
    run = site.start("sleeper")
    build = site.ok("GET", f"build/builds/{run['id']}")
    assert not {"result", "finishTime", "parameters", "templateParameters"} & set(build)
    assert build["triggeredByBuild"] is None
    record = site.record(run["id"], "Stage")
    assert record["task"] is None
    assert record["resultCode"] is None
    assert record["lastModified"] == "0001-01-01T00:00:00"
    assert record["previousAttempts"] == []
    site.ok("PATCH", f"build/builds/{run['id']}", json={"status": "cancelling"})
    site.ended(run["id"])


@pytest.mark.parametrize(
    ("pipeline", "body", "message"),
    [
        ("broken", {}, "/broken.yml (Line: 1, Col: 1): Unexpected value 'stepz'"),
        ("quick", {"templateParameters": {"nope": "1"}}, "Unexpected parameter 'nope'"),
        ("quick", {"templateParameters": {"flag": "perhaps"}}, "flag"),
        ("quick", {"variables": {"secretive": {"value": "1"}}}, "You can't set the following variables (secretive)."),
        ("quick", {"resources": {"repositories": {"self": {"refName": "refs/heads/no"}}}}, "refs/heads/no"),
        ("quick", {"stagesToSkip": ["Nowhere"]}, "Nowhere"),
    ],
)
def test_start__that_cannot_run__400_pipeline_validation(
    site: Site, pipeline: str, body: dict[str, Any], message: str
) -> None:
    before = site.ok("GET", "build/builds")["count"]
    answer = site.send("POST", f"pipelines/{site.pipeline(pipeline)}/runs", json=body)
    assert answer.status_code == 400
    document = answer.json()
    assert document["typeKey"] == "PipelineValidationException"
    assert document["typeName"] == (
        "Microsoft.Azure.Pipelines.WebApi.PipelineValidationException, Microsoft.Azure.Pipelines.WebApi"
    )
    assert message in document["message"]
    assert site.ok("GET", "build/builds")["count"] == before


def test_missing_parameter__names_it(site: Site) -> None:
    text = "parameters:\n- name: needed\n  type: string\nsteps:\n- script: echo ${{ parameters.needed }}\n"
    body = {"previewRun": True, "yamlOverride": text}
    answer = site.send("POST", f"pipelines/{site.pipeline('quick')}/runs", json=body)
    assert answer.status_code == 400
    assert "A value for the 'needed' parameter must be provided." in answer.json()["message"]


def test_queue_build__that_cannot_run__400_in_the_shape_of_the_build_api(site: Site) -> None:
    body = {"definition": {"id": site.pipeline("quick")}, "templateParameters": {"testFolder": "x"}}
    answer = site.send("POST", "build/builds", json=body)
    assert answer.status_code == 400
    document = answer.json()
    assert document["typeKey"] == "BuildRequestValidationFailedException"
    assert document["message"] == "Could not queue the build because there were validation errors or warnings."
    results = document["customProperties"]["ValidationResults"]
    assert results[0]["result"] == "error"
    assert "Unexpected parameter 'testFolder'" in results[0]["message"]


def test_queue_build__keeps_tags_parameters_and_variables(site: Site) -> None:
    body = {
        "definition": {"id": site.pipeline("quick")},
        "templateParameters": {"requestId": "q-1"},
        "parameters": '{"greeting":"x"}',
        "tags": ["req-q-1"],
    }
    build = site.ok("POST", "build/Builds", json=body)
    assert build["status"] == "notStarted"
    assert build["tags"] == ["req-q-1"]
    assert build["parameters"] == '{"greeting":"x"}'


def test_secret_variable__is_never_shown_and_masked_in_logs(site: Site) -> None:
    body = {"variables": {"greeting": {"value": "hush-hush-77", "isSecret": True}}}
    run = site.ok("POST", f"pipelines/{site.pipeline('quick')}/runs", json=body)
    assert run["variables"] == {"greeting": {"isSecret": True}}
    build = site.ended(run["id"])
    assert build["result"] == "succeeded"
    logs = site.ok("GET", f"build/builds/{run['id']}/logs")["value"]
    texts = [site.send("GET", f"build/builds/{run['id']}/logs/{log['id']}").text for log in logs]
    assert any("hello none ***" in text for text in texts)
    assert not any("hush-hush-77" in text for text in texts)
    root = site.organization.config.root
    assert b"hush-hush-77" not in b"".join(path.read_bytes() for path in root.glob("state.sqlite*"))


def test_preview__gives_the_final_yaml_and_starts_nothing(site: Site) -> None:
    before = site.ok("GET", "build/builds")["count"]
    document = site.ok(
        "POST", f"pipelines/{site.pipeline('quick')}/preview", json={"templateParameters": {"requestId": "seen"}}
    )
    assert "hello seen" in document["finalYaml"]
    assert site.ok("GET", "build/builds")["count"] == before


def test_cancel__by_any_spelling_or_number__ends_canceled(site: Site) -> None:
    for status in ("cancelling", "Cancelling", 4):
        run = site.start("sleeper")
        site.record(run["id"], "Task")
        answer = site.ok("PATCH", f"build/builds/{run['id']}", json={"status": status})
        assert answer["status"] == "cancelling"
        build = site.ended(run["id"])
        assert build["result"] == "canceled"
        read = site.ok("GET", f"pipelines/{run['pipeline']['id']}/runs/{run['id']}")
        assert (read["state"], read["result"]) == ("completed", "canceled")
        again = site.ok("PATCH", f"build/builds/{run['id']}", json={"status": status})
        assert again["status"] == "completed"


def test_stage_retry__after_the_cause_is_mended__runs_it_and_what_follows(own_site: Site, tmp_path: Path) -> None:
    site = own_site
    run = site.start("flaky")
    build = site.ended(run["id"])
    assert build["result"] == "failed"
    assert {row["identifier"]: row["result"] for row in site.records(run["id"], "Stage")} == {
        "First": "succeeded", "Second": "failed", "Third": "skipped",
    }  # fmt: skip
    refused = site.send("PATCH", f"build/builds/{run['id']}/stages/First", json={"state": "retry"})
    assert refused.status_code == 409
    (tmp_path / "marker").touch()
    retried = site.send("PATCH", f"build/builds/{run['id']}/stages/Second", json={"state": "retry"})
    assert (retried.status_code, retried.content) == (204, b"")
    build = site.ended(run["id"])
    assert build["result"] == "succeeded"
    stages = {row["identifier"]: row for row in site.records(run["id"], "Stage")}
    assert {name: (row["result"], row["attempt"]) for name, row in stages.items()} == {
        "First": ("succeeded", 1), "Second": ("succeeded", 2), "Third": ("succeeded", 2),
    }  # fmt: skip
    (before,) = stages["Second"]["previousAttempts"]
    assert before["attempt"] == 1
    older = site.ok("GET", f"build/builds/{run['id']}/timeline/{before['timelineId']}")
    failed = next(row for row in older["records"] if row["id"] == before["recordId"])
    assert failed["result"] == "failed"
    assert {row["type"] for row in older["records"]} == {"Stage", "Phase", "Job", "Task"}


def test_build_retry__of_a_failed_run__runs_what_did_not_succeed(own_site: Site, tmp_path: Path) -> None:
    site = own_site
    run = site.start("flaky")
    site.ended(run["id"])
    (tmp_path / "marker").touch()
    answer = site.ok("PATCH", f"build/builds/{run['id']}?retry=true", json={})
    assert answer["status"] in ("notStarted", "inProgress")
    assert site.ended(run["id"])["result"] == "succeeded"
    refused = site.send("PATCH", f"build/builds/{run['id']}?retry=true", json={})
    assert refused.status_code == 409


def test_stages_to_skip__are_skipped(site: Site) -> None:
    run = site.ok("POST", f"pipelines/{site.pipeline('flaky')}/runs", json={"stagesToSkip": ["Second", "Third"]})
    assert site.ended(run["id"])["result"] == "succeeded"
    assert {row["identifier"]: row["result"] for row in site.records(run["id"], "Stage")}["Second"] == "skipped"


def test_cancel_stage__ends_that_stage(site: Site) -> None:
    run = site.start("sleeper")
    wait_for(lambda: [row for row in site.records(run["id"], "Task") if row["state"] == "inProgress"])
    site.ok("PATCH", f"build/builds/{run['id']}/stages/Long", json={"state": "cancel"})
    assert site.ended(run["id"])["result"] == "canceled"


def test_tags__put_post_patch_delete__and_the_colon_rule(site: Site) -> None:
    run = site.start("quick")
    tags = f"build/builds/{run['id']}/tags"
    assert site.ok("PUT", f"{tags}/TestTag0") == {"count": 1, "value": ["TestTag0"]}
    assert site.ok("PUT", f"{tags}/a%2Fb%20c", data=b"null")["value"] == ["TestTag0", "a/b c"]
    refused = site.send("PUT", f"{tags}/req%3Aab")
    assert refused.status_code == 400
    assert refused.text == "A potentially dangerous Request.Path value was detected from the client (:)."
    assert site.ok("POST", tags, json=["req:ab", "testtag0"])["value"] == ["TestTag0", "a/b c", "req:ab"]
    assert site.ok("DELETE", f"{tags}/TestTag0")["value"] == ["a/b c", "req:ab"]
    patched = site.ok("PATCH", tags, json={"tagsToAdd": ["x"], "tagsToRemove": ["req:ab"]})
    assert patched["value"] == ["a/b c", "x"] == site.ok("GET", tags)["value"]


def test_properties__json_patch__is_kept(site: Site) -> None:
    run = site.start("quick")
    path = f"build/builds/{run['id']}/properties"
    body = [{"op": "add", "path": "/model", "value": "credit"}, {"op": 0, "path": "/version", "value": 3}]
    site.ok("PATCH", path, json=body)
    assert site.ok("GET", path)["value"] == {
        "model": {"$type": "System.String", "$value": "credit"},
        "version": {"$type": "System.Int32", "$value": 3},
    }
    assert site.ok("GET", path + "?filter=model")["count"] == 1


def test_full_run__leaves_logs_artifacts_tags_attachments_and_a_deployment(site: Site) -> None:
    run = site.start("full", requestId="full")
    build = site.ended(run["id"])
    assert build["result"] == "succeeded"
    assert build["tags"] == ["from-step"]
    _check_logs(site, run["id"])
    _check_artifacts(site, run)
    attached = site.ok("GET", f"build/builds/{run['id']}/attachments/DistributedTask.Core.Summary")["value"]
    assert [row["name"] for row in attached] == ["report.md"]
    assert site.session.get(attached[0]["_links"]["self"]["href"], timeout=10).text == "# report\n"
    environment = site.ok("GET", "distributedtask/environments?name=production")["value"][0]
    records = site.ok("GET", f"distributedtask/environments/{environment['id']}/environmentdeploymentRecords?top=1")
    (record,) = records["value"]
    assert (record["result"], record["stageName"], record["owner"]["id"]) == ("succeeded", "Deploy", run["id"])
    newer = site.ok("GET", f"pipelines/environments/{environment['id']}/environmentdeploymentrecords")
    assert newer["value"][0]["id"] == record["id"]


def _check_logs(site: Site, build_id: int) -> None:
    logs = site.ok("GET", f"build/builds/{build_id}/logs")["value"]
    longest = max(logs, key=lambda log: log["lineCount"])
    path = f"build/builds/{build_id}/logs/{longest['id']}"
    text = site.send("GET", path, headers={"Accept": "text/plain;api-version=7.1-preview.2"}).text
    lines = text.splitlines()
    assert len(lines) == longest["lineCount"]
    assert site.send("GET", path + "?startLine=2&endLine=3").text.splitlines() == lines[1:3]
    as_json = site.ok("GET", path, headers={"Accept": "application/json"})
    assert as_json == {"count": len(lines), "value": lines}
    packed = site.send("GET", f"build/builds/{build_id}/logs?$format=zip")
    assert packed.headers["Content-Type"] == "application/zip"
    assert len(zipfile.ZipFile(io.BytesIO(packed.content)).namelist()) == len(logs)


def _check_artifacts(site: Site, run: dict[str, Any]) -> None:
    (artifact,) = site.ok("GET", f"build/builds/{run['id']}/artifacts")["value"]
    assert (artifact["name"], artifact["resource"]["type"]) == ("drop", "PipelineArtifact")
    assert artifact == site.ok("GET", f"build/builds/{run['id']}/artifacts?artifactName=drop")
    packed = site.session.get(artifact["resource"]["downloadUrl"], timeout=10)
    archive = zipfile.ZipFile(io.BytesIO(packed.content))
    assert archive.read("drop/model.txt") == b"model\n"
    signed = f"pipelines/{run['pipeline']['id']}/runs/{run['id']}/artifacts?artifactName=drop&$expand=signedContent"
    assert site.ok("GET", signed)["signedContent"]["url"] == artifact["resource"]["downloadUrl"]
    missing = site.send("GET", f"build/builds/{run['id']}/artifacts?artifactName=none")
    assert missing.status_code == 404


def test_step_processes__see_no_token_of_the_server_but_can_use_their_own(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_DEVOPS_DEMO_TOKEN", "server-secret")
    text = (
        "steps:\n- checkout: none\n- script: |\n    env\n"
        f"    curl -sf -u :$TOKEN {site.url}/_apis/connectionData | grep -o 'Build Service' | head -1\n"
        "  env:\n    TOKEN: $(System.AccessToken)\n"
    )
    folder = site.organization.config.root.parent / "token"
    folder.mkdir()
    (folder / "token.yml").write_text(text)
    from azure_devops_server import seed

    seed.repository(site.organization, PROJECT, folder)
    seed.pipeline(site.organization, PROJECT, "token", "token.yml")
    run = site.start("token")
    assert site.ended(run["id"])["result"] == "succeeded"
    task = next(row for row in site.records(run["id"], "Task") if row["name"] == "CmdLine")
    log = site.send("GET", f"build/builds/{run['id']}/logs/{task['log']['id']}").text
    assert "server-secret" not in log
    assert "Build Service" in log
    assert "TOKEN=***" in log


def test_run__of_a_commit_that_has_moved_on__uses_the_commit_asked_for(own_site: Site, tmp_path: Path) -> None:
    from azure_devops_server import seed

    site = own_site
    before = site.ok("GET", f"git/repositories/{PROJECT}/commits")["value"][0]["commitId"]
    source = tmp_path / "source"
    (source / "quick.yml").write_text("steps:\n- script: echo changed\n")
    after = seed.repository(site.organization, PROJECT, source, message="Change")
    assert before != after
    wanted = {"resources": {"repositories": {"self": {"refName": "refs/heads/main", "version": before}}}}
    old = site.ok("POST", f"pipelines/{site.pipeline('quick')}/runs", json=wanted)
    new = site.ok("POST", f"pipelines/{site.pipeline('quick')}/runs", json={})
    assert old["resources"]["repositories"]["self"]["version"] == before
    assert new["resources"]["repositories"]["self"]["version"] == after
    assert site.ended(old["id"])["result"] == site.ended(new["id"])["result"] == "succeeded"
