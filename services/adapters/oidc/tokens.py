"""Signed tokens: ID tokens (OpenID Connect Core 3.1.3.7) and access tokens of API callers (RFC 9068)."""

from __future__ import annotations

import time
from typing import Any

import jwt

from services.adapters.oidc.metadata import Metadata

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Only public-key signatures: with a shared secret, a verifier could also sign."""
LEEWAY_SECONDS = 60
REQUIRED = ("iss", "sub", "aud", "exp", "iat")
LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
LOGOUT_SECONDS = 300
"""Maximum age of a logout token."""


class BadTokenError(Exception):
    """The token is invalid; the message says why without repeating its content."""


def verified(
    token: str, metadata: Metadata, *, issuer: str, audience: str, require: tuple[str, ...] = REQUIRED
) -> dict[str, Any]:
    """The claims of a token with valid signature, issuer, audience and times. Raises BadTokenError, UpstreamError."""
    key = metadata.key(_key_id(token))
    if key is None:
        raise BadTokenError("it is signed with an unknown key")
    options: Any = {"require": list(require)}
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=ALGORITHMS,
            audience=audience,
            issuer=issuer,
            leeway=LEEWAY_SECONDS,
            options=options,
        )
    except jwt.ExpiredSignatureError:
        raise BadTokenError("it has expired") from None
    except (jwt.PyJWTError, TypeError, ValueError) as error:
        raise BadTokenError(_plain(error)) from None
    return claims


def check_id_token(claims: dict[str, Any], *, client_id: str, nonce: str | None) -> None:
    """Check the additional claims of an ID token. Raises BadTokenError."""
    if nonce is not None and claims.get("nonce") != nonce:
        raise BadTokenError("it belongs to another sign-in (nonce)")
    has_many = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", None if has_many else client_id) != client_id:
        raise BadTokenError("it was issued to another application (azp)")


def check_logout_token(claims: dict[str, Any]) -> None:
    """OpenID Connect Back-Channel Logout 1.0, 2.6. Raises BadTokenError."""
    events = claims["events"]
    if not isinstance(events, dict) or not isinstance(events.get(LOGOUT_EVENT), dict):
        raise BadTokenError("it is not a logout token")
    if "nonce" in claims:
        raise BadTokenError("a logout token carries no nonce")
    if not claims.get("sub") and not claims.get("sid"):
        raise BadTokenError("it names no person or session")
    if time.time() - float(claims["iat"]) > LOGOUT_SECONDS + LEEWAY_SECONDS:
        raise BadTokenError("it is too old")


def _key_id(token: str) -> str | None:
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise BadTokenError("it is not a signed token") from None
    if header.get("alg") not in ALGORITHMS:
        raise BadTokenError("its signature algorithm is not accepted")
    key_id = header.get("kid")
    return key_id if isinstance(key_id, str) else None


def _plain(error: Exception) -> str:
    reasons = {
        jwt.InvalidIssuerError: "it comes from another issuer",
        jwt.InvalidAudienceError: "it is meant for another audience",
        jwt.InvalidSignatureError: "its signature is invalid",
        jwt.ImmatureSignatureError: "it is not valid yet",
        jwt.MissingRequiredClaimError: "a claim is missing",
    }
    return next((text for kind, text in reasons.items() if isinstance(error, kind)), "it cannot be read")
