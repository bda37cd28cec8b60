"""What somebody wants to be told by mail, and when: their own affair, for every role that reads."""

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
    """Where mail goes to, and what is wanted of it."""

    email: str
    """As the identity provider gave it last; empty when it gives none."""
    is_mailed: bool
    """False where no channel mails people."""
    preferences: Preferences


class PreferenceDesk:
    """Implements `services.notices.answers.Notices`. Nobody reads or changes those of another person."""

    def __init__(self, units: Units, clock: Clock, *, is_mailed: bool) -> None:
        self._units = units
        self._clock = clock
        self._is_mailed = is_mailed

    def own(self, actor: Actor) -> OwnNotices:
        """Address and wishes. Raises NotAllowedError."""
        admit(actor)
        with self._units.read() as unit:
            found = unit.notices.preferences([actor.person.id]).get(actor.person.id, Preferences())
            known = next((one for one in unit.sessions.people() if one.person.id == actor.person.id), None)
        return OwnNotices(known.email if known else "", self._is_mailed, found)

    def choose(self, actor: Actor, wanted: Preferences) -> None:
        """Keep other wishes. Raises NotAllowedError, InvalidInputError."""
        admit(actor)
        if actor.is_service:
            raise NotAllowedError("Services get no mail.", hint="Set a webhook: docs/notifications.md says how.")
        if not wanted.muted <= OPTIONAL_TOPICS:
            raise InvalidInputError("Incidents are told to everybody concerned.", hint="Mute other topics.")
        if wanted.schedule is not None and wanted.schedule.zone not in available_timezones():
            raise InvalidInputError("This time zone is unknown.", hint="Write it as Europe/Berlin.")
        with self._units.begin() as unit:
            unit.notices.put_preferences(actor.person.id, wanted, self._clock.now())
