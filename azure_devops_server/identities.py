"""Who acts: people, the build service, and the tokens that name them."""

from __future__ import annotations

import base64
import binascii
import secrets
import threading
from collections.abc import Mapping

from azure_devops_server.config import ServerConfig
from azure_devops_server.http.wire import Caller
from azure_devops_server.model.core import Identity
from azure_devops_server.storage.state import State, token_digest
from azure_devops_server.values import derived_guid

_NAMESPACE = "5b1f2b8e-53ab-4b09-a4a3-5f9d0c6f3b52"
"""Ids of identities derive from it, so they are the same in every fresh server."""
ADMINISTRATOR = "Demo Administrator"


class Identities:
    """All identities and the tokens in force."""

    def __init__(self, state: State, config: ServerConfig) -> None:
        self._state = state
        self._config = config
        self._lock = threading.Lock()
        self._job_tokens: dict[str, int | None] = {}
        self._revoked: set[str] = set()
        self.administrator = self.person(ADMINISTRATOR)
        service_name = f"{config.project} Build Service ({config.organization})"
        self.build_service = self._ensure(service_name, is_service=True)
        for token, name in config.people.items():
            self.person(name, token=token)

    def person(self, name: str, *, token: str = "") -> Identity:
        """The person of that name, made if unknown; `token` becomes the person's own access token."""
        known = self._ensure(name)
        if token and known.token_digest != token_digest(token):
            fresh = Identity(known.id, known.name, known.unique_name, token_digest(token), known.is_service)
            return self._state.identities.put(fresh)
        return known

    def get(self, identity_id: str | None) -> Identity:
        """An identity by id; the administrator stands in for a deleted one."""
        return self._state.identities.get(identity_id or "") or self.administrator

    def find(self, text: str) -> Identity | None:
        """An identity by id, name or unique name, any case."""
        wanted = text.casefold()
        everyone = self._state.identities.all()
        return next((row for row in everyone if wanted in (row.id, row.name.casefold(), row.unique_name)), None)

    def issue(self, build_id: int | None) -> str:
        """A fresh job access token; it acts as the build service until it is revoked or the server stops."""
        token = secrets.token_urlsafe(32)
        with self._lock:
            self._job_tokens[token_digest(token)] = build_id
        return token

    def revoke(self, token: str) -> None:
        """End a job access token; it is refused from now on, even where any other token is let in."""
        with self._lock:
            self._job_tokens.pop(token_digest(token), None)
            self._revoked.add(token_digest(token))

    def caller(self, headers: Mapping[str, str]) -> Caller | None:
        """Who sent a request; None if the token is not accepted. KeyError if there is none at all."""
        token = presented_token(headers)
        if not token:
            raise KeyError("authorization")
        digest = token_digest(token)
        with self._lock:
            if digest in self._job_tokens:
                return Caller(self.build_service.id, self._job_tokens[digest])
            if digest in self._revoked:
                return None
        for person in self._state.identities.all():
            if person.token_digest and secrets.compare_digest(person.token_digest, digest):
                return Caller(person.id)
        if self._config.token is None or secrets.compare_digest(token_digest(self._config.token), digest):
            return Caller(self.administrator.id)
        return None

    def _ensure(self, name: str, *, is_service: bool = False) -> Identity:
        key = derived_guid(_NAMESPACE, name.casefold())
        known = self._state.identities.get(key)
        if known:
            return known
        unique = f"{'.'.join(name.casefold().split())}@demo.invalid"
        return self._state.identities.put(Identity(key, name, unique, is_service=is_service))


def presented_token(headers: Mapping[str, str]) -> str:
    """The token of an Authorization header: Bearer, or the password of Basic; empty if there is none."""
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.casefold() == "bearer":
        return value.strip()
    if scheme.casefold() != "basic":
        return ""
    try:
        decoded = base64.b64decode(value.strip(), validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
    return decoded.partition(":")[2]
