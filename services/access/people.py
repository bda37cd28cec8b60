"""Everybody who ever signed in, as last seen: for notifications, and to notice what a database was used for."""

from __future__ import annotations

from collections.abc import Sequence

from services.database.unit import Units
from services.domain.identity.sessions import Identity
from services.errors import SettingsError


def known_people(units: Units) -> Sequence[Identity]:
    """Everybody, by name."""
    with units.read() as unit:
        return unit.sessions.people()


def refuse_demo_on_real_data(units: Units) -> None:
    """The demo's picker never opens a database in which real people signed in. Raises SettingsError."""
    if any("|" in identity.person.id for identity in known_people(units)):
        raise SettingsError(
            "This database has been used with an identity provider, and the demo's picker is switched on.",
            hint="Take COUNTERSIGN_DEMO_PEOPLE away, or give the demo a database of its own.",
        )
