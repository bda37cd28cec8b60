"""Which version answered: the log's row, compared with what was live at that moment by the ledger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.domain.lineage import Certainty, Claim, Fact, settle
from services.domain.registry import VersionKey
from services.domain.why.live_history import Ground, Spell, Timeline
from services.domain.why.predictions import PredictionRecord

NOTHING_LIVE = "nothing of this model was live at that moment"
LOG_HINT = "Let the endpoint log the version that answered."


@dataclass(frozen=True)
class Answered:
    """The versions that may have answered, best first, with the fact and its caveats."""

    fact: Fact
    candidates: tuple[VersionKey, ...]
    spells: tuple[Spell, ...]
    """Live periods that were possible at that moment; those of the version in the row come first."""
    caveats: tuple[str, ...] = ()

    @property
    def is_settled(self) -> bool:
        """True when the version is known, or one of two that contradict each other."""
        is_disputed = self.fact.certainty is Certainty.CONTRADICTED and len(self.candidates) > 1
        return is_disputed or self.fact.certainty is Certainty.KNOWN

    def places_of(self, key: VersionKey) -> tuple[Spell, ...]:
        """One live period for each environment in which this version may have answered."""
        return tuple({s.environment: s for s in reversed(self.spells) if s.key == key}.values())

    def spell_of(self, key: VersionKey) -> Spell | None:
        """The live period in which this version may have answered."""
        return next((spell for spell in self.spells if spell.key == key), None)


def who_answered(record: PredictionRecord, timeline: Timeline) -> Answered:
    """Cross-check; where log and ledger differ, both are given and neither is preferred.

    Only a version that the row itself names is ever known: what was live is a stand-in for a missing one. Where the row
    lacks time or environment, every version that may have been meant counts, so that a row that says less settles less.
    """
    if record.failure:
        hint = f"The request failed ({record.failure}): no version answered it."
        return Answered(settle("Version", [], hint=hint), (), (), _caveats(record, timeline, ()))
    if record.model is None:
        hint = "The log does not say which model answered. Map the column, or set COUNTERSIGN_PREDICTIONS_FIXED."
        return Answered(settle("Version", [], hint=hint), (), (), _caveats(record, timeline, ()))
    spells = _spells(record, timeline)
    stated = record.key
    fact, candidates = _by_ledger(spells, record) if stated is None else _by_row(stated, record, timeline, spells)
    own_first = tuple(sorted(spells, key=lambda s: s.key != stated))
    return Answered(fact, candidates, own_first, _caveats(record, timeline, spells))


def _spells(record: PredictionRecord, timeline: Timeline) -> tuple[Spell, ...]:
    """What was possible at that moment; empty without a time."""
    if record.time is None or record.model is None:
        return ()
    return timeline.at(record.time, model=record.model, environment=record.environment or "")


def _by_row(
    stated: VersionKey, record: PredictionRecord, timeline: Timeline, spells: Sequence[Spell]
) -> tuple[Fact, tuple[VersionKey, ...]]:
    ever = _ever(record, timeline)
    possible = spells if record.time is not None else ever
    others = tuple(dict.fromkeys(s.key for s in possible if s.key != stated))
    agreeing = [s for s in possible if s.key == stated]
    claim = _row_claim(stated, record)
    is_placed = record.time is not None and record.environment is not None
    if possible and not agreeing:
        return settle("Version", [claim, *(_live_claim(s, record) for s in possible)]), (stated, *others)
    if not possible and record.time is not None and any(s.may_from <= record.time for s in ever):
        nothing = Claim(f"no version of {record.model}", f"the ledger: {NOTHING_LIVE}")
        return settle("Version", [claim, nothing]), (stated,)
    is_open = _has_gap(ever) if record.time is None else _is_out_somewhere(ever, possible, record.time)
    if not is_placed and (others or is_open):
        hint = f"The row does not say {_missing(record)}, so it cannot be compared with what was live."
        return Fact("Version", Certainty.UNKNOWN, str(stated), (claim.source,), (claim,), hint), (stated,)
    at_that_time = agreeing if record.time is not None else []
    return settle("Version", [claim, *(_live_claim(s, record) for s in at_that_time)]), (stated,)


def _ever(record: PredictionRecord, timeline: Timeline) -> tuple[Spell, ...]:
    """All live periods of the model, in the environment that the row names, if any."""
    return tuple(
        s for s in timeline.spells if s.key.model == record.model and record.environment in {None, s.environment}
    )


def _is_out_somewhere(ever: Sequence[Spell], possible: Sequence[Spell], at: datetime) -> bool:
    """True if the model had been live in an environment in which nothing of it was live at that moment.

    A row that names that environment contradicts the ledger, so a row that names none must not settle more.
    """
    begun = {spell.environment for spell in ever if spell.may_from <= at}
    return bool(begun - {spell.environment for spell in possible})


def _has_gap(spells: Sequence[Spell]) -> bool:
    """True when the model was live once and later, for a while or until now, was not."""
    for environment in {s.environment for s in spells}:
        ends: datetime | None = None
        is_open = False
        for spell in sorted((s for s in spells if s.environment == environment), key=lambda s: s.may_from):
            if ends is not None and not is_open and spell.may_from > ends:
                return True
            is_open = is_open or spell.may_until is None
            ends = max(filter(None, (ends, spell.may_until)), default=None)
        if not is_open:
            return True
    return False


def _missing(record: PredictionRecord) -> str:
    return " and ".join(
        name for name, value in (("its time", record.time), ("its environment", record.environment)) if value is None
    )


def _by_ledger(spells: Sequence[Spell], record: PredictionRecord) -> tuple[Fact, tuple[VersionKey, ...]]:
    """The row names no version: what was live is reported, but not as known to have answered."""
    live = tuple(dict.fromkeys(spell.key for spell in spells))
    if not live:
        hint = f"The log names no version and the ledger has none live then. {LOG_HINT}"
        return settle("Version", [], hint=hint), ()
    claims = tuple(_live_claim(s, record) for s in spells)
    hint = f"The log names no version; what was live is used instead. {LOG_HINT}"
    value = " or ".join(str(key) for key in live)
    return Fact("Version", Certainty.UNKNOWN, value, tuple(c.source for c in claims), claims, hint), live


def _row_claim(key: VersionKey, record: PredictionRecord) -> Claim:
    return Claim(str(key), record.source or "prediction log")


def _live_claim(spell: Spell, record: PredictionRecord) -> Claim:
    at = record.time
    if at is not None and spell.is_sure_at(at):
        verb = "seen" if spell.ground is Ground.SEEN else "live"
        said = f"{verb} in {spell.environment} at that time"
    else:
        said = f"may have answered in {spell.environment} at that time, a release was under way"
    return Claim(str(spell.key), f"ledger entry {spell.seq}: {said}")


def _caveats(record: PredictionRecord, timeline: Timeline, spells: Sequence[Spell]) -> tuple[str, ...]:
    said = list(record.notes)
    said += [f"{problem} Its content may be wrong: verify the ledger." for problem in timeline.problems]
    if record.version is None and record.version_text:
        said.append(f"The log says version {record.version_text!r}, which is not a version number.")
    if record.time is None:
        said.append("The log has no time for this prediction, so the ledger cannot say what was live.")
        return tuple(said)
    said += [
        f"{notice.at:%Y-%m-%d %H:%M:%S} UTC: {notice.sentence} (ledger entry {notice.seq})"
        for notice in timeline.notices_before(record.time, spells)
    ]
    if not spells and record.model is not None:
        said.append(_nothing_live(record, timeline))
    return tuple(said)


def _nothing_live(record: PredictionRecord, timeline: Timeline) -> str:
    known = [s for s in timeline.spells if s.key.model == record.model and record.environment in {None, s.environment}]
    if not known:
        return _nothing_known(record, timeline)
    first = known[0]
    if record.time is not None and record.time < first.may_from:
        return (
            f"This was before the portal: the first that the ledger knows of {first.environment} is that "
            f"{first.key} was there on {first.may_from:%Y-%m-%d %H:%M:%S} UTC."
        )
    return f"As far as the ledger knows, {NOTHING_LIVE}."


def _nothing_known(record: PredictionRecord, timeline: Timeline) -> str:
    elsewhere = sorted({s.environment for s in timeline.spells if s.key.model == record.model})
    if elsewhere:
        return (
            f"The ledger knows {record.model} in {', '.join(elsewhere)} and not in {record.environment}: what is live "
            "there is not decided through the portal."
        )
    return f"The ledger has no entries for {record.model}: it was never promoted through the portal."
