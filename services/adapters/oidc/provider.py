"""The code flow with PKCE, state and nonce; role refresh with the refresh token; bearer tokens of the API.

The provider's tokens never reach the browser: it keeps one opaque cookie. Implements
`services.ports.identity.IdentityProvider`. Sources: OpenID Connect Core 1.0, RFC 6749, RFC 7636, RFC 9700.
"""

from __future__ import annotations

import base64
import hashlib
import math
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

from services.adapters.oidc.claims import groups_of, identity_of, roles_for
from services.adapters.oidc.config import SYSTEM, OidcConfig, Sealer
from services.adapters.oidc.http import Http
from services.adapters.oidc.metadata import Metadata
from services.adapters.oidc.tokens import LEEWAY_SECONDS, BadTokenError, check_id_token, check_logout_token, verified
from services.domain.identity.people import Actor, Person, Role
from services.domain.identity.sessions import Identity
from services.errors import NotAllowedError, UpstreamInvalidError, UpstreamRefusedError
from services.ports.identity import Arrival, Attempt, Ended, Wish

ATTEMPT_SECONDS = 600
HINT_LIMIT = 2000
"""Characters of an ID token that still fit into a sign-out address."""


class OidcProvider:
    """One provider. Thread-safe."""

    def __init__(self, config: OidcConfig) -> None:
        self._config = config
        self._http = Http(config.seconds)
        self._metadata = Metadata(config.issuer, self._http)
        self._attempts = Sealer(config.session_secret, "sign-in attempt")
        self._tokens = Sealer(config.session_secret, "provider tokens")

    def begin(self, target: str, *, fresh: bool = False) -> Attempt:
        """Start the code flow; `fresh` requires the person to authenticate again: Core 3.1.2.1."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        parameters = {
            "response_type": "code", "client_id": self._config.client_id, "redirect_uri": self._config.redirect_uri,
            "scope": self._config.scopes, "state": state, "nonce": nonce,
            "code_challenge": _challenge(verifier), "code_challenge_method": "S256",
        }  # fmt: skip
        parameters |= {"prompt": "login", "max_age": "0"} if fresh else {}
        endpoint = self._metadata.description().authorization_endpoint
        url = f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters)}"
        kept = {"state": state, "nonce": nonce, "verifier": verifier, "target": target}
        kept |= {"fresh_from": str(int(time.time()))} if fresh else {}
        return Attempt(url, state[:8], self._attempts.seal(kept))

    def finish(self, answer: Mapping[str, str], secrets: Mapping[str, str]) -> Arrival:
        """Take the provider's answer."""
        kept = self._begun(answer, secrets)
        if "error" in answer:  # some providers omit the state in a refusal, which grants nothing and may be shown
            raise NotAllowedError(_refusal(answer), hint="Sign in again, or ask your administrator.")
        if kept is None:
            raise NotAllowedError(
                "This sign-in was started in another browser or too long ago.", hint="Sign in again.", code="no_attempt"
            )
        if not answer.get("code"):
            raise NotAllowedError(_refusal(answer), hint="Sign in again, or ask your administrator.")
        if answer.get("iss", self._config.issuer) != self._config.issuer:
            raise NotAllowedError("The answer comes from another identity provider.", hint="Sign in again.")
        got = self._token(
            grant_type="authorization_code", code=answer["code"], redirect_uri=self._config.redirect_uri,
            code_verifier=kept["verifier"],
        )  # fmt: skip
        claims = self._id_claims(got, nonce=kept["nonce"])
        authenticated = _authenticated(claims, kept.get("fresh_from"))
        sealed = self._sealed(got, {"sub": claims["sub"]})
        session = claims.get("sid")
        known = session if isinstance(session, str) else ""
        return Arrival(self._identity(claims, got), sealed, kept["target"], authenticated, known)

    def wish(self, answer: Mapping[str, str], secrets: Mapping[str, str]) -> Wish:
        """The purpose of the sign-in."""
        kept = self._begun(answer, secrets)
        return Wish() if kept is None else Wish(kept["target"], "fresh_from" in kept)

    def _begun(self, answer: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, str] | None:
        state = answer.get("state", "")
        kept = self._attempts.open(secrets.get(state[:8], ""), max_age=ATTEMPT_SECONDS)
        return kept if kept is not None and _same(kept["state"], state) else None

    def read_again(self, sealed: str) -> tuple[Identity, str]:
        """Refresh the tokens and read the current identity."""
        held = self._tokens.open(sealed)
        if held is None:
            raise UpstreamRefusedError("The tokens cannot be opened: the session secret was changed.", system=SYSTEM)
        if not held.get("refresh_token"):
            raise UpstreamInvalidError("The provider gave no refresh token.", system=SYSTEM)
        got = self._token(grant_type="refresh_token", refresh_token=held["refresh_token"])
        claims = self._id_claims(got, nonce=None) if "id_token" in got else self._user_info(got)
        if claims.get("sub") != held["sub"]:
            raise UpstreamRefusedError("The provider answered for a different person.", system=SYSTEM)
        return self._identity(claims, got), self._sealed(got, held)

    def sign_out_url(self, sealed: str) -> str | None:
        """RP-Initiated Logout 1.0."""
        endpoint = self._metadata.description().end_session_endpoint
        if not endpoint:
            return None
        hint = (self._tokens.open(sealed) or {}).get("hint")
        parameters = {"client_id": self._config.client_id, "post_logout_redirect_uri": self._config.after_sign_out}
        parameters |= {"id_token_hint": hint} if hint else {}
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(parameters, quote_via=quote)}"

    def ended(self, logout_token: str) -> Ended:
        """OpenID Connect Back-Channel Logout 1.0, section 2.6."""
        try:
            claims = verified(
                logout_token, self._metadata, issuer=self._metadata.description().issuer,
                audience=self._config.client_id, require=("iss", "aud", "iat", "jti", "events"),
            )  # fmt: skip
            check_logout_token(claims)
        except BadTokenError as error:
            raise NotAllowedError(f"The logout token is invalid: {error}.", code="bad_logout_token") from None
        subject = str(claims.get("sub") or "") if self._config.person_claim == "sub" else ""
        person = f"{self._config.issuer}|{subject}"[:300] if subject else ""
        return Ended(person, str(claims.get("sid") or "")[:300], datetime.fromtimestamp(int(claims["iat"]), UTC))

    def caller(self, bearer: str) -> Actor:
        """A person or an application by its access token."""
        try:
            claims = verified(
                bearer, self._metadata, issuer=self._metadata.description().issuer, audience=self._config.api_audience
            )
        except BadTokenError as error:
            raise NotAllowedError(f"The bearer token is invalid: {error}.", code="unauthenticated") from None
        groups = groups_of(claims, self._config.groups_claim)
        if groups is None:
            raise NotAllowedError(
                "The bearer token omits the groups because there are too many.",
                hint="Configure the provider to send app roles, or only groups assigned to the application.",
            )
        if _is_application(claims):
            return _application(claims, roles_for(groups, self._config.groups))
        identity = identity_of(claims, groups, self._config)
        return Actor(identity.person, identity.roles, identity.known_as, groups=identity.groups)

    def ping(self) -> None:
        """Description and keys."""
        self._metadata.description()
        self._metadata.key(None)

    def _token(self, **fields: str) -> dict[str, Any]:
        secret = self._config.client_secret.get_secret_value()
        auth = (quote(self._config.client_id, safe=""), quote(secret, safe="")) if secret else None
        fields |= {} if secret else {"client_id": self._config.client_id}
        return self._http.post_form(self._metadata.description().token_endpoint, fields, auth=auth)

    def _id_claims(self, got: Mapping[str, Any], *, nonce: str | None) -> dict[str, Any]:
        try:
            claims = verified(
                str(got.get("id_token", "")), self._metadata,
                issuer=self._metadata.description().issuer, audience=self._config.client_id,
            )  # fmt: skip
            check_id_token(claims, client_id=self._config.client_id, nonce=nonce)
        except BadTokenError as error:
            raise UpstreamInvalidError(
                f"The identity provider's ID token is invalid: {error}.", system=SYSTEM, hint="Sign in again."
            ) from None
        return claims

    def _user_info(self, got: Mapping[str, Any]) -> dict[str, Any]:
        """Providers may omit the ID token in a refresh (Core 12.2); then use the UserInfo endpoint."""
        endpoint = self._metadata.description().userinfo_endpoint
        if not endpoint:
            raise UpstreamInvalidError("The provider has no way to refresh the roles.", system=SYSTEM)
        return self._http.get(endpoint, bearer=str(got.get("access_token", "")))

    def _identity(self, claims: Mapping[str, Any], got: Mapping[str, Any]) -> Identity:
        groups = groups_of(claims, self._config.groups_claim)
        if groups is None:
            groups = self._ask_graph(str(got.get("access_token", "")))
        return identity_of(claims, groups, self._config)

    def _ask_graph(self, access_token: str) -> frozenset[str]:
        """All groups of the person, nested ones too (Graph: directoryObject getMemberObjects, scope User.Read)."""
        url = f"{self._config.graph_url.rstrip('/')}/me/getMemberObjects"
        found = self._http.post_json(url, {"securityEnabledOnly": False}, bearer=access_token).get("value")
        if not isinstance(found, list):
            raise UpstreamInvalidError("Microsoft Graph sent no list of groups.", system=SYSTEM)
        return frozenset(str(item) for item in found)

    def _sealed(self, got: Mapping[str, Any], before: Mapping[str, Any]) -> str:
        """The tokens to keep: a rotated refresh token replaces the old one; a long ID token does not fit into a URL."""
        token = str(got.get("id_token") or "")
        kept = {
            "refresh_token": got.get("refresh_token") or before.get("refresh_token"),
            "hint": token if 0 < len(token) <= HINT_LIMIT else before.get("hint"),
            "sub": before["sub"],
        }
        return self._tokens.seal(kept)


def _authenticated(claims: Mapping[str, Any], fresh_from: str | None) -> datetime | None:
    """When the person authenticated, never in the future. Raises NotAllowedError without a required fresh sign-in."""
    claim = claims.get("auth_time")
    is_time = isinstance(claim, int | float) and not isinstance(claim, bool) and math.isfinite(claim)
    told = float(claim) if is_time else None  # type: ignore[arg-type]  # a number by the line above
    if fresh_from is not None and (told is None or told < int(fresh_from) - LEEWAY_SECONDS):
        raise NotAllowedError(
            "The identity provider did not confirm a fresh sign-in.",
            hint="Try again and sign in when prompted. If there is no prompt, ask your administrator: "
            "the provider must send the claim auth_time.",
            code="not_fresh",
        )
    return None if told is None else datetime.fromtimestamp(max(0.0, min(told, time.time())), UTC)


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode())


def _refusal(answer: Mapping[str, str]) -> str:
    code = answer.get("error", "no code")[:80]
    return f"The identity provider did not sign you in ({code if code.replace('_', '').isalnum() else 'error'})."


def _is_application(claims: Mapping[str, Any]) -> bool:
    """Client credentials: RFC 9068 sets the subject to the client's id; Entra ID says `idtyp`."""
    client = claims.get("client_id") or claims.get("azp") or claims.get("appid")
    return claims.get("idtyp") == "app" or (client is not None and client == claims.get("sub"))


def _application(claims: Mapping[str, Any], roles: frozenset[Role]) -> Actor:
    """An application is a service, whatever its groups: it never decides."""
    if Role.SERVICE not in roles:
        raise NotAllowedError("This application has no role here.", hint="Map one of its app roles to 'service'.")
    name = str(claims.get("app_displayname") or claims.get("azp") or claims["sub"])
    return Actor(Person(f"service:{claims['iss']}|{claims['sub']}", name), frozenset({Role.SERVICE}))
