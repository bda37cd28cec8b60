"""The ledger for people: pages of entries as sentences and raw, witness states, verification."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from services.audit.answers import LedgerCheck, LedgerLine, LedgerPage, LedgerQuery, LedgerVerdict, WitnessState
from services.audit.exporting import LedgerExports
from services.audit.sentences import words_of
from services.audit.verifying import LedgerChecks
from services.audit.witnesses import HEALTH_PREFIX
from services.database.unit import Unit, Units
from services.domain.catalogue import HistoryLine, SourceHealth
from services.domain.identity.people import Actor
from services.domain.registry import VersionKey
from services.ledger.actions import Action
from services.ledger.reader import ReadEntry, page_entries
from services.ledger.store import EntryFilter, EntryPage, LedgerArchive, StoredReceipt
from services.ledger.subjects import version_subject
from services.ledger.tree.entry import instant
from services.ledger.witnessing import Freshness, freshness, unseen_since
from services.ports.time import Clock

PAGE_SIZE = 50
HISTORY_LINES = 200
EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class LedgerDesk:
    """Implements `services.audit.answers.LedgerBrowser`."""

    def __init__(
        self,
        units: Units,
        checks: LedgerChecks,
        exports: LedgerExports,
        *,
        clock: Clock,
        witnesses: Sequence[str] = (),
        interval: timedelta = timedelta(hours=1),
    ) -> None:
        self._units = units
        self._checks = checks
        self._exports = exports
        self._clock = clock
        self._witnesses = witnesses
        self._interval = interval

    def find(self, query: LedgerQuery) -> LedgerPage:
        """Entries, newest first; counted, filtered and paged in SQL."""
        wanted, page = _filter(query), max(1, query.page)
        with self._units.read() as unit:
            head = unit.archive.head()
            size = head.size if head is not None else 0
            is_all = wanted == EntryFilter()
            total = size if is_all else unit.archive.count(wanted)
            read = page_entries(unit.archive, wanted, _window(page, size, is_all=is_all))
            note = unit.archive.checkpoint(size) if size else None
        return LedgerPage(tuple(_line(entry) for entry in read), total, page, PAGE_SIZE, note or "")

    def actions(self) -> Sequence[str]:
        """All actions that the ledger can contain."""
        return [action.value for action in Action]

    def witnesses(self) -> Sequence[WitnessState]:
        """One line per configured witness, from its receipts."""
        with self._units.read() as unit:
            receipts = {receipt.witness: receipt for receipt in unit.archive.last_receipts()}
            health = {found.system: found for found in unit.catalogue.health()}
            return [
                self._state(unit.archive, name, receipts.get(name), health.get(HEALTH_PREFIX + name))
                for name in self._witnesses
            ]

    def _state(
        self, archive: LedgerArchive, name: str, receipt: StoredReceipt | None, health: SourceHealth | None
    ) -> WitnessState:
        head, now = archive.head(), self._clock.now()
        size = receipt.size if receipt is not None else 0
        seen = datetime.fromisoformat(receipt.at) if receipt is not None else None
        # An entry that waits too long counts, and so does a missing heartbeat.
        state = max(
            freshness(now, unseen_since(archive, name) or now, self._interval),
            freshness(now, seen or now, self._interval),
            key=list(Freshness).index,
        )
        behind = max(0, (head.size if head is not None else 0) - size)
        problem, hint = (health.problem, health.hint) if health is not None else ("", "")
        return WitnessState(name, size, behind, seen, state.value, problem, hint)

    def verify(self) -> LedgerVerdict:
        """Recompute everything."""
        return self._checks.verify()

    def start_check(self) -> LedgerCheck:
        """Verify in the background."""
        return self._checks.start()

    def last_check(self) -> LedgerCheck | None:
        """The current or last verification."""
        return self._checks.last

    def export(self, actor: Actor) -> bytes:
        """A zip file for an auditor."""
        return self._exports.make(actor)


def lines_about(unit: Unit, key: VersionKey) -> tuple[HistoryLine, ...]:
    """The ledger's entries about a version, newest first."""
    subject = version_subject(key)
    wanted = EntryFilter(subject_type=subject.type, subject_id=subject.id)
    read = page_entries(unit.archive, wanted, EntryPage(limit=HISTORY_LINES))
    lines = [(r.seq, r.entry) for r in read if r.entry is not None]
    return tuple(HistoryLine(e.time, words_of(e), e.actor.name, f"ledger entry {seq}") for seq, e in lines)


def _filter(query: LedgerQuery) -> EntryFilter:
    return EntryFilter(
        action_prefix=query.action,
        actor=query.actor,
        subject=query.subject,
        model=query.model,
        request_id=query.request_id or None,
        since=instant(query.since) if query.since else None,
        until=instant(query.until) if query.until else None,
    )


def _window(page: int, size: int, *, is_all: bool) -> EntryPage:
    """Numbers are dense, so an unfiltered page starts at a known number; others are skipped to."""
    skip = (page - 1) * PAGE_SIZE
    return EntryPage(PAGE_SIZE, before_seq=size - skip + 1) if is_all else EntryPage(PAGE_SIZE, skip=skip)


def _line(read: ReadEntry) -> LedgerLine:
    entry = read.entry
    if entry is None:
        return LedgerLine(read.seq, EPOCH, "unknown", "unreadable", read.problem, "", None, read.body)
    return LedgerLine(
        seq=read.seq,
        at=entry.time,
        actor=entry.actor.name,
        action=entry.action.value,
        sentence=words_of(entry) if not read.problem else f"{words_of(entry)} ({read.problem})",
        subject=entry.subject.id,
        request_id=entry.request_id,
        raw=read.body,
    )
