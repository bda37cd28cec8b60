"""The one place where the dashboard accesses the services: opened at start, used by every page.

Tests install a small portal with `use`; nothing that a visitor sends can reach it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from starlette.types import ASGIApp

from services.domain.identity.sessions import Identity, Session
from services.errors import SettingsError
from services.portal import Portal
from services.ports.identity import Ended, IdentityProvider
from services.settings import Settings


class SignIns(Protocol):
    """Sign-ins, as `services.access.sessions.SessionDesk` keeps them."""

    def start(
        self,
        identity: Identity,
        *,
        sealed: str = "",
        instead_of: str | None = None,
        authenticated: datetime | None = None,
        provider_session: str = "",
    ) -> str:
        """Begin one; returns its cookie."""

    def find(self, cookie: str | None, *, is_at_work: bool = True) -> Session | None:
        """The sign-in of a cookie while it is valid."""

    def end(self, cookie: str | None) -> Session | None:
        """Sign out."""

    def end_at_provider(self, ended: Ended) -> int:
        """The provider signed a user out; returns how many sessions ended."""


class Opened(Protocol):
    """What `services.bootstrap.portal.open_portal` gives."""

    @property
    def portal(self) -> Portal:
        """All use cases."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""

    @property
    def sessions(self) -> SignIns:
        """Sign-ins of people."""

    @property
    def provider(self) -> IdentityProvider | None:
        """The identity provider; None in the demo."""

    def close(self) -> None:
        """Stop the worker and close the database."""


@dataclass
class _State:
    opened: Opened | None = None
    person_id: str | None = None


_STATE = _State()


def start() -> None:
    """Read the settings and open the portal, once. Raises SettingsError."""
    if _STATE.opened is None:
        from services.bootstrap.portal import open_portal
        from services.settings import load_settings

        _STATE.opened = open_portal(load_settings())


def stop() -> None:
    """Close what was opened."""
    opened, _STATE.opened = _STATE.opened, None
    if opened is not None:
        opened.close()


def use(opened: Opened | None, *, person_id: str | None = None) -> None:
    """Install a portal, for tests; `person_id` is signed in without a cookie."""
    _STATE.opened, _STATE.person_id = opened, person_id


def is_open() -> bool:
    """True between start and stop."""
    return _STATE.opened is not None


def portal() -> Portal:
    """All use cases. Raises SettingsError before the start."""
    return _opened().portal


def settings() -> Settings:
    """The settings in force."""
    return _opened().settings


def build_api() -> ASGIApp | None:
    """The HTTP API over the opened portal; None where it was opened without one."""
    build = getattr(_opened(), "api", None)
    return build() if build else None


def sessions() -> SignIns:
    """The sign-ins of people."""
    return _opened().sessions


def provider() -> IdentityProvider | None:
    """The identity provider; None in the demo, and while the portal is not open."""
    return _STATE.opened.provider if _STATE.opened else None


def fixed_person() -> str | None:
    """The person that a test signed in."""
    return _STATE.person_id


def _opened() -> Opened:
    if _STATE.opened is None:
        raise SettingsError(
            "The portal is not open yet.", hint="Start it with `countersign serve`, or wait until it has started."
        )
    return _STATE.opened
