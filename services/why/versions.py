"""Which version answered: what the log's row says, held against what the ledger says was live at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.domain.lineage import Certainty, Claim, Fact, settle
from services.domain.registry import VersionKey
from services.domain.why.live_history import Ground, Spell, Timeline
from services.domain.why.predictions import PredictionRecord

LOG_HINT = "Let the endpoint log the version that answered."


@dataclass(frozen=True)
class Answered:
    """The versions that come into question, best first, with the fact and what to know about it."""

    fact: Fact
    candidates: tuple[VersionKey, ...]
    spells: tuple[Spell, ...]
    """Spells that were possible at that moment; where the row names a version, its own come first."""
    caveats: tuple[str, ...] = ()

    def spell_of(self, key: VersionKey) -> Spell | None:
        """The spell in which this version may have answered."""
        return next((spell for spell in self.spells if spell.key == key), None)


def who_answered(record: PredictionRecord, timeline: Timeline) -> Answered:
    """Cross-check; where log and ledger differ, both stand there and neither is preferred."""
    spells = _spells(record, timeline)
    stated = record.key
    live = tuple(dict.fromkeys(spell.key for spell in spells))
    if stated is None:
        fact, candidates = _by_ledger(spells, live, record)
    elif live and stated not in live:
        fact = settle("Version", [_row_claim(stated, record), *(_live_claim(s, record) for s in spells)])
        candidates = (stated, *live)
    else:
        agreeing = [s for s in spells if s.key == stated]
        fact = settle("Version", [_row_claim(stated, record), *(_live_claim(s, record) for s in agreeing)])
        candidates = (stated,)
    own_first = tuple(sorted(spells, key=lambda s: s.key != stated))
    return Answered(fact, candidates, own_first, _caveats(record, timeline, spells))


def _spells(record: PredictionRecord, timeline: Timeline) -> tuple[Spell, ...]:
    if record.time is None or (record.model is None and record.environment is None):
        return ()
    return timeline.at(record.time, model=record.model or "", environment=record.environment or "")


def _by_ledger(
    spells: Sequence[Spell], live: tuple[VersionKey, ...], record: PredictionRecord
) -> tuple[Fact, tuple[VersionKey, ...]]:
    if record.time is not None and len(live) == 1 and any(s.is_sure_at(record.time) for s in spells):
        return settle("Version", [_live_claim(s, record) for s in spells]), live
    if live:
        value = " or ".join(str(key) for key in live)
        hint = f"The log names no version, and at that moment the ledger cannot tell. {LOG_HINT}"
        sources = tuple(_live_claim(s, record).source for s in spells)
        return Fact("Version", Certainty.UNKNOWN, value, sources, hint=hint), live
    return settle("Version", [], hint=f"The log names no version and the ledger has none live then. {LOG_HINT}"), ()


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
    said = [f"{problem} What it says may be wrong: verify the ledger." for problem in timeline.problems]
    if record.version is None and record.version_text:
        said.append(f"The log says version {record.version_text!r}, which is no version number.")
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
    return "As far as the ledger knows, nothing of this model was live at that moment."


def _nothing_known(record: PredictionRecord, timeline: Timeline) -> str:
    elsewhere = sorted({s.environment for s in timeline.spells if s.key.model == record.model})
    if elsewhere:
        return (
            f"The ledger knows {record.model} in {', '.join(elsewhere)} and not in {record.environment}: what is live "
            "there is not decided through the portal."
        )
    return f"The ledger has nothing of {record.model}: it was never promoted through the portal."
