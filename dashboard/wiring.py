"""The one place where the dashboard meets the services: opened at start, asked by every page.

Tests put a small portal in with `use`; nothing that a visitor sends can reach it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from starlette.types import ASGIApp

from dashboard.sessions import Sessions
from services.errors import SettingsError
from services.portal import Portal
from services.settings import Settings


class Opened(Protocol):
    """What `services.bootstrap.open_portal` gives."""

    @property
    def portal(self) -> Portal:
        """All use cases."""

    @property
    def settings(self) -> Settings:
        """The settings in force."""

    def close(self) -> None:
        """Stop the worker and let go of the database."""


@dataclass
class _State:
    opened: Opened | None = None
    person_id: str | None = None
    sessions: Sessions = field(default_factory=Sessions)


_STATE = _State()


def start() -> None:
    """Read the settings and open the portal, once. Raises SettingsError."""
    if _STATE.opened is None:
        from services.bootstrap import open_portal
        from services.settings import load_settings

        _STATE.opened = open_portal(load_settings())


def stop() -> None:
    """Close what was opened."""
    opened, _STATE.opened = _STATE.opened, None
    if opened is not None:
        opened.close()


def use(opened: Opened | None, *, person_id: str | None = None) -> None:
    """Put a portal in, for tests; `person_id` is signed in without a cookie."""
    _STATE.opened, _STATE.person_id = opened, person_id
    _STATE.sessions = Sessions()


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


def sessions() -> Sessions:
    """The sign-ins of this process."""
    return _STATE.sessions


def fixed_person() -> str | None:
    """The person that a test signed in."""
    return _STATE.person_id


def _opened() -> Opened:
    if _STATE.opened is None:
        raise SettingsError(
            "The portal is not open yet.", hint="Start it with `countersign serve`, or wait until it has started."
        )
    return _STATE.opened
