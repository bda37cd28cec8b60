"""The outbox: from ledger entries to deliveries, from deliveries to messages.

The ledger is the list of events: its entries commit with the change that they record, their numbers are dense and in
commit order, so a cursor misses none. Deliveries are added in the transaction that moves the cursor, one per event
and channel. A delivery is claimed before it is sent and settled afterwards. A sender that dies in between leaves an
unknown outcome: a webhook is sent again under the same id, a message to people is not.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.database.stores.notices import Delivery
from services.database.unit import Unit, Units
from services.domain.notices import Event, Preferences, Schedule, Topic, recipients
from services.errors import NotFoundError, PortalError, UpstreamUnavailableError
from services.ports.channels import Channel
from services.ports.time import Clock

log = logging.getLogger(__name__)

BATCH = 200
LEASE = timedelta(minutes=5)
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
MAILED_FOR = timedelta(days=90)
"""Since a person was last seen: people who have left the company stay known here but get no mail."""
MAX_ATTEMPTS = 20
"""Together with the pauses, most of a day."""


@dataclass(frozen=True)
class Subscription:
    """One channel of the settings."""

    name: str
    channel: Channel
    topics: frozenset[Topic]
    schedule: Schedule
    is_personal: bool = False
    """Mail to the people concerned, instead of a shared channel."""


class NoticeDesk:
    """Fans events out and sends what is due; called by the worker."""

    def __init__(self, units: Units, clock: Clock, subscriptions: Sequence[Subscription]) -> None:
        self._units = units
        self._clock = clock
        self._subscriptions: Mapping[str, Subscription] = {found.name: found for found in subscriptions}

    def beat(self) -> int:
        """Send everything that is due; returns the number of messages sent."""
        while self.fan_out() == BATCH:
            pass
        self._settle_abandoned()
        sent = 0
        while claimed := self._claim():
            sent += self._send(claimed)
        return sent

    def fan_out(self) -> int:
        """Process the next ledger entries; returns how many. The first call starts at the newest one."""
        with self._units.begin() as unit:
            head = unit.archive.head()
            size = head.size if head else 0
            before = unit.notices.cursor()
            if before is None:
                unit.notices.move_cursor(size)
                return 0
            last = min(size, before + BATCH)
            for entry in unit.archive.stream(before + 1, last) if last > before else ():
                self._tell(unit, _event(entry.body))
            if last > before:
                unit.notices.move_cursor(last)
            return last - before

    def _tell(self, unit: Unit, event: Event) -> None:
        now = self._clock.now()
        for wanted in self._subscriptions.values():
            if event.topic not in wanted.topics:
                continue
            for channel, schedule in _addresses(unit, event, wanted, now):
                unit.notices.add(event, channel, schedule.next_after(now))

    def _claim(self) -> Sequence[Delivery]:
        now = self._clock.now()
        with self._units.begin() as unit:
            return unit.notices.claim(now, lease_until=now + LEASE, limit=BATCH)

    def _send(self, claimed: Sequence[Delivery]) -> int:
        """One message for all that is due, or one per event if the channel is not a digest."""
        name = claimed[0].channel.partition(":")[0]
        wanted = self._subscriptions.get(name)
        if wanted is None:
            self._settle(claimed, "failed", "The channel was removed from the settings.")
            return 0
        groups = [[delivery] for delivery in claimed] if wanted.channel.may_repeat else [list(claimed)]
        for number, group in enumerate(groups):
            try:
                self._send_one(wanted, group)
            except UpstreamUnavailableError as error:
                self._again_later([delivery for rest in groups[number:] for delivery in rest], error)
                return number
        return len(groups)

    def _send_one(self, wanted: Subscription, group: Sequence[Delivery]) -> None:
        person = group[0].channel.partition(":")[2]
        try:
            wanted.channel.send([delivery.event for delivery in group], person=person)
        except UpstreamUnavailableError:
            raise
        except PortalError as error:
            log.warning("Channel %s: %s", wanted.name, error.message)
            self._settle(group, "failed", error.message)
        except Exception as error:  # a channel's library must not stop the others
            log.exception("Channel %s raised an unexpected error", wanted.name)
            raise UpstreamUnavailableError(f"{type(error).__name__} while sending.") from error
        else:
            self._settle(group, "sent")

    def _again_later(self, claimed: Sequence[Delivery], error: PortalError) -> None:
        now, attempts = self._clock.now(), max(delivery.attempts for delivery in claimed)
        log.warning("Channel %s, attempt %d: %s", claimed[0].channel.partition(":")[0], attempts, error.message)
        if attempts >= MAX_ATTEMPTS:
            self._settle(claimed, "failed", error.message)
            return
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(attempts - 1, 10))
        with self._units.begin() as unit:
            unit.notices.postpone([delivery.id for delivery in claimed], now + pause, error=error.message)

    def _settle(self, deliveries: Sequence[Delivery], state: str, error: str = "") -> None:
        with self._units.begin() as unit:
            unit.notices.settle([delivery.id for delivery in deliveries], state, self._clock.now(), error=error)

    def _settle_abandoned(self) -> None:
        now = self._clock.now()
        with self._units.begin() as unit:
            for delivery in unit.notices.abandoned(now):
                wanted = self._subscriptions.get(delivery.channel.partition(":")[0])
                if wanted is not None and wanted.channel.may_repeat:
                    unit.notices.postpone([delivery.id], now, error="The sender stopped; sent again under the same id.")
                else:
                    unit.notices.settle([delivery.id], "unknown", now, error="The sender stopped while sending.")


def _addresses(unit: Unit, event: Event, wanted: Subscription, now: datetime) -> list[tuple[str, Schedule]]:
    """The recipients of an event on this channel, and when it may be sent: people choose their own times."""
    if not wanted.is_personal:
        return [(wanted.name, wanted.schedule)]
    known = unit.sessions.people(seen_since=now - MAILED_FOR)
    reached = recipients(event, known, _requester_id(unit, event))
    wishes = unit.notices.preferences([one.person.id for one in reached])
    chosen = [(one, wishes.get(one.person.id, Preferences())) for one in reached]
    return [
        (f"{wanted.name}:{one.email}", wish.schedule or wanted.schedule)
        for one, wish in chosen
        if wish.wants(event, one.person.id)
    ]


def _requester_id(unit: Unit, event: Event) -> str | None:
    if event.request_id is None:
        return None
    try:
        return unit.requests.get(event.request_id).participants.requester.id
    except NotFoundError:
        return None


def _event(body: str) -> Event:
    entry = json.loads(body)
    return Event(
        seq=entry["seq"],
        action=entry["action"],
        at=entry["at"],
        actor_id=entry["actor"]["id"],
        actor_name=entry["actor"]["name"],
        subject=entry["subject"]["id"],
        request_id=entry["request_id"],
        named=_named(entry["after"]),
    )


def _named(after: object) -> tuple[str, ...]:
    """People whom the entry names as asked (`to`), mentioned, or owner of a finding (`owner`)."""
    fields = after if isinstance(after, dict) else {}
    found = [fields.get("to"), fields.get("owner"), *_listed(fields.get("mentions")), *_listed(fields.get("waits_for"))]
    return tuple(dict.fromkeys(name for name in found if isinstance(name, str)))


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
