# ruff: noqa: SIM117 - what must raise stands apart from its set-up
"""The limits hold over TLS too, and a certificate that is not trusted is said to be so."""

import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.domain.registry import VersionKey
from services.errors import UnknownOutcomeError, UpstreamUnavailableError
from tests.integration.mlflow_adapter.servers import Wire, registry_at, wire
from tests.integration.mlflow_adapter.test_dead_server import FAR_BELOW_A_DRIP, LIMIT, breaks_off, drips
from tests.simulators.certificates import self_signed

KEY = VersionKey("m", 1)
BODY = b'{"model_version": {"name": "m", "version": "1", "creation_timestamp": 1}}'


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@contextmanager
def tls_wire(script, certificate: Path) -> Iterator[tuple[Wire, str]]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)

    def talk(connection, stop) -> None:
        with context.wrap_socket(connection, server_side=True) as safe:
            if safe.recv(65536):
                running[0].note_request()
                script(safe, stop)

    running: list[Wire] = []
    with wire(talk, read_first=False) as server:
        running.append(server)
        yield server, server.url.replace("http:", "https:")


def test_read__over_tls__works(certificate: Path) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
    with tls_wire(breaks_off(answer), certificate) as (_, url):
        with registry_at(url, ca_file=str(certificate)) as registry:
            assert registry.version(KEY).version == 1


def test_read__over_tls_server_drips__ends_at_the_limit(certificate: Path) -> None:
    script = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b" ")
    with tls_wire(script, certificate) as (server, url):
        with registry_at(url, ca_file=str(certificate), clock=server.clock, call_seconds=LIMIT) as registry:
            started = time.monotonic()
            with pytest.raises(UpstreamUnavailableError, match="within"):
                registry.version(KEY)
            assert time.monotonic() - started < FAR_BELOW_A_DRIP


def test_write__over_tls_server_drips__outcome_is_unknown(certificate: Path) -> None:
    script = drips(b"HTTP/1.1 200 OK\r\nX: ", b"x")
    with tls_wire(script, certificate) as (server, url):
        with registry_at(url, ca_file=str(certificate), clock=server.clock, call_seconds=LIMIT) as registry:
            with pytest.raises(UnknownOutcomeError):
                registry.set_alias("m", "champion", 1)
        assert server.connections == 1


def test_handshake__server_is_silent__ends_at_the_limit_and_nothing_was_sent() -> None:
    with wire(lambda _, stop: stop.wait(), read_first=False) as server:
        url = server.url.replace("http:", "https:")
        with registry_at(url, clock=server.clock, connect_seconds=LIMIT) as registry:
            with pytest.raises(UpstreamUnavailableError):
                registry.set_alias("m", "champion", 1)


def test_certificate__not_trusted__hint_names_the_setting_and_nothing_was_sent(certificate: Path) -> None:
    with tls_wire(breaks_off(b""), certificate) as (_, url), registry_at(url) as registry:
        with pytest.raises(UpstreamUnavailableError, match="not trusted") as caught:
            registry.set_alias("m", "champion", 1)
    assert "ca_file" in caught.value.hint
