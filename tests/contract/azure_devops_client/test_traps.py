"""Traps of the SDK and of the protocol that were measured; each stays shut."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from azure_devops_server.http.locations import locations
from services.adapters.azure_devops.pipelines import AzureDevOpsPipelines
from services.domain.releases import RunRef
from services.errors import UnknownOutcomeError, UpstreamInvalidError, UpstreamRefusedError, UpstreamUnavailableError
from tests.contract.azure_devops_client.conftest import RUNS, Bench
from tests.contract.azure_devops_client.stub import Reply, stubbed
from tests.contract.azure_devops_server.conftest import PROJECT

REF = RunRef(PROJECT, 1, 1)


def test_first_call__asks_for_locations_once_and_for_no_areas(bench: Bench) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply({"count": 0, "value": []})
        azure = bench.client(url=stub.url, release_url=stub.url)
        for _ in range(3):
            azure.get_many([REF])
        azure.artifacts(REF)
        azure.tests(REF)
    assert [path for method, path in stub.seen if method == "OPTIONS"] == ["/demo/_apis"]
    assert not [path for _, path in stub.seen if "ResourceAreas" in path]


def test_organization__written_in_capitals__works(bench: Bench) -> None:
    azure = bench.client(url=bench.site.url.replace("/demo", "/DEMO") + "/")
    azure.ping()
    azure.get_many([REF])


@pytest.mark.parametrize("body", [{"count": 0, "value": []}, None, b"", {}])
def test_object__answered_with_nothing__is_rubbish_not_an_empty_run(bench: Bench, body: Any) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply(body, status=204 if body == b"" else 200)
        azure = bench.client(url=stub.url, release_url=stub.url)
        with pytest.raises(UpstreamInvalidError):
            azure.get(REF)
        with pytest.raises(UnknownOutcomeError):
            azure.start(bench.start("quick", "req-empty"))


@pytest.mark.parametrize("body", [b"", b"null"])
def test_timeline__not_there_yet__is_empty(bench: Bench, body: bytes) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply(body, status=204 if not body else 200)
        assert bench.client(url=stub.url, release_url=stub.url).timeline(REF) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2026-11-20T10:00:00.1234567Z", "2026-11-20T10:00:00.123456+00:00"),
        ("2026-11-20T10:00:00", "2026-11-20T10:00:00+00:00"),
        ("2026-11-20T12:00:00+02:00", "2026-11-20T10:00:00+00:00"),
    ],
)
def test_times__with_and_without_zone__are_utc(bench: Bench, given: str, expected: str) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply({"id": 7, "name": "n", "state": "inProgress", "createdDate": given})
        run = bench.client(url=stub.url, release_url=stub.url).get(REF)
    assert run.created is not None
    assert run.created.isoformat() == expected


@pytest.mark.parametrize("given", ["2026-11-20 10:00", "yesterday"])
def test_times__unreadable__are_rubbish_with_a_type(bench: Bench, given: str) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply({"id": 7, "name": "n", "createdDate": given})
        with pytest.raises(UpstreamInvalidError):
            bench.client(url=stub.url, release_url=stub.url).get(REF)


def test_words__that_we_do_not_know__do_not_break_reading(bench: Bench) -> None:
    with stubbed() as stub:
        document = {"id": 7, "name": "n", "state": "meditating", "result": "sublime", "novelty": {"x": 1}}
        stub.answer = lambda method, path: Reply(document)
        run = bench.client(url=stub.url, release_url=stub.url).get(REF)
    assert (run.state, run.result, run.is_finished) == ("unknown", None, False)


def test_locations__empty_at_first__are_asked_for_again(bench: Bench) -> None:
    with stubbed() as stub:
        stub.rows = [[], [], locations("main", on_premises=True)]
        stub.answer = lambda method, path: Reply({"count": 0, "value": []})
        azure = bench.client(url=stub.url, release_url=stub.url)
        with pytest.raises(UpstreamRefusedError) as caught:
            azure.get_many([REF])
        assert caught.value.code == "not_offered"
        assert azure.get_many([REF]) == []


def test_locations__that_ask_for_a_later_version__are_not_offered(bench: Bench) -> None:
    with stubbed() as stub:
        stub.rows = [[{**row, "minVersion": "9.0", "maxVersion": "9.1"} for row in locations("main", on_premises=True)]]
        with pytest.raises(UpstreamRefusedError) as caught:
            bench.client(url=stub.url, release_url=stub.url).get_many([REF])
    assert caught.value.code == "not_offered"


def test_redirect__to_another_host__is_not_followed(bench: Bench) -> None:
    with stubbed() as other, stubbed() as stub:
        stub.answer = lambda method, path: Reply(b"", 302, {"Location": f"{other.url}/steal"})
        azure = bench.client(url=stub.url, release_url=stub.url)
        for call in (azure.ping, lambda: azure.get(REF)):
            with pytest.raises(UpstreamRefusedError):
                call()
    assert other.seen == []


def test_answer__dripping__ends_with_the_calls_time(bench: Bench) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply({"value": "x" * 500}, drip=0.05)
        azure = bench.client(url=stub.url, release_url=stub.url, read_seconds=5, call_seconds=0.5)
        with pytest.raises(UpstreamUnavailableError):
            azure.ping()


def test_answer__too_large__is_given_up(bench: Bench) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply({"value": "x" * 5000})
        with pytest.raises(UpstreamInvalidError) as caught:
            bench.client(url=stub.url, release_url=stub.url, max_answer_bytes=2000).ping()
    assert caught.value.code == "answer_too_large"


def test_answer__deeply_nested__is_rubbish(bench: Bench) -> None:
    with stubbed() as stub:
        stub.answer = lambda method, path: Reply(b"[" * 200_000)
        with pytest.raises(UpstreamInvalidError):
            bench.client(url=stub.url, release_url=stub.url).ping()


def test_environment__proxy_and_netrc__are_not_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password wrong\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    anna = bench.client(token="anna-token")
    run = anna.start(bench.start("quick", "req-netrc"))
    build = bench.site.ok("GET", f"build/builds/{run.ref.run_id}")
    assert build["requestedFor"]["displayName"] == "Anna"


def test_tags__with_a_colon__are_set(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    run = azure.start(bench.start("quick", "req-tags"))
    azure.add_tags(run.ref, ["ticket:42", "a b"])
    assert {"ticket:42", "a b"} <= set(azure.get(run.ref).tags)


def test_write__after_a_quiet_time__uses_no_stale_connection(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    for number in range(3):
        azure.start(bench.start("quick", f"req-fresh-{number}"))
    assert len(bench.requests("POST", RUNS)) >= 3


def test_client__used_by_many_threads__answers_each(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    refs = [azure.start(bench.start("quick", f"req-thread-{number}")).ref for number in range(10)]
    with ThreadPoolExecutor(10) as pool:
        found = list(pool.map(azure.get, refs * 3))
    assert [run.ref for run in found] == refs * 3


CODE = """
from services.adapters.azure_devops import AzureDevOpsConfig, build_pipelines
from services.adapters.azure_devops.auth import PersonalAccessToken
from services.domain.releases import RunRef
from pydantic import SecretStr
import sys
azure = build_pipelines(AzureDevOpsConfig(sys.argv[1], PersonalAccessToken(SecretStr("any"))))
print(azure.get_many([RunRef("ml-platform", 1, 999_999)]))
"""


@pytest.mark.parametrize("is_there", [True, False])
def test_home__read_only_or_shared__is_left_alone(bench: Bench, tmp_path: Path, *, is_there: bool) -> None:
    home = tmp_path / "home"
    if is_there:
        home.mkdir()
    else:
        home = Path("/proc/no-home")
    environment = {**os.environ, "HOME": str(home)}
    environment.pop("AZURE_DEVOPS_CACHE_DIR", None)
    done = subprocess.run(
        [sys.executable, "-c", CODE, bench.site.url],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr
    assert not is_there or list(home.iterdir()) == []
