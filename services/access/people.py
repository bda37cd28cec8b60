"""Everybody who ever signed in, as last seen: for notifications, and to detect how a database was used."""

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
    """The demo's picker refuses a database in which real people have signed in. Raises SettingsError."""
    if any("|" in identity.person.id for identity in known_people(units)):
        raise SettingsError(
            "This database has been used with an identity provider, but the demo's picker is switched on.",
            hint="Remove COUNTERSIGN_DEMO_PEOPLE, or give the demo a separate database.",
        )
