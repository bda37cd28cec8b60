"""Tokens are shown to nobody: no log, no repr, no error."""

from __future__ import annotations

import base64
import logging
import traceback
from typing import Any

import pytest
from pydantic import SecretStr

from services.adapters.azure_devops import AzureDevOpsConfig
from services.adapters.azure_devops.auth import SCOPE, EntraToken, PersonalAccessToken
from services.errors import SettingsError, UpstreamError, UpstreamRefusedError, UpstreamUnavailableError
from tests.contract.azure_devops_client.conftest import Bench

TOKEN = "s3cret-token-of-the-portal"
ENCODED = base64.b64encode(f":{TOKEN}".encode()).decode()


class Credential:
    """An azure-identity credential whose tokens change."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.asked: list[tuple[str, ...]] = []

    def get_token(self, *scopes: str, **_: Any) -> Any:
        from azure.core.credentials import AccessToken

        self.asked.append(scopes)
        return AccessToken(self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0], 0)


def test_logs__at_debug__hold_no_token_and_no_body(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    azure = bench.client(token=TOKEN)
    run = azure.start(bench.start("nameless", "req-quiet", settings={"a": "private-value"}))
    azure.ping()
    bench.fault(fault="unauthorized_expired", route=".*", times=None)
    with pytest.raises(UpstreamError):
        azure.get(run.ref)
    told = caplog.text
    assert not [part for part in (TOKEN, ENCODED, "private-value") if part in told]


def test_repr__of_everything_that_holds_a_token__hides_it() -> None:
    auth = PersonalAccessToken(SecretStr(TOKEN))
    config = AzureDevOpsConfig("https://dev.azure.com/contoso", auth)
    told = f"{auth!r} {config!r} {EntraToken(Credential(TOKEN))!r}"
    assert TOKEN not in told
    assert ENCODED not in told


def test_error__with_its_traceback__holds_no_token(bench: Bench) -> None:
    azure = bench.client(token=TOKEN)
    bench.fault(fault="drop_before", route=".*", times=None)
    with pytest.raises(UpstreamError) as caught:
        azure.ping()
    told = "".join(traceback.format_exception(caught.value))
    assert TOKEN not in told
    assert ENCODED not in told


def test_entra__each_request__takes_the_token_of_the_moment(bench: Bench) -> None:
    credential = Credential("first", "second")
    azure = bench.client(auth=EntraToken(credential))
    azure.ping()
    azure.get_many([])
    azure.ping()
    assert len(credential.asked) >= 2
    assert set(credential.asked) == {(SCOPE,)}


def test_entra__refuses__is_a_bad_token_without_the_answer(bench: Bench) -> None:
    from azure.core.exceptions import ClientAuthenticationError

    class Refusing:
        def get_token(self, *scopes: str) -> Any:
            raise ClientAuthenticationError(f"AADSTS7000215 secret {TOKEN} for {scopes}")

    with pytest.raises(UpstreamRefusedError) as caught:
        bench.client(auth=EntraToken(Refusing())).ping()
    assert caught.value.code == "bad_token"
    assert TOKEN not in "".join(traceback.format_exception(caught.value))


def test_entra__away__is_unavailable(bench: Bench) -> None:
    from azure.core.exceptions import ServiceRequestError

    class Away:
        def get_token(self, *scopes: str) -> Any:
            raise ServiceRequestError(f"no route to login for {scopes}")

    azure = bench.client(auth=EntraToken(Away()), read_attempts=1)
    with pytest.raises(UpstreamUnavailableError):
        azure.ping()
    with pytest.raises(UpstreamUnavailableError):
        azure.start(bench.start("quick", "req-no-token"))


@pytest.mark.parametrize("token", ["", "with blank", "line\nend", "ümlaut"])
def test_token__that_cannot_be_one__is_refused_without_being_shown(token: str) -> None:
    with pytest.raises(SettingsError) as caught:
        PersonalAccessToken(SecretStr(token))
    assert not token or token not in caught.value.sentence()


@pytest.mark.parametrize(
    "url",
    [
        "https://dev.azure.com",
        "dev.azure.com/contoso",
        "https://user:pat@dev.azure.com/contoso",
        "https://dev.azure.com/contoso?x=1",
        "ftp://dev.azure.com/contoso",
        "https://dev.azure.com:port/contoso",
    ],
)
def test_address__wrong__is_refused_at_the_start(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        AzureDevOpsConfig(url, PersonalAccessToken(SecretStr(TOKEN)))
    assert caught.value.hint
    assert "pat@" not in caught.value.sentence()
