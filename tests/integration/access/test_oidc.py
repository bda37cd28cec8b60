"""The OpenID Connect adapter against a strict provider over HTTP."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import jwt
import pytest

from services.adapters.oidc.provider import OidcProvider
from services.domain.identity.people import Role
from services.errors import NotAllowedError, UpstreamInvalidError, UpstreamRefusedError, UpstreamUnavailableError
from services.ports.identity import Arrival
from tests.integration.access.conftest import Client
from tests.simulators.identity_provider import Provider


def arrive(client: OidcProvider, other_side: Provider, sub: str = "ben", *, target: str = "/request?id=1") -> Arrival:
    attempt = client.begin(target)
    return client.finish(other_side.authorize(attempt.url, sub), {attempt.name: attempt.secret})


def test_sign_in__code_flow__gives_person_roles_and_deep_link(client: Client, other_side: Provider) -> None:
    arrival = arrive(client(), other_side)
    assert arrival.target == "/request?id=1"
    assert arrival.identity.person.id == f"{other_side.issuer}|ben"
    assert arrival.identity.person.name == "Ben Okafor"
    assert arrival.identity.roles == {Role.REVIEWER}
    assert arrival.identity.known_as == {"ben.okafor@example.com", "ben.okafor", "ben.o"}


def test_sign_in__address__carries_pkce_state_and_nonce_and_no_secret(client: Client) -> None:
    attempt = client().begin("/")
    asked = {name: values[0] for name, values in parse_qs(urlsplit(attempt.url).query).items()}
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43
    assert asked["state"] not in attempt.secret
    assert len(attempt.secret) < 1000


@pytest.mark.parametrize("broken", ["state", "cookie", "nothing", "other attempt"])
def test_sign_in__answer_of_another_browser__is_refused_before_the_code_is_used(
    client: Client, other_side: Provider, broken: str
) -> None:
    ours = client()
    attempt, other = ours.begin("/"), ours.begin("/")
    answer, kept = other_side.authorize(attempt.url, "ben"), {attempt.name: attempt.secret}
    if broken == "state":
        answer["state"] = answer["state"][:-1] + "x"
    elif broken == "cookie":
        kept[attempt.name] = attempt.secret[:-4] + "AAAA"
    elif broken == "nothing":
        kept = {}
    else:
        kept = {attempt.name: other.secret}
    with pytest.raises(NotAllowedError):
        ours.finish(answer, kept)
    assert other_side.calls("/token") == 0


def test_sign_in__code_used_twice__is_refused(client: Client, other_side: Provider) -> None:
    ours = client()
    attempt = ours.begin("/")
    answer, kept = other_side.authorize(attempt.url, "ben"), {attempt.name: attempt.secret}
    ours.finish(answer, kept)
    with pytest.raises(UpstreamRefusedError, match="invalid_grant"):
        ours.finish(answer, kept)


def test_sign_in__stolen_code_in_another_sign_in__fails_at_pkce(client: Client, other_side: Provider) -> None:
    ours = client()
    victim, thief = ours.begin("/"), ours.begin("/")
    stolen = other_side.authorize(victim.url, "ben")["code"]
    own = other_side.authorize(thief.url, "mallory")
    with pytest.raises(UpstreamRefusedError):
        ours.finish(own | {"code": stolen}, {thief.name: thief.secret})


def test_sign_in__refused_by_the_provider__says_so_without_repeating_it(client: Client, other_side: Provider) -> None:
    attempt = client().begin("/")
    state = other_side.authorize(attempt.url, "ben")["state"]
    answer = {"state": state, "error": "access_denied", "error_description": "<script>"}
    with pytest.raises(NotAllowedError, match="access_denied") as refused:
        client().finish(answer, {attempt.name: attempt.secret})
    assert "<script>" not in refused.value.sentence()


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({"nonce": "other"}, "nonce"), ({"aud": "someone-else"}, "audience"), ({"iss": "https://evil.example"}, "issuer"),
        ({"exp": 1}, "expired"), ({"azp": "someone-else"}, "azp"), ({"aud": ["countersign", "b"]}, "azp"),
        ({"nbf": int(time.time()) + 3600}, "not valid yet"),
    ],
)  # fmt: skip
def test_id_token__not_for_us_or_not_now__is_refused(
    client: Client, other_side: Provider, extra: dict[str, object], why: str
) -> None:
    other_side.id_token_extra = extra
    with pytest.raises(UpstreamInvalidError, match=why):
        arrive(client(), other_side)


@pytest.mark.parametrize("name", ["exp", "iat", "sub", "aud", "iss", "nonce"])
def test_id_token__without_a_claim_that_matters__is_refused(client: Client, other_side: Provider, name: str) -> None:
    other_side.drop_claims = (name,)
    with pytest.raises(UpstreamInvalidError):
        arrive(client(), other_side)


def test_id_token__signed_by_somebody_else_or_not_at_all__is_refused(client: Client, other_side: Provider) -> None:
    ours = client()
    arrive(ours, other_side)
    claims = other_side.claims("ben", aud="api://countersign")
    public_as_secret = jwt.encode(claims, "k" * 40, "HS256", headers={"kid": other_side.kid})
    unsigned = jwt.encode(claims, None, "none")
    from cryptography.hazmat.primitives.asymmetric import rsa

    forged = jwt.encode(claims, rsa.generate_private_key(65537, 2048), "RS256", headers={"kid": other_side.kid})
    for token in (public_as_secret, unsigned, forged, "rubbish", ""):
        with pytest.raises(NotAllowedError):
            ours.caller(token)


def test_fresh_sign_in__asks_the_provider_to_ask_again_and_believes_only_its_word(
    client: Client, other_side: Provider
) -> None:
    provider = client()
    long_ago = int(time.time()) - 3600
    other_side.asked_at["ben"] = long_ago
    assert arrive(provider, other_side).authenticated == datetime.fromtimestamp(long_ago, UTC)
    attempt = provider.begin("/request?id=req-1", fresh=True)
    asked = dict(parse_qsl(urlsplit(attempt.url).query))
    assert (asked["prompt"], asked["max_age"]) == ("login", "0")
    found = provider.finish(other_side.authorize(attempt.url, "ben"), {attempt.name: attempt.secret})
    assert found.authenticated is not None
    assert found.authenticated > datetime.fromtimestamp(long_ago + 3500, UTC)
    assert found.target == "/request?id=req-1"


@pytest.mark.parametrize("told", [{"auth_time": 1_000_000_000}, {"auth_time": "now"}, {"auth_time": True}, {}])
def test_fresh_sign_in__that_the_provider_does_not_confirm__is_refused(
    client: Client, other_side: Provider, told: dict[str, Any]
) -> None:
    provider = client()
    if told:
        other_side.id_token_extra = told
    else:
        other_side.drop_claims = ("auth_time",)
    attempt = provider.begin("/", fresh=True)
    with pytest.raises(NotAllowedError, match="did not confirm a fresh sign-in"):
        provider.finish(other_side.authorize(attempt.url, "ben"), {attempt.name: attempt.secret})


def test_sign_in__of_the_future_or_without_a_time__is_never_fresher_than_now(
    client: Client, other_side: Provider
) -> None:
    provider = client()
    other_side.id_token_extra = {"auth_time": int(time.time()) + 86_400}
    found = arrive(provider, other_side).authenticated
    assert found is not None
    assert found <= datetime.now(UTC)
    other_side.drop_claims = ("auth_time",)
    assert arrive(provider, other_side).authenticated is None


def test_keys__rotated__are_fetched_once_and_unknown_ids_do_not_hammer(client: Client, other_side: Provider) -> None:
    ours = client()
    now = [1000.0]
    ours._metadata._clock = lambda: now[0]
    arrive(ours, other_side)
    other_side.rotate_keys()
    now[0] += 31
    arrive(ours, other_side)
    assert other_side.calls("/keys") == 2
    for _ in range(5):
        with pytest.raises(NotAllowedError):
            ours.caller(other_side.sign(other_side.claims("ben"), kid="invented"))
    assert other_side.calls("/keys") == 2


def test_keys__provider_away__known_ones_serve_on(client: Client, other_side: Provider) -> None:
    ours = client()
    now = [1000.0]
    ours._metadata._clock = lambda: now[0]
    token = other_side.sign(other_side.claims("ben", aud="api://countersign"))
    ours.caller(token)
    now[0] += 4000
    other_side.slow["/keys"] = 3
    assert ours.caller(token).person.name == "Ben Okafor"


@pytest.mark.parametrize("kind", ["claim_names", "hasgroups"])
def test_overage__of_entra_id__asks_microsoft_graph(client: Client, other_side: Provider, kind: str) -> None:
    other_side.overage = kind
    other_side.groups["ben"] = [f"g-{i}" for i in range(450)] + ["g-risk"]
    assert arrive(client(), other_side).identity.roles == {Role.REVIEWER}
    assert other_side.calls("/graph/me/getMemberObjects") == 1


def test_overage__graph_refuses__nobody_gets_in_with_half_the_roles(client: Client, other_side: Provider) -> None:
    other_side.overage, other_side.graph_status = "claim_names", 403
    with pytest.raises(UpstreamRefusedError, match="Authorization_RequestDenied"):
        arrive(client(), other_side)


@pytest.mark.parametrize("path", ["/token", "/graph/me/getMemberObjects", "/keys", "/.well-known/openid-configuration"])
def test_provider__too_slow__is_given_up_in_time(client: Client, other_side: Provider, path: str) -> None:
    other_side.overage = "claim_names"
    other_side.slow[path] = 1.5
    start = time.monotonic()
    with pytest.raises(UpstreamUnavailableError):
        arrive(client(seconds=0.3), other_side)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b"{"])
def test_provider__answers_rubbish__is_named(client: Client, other_side: Provider, body: bytes) -> None:
    other_side.broken["/token"] = body
    with pytest.raises(UpstreamInvalidError):
        arrive(client(), other_side)


def test_provider__calls_itself_otherwise__is_refused_with_what_to_do(client: Client, other_side: Provider) -> None:
    with pytest.raises(UpstreamInvalidError, match="reports the issuer") as refused:
        client(issuer=other_side.issuer.replace("127.0.0.1", "localhost")).begin("/")
    assert "COUNTERSIGN_OIDC_ISSUER" in refused.value.hint


@pytest.mark.parametrize("gives_id_token", [True, False])
def test_read_again__role_removed__shows_at_once(client: Client, other_side: Provider, gives_id_token: bool) -> None:
    ours = client()
    arrival = arrive(ours, other_side)
    other_side.refresh_gives_id_token = gives_id_token
    other_side.groups["ben"] = ["g-audit"]
    identity, sealed = ours.read_again(arrival.sealed)
    assert identity.roles == {Role.AUDITOR}
    assert ours.read_again(sealed)[0].roles == {Role.AUDITOR}
    with pytest.raises(UpstreamRefusedError):
        ours.read_again(sealed)  # the provider rotates refresh tokens


def test_read_again__account_closed__is_refused(client: Client, other_side: Provider) -> None:
    arrival = arrive(client(), other_side)
    other_side.revoke("ben")
    with pytest.raises(UpstreamRefusedError):
        client().read_again(arrival.sealed)


def test_read_again__answer_about_somebody_else__is_refused(client: Client, other_side: Provider) -> None:
    arrival = arrive(client(), other_side)
    other_side.refresh = dict.fromkeys(other_side.refresh, "mallory")
    with pytest.raises(UpstreamRefusedError, match="a different person"):
        client().read_again(arrival.sealed)


def test_sealed__never_shows_a_token_and_opens_under_our_secret_only(client: Client, other_side: Provider) -> None:
    from pydantic import SecretStr

    arrival = arrive(client(), other_side)
    assert not any(token in arrival.sealed for token in (*other_side.refresh, *other_side.access))
    with pytest.raises(UpstreamRefusedError, match="secret was changed"):
        client(session_secret=SecretStr("y" * 40)).read_again(arrival.sealed)


def test_sign_out_url__names_us_and_where_to_go(client: Client, other_side: Provider) -> None:
    ours = client()
    url = ours.sign_out_url(arrive(ours, other_side).sealed)
    assert url is not None
    asked = parse_qs(urlsplit(url).query)
    assert url.startswith(f"{other_side.issuer}/logout?")
    assert asked["post_logout_redirect_uri"] == ["http://127.0.0.1:8501/signed-out"]
    assert "id_token_hint" in asked
    other_side.groups["ben"] = [f"group-with-a-long-name-{i}" for i in range(199)]
    url = ours.sign_out_url(arrive(ours, other_side).sealed)
    assert url is not None
    assert len(url) < 500


def test_caller__person__has_the_roles_of_the_groups(client: Client, other_side: Provider) -> None:
    actor = client().caller(other_side.sign(other_side.claims("ben", aud="api://countersign")))
    assert (actor.person.id, actor.roles, actor.is_service) == (f"{other_side.issuer}|ben", {Role.REVIEWER}, False)


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "countersign"},
        {"aud": "api://countersign", "exp": 1},
        {"aud": "api://countersign", "iss": "http://evil"},
    ],
)
def test_caller__token_for_something_else_or_too_old__is_refused(
    client: Client, other_side: Provider, claims: dict[str, object]
) -> None:
    with pytest.raises(NotAllowedError) as refused:
        client().caller(other_side.sign(other_side.claims("ben", **claims)))
    assert refused.value.code == "unauthenticated"


@pytest.mark.parametrize("marks", [{"idtyp": "app"}, {"azp": "trainer"}, {"client_id": "trainer"}])
def test_caller__application__is_a_service_and_never_decides(
    client: Client, other_side: Provider, marks: dict[str, object]
) -> None:
    told = {"aud": "api://countersign", "roles": ["api.call", "g-reviewers"], **marks}
    actor = client().caller(other_side.sign(other_side.claims("trainer", **told)))
    assert actor.roles == {Role.SERVICE}
    assert actor.person.id.startswith("service:")
    with pytest.raises(NotAllowedError):
        client().caller(other_side.sign(other_side.claims("trainer", **(told | {"roles": ["g-reviewers"]}))))


def test_caller__groups_left_out__is_refused_rather_than_guessed(client: Client, other_side: Provider) -> None:
    other_side.overage = "claim_names"
    with pytest.raises(NotAllowedError, match="too many"):
        client().caller(other_side.sign(other_side.claims("ben", aud="api://countersign")))
