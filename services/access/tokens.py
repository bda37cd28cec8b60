"""Service tokens: issued once, stored as hashes, with their last use; and the caller behind a bearer token."""

from __future__ import annotations

import re
import secrets
from collections.abc import Collection, Sequence
from datetime import timedelta

from services.access.sessions import digest
from services.database.unit import Units
from services.domain.identity.people import Actor, Permission
from services.domain.identity.tokens import Scope, ServiceToken
from services.errors import InvalidInputError, NotAllowedError
from services.ledger.actions import Action
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import Subject
from services.ports.identity import IdentityProvider
from services.ports.time import Clock, Ids

PREFIX = "csn_"
"""Lets secret scanners find a token that was committed by mistake."""
LONGEST = timedelta(days=366)
NOTE_EVERY = timedelta(seconds=10)
"""Limits writes of the last use for pipelines that call often."""
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")


class TokenDesk:
    """Issues, lists, revokes and checks service tokens."""

    def __init__(self, units: Units, *, clock: Clock, ids: Ids) -> None:
        self._units = units
        self._clock = clock
        self._ids = ids

    def issue(
        self, actor: Actor, name: str, *, scopes: Collection[Scope], lifetime: timedelta
    ) -> tuple[ServiceToken, str]:
        """A new token and its secret, which is shown only once. Raises InvalidInputError, NotAllowedError."""
        _demand_operator(actor)
        if not _NAME.fullmatch(name):
            raise InvalidInputError(
                f"{name!r} is not a valid token name.", hint="Use lowercase letters, digits, dots, hyphens; up to 100."
            )
        if not scopes:
            raise InvalidInputError("A token needs a scope.", hint=f"Use one of: {', '.join(Scope)}.")
        if not timedelta(0) < lifetime <= LONGEST:
            raise InvalidInputError("A token is valid for at most a year.", hint="Use 1 to 366 days.")
        now, secret = self._clock.now(), PREFIX + secrets.token_urlsafe(32)
        token = ServiceToken(
            self._ids.new("tok"), name, frozenset(scopes), created=now, created_by=actor.person, expires=now + lifetime
        )
        with self._units.begin() as unit:
            unit.tokens.add(token, digest(secret))
            told: dict[str, Json] = {
                "name": name,
                "scopes": [scope.value for scope in sorted(token.scopes)],
                "expires": token.expires.isoformat(),
            }
            unit.ledger.append(actor, Action.TOKEN_ISSUED, Subject("service_token", token.id), after=told)
        return token, secret

    def find(self, actor: Actor) -> Sequence[ServiceToken]:
        """All tokens, newest first, without their secrets. Raises NotAllowedError."""
        _demand_operator(actor)
        with self._units.read() as unit:
            return unit.tokens.find()

    def revoke(self, actor: Actor, token_id: str) -> ServiceToken:
        """Revoke the token. Raises NotFoundError, NotAllowedError."""
        _demand_operator(actor)
        with self._units.begin() as unit:
            token = unit.tokens.revoke(token_id, self._clock.now())
            subject = Subject("service_token", token.id)
            unit.ledger.append(actor, Action.TOKEN_REVOKED, subject, before={"name": token.name})
        return token

    def caller(self, secret: str) -> Actor:
        """The service that owns the token; records the use. Raises NotAllowedError.

        A guess costs one indexed read: an unknown caller never causes a write or a lock.
        """
        now = self._clock.now()
        with self._units.read() as unit:
            token = unit.tokens.by_digest(digest(secret))
        if token is not None and token.holds(now):
            if token.last_used is None or now - token.last_used >= NOTE_EVERY:
                with self._units.begin() as unit:
                    unit.tokens.used(token.id, now)
            return token.actor
        if token is None:
            raise _stranger("This token is unknown.")
        raise _stranger("This token was revoked." if token.revoked else "This token has expired.")


class Callers:
    """Identifies the API's caller: a service by its token, a person or application by the identity provider's."""

    def __init__(self, tokens: TokenDesk, provider: IdentityProvider | None, *, has_audience: bool) -> None:
        self._tokens = tokens
        self._provider = provider if has_audience else None

    def identify(self, authorization: str) -> Actor:
        """From the Authorization header. Raises NotAllowedError, UpstreamUnavailableError."""
        kind, _, shown = authorization.strip().partition(" ")
        shown = shown.strip()
        if kind.lower() != "bearer" or not shown:
            raise _stranger("This API requires a token.")
        if shown.startswith(PREFIX):
            return self._tokens.caller(shown)
        if self._provider is None or shown.count(".") != 2:
            raise _stranger("This token is unknown.")
        return self._provider.caller(shown)


def _stranger(message: str) -> NotAllowedError:
    hint = "Send 'Authorization: Bearer <token>'; `countersign token create` issues one."
    return NotAllowedError(message, hint=hint, code="unauthenticated")


def _demand_operator(actor: Actor) -> None:
    if not actor.may(Permission.MANAGE_ACCESS):
        raise NotAllowedError("Only administrators can manage tokens and sessions.", hint="Use the command line.")
