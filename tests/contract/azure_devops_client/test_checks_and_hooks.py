"""The whole way: Azure DevOps asks before production, the portal answers by calling back; hooks make it look at once."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import requests
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import Engine

from azure_devops_server import seed
from azure_devops_server.seed import RestCheck
from services.adapters.azure_devops import AzureDevOpsConfig
from services.adapters.azure_devops.auth import PersonalAccessToken
from services.adapters.azure_devops.callbacks import AzureCheckCallbacks
from services.adapters.oidc.config import Sealer
from services.api.app import build_api
from services.api.azure_devops import AzureInboxes, add_azure
from services.domain.hooks import CheckCall, CheckState
from services.domain.promotions.promotion import PromotionRequest
from services.hooks.checks import CheckInbox, CheckWorker
from services.hooks.inbox import HookInbox, HookWorker
from services.policies.reading import parse_governance
from services.promotions.gate import Gate
from services.releases.following import RunFollower
from tests.contract.azure_devops_client.conftest import Bench, until
from tests.contract.azure_devops_server.conftest import PROJECT, Site, open_site
from tests.world import GOVERNANCE, World

SECRET = "hook-secret"
YAML = """
name: ${{ parameters.requestId }}-$(Rev:r)
parameters:
- {name: requestId, type: string}
- {name: modelName, type: string}
- {name: modelVersion, type: string}
- {name: planDigest, type: string}
- {name: artifactDigest, type: string}
stages:
- stage: Deploy
  jobs:
  - deployment: serve
    environment: production
    strategy: {runOnce: {deploy: {steps: [{script: echo deployed}]}}}
"""
HEADERS = {
    "Content-Type": "application/json",
    "PlanUrl": "$(system.CollectionUri)",
    "ProjectId": "$(system.TeamProjectId)",
    "HubName": "$(system.HostType)",
    "PlanId": "$(system.PlanId)",
    "JobId": "$(system.JobId)",
    "TimelineId": "$(system.TimelineId)",
    "TaskInstanceId": "$(system.TaskInstanceId)",
    "AuthToken": "$(system.AccessToken)",
    "BuildId": "$(Build.BuildId)",
}


@dataclass
class Portal:
    """The portal's API on a real port, with the parts of its worker."""

    world: World
    bench: Bench
    url: str
    checks: CheckWorker
    hooks: HookWorker
    follower: RunFollower

    def released(self) -> PromotionRequest:
        """A request that is approved and whose run waits at the check."""
        request = self.world.approve(self.world.open())
        self.step()
        until(self.calls)
        return request

    def step(self) -> None:
        """Let the rollout work until it waits."""
        while self.world.worker().run_once():
            pass

    def calls(self) -> list[CheckCall]:
        with self.world.units.read() as unit:
            rows = unit.hooks.checks_of(self.run_id())
        return list(rows)

    def run_id(self) -> int:
        return max(row["id"] for row in self.bench.site.ok("GET", "build/builds")["value"])

    def post(self, path: str, **more: Any) -> requests.Response:
        return requests.post(f"{self.url}/{path}", timeout=10, **more)


@contextmanager
def served(api: FastAPI) -> Iterator[str]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(api, log_level="error"))
        thread = Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until(lambda: server.started)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def portal(engine: Engine, tmp_path: Path) -> Iterator[Portal]:
    folder = tmp_path / "azure"
    folder.mkdir()
    with open_site(folder) as server:
        (folder / "source" / "release.yml").write_text(YAML, encoding="utf-8")
        seed.repository(server.organization, PROJECT, folder / "source")
        pipeline = seed.pipeline(server.organization, PROJECT, "release", "release.yml")
        bench = Bench(Site(server))
        text = GOVERNANCE.replace("project: ml, id: 12", f"project: {PROJECT}, id: {pipeline.id}")
        rules = parse_governance(text.replace("REGISTRY", "before").replace("QUORUM", "1"))
        azure: Any = bench.client()
        world = World(engine, tmp_path, rules=rules, pipelines=azure)
        safe = Sealer(SecretStr(SECRET), "test")
        callbacks = AzureCheckCallbacks(AzureDevOpsConfig(server.url, PersonalAccessToken(SecretStr("any"))))
        gate, follower = Gate(world.units, world.registry), RunFollower(azure, world.units, world.clock)
        api = build_api(None, gate, SecretStr(""))  # type: ignore[arg-type]  # no page is asked for here
        inbox = CheckInbox(world.units, callbacks, safe, world.clock)
        add_azure(api, AzureInboxes(HookInbox(world.units, world.clock), inbox, SecretStr(SECRET)))
        with served(api) as url:
            _guard(bench, url)
            checks = CheckWorker(world.units, gate, azure, callbacks, safe=safe, clock=world.clock)
            yield Portal(world, bench, url, checks, HookWorker(world.units, azure, follower, world.clock), follower)
        bench.close()
        bench.site.close()


def _guard(bench: Bench, url: str) -> None:
    org = bench.site.organization
    seed.endpoint(org, PROJECT, "countersign", url, username="azure", password=SECRET)
    check = RestCheck(
        "countersign", name="Countersign", url_suffix="azure/check?environment=production",
        headers=json.dumps(HEADERS), timeout_minutes=60,
    )  # fmt: skip
    seed.environment(org, PROJECT, "production", [check])


def log_of_check(portal: Portal) -> str:
    record = next(r for r in portal.bench.site.records(portal.run_id()) if r["type"] == "Checkpoint.TaskCheck")
    return portal.bench.site.send("GET", f"build/builds/{portal.run_id()}/logs/{record['log']['id']}").text


def test_check__approved_request__lets_production_go_and_says_why(portal: Portal) -> None:
    request = portal.released()
    assert portal.calls()[0].state is CheckState.WAITING
    assert portal.checks.beat() == 1
    assert portal.bench.ended(RefOf(portal)).get("result") == "succeeded"
    call = portal.calls()[0]
    assert (call.state, call.allowed, call.sealed_token, call.request_id) == (CheckState.SENT, True, "", request.id)
    told = log_of_check(portal)
    assert "Countersign: allowed in production" in told
    assert f"Plan digest: {request.plan_digest}" in told
    assert "Approved by: Chlo" in told
    assert "Artifact digest: sha256:" in told
    assert "release:check:answered" in portal.world.actions()


def test_check__model_files_changed_meanwhile__is_not_allowed(portal: Portal) -> None:
    request = portal.released()
    portal.world.registry.model_bytes[request.key] = b"something else"
    portal.checks.beat()
    assert portal.bench.ended(RefOf(portal))["result"] == "failed"
    assert "not allowed" in log_of_check(portal)


def test_check__run_started_by_somebody_else_with_our_parameters__is_not_allowed(portal: Portal) -> None:
    request = portal.released()
    portal.checks.beat()
    portal.bench.ended(RefOf(portal))
    values = {
        "requestId": request.id, "modelName": request.key.model, "modelVersion": str(request.key.version),
        "planDigest": request.plan_digest, "artifactDigest": "",
    }  # fmt: skip
    forged = portal.bench.site.start("release", **values)
    until(lambda: portal.run_id() == forged["id"] and portal.calls())
    portal.checks.beat()
    assert portal.bench.site.ended(forged["id"])["result"] == "failed"
    assert "not the one that was started" in portal.calls()[0].answer


def test_check__callback_lost__is_sent_again_and_known_as_sent(portal: Portal) -> None:
    portal.released()
    portal.bench.fault(fault="drop_after", method="POST", route="/events$")
    portal.checks.beat()
    assert portal.calls()[0].state is CheckState.ANSWERED
    assert portal.calls()[0].error == "unknown_outcome"
    portal.world.clock.advance(300)
    portal.checks.beat()
    assert portal.calls()[0].state is CheckState.SENT
    assert portal.bench.ended(RefOf(portal))["result"] == "succeeded"


def test_check__azure_devops_away__waits_and_answers_later(portal: Portal) -> None:
    portal.released()
    portal.bench.fault(fault="server_error", method="GET", route="/build", times=None)
    portal.checks.beat()
    portal.bench.site.control("DELETE", "_faults")
    assert portal.calls()[0].state is CheckState.WAITING
    portal.world.clock.advance(300)
    portal.checks.beat()
    assert portal.bench.ended(RefOf(portal))["result"] == "succeeded"


def test_check__sent_twice__is_kept_once(portal: Portal) -> None:
    portal.released()
    call = portal.calls()[0]
    headers = call_headers(portal, call)
    answer = portal.post("azure/check?environment=production", headers=headers, auth=("x", SECRET))
    assert (answer.status_code, answer.json()) == (200, {"kept": False})
    assert len(portal.calls()) == 1
    portal.checks.beat()
    portal.bench.ended(RefOf(portal))


def test_check__token__stands_nowhere_in_the_database_as_it_is(portal: Portal, engine: Engine) -> None:
    headers = {**GOOD, "PlanUrl": portal.bench.site.url + "/", "AuthToken": "very-secret-job-token"}
    answer = portal.post("azure/check?environment=production", headers=headers, auth=("x", SECRET))
    assert answer.status_code == 200
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("select * from azure_check").all()
    assert rows
    assert "very-secret-job-token" not in str(rows)


GUID = "11111111-2222-3333-4444-555555555555"
GOOD = {
    "ProjectId": GUID, "HubName": "checks", "PlanId": GUID, "JobId": GUID, "TimelineId": GUID, "TaskInstanceId": GUID,
    "AuthToken": "t", "BuildId": "7",
}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"PlanUrl": "https://evil.example.org/demo/"},
        {"PlanUrl": ""},
        {"PlanId": "../../x"},
        {"JobId": ""},
        {"HubName": "a/b"},
        {"AuthToken": ""},
        {"BuildId": "-1"},
        {"BuildId": "99999999999"},
    ],
)
def test_check__that_is_not_ours_or_not_whole__is_refused(portal: Portal, wrong: dict[str, str]) -> None:
    headers = {**GOOD, "PlanUrl": portal.bench.site.url + "/", **wrong}
    answer = portal.post("azure/check?environment=production", headers=headers, auth=("x", SECRET))
    assert answer.status_code == 422
    assert answer.json()["hint"]


@pytest.mark.parametrize("path", ["azure/hooks", "azure/check?environment=production"])
@pytest.mark.parametrize("shown", [{}, {"auth": ("x", "wrong")}, {"headers": {"X-Countersign-Secret": "wrong"}}])
def test_azure__without_the_secret__is_refused(portal: Portal, path: str, shown: dict[str, Any]) -> None:
    assert portal.post(path, json={}, **shown).status_code == 401


def event(number: int, event_id: str = "e-1", **more: Any) -> dict[str, Any]:
    kind = "ms.vss-pipelines.run-state-changed-event"
    return {"id": event_id, "eventType": kind, "resource": {"run": {"id": number}}, **more}


def test_hook__same_event_twice__is_kept_once(portal: Portal) -> None:
    secret = {"X-Countersign-Secret": SECRET}
    answers = [portal.post("azure/hooks", json=event(5), headers=secret).json() for _ in range(2)]
    assert answers == [{"kept": True}, {"kept": False}]
    assert portal.hooks.beat() == 1
    assert portal.hooks.beat() == 0


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"id": 5, "eventType": "x"}', b'{"id": "a"}', b"[" * 100_000])
def test_hook__rubbish__is_refused_in_words(portal: Portal, body: bytes) -> None:
    assert portal.post("azure/hooks", data=body, auth=("x", SECRET)).status_code == 422


def test_hook__too_large__is_refused(portal: Portal) -> None:
    answer = portal.post("azure/hooks", data=b" " * (2 * 1024 * 1024 + 1), auth=("x", SECRET))
    assert answer.status_code == 422


def test_hooks__of_the_real_events__wake_the_rollout_that_follows_the_run(portal: Portal) -> None:
    for kind, publisher, version in (
        ("ms.vss-pipelines.run-state-changed-event", "pipelines", "5.1-preview.1"),
        ("build.complete", "tfs", "2.0"),
    ):
        body = {
            "publisherId": publisher, "eventType": kind, "resourceVersion": version, "consumerId": "webHooks",
            "consumerActionId": "httpRequest", "publisherInputs": {"projectId": portal.bench.site.project_id},
            "consumerInputs": {
                "url": f"{portal.url}/azure/hooks", "basicAuthUsername": "ado", "basicAuthPassword": SECRET,
            },
        }  # fmt: skip
        answer = requests.post(
            f"{portal.bench.site.url}/_apis/hooks/subscriptions?api-version=7.1",
            json=body,
            auth=("", "any"),
            timeout=10,
        )
        assert answer.status_code == 200, answer.text
    request = portal.released()
    portal.step()
    portal.checks.beat()
    portal.bench.ended(RefOf(portal))
    assert not portal.world.worker().run_once(), "the rollout was not waiting"
    until(portal.hooks.beat)
    portal.step()
    assert portal.world.state(request) == "promoted"


class RefOf:
    """The newest run, as `Bench.ended` takes it."""

    def __init__(self, portal: Portal) -> None:
        self.run_id = portal.run_id()


def call_headers(portal: Portal, call: CheckCall) -> dict[str, str]:
    ids = call.ids
    return {
        "PlanUrl": portal.bench.site.url, "ProjectId": ids.project_id, "HubName": ids.hub, "PlanId": ids.plan_id,
        "JobId": ids.job_id, "TimelineId": ids.timeline_id, "TaskInstanceId": ids.task_id, "AuthToken": "t",
        "BuildId": str(call.build_id),
    }  # fmt: skip
