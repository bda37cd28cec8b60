"""The identity provider as the portal sees it: OpenID Connect's code flow, roles read again, bearer tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.domain.identity.people import Actor
from services.domain.identity.sessions import Identity


@dataclass(frozen=True)
class Attempt:
    """A sign-in that has been begun: where the browser goes, and what it keeps until it comes back."""

    url: str
    name: str
    """Distinguishes attempts of several tabs; part of the cookie's name."""
    secret: str
    """Encrypted; holds state, nonce, PKCE verifier and where the person wanted to go."""


@dataclass(frozen=True)
class Wish:
    """What a sign-in was begun for."""

    target: str = "/"
    """Where the person wanted to go."""
    fresh: bool = False
    """True when the provider must ask anew who they are."""


@dataclass(frozen=True)
class Arrival:
    """A sign-in that has worked."""

    identity: Identity
    sealed: str
    """The provider's tokens, encrypted for the database."""
    target: str
    """Where the person wanted to go."""
    authenticated: datetime | None = None
    """When the provider last asked them who they are (`auth_time`); None where it does not say."""
    provider_session: str = ""
    """The provider's id of its own session, where it tells one."""


@dataclass(frozen=True)
class Ended:
    """The provider says that somebody is signed out there. One of the two names may be empty."""

    person_id: str
    provider_session: str
    at: datetime


class IdentityProvider(Protocol):
    """Every call that leaves the process has a time-out and raises UpstreamError only."""

    def begin(self, target: str, *, fresh: bool = False) -> Attempt:
        """Start the code flow; `fresh`: the provider must ask anew who it is. Raises UpstreamUnavailableError."""

    def finish(self, answer: Mapping[str, str], secrets: Mapping[str, str]) -> Arrival:
        """Take the provider's answer; `secrets` are the attempts that the browser keeps, by name.

        Raises NotAllowedError when the answer belongs to no attempt of this browser, UpstreamError.
        """

    def wish(self, answer: Mapping[str, str], secrets: Mapping[str, str]) -> Wish:
        """What the sign-in of this answer was begun for; the start page when this browser began none such."""

    def read_again(self, sealed: str) -> tuple[Identity, str]:
        """Who it is now, and the new sealed tokens. UpstreamRefusedError: the provider ended it."""

    def sign_out_url(self, sealed: str) -> str | None:
        """Where the browser signs out at the provider; None when the provider offers nothing."""

    def ended(self, logout_token: str) -> Ended:
        """What a back-channel logout says. Raises NotAllowedError, UpstreamUnavailableError."""

    def caller(self, bearer: str) -> Actor:
        """Whose bearer token this is. Raises NotAllowedError, UpstreamUnavailableError."""

    def ping(self) -> None:
        """Raise when the provider's description or keys cannot be had."""
