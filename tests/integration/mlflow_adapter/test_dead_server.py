# ruff: noqa: SIM117 - what must raise stands apart from its set-up
"""A server that is away or misbehaves costs a bounded time and gives a typed error."""

import socket
import time
from threading import Event

import pytest

from services.adapters.mlflow.transport import Ask
from services.domain.registry import VersionKey
from services.errors import UnknownOutcomeError, UpstreamUnavailableError
from tests.integration.mlflow_adapter.servers import registry_at, wire
from tests.mlflow_server import free_port

KEY = VersionKey("m", 1)
LIMIT = 0.05
FAR_BELOW_A_DRIP = 3.0
"""Seconds. Every drip below would last longer than a minute."""


def never_answers(_: socket.socket, stop: Event) -> None:
    stop.wait()


def drips(prefix: bytes, drop: bytes):
    def script(connection: socket.socket, stop: Event) -> None:
        connection.sendall(prefix)
        while not stop.wait(0.02):
            connection.sendall(drop)

    return script


def breaks_off(data: bytes):
    def script(connection: socket.socket, _: Event) -> None:
        connection.sendall(data)

    return script


DRIPS = {
    "status line": drips(b"HTTP/1.1 200 ", b"O"),
    "headers": drips(b"HTTP/1.1 200 OK\r\nX-A: ", b"a"),
    "interim answers": drips(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    "body": drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" "),
    "chunks": drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "body without length": drips(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
}


@pytest.mark.parametrize("script", DRIPS.values(), ids=DRIPS)
def test_read__server_drips__ends_at_the_wall_clock_limit(script) -> None:
    with wire(script) as server, registry_at(server.url, clock=server.clock, call_seconds=LIMIT) as registry:
        started = time.monotonic()
        with pytest.raises(UpstreamUnavailableError, match=r"within 0\.05 seconds") as caught:
            registry.version(KEY)
    assert caught.value.retryable
    assert time.monotonic() - started < FAR_BELOW_A_DRIP


@pytest.mark.parametrize("read_first", [True, False], ids=["answers never", "reads never"])
def test_read__server_accepts_and_is_silent__ends_at_the_limit(read_first: bool) -> None:
    with wire(never_answers, read_first=read_first) as server:
        with registry_at(server.url, clock=server.clock, call_seconds=LIMIT) as registry:
            started = time.monotonic()
            with pytest.raises(UpstreamUnavailableError, match="within"):
                registry.version(KEY)
            assert time.monotonic() - started < FAR_BELOW_A_DRIP


def test_read__shorter_read_limit__gives_up_on_silence_before_the_call_limit() -> None:
    with wire(never_answers) as server:
        settings = {"call_seconds": 60, "read_seconds": 0.05, "read_attempts": 1}
        with registry_at(server.url, **settings) as registry:
            started = time.monotonic()
            with pytest.raises(UpstreamUnavailableError):
                registry.version(KEY)
            assert time.monotonic() - started < FAR_BELOW_A_DRIP


def test_read__nobody_listens__is_unavailable_with_a_hint() -> None:
    with registry_at(f"http://127.0.0.1:{free_port()}") as registry:
        with pytest.raises(UpstreamUnavailableError, match="cannot be reached") as caught:
            registry.ping()
    assert "COUNTERSIGN_MLFLOW_URL" in caught.value.hint


def test_read__host_unknown__is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with registry_at("http://mlflow.example.invalid") as registry:
        with pytest.raises(UpstreamUnavailableError, match="cannot be reached"):
            registry.ping()


def test_read__several_addresses__share_one_connect_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[float] = []

    def slow(_: object, timeout: float, **__: object) -> None:
        tried.append(timeout)
        time.sleep(timeout)
        raise TimeoutError

    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 9))] * 20
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    monkeypatch.setattr("services.adapters.http.deadline.create_connection", slow)
    with registry_at("http://many.example.invalid", call_seconds=0.1, connect_seconds=0.1) as registry:
        with pytest.raises(UpstreamUnavailableError, match="within"):
            registry.ping()
    assert len(tried) == 1


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00\x01\x02 rubbish\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        # the body comes whole: without this header the connection might be used again before its end is seen
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 " + b"9" * 100_000,
    ],
    ids=["nothing", "no http", "cut body", "bad chunk", "bad gzip", "many headers", "long line"],
)
def test_read__answer_is_cut_or_garbled__is_tried_twice_and_then_unavailable(data: bytes) -> None:
    with wire(breaks_off(data)) as server, registry_at(server.url) as registry:
        with pytest.raises(UpstreamUnavailableError):
            registry.version(KEY)
    assert server.requests == 2


def test_write__server_never_answers__outcome_is_unknown_and_it_was_sent_once() -> None:
    with wire(never_answers) as server, registry_at(server.url, clock=server.clock, call_seconds=LIMIT) as registry:
        with pytest.raises(UnknownOutcomeError):
            registry.move_stage(KEY, "Production")
    assert server.requests == server.connections == 1


@pytest.mark.parametrize("script", DRIPS.values(), ids=DRIPS)
def test_write__server_drips__outcome_is_unknown_in_bounded_time(script) -> None:
    with wire(script) as server, registry_at(server.url, clock=server.clock, call_seconds=LIMIT) as registry:
        started = time.monotonic()
        with pytest.raises(UnknownOutcomeError):
            registry.set_alias("m", "champion", 1)
        assert time.monotonic() - started < FAR_BELOW_A_DRIP
    assert server.requests == 1


def test_write__connection_breaks_after_sending__outcome_is_unknown_and_it_was_sent_once() -> None:
    with wire(breaks_off(b"")) as server, registry_at(server.url) as registry:
        with pytest.raises(UnknownOutcomeError):
            registry.set_version_tag(KEY, "a", "b")
    assert server.requests == 1


def test_write__nobody_listens__is_unavailable_not_unknown() -> None:
    with registry_at(f"http://127.0.0.1:{free_port()}") as registry:
        with pytest.raises(UpstreamUnavailableError, match="cannot be reached"):
            registry.delete_alias("m", "champion")


def test_download__server_drips__ends_at_its_own_limit_and_leaves_the_breaker_closed() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\nContent-Disposition: attachment\r\n\r\n"
    with wire(drips(head, b"x")) as server:
        settings = {"download_seconds": LIMIT, "call_seconds": LIMIT, "breaker_seconds": 60}
        with registry_at(server.url, clock=server.clock, **settings) as registry:
            with registry._transport.stream(Ask("GET", "/get-artifact"), registry._transport.deadline(LIMIT)) as chunks:
                with pytest.raises(UpstreamUnavailableError, match="within"):
                    list(chunks)
            registry._transport._breaker.check()
