"""What was live in each environment at any past moment, from the ledger's events alone.

Rules kept here:
- a version is live from the moment that the ledger records, until a successor may have answered instead;
- during a rollout's effects (from the last step before the first effect until it is marked live or undone),
  both the old and the new version are possible; only a prediction's row says which one answered;
- both ends of that period are included: a prediction exactly at the switch may come from either version;
- a version that was live before the portal is known from the first sealed request that saw it, not earlier;
- a stopped rollout that needs a person leaves both possible until a later event settles it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from services.domain.registry import VersionKey

HARMLESS_STEPS = frozenset({"recheck_plan", "wait_for_witness", "reserve_target"})
"""Steps of a rollout without outside effects; later steps may have them."""
RESERVED = "reserve_target"


class Happened(StrEnum):
    """Effect of a ledger event on what is live."""

    SEALED = "sealed"
    STARTED = "started"
    STEP_DONE = "step_done"
    LIVE = "live"
    UNDONE = "undone"
    STOPPED = "stopped"
    RETIRED = "retired"
    INCIDENT = "incident"


@dataclass(frozen=True)
class LiveEvent:
    """The parts of a ledger entry that determine what is live."""

    seq: int
    at: datetime
    what: Happened
    key: VersionKey
    request_id: str = ""
    plan_digest: str = ""
    environment: str = ""
    step: str = ""
    before: int | None = None
    """The version that held the target before, if the entry records it."""
    release: str = ""
    run_id: int | None = None
    sentence: str = ""


class Ground(StrEnum):
    """Evidence for a spell."""

    LIVE = "live"
    """The ledger recorded it as live."""
    SEEN = "seen"
    """A sealed request saw it hold the target; it predates the portal or bypassed it."""
    ATTEMPT = "attempt"
    """A rollout that did not go live: it may have answered for a while."""


@dataclass(frozen=True)
class Spell:
    """A period of one version in one environment. A missing end means until now."""

    key: VersionKey
    environment: str
    ground: Ground
    may_from: datetime
    """The earliest moment at which it may have answered."""
    sure_from: datetime | None
    """The moment from which it was certainly live; None for an attempt."""
    sure_until: datetime | None = None
    """The moment until which it was certainly live; from then on a successor may have answered."""
    may_until: datetime | None = None
    """After this it no longer answered."""
    seq: int = 0
    """The ledger entry that records it."""
    request_id: str = ""
    plan_digest: str = ""
    release: str = ""
    run_id: int | None = None

    def is_sure_at(self, at: datetime) -> bool:
        """True if it was live then and nothing else can have been."""
        began = self.sure_from is not None and self.sure_from < at
        return began and (self.sure_until is None or at < self.sure_until)

    def is_possible_at(self, at: datetime) -> bool:
        """True if it may have answered then, certainly or not."""
        return self.may_from <= at and (self.may_until is None or at <= self.may_until)


@dataclass(frozen=True)
class Notice:
    """Doubt about what is live: the portal found or suspected a change that bypassed it."""

    key: VersionKey
    at: datetime
    seq: int
    sentence: str


@dataclass(frozen=True)
class Timeline:
    """All spells, oldest first, with the notices."""

    spells: tuple[Spell, ...] = ()
    notices: tuple[Notice, ...] = ()
    problems: tuple[str, ...] = ()
    """Descriptions of entries that could not be read."""

    def at(self, moment: datetime, *, model: str = "", environment: str = "") -> tuple[Spell, ...]:
        """Possible spells at that moment, most certain first; of several, only the prediction's row decides."""
        found = [
            s
            for s in self.spells
            if s.is_possible_at(moment)
            and (not model or s.key.model == model)
            and (not environment or s.environment == environment)
        ]
        return tuple(sorted(found, key=lambda s: (not s.is_sure_at(moment), s.environment, s.key)))

    def notices_before(self, moment: datetime, spells: Iterable[Spell]) -> tuple[Notice, ...]:
        """Notices about the models of these spells since the spells began."""
        since = {s.key.model: min(t.may_from for t in spells if t.key.model == s.key.model) for s in spells}
        return tuple(n for n in self.notices if n.key.model in since and since[n.key.model] <= n.at <= moment)


@dataclass
class _Rollout:
    key: VersionKey
    environment: str
    may_from: datetime
    has_effects: bool = False
    before: int | None = None
    seq: int = 0


@dataclass
class _Builder:
    """Processes the events in order."""

    spells: list[Spell] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    rollouts: dict[str, _Rollout] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=dict)
    sealed_at: dict[str, datetime] = field(default_factory=dict)

    def learn(self, event: LiveEvent) -> None:
        """Process one event."""
        if event.what is Happened.SEALED:
            self.environments[event.request_id] = event.environment or self.environments.get(event.request_id, "")
            self.sealed_at[event.plan_digest] = event.at
        elif event.what is Happened.STARTED:
            environment = self.environments.get(event.request_id, event.environment)
            self.rollouts[event.request_id] = _Rollout(event.key, environment, event.at, seq=event.seq)
        elif event.what is Happened.STEP_DONE:
            self._step(event)
        elif event.what is Happened.LIVE:
            self._live(event)
        elif event.what in {Happened.UNDONE, Happened.STOPPED}:
            self._attempt(event)
        elif event.what is Happened.RETIRED:
            self._close(event.key.model, event.environment, sure=event.at, may=event.at)
        else:
            self.notices.append(Notice(event.key, event.at, event.seq, event.sentence))

    def _step(self, event: LiveEvent) -> None:
        rollout = self.rollouts.get(event.request_id)
        if rollout is None or event.step not in HARMLESS_STEPS:
            return
        rollout.may_from = event.at
        rollout.has_effects = rollout.has_effects or event.step == RESERVED

    def _live(self, event: LiveEvent) -> None:
        rollout = self.rollouts.pop(event.request_id, None)
        environment = event.environment or (rollout.environment if rollout else "")
        begins = min(rollout.may_from, event.at) if rollout else event.at
        self._seen_before(event, environment, begins)
        self._close(event.key.model, environment, sure=begins, may=event.at)
        self.spells.append(
            Spell(
                event.key, environment, Ground.LIVE, may_from=begins, sure_from=event.at, seq=event.seq,
                request_id=event.request_id, plan_digest=event.plan_digest, release=event.release, run_id=event.run_id,
            )
        )  # fmt: skip

    def _seen_before(self, event: LiveEvent, environment: str, begins: datetime) -> None:
        """The version that held the target when the request was sealed, if the ledger did not record it yet.

        If the ledger has another live version, that one was replaced outside the portal at an unrecorded moment.
        """
        sealed = self.sealed_at.get(event.plan_digest)
        if event.before is None or sealed is None or sealed > begins:
            return
        key = VersionKey(event.key.model, event.before)
        current = [s for s in self._open(event.key.model, environment) if s.ground is not Ground.ATTEMPT]
        if any(spell.key == key for spell in current):
            return
        for spell in current:
            self._replace(spell, sure_until=spell.sure_from, may_until=sealed)
        since = min((spell.sure_from or sealed for spell in current), default=sealed)
        self.spells.append(Spell(key, environment, Ground.SEEN, may_from=since, sure_from=sealed, seq=event.seq))

    def _attempt(self, event: LiveEvent) -> None:
        """A rollout that was undone or stopped midway: the new version may have answered for a while."""
        rollout = self.rollouts.pop(event.request_id, None)
        if rollout is None or not rollout.has_effects:
            return
        ends = event.at if event.what is Happened.UNDONE else None
        for spell in self._open(rollout.key.model, rollout.environment):
            self._interrupt(spell, rollout.may_from, ends)
        attempt = Spell(
            rollout.key, rollout.environment, Ground.ATTEMPT, may_from=rollout.may_from, sure_from=None, may_until=ends,
            seq=event.seq, request_id=event.request_id,
        )  # fmt: skip
        self.spells.append(attempt)

    def _interrupt(self, spell: Spell, begins: datetime, ends: datetime | None) -> None:
        """During the attempt the old version was possible but not certain; afterwards it is certain again."""
        if spell.ground is Ground.ATTEMPT or spell.sure_from is None:
            return
        self._replace(spell, sure_until=begins, may_until=ends)
        if ends is not None:
            self.spells.append(replace(spell, may_from=ends, sure_from=ends, sure_until=None, may_until=None))

    def _close(self, model: str, environment: str, *, sure: datetime, may: datetime) -> None:
        for spell in self._open(model, environment):
            until = sure if spell.sure_until is None else spell.sure_until
            self._replace(spell, sure_until=until if spell.sure_from else None, may_until=may)

    def _open(self, model: str, environment: str) -> Sequence[Spell]:
        return [s for s in self.spells if s.may_until is None and (s.key.model, s.environment) == (model, environment)]

    def _replace(self, spell: Spell, *, sure_until: datetime | None, may_until: datetime | None) -> None:
        self.spells[self.spells.index(spell)] = replace(spell, sure_until=sure_until, may_until=may_until)

    def end(self) -> None:
        """Rollouts in progress: from their first effect on, both old and new are possible."""
        for request_id, rollout in self.rollouts.items():
            if rollout.has_effects:
                for spell in self._open(rollout.key.model, rollout.environment):
                    self._interrupt(spell, rollout.may_from, None)
                self.spells.append(
                    Spell(
                        rollout.key, rollout.environment, Ground.ATTEMPT, may_from=rollout.may_from, sure_from=None,
                        seq=rollout.seq, request_id=request_id,
                    )
                )  # fmt: skip


def timeline_of(events: Iterable[LiveEvent], *, problems: Sequence[str] = ()) -> Timeline:
    """The timeline of the events, which come in the ledger's order."""
    builder = _Builder()
    for event in events:
        builder.learn(event)
    builder.end()
    spells = sorted(builder.spells, key=lambda s: (s.may_from, s.seq))
    return Timeline(tuple(spells), tuple(builder.notices), tuple(problems))
