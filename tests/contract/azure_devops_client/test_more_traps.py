"""Further traps of the SDK and of the libraries below it; `traps.md` lists all, each with its tests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import urllib3
from urllib3.util import Retry

from services.adapters.azure_devops.pipelines import AzureDevOpsPipelines
from services.domain.releases import RunRef
from services.errors import (
    UnknownOutcomeError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from tests.contract.azure_devops_client.conftest import RUNS, Bench, Naps
from tests.contract.azure_devops_client.stub import Reply, stubbed
from tests.contract.azure_devops_server.conftest import PROJECT

HERE = Path(__file__).parent
REF = RunRef(PROJECT, 1, 1)


def test_start__library_below_that_would_repeat_it__is_overruled(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    """With urllib3 1.26 the SDK's own policy sends a POST twice; here a policy that may is put in by hand."""

    def eager(client: Any) -> Any:
        client.config.retry_policy.policy = Retry(
            total=3, allowed_methods=None, status_forcelist=[500, 503], backoff_factor=0
        )
        return client.run_pipeline({"templateParameters": {"requestId": "req-eager"}}, PROJECT, pipeline)

    pipeline = bench.site.pipeline("quick")
    for fault in ("unavailable", "drop_after"):
        bench.fault(fault=fault, method="POST", route=RUNS, times=None)
        with pytest.raises(UnknownOutcomeError):
            azure._calls.write("pipelines", eager)
        assert len(bench.requests("POST", RUNS)) == 1


def test_write__that_tries_a_second_write__is_stopped_before_it_is_sent(
    bench: Bench, azure: AzureDevOpsPipelines
) -> None:
    run = azure.start(bench.start("quick", "req-twice"))
    bench.forget()

    def twice(client: Any) -> Any:
        client.add_build_tags(["one"], PROJECT, run.ref.run_id)
        return client.add_build_tags(["two"], PROJECT, run.ref.run_id)

    with pytest.raises(UnknownOutcomeError):
        azure._calls.write("build", twice)
    assert len(bench.requests("POST", "/tags")) == 1


def test_urllib3__is_2_or_newer__as_1_repeats_a_post() -> None:
    assert int(urllib3.__version__.split(".", maxsplit=1)[0]) >= 2
    pins = (HERE.parents[2] / "requirements.txt").read_text()
    assert re.search(r"^urllib3==[2-9]", pins, re.MULTILINE)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"count": 1, "value": {"Message": "The request is invalid."}}, "The request is invalid."),
        ({"ClassName": "System.ArgumentException", "Message": "Not a branch."}, "Not a branch."),
    ],
)
def test_error__in_the_two_old_shapes__keeps_its_words(bench: Bench, body: Any, words: str) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply(body, status=400)
        azure = bench.client(url=stub.url, release_url=stub.url)
        for call in (lambda: azure.get(REF), lambda: azure.start(bench.start("quick", "req-old-shape")), azure.ping):
            with pytest.raises(UpstreamRefusedError, match=re.escape(words)):
                call()


def test_conflict__409__says_to_look_again(bench: Bench) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply({"$id": "1", "message": "TF400: It moved.", "typeKey": "X"}, 409)
        with pytest.raises(UpstreamRefusedError, match="It moved") as caught:
            bench.client(url=stub.url, release_url=stub.url).cancel(REF)
    assert caught.value.code == "conflict"


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_answer__in_chunked_encoding__is_read(bench: Bench, size: int) -> None:
    document = {"id": 7, "name": "nämlich", "state": "inProgress"}
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply(json.dumps(document).encode(), chunk=size)
        assert bench.client(url=stub.url, release_url=stub.url).get(REF).name == "nämlich"


def test_read__connection_dropped_once__is_sent_again(bench: Bench) -> None:
    azure = bench.client(naps=Naps())
    azure.ping()
    bench.fault(fault="drop_before", route="/_apis/projects")
    azure.ping()
    assert len(bench.requests("GET", "/_apis/projects")) == 2


@pytest.mark.parametrize("fault", ["drop_before", "drop_after"])
def test_read__connection_always_dropped__ends_after_few_tries(bench: Bench, fault: str) -> None:
    azure = bench.client(naps=Naps())
    azure.ping()
    bench.fault(fault=fault, route="/_apis/projects", times=None)
    with pytest.raises(UpstreamUnavailableError):
        azure.ping()
    assert 1 <= len(bench.requests("GET", "/_apis/projects")) <= 3


@pytest.mark.parametrize("kind", ["cancel", "retry_stage", "add_tags"])
def test_other_writes__answer_lost__are_unknown_and_sent_once(
    bench: Bench, azure: AzureDevOpsPipelines, kind: str
) -> None:
    calls = {
        "cancel": lambda: azure.cancel(REF),
        "retry_stage": lambda: azure.retry_stage(REF, "Test"),
        "add_tags": lambda: azure.add_tags(REF, ["x"]),
    }
    azure.get_many([REF])
    bench.fault(fault="drop_before", route="/_apis/build/builds/1", times=None)
    with pytest.raises(UnknownOutcomeError):
        calls[kind]()
    assert len(bench.requests("", "/_apis/build/builds/1")) == 1


def test_list_of_traps__names_tests_that_exist() -> None:
    tests = "\n".join(path.read_text() for path in HERE.parent.glob("azure_devops_*/test_*.py"))
    lines = [line for line in (HERE / "traps.md").read_text().splitlines() if line.startswith("| ")][1:]
    rows = [line for line in lines if not line.startswith("| **")]
    assert len(rows) >= 50
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row)
        assert named, row
        for name in named:
            assert f"def {name}(" in tests, name
