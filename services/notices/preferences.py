"""E-mail preferences: each person sets their own, with any role that can read."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import available_timezones

from services.access.admission import admit
from services.database.unit import Units
from services.domain.identity.people import Actor
from services.domain.notices import OPTIONAL_TOPICS, Preferences
from services.errors import InvalidInputError, NotAllowedError
from services.ports.time import Clock


@dataclass(frozen=True)
class OwnNotices:
    """The address and the preferences."""

    email: str
    """As last reported by the identity provider; empty if it reports none."""
    is_mailed: bool
    """False if no channel mails people."""
    preferences: Preferences


class PreferenceDesk:
    """Implements `services.notices.answers.Notices`. Nobody can read or change another person's."""

    def __init__(self, units: Units, clock: Clock, *, is_mailed: bool) -> None:
        self._units = units
        self._clock = clock
        self._is_mailed = is_mailed

    def own(self, actor: Actor) -> OwnNotices:
        """Address and preferences. Raises NotAllowedError."""
        admit(actor)
        with self._units.read() as unit:
            found = unit.notices.preferences([actor.person.id]).get(actor.person.id, Preferences())
            known = next((one for one in unit.sessions.people() if one.person.id == actor.person.id), None)
        return OwnNotices(known.email if known else "", self._is_mailed, found)

    def choose(self, actor: Actor, wanted: Preferences) -> None:
        """Save new preferences. Raises NotAllowedError, InvalidInputError."""
        admit(actor)
        if actor.is_service:
            raise NotAllowedError("Services get no mail.", hint="Use a webhook; see docs/notifications.md.")
        if not wanted.muted <= OPTIONAL_TOPICS:
            raise InvalidInputError("Incident notifications cannot be muted.", hint="Mute other topics.")
        if wanted.schedule is not None and wanted.schedule.zone not in available_timezones():
            raise InvalidInputError("This time zone is unknown.", hint="Use a name such as Europe/Berlin.")
        with self._units.begin() as unit:
            unit.notices.put_preferences(actor.person.id, wanted, self._clock.now())
