"""The provider's description (OpenID Connect Discovery 1.0) and its signing keys (RFC 7517), kept for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jwt

from services.adapters.oidc.config import SYSTEM
from services.adapters.oidc.http import Http
from services.errors import UpstreamInvalidError, UpstreamUnavailableError

KEEP_SECONDS = 3600.0
LOOK_AGAIN_SECONDS = 30.0
"""Minimum time between key refreshes for unknown key ids, which anybody can invent."""


@dataclass(frozen=True)
class Description:
    """The metadata of the provider that the portal uses."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str
    end_session_endpoint: str


class Metadata:
    """Thread-safe; serves the cached copy if a fresh one is unavailable."""

    def __init__(self, issuer: str, http: Http, clock: Callable[[], float] = time.monotonic) -> None:
        self._issuer = issuer
        self._http = http
        self._clock = clock
        self._lock = threading.Lock()
        self._description: Description | None = None
        self._keys: dict[str, jwt.PyJWK] = {}
        self._keys_at = -KEEP_SECONDS

    def description(self) -> Description:
        """Fetched once. Raises UpstreamError."""
        with self._lock:
            if self._description is None:
                url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
                self._description = _description(self._http.get(url), self._issuer)
            return self._description

    def key(self, key_id: str | None) -> jwt.PyJWK | None:
        """The key of this id, or the only key if the token names none; None if there is no such key."""
        jwks_uri = self.description().jwks_uri
        with self._lock:
            age = self._clock() - self._keys_at
            is_known = key_id is None or key_id in self._keys
            if age >= KEEP_SECONDS or (not is_known and age >= LOOK_AGAIN_SECONDS):
                self._refresh(jwks_uri, must=not is_known or not self._keys)
            if key_id is None:
                return next(iter(self._keys.values())) if len(self._keys) == 1 else None
            return self._keys.get(key_id)

    def _refresh(self, jwks_uri: str, *, must: bool) -> None:
        """New keys; known ones stay in use while the provider is unavailable."""
        try:
            self._fetch(jwks_uri)
        except UpstreamUnavailableError:
            if must:
                raise

    def _fetch(self, jwks_uri: str) -> None:
        keys = self._http.get(jwks_uri).get("keys")
        usable = [_key(item) for item in keys if isinstance(item, dict)] if isinstance(keys, list) else []
        self._keys = {key.key_id or "": key for key in usable if key is not None}
        self._keys_at = self._clock()


def _key(item: dict[str, Any]) -> jwt.PyJWK | None:
    if item.get("use", "sig") != "sig" or item.get("kty") not in {"RSA", "EC", "OKP"}:
        return None
    try:
        return jwt.PyJWK(item)
    except jwt.PyJWTError:
        return None


def _description(found: dict[str, Any], issuer: str) -> Description:
    if str(found.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
        raise UpstreamInvalidError(
            f"The provider at {issuer} reports the issuer {found.get('issuer')!r}.",
            system=SYSTEM,
            hint="Set COUNTERSIGN_OIDC_ISSUER to the issuer exactly as the provider reports it.",
        )
    fields = {name: str(found.get(name) or "") for name in Description.__dataclass_fields__}
    missing = [name for name in ("authorization_endpoint", "token_endpoint", "jwks_uri") if not fields[name]]
    if missing:
        raise UpstreamInvalidError(f"The provider's description lacks {', '.join(missing)}.", system=SYSTEM)
    return Description(**fields)
