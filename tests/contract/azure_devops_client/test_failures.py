"""Every way in which Azure DevOps fails has its own error, which says what to do."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from services.adapters.azure_devops.pipelines import AzureDevOpsPipelines
from services.domain.releases import RunRef
from services.errors import (
    NotFoundError,
    UnknownOutcomeError,
    UpstreamError,
    UpstreamInvalidError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from tests.contract.azure_devops_client.conftest import RUNS, Bench, Naps
from tests.contract.azure_devops_server.conftest import PROJECT

REFUSED = [
    ("sign_in_html", "bad_token"),
    ("redirect", "bad_token"),
    ("unauthorized_empty", "bad_token"),
    ("unauthorized_expired", "bad_token"),
    ("unauthorized_user", "bad_token"),
    ("unauthorized_list", "bad_token"),
    ("forbidden", "no_permission"),
]
REF = RunRef(PROJECT, 1, 1)


@pytest.mark.parametrize(("fault", "code"), REFUSED)
@pytest.mark.parametrize("route", ["/_apis$", "/runs/"])
def test_read__refused__is_typed_and_sent_once(bench: Bench, fault: str, code: str, route: str) -> None:
    bench.client().ping()
    bench.fault(fault=fault, route=route, times=None)
    azure = bench.client() if route == "/runs/" else _fresh(bench)
    with pytest.raises(UpstreamRefusedError) as caught:
        azure.get(REF)
    assert caught.value.code == code
    assert caught.value.hint
    assert len(bench.requests("", route)) == 1


@pytest.mark.parametrize(("fault", "code"), REFUSED)
def test_start__refused__is_typed_and_sent_once(
    bench: Bench, azure: AzureDevOpsPipelines, fault: str, code: str
) -> None:
    bench.fault(fault=fault, method="POST", route=RUNS, times=None)
    with pytest.raises(UpstreamRefusedError) as caught:
        azure.start(bench.start("quick", f"req-{fault}"))
    assert caught.value.code == code
    assert len(bench.requests("POST", RUNS)) == 1


@pytest.mark.parametrize(("fault", "code"), REFUSED)
def test_plain_call__refused__is_typed_like_the_sdk(
    bench: Bench, azure: AzureDevOpsPipelines, fault: str, code: str
) -> None:
    bench.fault(fault=fault, route="/_apis/projects", times=None)
    with pytest.raises(UpstreamRefusedError) as caught:
        azure.ping()
    assert caught.value.code == code


@pytest.mark.parametrize("fault", ["not_found", "not_found_text"])
def test_read__not_found__is_not_found(bench: Bench, azure: AzureDevOpsPipelines, fault: str) -> None:
    bench.fault(fault=fault, route="/runs/")
    with pytest.raises(NotFoundError) as caught:
        azure.get(REF)
    assert caught.value.hint


def test_error__from_an_answer__names_the_activity_for_support(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    bench.fault(fault="forbidden", route="/runs/")
    with pytest.raises(UpstreamRefusedError, match="TF401027") as caught:
        azure.get(REF)
    assert "activity" in caught.value.hint


def test_start__variable_not_settable__says_so(bench: Bench) -> None:
    site = bench.site
    body = {"variables": {"unknown": {"value": "1"}}}
    answer = site.send("POST", f"pipelines/{site.pipeline('quick')}/runs", json=body)
    from services.adapters.azure_devops.failures import failure_of

    error = failure_of(answer)
    assert error is not None
    assert error.code == "variable_not_settable"
    assert "template parameter" in error.hint


def test_start__unknown_parameter__is_a_template_error(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    with pytest.raises(UpstreamRefusedError, match="nonsense") as caught:
        azure.start(bench.start("quick", "req-template", nonsense="1"))
    assert caught.value.code == "template_error"


def test_start__broken_yaml__is_a_template_error_with_the_line(bench: Bench, azure: AzureDevOpsPipelines) -> None:
    with pytest.raises(UpstreamRefusedError, match="stepz") as caught:
        azure.start(bench.start("broken", ""))
    assert caught.value.code == "template_error"


def test_read__throttled_shortly__waits_as_told(bench: Bench) -> None:
    naps = Naps()
    azure = bench.client(naps=naps)
    azure.ping()
    bench.fault(fault="throttle", route="/_apis/projects", retry_after=2)
    azure.ping()
    assert len(bench.requests("GET", "/_apis/projects")) == 2
    assert 1.5 < sum(naps.taken) <= 2.2


def test_read__throttled_for_minutes__does_not_hold_the_caller(bench: Bench) -> None:
    naps = Naps()
    azure = bench.client(naps=naps)
    azure.ping()
    bench.fault(fault="throttle", route="/_apis/projects", retry_after=3600, times=None)
    with pytest.raises(UpstreamUnavailableError) as caught:
        azure.ping()
    assert (caught.value.code, caught.value.retry_after) == ("throttled", 300)
    assert naps.taken == []
    with pytest.raises(UpstreamUnavailableError):
        azure.ping()
    assert len(bench.requests("GET", "/_apis/projects")) == 1  # the second one was not even sent


def test_start__throttled__is_nothing_done_and_sent_once(bench: Bench) -> None:
    azure = bench.client(naps=Naps())
    bench.fault(fault="throttle", method="POST", route=RUNS, retry_after=60, times=None)
    with pytest.raises(UpstreamUnavailableError) as caught:
        azure.start(bench.start("quick", "req-throttled"))
    assert caught.value.code == "throttled"
    assert len(bench.requests("POST", RUNS)) == 1


def test_read__good_answer_with_retry_after__is_taken_and_the_next_call_waits(bench: Bench) -> None:
    naps = Naps()
    azure = bench.client(naps=naps)
    bench.fault(fault="slow_down", route="/_apis/projects", retry_after=1.5)
    azure.ping()
    assert naps.taken == []
    azure.ping()
    assert len(naps.taken) == 1
    assert 0 < naps.taken[0] <= 1.5


def test_read__unavailable_once__is_tried_again(bench: Bench) -> None:
    naps = Naps()
    azure = bench.client(naps=naps)
    bench.fault(fault="unavailable", route="/_apis/projects", times=2)
    azure.ping()
    assert len(bench.requests("GET", "/_apis/projects")) == 3
    assert naps.taken == [0.2, 0.4]


def test_read__unavailable_with_byte_order_mark__keeps_the_servers_words(bench: Bench) -> None:
    azure = bench.client(naps=Naps())
    azure.ping()
    bench.fault(fault="unavailable", route="/runs/", times=None)
    with pytest.raises(UpstreamUnavailableError, match="TF24668") as caught:
        azure.get(REF)
    assert caught.value.retryable
    assert len(bench.requests("GET", "/runs/")) == 3


@pytest.mark.parametrize("fault", ["unavailable", "server_error", "bad_gateway_html"])
def test_start__server_error__is_an_unknown_outcome_and_sent_once(
    bench: Bench, azure: AzureDevOpsPipelines, fault: str
) -> None:
    bench.fault(fault=fault, method="POST", route=RUNS, times=None)
    with pytest.raises(UnknownOutcomeError):
        azure.start(bench.start("quick", f"req-{fault}"))
    assert len(bench.requests("POST", RUNS)) == 1


@pytest.mark.parametrize("fault", ["drop_before", "drop_after", "truncated_json", "invalid_json"])
def test_start__answer_lost_or_unreadable__is_an_unknown_outcome_and_sent_once(
    bench: Bench, azure: AzureDevOpsPipelines, fault: str
) -> None:
    azure.get_many([REF])
    bench.fault(fault=fault, method="POST", route=RUNS, times=None)
    with pytest.raises(UnknownOutcomeError):
        azure.start(bench.start("quick", f"req-{fault}"))
    assert len(bench.requests("POST", RUNS)) == 1


@pytest.mark.parametrize("fault", ["truncated_json", "invalid_json"])
@pytest.mark.parametrize("route", ["/_apis/projects", "/runs/", "/_apis$"])
def test_read__unreadable__is_rubbish(bench: Bench, fault: str, route: str) -> None:
    azure = _fresh(bench) if route == "/_apis$" else bench.client()
    bench.fault(fault=fault, route=route, times=None)
    call: Any = azure.ping if route == "/_apis/projects" else lambda: azure.get(REF)
    with pytest.raises((UpstreamInvalidError, NotFoundError)) as caught:
        call()
    assert isinstance(caught.value, UpstreamInvalidError)


def test_read__too_slow__ends_within_its_time(bench: Bench) -> None:
    azure = bench.client(read_seconds=0.2, call_seconds=0.5)
    bench.fault(fault="delay", route="/_apis/projects", seconds=3, times=None)
    with pytest.raises(UpstreamUnavailableError):
        azure.ping()


def test_start__too_slow__is_an_unknown_outcome_and_is_found_later(bench: Bench) -> None:
    slow = bench.client(read_seconds=0.3, call_seconds=0.6)
    slow.get_many([REF])
    start = bench.start("quick", "req-slow")
    bench.fault(fault="delay", method="POST", route=RUNS, seconds=1.0)
    with pytest.raises(UnknownOutcomeError):
        slow.start(start)
    from tests.contract.azure_devops_client.conftest import until

    assert until(lambda: bench.client().find_by_request(start))
    assert len(bench.requests("POST", RUNS)) == 1


def test_any_call__nobody_listens__cannot_be_reached_and_nothing_was_done(bench: Bench) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        azure = bench.client(url=f"http://127.0.0.1:{closed.getsockname()[1]}/demo")
        start = bench.start("quick", "req-dead")
        for call in (azure.ping, lambda: azure.get(REF), lambda: azure.start(start)):
            with pytest.raises(UpstreamUnavailableError) as caught:
                call()
            assert not isinstance(caught.value, UnknownOutcomeError)


def test_any_call__not_https__says_it_cannot_be_reached(bench: Bench) -> None:
    azure = bench.client(url=bench.site.url.replace("http://", "https://"))
    with pytest.raises(UpstreamError):
        azure.ping()


def _fresh(bench: Bench) -> AzureDevOpsPipelines:
    """A client that has to ask for the locations."""
    from azure.devops import client

    client.Client._locations_cache.clear()
    client.OPTIONS_FILE_CACHE[bench.site.url.lower()] = None
    return bench.client()
