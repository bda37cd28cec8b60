"""Publishes the ledger to its witnesses, writes heartbeats, and opens incidents if a witness is silent or disagrees.

One `WitnessWatch` per witness, each in a separate thread: a slow one never delays another. Its results are stored in
the database, so that every page of every replica shows the same. No network call happens inside a transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.database.unit import Unit, Units
from services.domain.catalogue import SourceHealth
from services.domain.identity.people import SYSTEM
from services.domain.promotions.promotion import Incident
from services.errors import IntegrityError, PortalError, UpstreamError
from services.ledger.actions import Action
from services.ledger.reader import extends
from services.ledger.tree.entry import Actor, Subject
from services.ledger.witnessing import (
    Freshness,
    Ledger,
    Transactions,
    Witness,
    WitnessRefusedError,
    beat,
    checkpoint_of,
    freshness,
    publish_head,
    seen_by,
    unseen_since,
)
from services.ledger.writer import Signer
from services.ports.time import Clock, Ids

log = logging.getLogger(__name__)

HEALTH_PREFIX = "witness:"
SILENT, REFUSED = "witness_silent", "witness_refused"
LONGEST_PAUSE = timedelta(minutes=1)


@dataclass(frozen=True)
class WatchedWitness:
    """A witness with its settings."""

    witness: Witness
    remembers: bool = True
    """True if it refuses a note that does not extend its last one; only such witnesses count for rollouts."""
    every: float = 0.0
    """Seconds between polls; 0 means the worker's interval."""
    check: Callable[[], None] | None = None
    """An additional test for `countersign doctor`."""

    @property
    def name(self) -> str:
        """The witness's name."""
        return self.witness.name


def writing(units: Units) -> Transactions:
    """Short writing transactions on the ledger alone."""

    @contextmanager
    def opened() -> Iterator[Ledger]:
        with units.begin() as unit:
            yield unit.log

    return opened


def reading(units: Units) -> Transactions:
    """As `writing`, but blocks no other write; for verification, proofs and export."""

    @contextmanager
    def opened() -> Iterator[Ledger]:
        with units.read() as unit:
            yield unit.log

    return opened


def demand_continuation(units: Units, witnesses: Sequence[WatchedWitness]) -> None:
    """Call before a process's first write: `WitnessRefusedError` if a witness holds entries that this ledger lacks.

    A restored backup that continued under its old origin would sign a second history, and nothing could repair
    that later. The watch of an unreachable witness retries.
    """
    with units.read() as unit:
        head = unit.archive.head()
    if head is None:
        return
    for found in witnesses:
        try:
            held = found.witness.latest(head.origin)
        except UpstreamError as error:
            log.warning("witness %s could not be checked at start-up: %s", found.name, error.sentence())
            continue
        with units.read() as unit:
            if held is not None and not extends(unit.archive, checkpoint_of(held)):
                raise WitnessRefusedError(
                    f"Witness {found.name} holds entries that this database lacks; nothing is written before that is "
                    "explained.",
                    hint="If a backup was restored, run: countersign ledger restore --reason …; otherwise verify the "
                    "ledger immediately.",
                )


class WitnessWatch:
    """Keeps one witness up to date."""

    def __init__(self, units: Units, witness: Witness, *, clock: Clock, ids: Ids, interval: timedelta) -> None:
        self._units = units
        self._witness = witness
        self._clock = clock
        self._ids = ids
        self._interval = interval
        self._pause = timedelta(0)
        self._not_before: datetime | None = None
        self._has_compared = False

    def beat(self) -> None:
        """Publish new checkpoints; open or close the witness's incidents. Never raises for a witness's failure."""
        if self._is_behind() and self._is_time():
            self._publish()
        self._judge_silence()

    def _is_behind(self) -> bool:
        """Also true before this process's first poll, which detects a backup restored meanwhile."""
        with self._units.read() as unit:
            head = unit.archive.head()
            return head is not None and (
                not self._has_compared or seen_by(unit.archive, self._witness.name) < head.size
            )

    def _is_time(self) -> bool:
        return self._not_before is None or self._clock.now() >= self._not_before

    def _publish(self) -> None:
        try:
            publish_head(writing(self._units), self._witness, self._clock.now)
        except PortalError as error:
            self._failed(error)
        else:
            self._has_compared, self._pause, self._not_before = True, timedelta(0), None
            self._note("", "")
            self._close(REFUSED)

    def _failed(self, error: PortalError) -> None:
        self._pause = min(max(self._pause * 2, timedelta(seconds=2)), LONGEST_PAUSE)
        self._not_before = self._clock.now() + self._pause
        self._note(error.message, error.hint)
        if isinstance(error, IntegrityError):
            self._open(REFUSED, f"Witness {self._witness.name} contradicts this ledger. {error.sentence()}")

    def _judge_silence(self) -> None:
        now = self._clock.now()
        with self._units.read() as unit:
            waiting = unseen_since(unit.archive, self._witness.name)
        if freshness(now, waiting or now, self._interval) is Freshness.SILENT:
            self._open(
                SILENT,
                f"Witness {self._witness.name} has confirmed nothing for more than {_span(2 * self._interval)}; what "
                "was written since relies on the portal's signature alone.",
            )
        else:
            self._close(SILENT)

    def _note(self, problem: str, hint: str) -> None:
        now = self._clock.now()
        seen = None if problem else now
        health = SourceHealth(HEALTH_PREFIX + self._witness.name, not problem, seen, problem, hint)
        with self._units.begin() as unit:
            unit.catalogue.put_health(health, now=now)

    def _open(self, kind: str, sentence: str) -> None:
        with self._units.read() as unit:
            if self._open_ones(unit, kind):
                return
        name, now = self._witness.name, self._clock.now()
        found = Incident(
            id=self._ids.new("inc"), kind=kind, model="", subject=f"witness {name}", before="", after=kind,
            sentence=sentence, opened=now,
        )  # fmt: skip
        with self._units.begin() as unit:
            if unit.deployments.open_incident(found):
                self._record(unit, Action.INCIDENT_OPENED, found)

    def _close(self, kind: str) -> None:
        with self._units.read() as unit:
            known = self._open_ones(unit, kind)
        for found in known:
            with self._units.begin() as unit:
                unit.deployments.close_incident(found.id, self._clock.now())
                self._record(unit, Action.INCIDENT_CLOSED, found)

    def _open_ones(self, unit: Unit, kind: str) -> list[Incident]:
        subject = f"witness {self._witness.name}"
        return [i for i in unit.deployments.incidents() if (i.kind, i.subject) == (kind, subject)]

    def _record(self, unit: Unit, action: Action, found: Incident) -> None:
        after = {"incident": found.id, "kind": found.kind, "detail": found.sentence}
        unit.ledger.append(SYSTEM, action, Subject("witness", self._witness.name), after=dict(after))


def _span(time: timedelta) -> str:
    seconds = round(time.total_seconds())
    if seconds < 120:
        return f"{seconds} seconds"
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"


class Heartbeat:
    """Writes an entry if nothing else did, so silence is never mistaken for health."""

    def __init__(self, transactions: Transactions, signer: Signer, clock: Clock, interval: timedelta) -> None:
        self._transactions = transactions
        self._signer = signer
        self._clock = clock
        self._interval = interval

    def beat(self) -> None:
        """Run once."""
        actor = Actor(SYSTEM.person.id, SYSTEM.person.name)
        with self._transactions() as ledger:
            beat(ledger, self._interval, actor=actor, clock=self._clock.now, signer=self._signer)
