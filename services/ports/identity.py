"""The identity provider: OpenID Connect's code flow, role refresh, bearer tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.domain.identity.people import Actor
from services.domain.identity.sessions import Identity


@dataclass(frozen=True)
class Attempt:
    """A started sign-in: the browser's destination, and what it stores until it returns."""

    url: str
    name: str
    """Distinguishes attempts of several tabs; part of the cookie's name."""
    secret: str
    """Encrypted; holds state, nonce, PKCE verifier and where the person wanted to go."""


@dataclass(frozen=True)
class Wish:
    """The purpose of a sign-in."""

    target: str = "/"
    """Where the person wanted to go."""
    fresh: bool = False
    """True if the provider must authenticate the person again."""


@dataclass(frozen=True)
class Arrival:
    """A successful sign-in."""

    identity: Identity
    sealed: str
    """The provider's tokens, encrypted for the database."""
    target: str
    """Where the person wanted to go."""
    authenticated: datetime | None = None
    """When they last authenticated (`auth_time`); None if the provider does not report it."""
    provider_session: str = ""
    """The provider's session id, if it reports one."""


@dataclass(frozen=True)
class Ended:
    """A sign-out at the provider. One of the two ids may be empty."""

    person_id: str
    provider_session: str
    at: datetime


class IdentityProvider(Protocol):
    """Every call that leaves the process has a time-out and raises UpstreamError only."""

    def begin(self, target: str, *, fresh: bool = False) -> Attempt:
        """Start the code flow; `fresh` forces a new authentication. Raises UpstreamUnavailableError."""

    def finish(self, answer: Mapping[str, str], secrets: Mapping[str, str]) -> Arrival:
        """Take the provider's answer; `secrets` are the attempts that the browser keeps, by name.

        Raises NotAllowedError if the answer belongs to no attempt of this browser, UpstreamError.
        """

    def wish(self, answer: Mapping[str, str], secrets: Mapping[str, str]) -> Wish:
        """The purpose of this answer's sign-in; the start page if this browser did not start it."""

    def read_again(self, sealed: str) -> tuple[Identity, str]:
        """The current identity and new sealed tokens. UpstreamRefusedError: the provider ended the session."""

    def sign_out_url(self, sealed: str) -> str | None:
        """The provider's sign-out address; None if it has none."""

    def ended(self, logout_token: str) -> Ended:
        """The content of a back-channel logout. Raises NotAllowedError, UpstreamUnavailableError."""

    def caller(self, bearer: str) -> Actor:
        """The owner of a bearer token. Raises NotAllowedError, UpstreamUnavailableError."""

    def ping(self) -> None:
        """Raise if the provider's metadata or keys are unavailable."""
