# ruff: noqa: SIM117 - what must raise stands apart from its set-up
"""What each kind of answer becomes, and that no secret leaves with it."""

import gzip
import json
import logging
import traceback
from threading import Thread

import pytest
from pydantic import SecretStr

from services.adapters.mlflow import MlflowRegistry
from services.domain.registry import VersionKey
from services.errors import (
    NotFoundError,
    PortalError,
    UnknownOutcomeError,
    UpstreamInvalidError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)
from tests.integration.mlflow_adapter.servers import Answer, FakeMlflow, Seen, registry_at
from tests.mlflow_server import free_port

KEY = VersionKey("m", 1)
GET = "GET model-versions/get"
VERSION = {"name": "m", "version": "1", "creation_timestamp": 1, "last_updated_timestamp": 2, "status": "READY"}
HTML = Answer(200, b"<html><title>Sign in</title></html>")


def error_of(code: str, message: str, status: int = 400) -> Answer:
    return Answer(status, {"error_code": code, "message": message})


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        Answer(200, b'{"model_version": {"name": "m"'),
        Answer(200, b"[]"),
        Answer(200, b"null"),
        Answer(200, b""),
        Answer(200, b"\xff\xfe"),
        Answer(200, b"[" * 100_000),
        Answer(200, b'{"model_version": {"version": ' + b"1" * 6000 + b"}}"),
        Answer(200, {}),
        Answer(200, {"model_version": None}),
        Answer(200, {"model_version": {}}),
        Answer(200, {"model_version": VERSION | {"name": 7}}),
        Answer(200, {"model_version": VERSION | {"version": "one"}}),
        Answer(200, {"model_version": VERSION | {"version": True}}),
        Answer(200, {"model_version": VERSION | {"version": "9" * 11}}),
        Answer(200, {"model_version": VERSION | {"creation_timestamp": "soon"}}),
        Answer(200, {"model_version": VERSION | {"creation_timestamp": 10**30}}),
        Answer(200, {"model_version": VERSION | {"tags": "x"}}),
        Answer(200, {"model_version": VERSION | {"aliases": [1]}}),
        Answer(404, b"<html>no such page</html>"),
    ],
)
def test_version__answer_makes_no_sense__is_rubbish_not_a_crash(
    fake: FakeMlflow, registry: MlflowRegistry, answer: Answer
) -> None:
    fake.on(GET, answer)
    with pytest.raises(UpstreamInvalidError) as caught:
        registry.version(KEY)
    assert "COUNTERSIGN_MLFLOW_URL" in caught.value.hint


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_read__redirected__is_refused_and_the_credentials_stay_home(fake: FakeMlflow, status: int) -> None:
    fake.on(GET, Answer(status, b"", {"Location": f"{fake.url}/elsewhere"}))
    with registry_at(fake.url, token=SecretStr("s3cret")) as registry, pytest.raises(UpstreamRefusedError):
        registry.version(KEY)
    assert fake.paths() == ["model-versions/get"]


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (Answer(401, b"Unauthorized"), "COUNTERSIGN_MLFLOW_TOKEN"),
        (Answer(403, b"Permission denied"), "READ"),
        (Answer(403, b"Invalid Host header - possible DNS rebinding attack detected"), "--allowed-hosts"),
    ],
)
def test_read__refused__hint_says_what_to_do(
    fake: FakeMlflow, registry: MlflowRegistry, answer: Answer, hint: str
) -> None:
    fake.on(GET, answer)
    with pytest.raises(UpstreamRefusedError) as caught:
        registry.version(KEY)
    assert hint in caught.value.hint


def test_read__does_not_exist__is_not_found(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(GET, error_of("RESOURCE_DOES_NOT_EXIST", "Model Version (name=m, version=1) not found", 404))
    with pytest.raises(NotFoundError, match="version=1"):
        registry.version(KEY)


def test_version__another_one_comes_back__is_not_found(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(GET, Answer(200, {"model_version": VERSION | {"name": "M"}}))
    with pytest.raises(NotFoundError):
        registry.version(KEY)


def test_read__said_no__shows_one_clean_line_of_the_reason(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(GET, error_of("BAD_REQUEST", "UNIQUE failed\x1b[31m [SQL: INSERT INTO x]\nmore"))
    with pytest.raises(UpstreamRefusedError) as caught:
        registry.version(KEY)
    assert "BAD_REQUEST): UNIQUE failed" in caught.value.message
    assert "SQL" not in caught.value.message
    assert caught.value.message.isprintable()


@pytest.mark.parametrize(("status", "times"), [(500, 1), (502, 2), (503, 2), (504, 2), (429, 2), (408, 2)])
def test_read__server_error__is_unavailable_and_only_passing_ones_are_tried_again(
    fake: FakeMlflow, registry: MlflowRegistry, status: int, times: int
) -> None:
    fake.on(GET, Answer(status, b"<html>oops</html>"))
    with pytest.raises(UpstreamUnavailableError, match=f"HTTP {status}") as caught:
        registry.version(KEY)
    assert caught.value.retryable
    assert "<html>" not in caught.value.sentence()
    assert len(fake.seen) == times


def test_read__second_try_works__nobody_notices(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(GET, Answer(503, b""), Answer(200, {"model_version": VERSION}))
    assert registry.version(KEY).version == 1


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7), ("99999999", 3600), ("-5", 0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0), ("soon", None), ("", None)],
)
def test_read__retry_after__is_kept_within_sense(
    fake: FakeMlflow, registry: MlflowRegistry, value: str, seconds: float | None
) -> None:
    fake.on(GET, Answer(503, b"", {"Retry-After": value}))
    with pytest.raises(UpstreamUnavailableError) as caught:
        registry.version(KEY)
    assert caught.value.retry_after == seconds


def test_read__answer_too_large__is_refused_while_reading(fake: FakeMlflow) -> None:
    fake.on(GET, Answer(200, b" " * 5000))
    with registry_at(fake.url, max_answer_bytes=1000) as registry:
        with pytest.raises(UpstreamInvalidError, match="1,000 bytes"):
            registry.version(KEY)


def test_read__packed_answer_unpacks_to_too_much__is_refused(fake: FakeMlflow) -> None:
    fake.on(GET, Answer(200, gzip.compress(b" " * 10_000_000), {"Content-Encoding": "gzip"}))
    with registry_at(fake.url, max_answer_bytes=100_000) as registry:
        with pytest.raises(UpstreamInvalidError, match="100,000 bytes"):
            registry.version(KEY)


@pytest.mark.parametrize("answer", [HTML, Answer(200, b"[]"), Answer(500, b"x"), Answer(503, b"x"), Answer(504, b"x")])
def test_write__answer_is_unclear__outcome_is_unknown_and_it_was_sent_once(
    fake: FakeMlflow, registry: MlflowRegistry, answer: Answer
) -> None:
    fake.on("POST model-versions/transition-stage", answer)
    with pytest.raises(UnknownOutcomeError):
        registry.move_stage(KEY, "Production")
    assert len(fake.seen) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (error_of("RESOURCE_DOES_NOT_EXIST", "gone", 404), NotFoundError),
        (error_of("INVALID_PARAMETER_VALUE", "Invalid stage"), UpstreamRefusedError),
        (Answer(401, b""), UpstreamRefusedError),
        (Answer(403, b""), UpstreamRefusedError),
        (Answer(302, b"", {"Location": "/login"}), UpstreamRefusedError),
        (Answer(429, b""), UpstreamUnavailableError),
    ],
)
def test_write__refused__is_typed_and_was_sent_once(
    fake: FakeMlflow, registry: MlflowRegistry, answer: Answer, error: type[PortalError]
) -> None:
    fake.on("POST model-versions/transition-stage", answer)
    with pytest.raises(error) as caught:
        registry.move_stage(KEY, "Production")
    assert not isinstance(caught.value, UnknownOutcomeError)
    assert len(fake.seen) == 1


def test_writes__sent__say_exactly_what_is_meant(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    for what in ("POST model-versions/transition-stage", "POST registered-models/alias"):
        fake.on(what, Answer())
    fake.on("DELETE registered-models/alias", Answer())
    fake.on("POST model-versions/set-tag", Answer())
    registry.move_stage(KEY, "Production")
    registry.set_alias("m", "champion", 1)
    registry.delete_alias("m", "champion")
    registry.set_version_tag(KEY, "k", "v")
    assert [seen.body for seen in fake.seen] == [
        {"name": "m", "version": "1", "stage": "Production", "archive_existing_versions": False},
        {"name": "m", "alias": "champion", "version": "1"},
        {"name": "m", "alias": "champion"},
        {"name": "m", "version": "1", "key": "k", "value": "v"},
    ]


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"token": SecretStr("t0k")}, "Bearer t0k"),
        ({"username": "u", "password": SecretStr("p")}, "Basic dTpw"),
        ({"username": "ü", "password": SecretStr("p")}, "Basic w7w6cA=="),
        ({}, None),
    ],
)
def test_credentials__configured__are_sent_and_netrc_and_proxies_are_not_asked(
    fake: FakeMlflow, monkeypatch: pytest.MonkeyPatch, tmp_path, settings: dict, header: str | None
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login evil password evil\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    fake.on(GET, Answer(200, {"model_version": VERSION}))
    with registry_at(fake.url, workspace="risk", **settings) as registry:
        registry.version(KEY)
    assert fake.seen[0].headers.get("authorization") == header
    assert fake.seen[0].headers["x-mlflow-workspace"] == "risk"


def test_token__environment_trusted_and_netrc_present__token_wins(
    fake: FakeMlflow, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login evil password evil\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("no_proxy", "*")
    fake.on(GET, Answer(200, {"model_version": VERSION}))
    with registry_at(fake.url, token=SecretStr("t0k"), trust_env=True) as registry:
        registry.version(KEY)
    assert fake.seen[0].headers["authorization"] == "Bearer t0k"


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 500, 503])
def test_secrets__any_failure__are_in_no_error_cause_or_log(
    fake: FakeMlflow, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    secret = "s3cret-t0ken"
    fake.on(GET, lambda seen: Answer(status, {"error_code": "X", "message": f"you sent {seen.headers}"}))
    with caplog.at_level(logging.DEBUG), registry_at(fake.url, token=SecretStr(secret)) as registry:
        with pytest.raises(PortalError) as caught:
            registry.version(KEY)
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(registry._transport.config)
    assert secret not in shown
    assert secret not in caught.value.sentence()


def test_secrets__server_away__are_not_kept_in_the_cause(fake: FakeMlflow) -> None:
    with registry_at(f"http://127.0.0.1:{free_port()}", token=SecretStr("s3cret")) as registry:
        with pytest.raises(UpstreamUnavailableError) as caught:
            registry.version(KEY)
    cause = caught.value.__cause__
    assert cause is not None
    assert getattr(cause, "request", None) is None


def test_cookies__set_by_the_server__are_not_kept(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on(GET, Answer(200, {"model_version": VERSION}, {"Set-Cookie": "session=abc"}))
    registry.version(KEY)
    registry.version(KEY)
    assert "cookie" not in fake.seen[1].headers


def test_reads__from_many_threads__each_gets_its_own_answer(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    def echo(seen: Seen) -> Answer:
        return Answer(200, {"model_version": VERSION | {"version": seen.query["version"][0]}})

    fake.on(GET, echo)
    found: dict[int, int] = {}

    def read(number: int) -> None:
        found[number] = registry.version(VersionKey("m", number)).version

    threads = [Thread(target=read, args=(n,)) for n in range(1, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: n for n in range(1, 25)}


def test_name__no_valid_text__is_not_found(registry: MlflowRegistry) -> None:
    with pytest.raises(NotFoundError):
        registry.version(VersionKey("\ud800", 1))
    with pytest.raises(NotFoundError):
        registry.model("\ud800")


def test_breaker__server_away__second_call_fails_without_a_connection(fake: FakeMlflow) -> None:
    fake.on(GET, Answer(503, b""))
    with registry_at(fake.url, breaker_seconds=60) as registry:
        with pytest.raises(UpstreamUnavailableError):
            registry.version(KEY)
        asked = len(fake.seen)
        with pytest.raises(UpstreamUnavailableError, match="tried again"):
            registry.version(KEY)
        with pytest.raises(UpstreamUnavailableError, match="tried again"):
            registry.move_stage(KEY, "Production")
    assert len(fake.seen) == asked


def test_breaker__server_says_no_or_fails_on_one_request__stays_closed(fake: FakeMlflow) -> None:
    fake.on(GET, Answer(500, b""), Answer(404, b"{}"), Answer(200, {"model_version": VERSION}))
    with registry_at(fake.url, breaker_seconds=60) as registry:
        for _ in range(2):
            with pytest.raises(PortalError):
                registry.version(KEY)
        assert registry.version(KEY).version == 1


def test_ping__server_answers__tells_its_version(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on("GET registered-models/search", Answer(200, {}))
    fake.on("GET /version", Answer(200, b"3.17.2"))
    assert registry.ping().version == "3.17.2"
    assert fake.seen[0].query == {"max_results": ["1"]}


@pytest.mark.parametrize("answer", [Answer(401, b""), HTML, Answer(200, b"")])
def test_ping__version_is_not_told__is_unknown(fake: FakeMlflow, registry: MlflowRegistry, answer: Answer) -> None:
    fake.on("GET registered-models/search", Answer(200, {}))
    fake.on("GET /version", answer)
    assert registry.ping().version is None


def test_ping__something_else_answers_json__is_rubbish(fake: FakeMlflow, registry: MlflowRegistry) -> None:
    fake.on("GET registered-models/search", Answer(200, json.dumps({"status": "ok"}).encode()))
    with pytest.raises(UpstreamInvalidError):
        registry.ping()
