"""The ledger for people: pages of entries in words and raw, and the check of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from services.domain.catalogue import HistoryLine
from services.domain.registry import VersionKey
from services.ledger.actions import Action
from services.ledger.entry import LedgerEntry
from services.ledger.reader import ReadEntry, page_entries
from services.ledger.store import EntryFilter, EntryPage
from services.portal import LedgerLine, LedgerPage, LedgerVerdict
from services.promotions.desk import version_subject
from services.stores import LedgerVerifier, Unit, Units

PAGE_SIZE = 50
HISTORY_LINES = 200

SENTENCES: dict[Action, str] = {
    Action.REQUEST_OPENED: "asked for the promotion of {subject}",
    Action.REQUEST_SEALED: "sealed the request for {subject} again",
    Action.REQUEST_SUSPENDED: "found that {subject} is not as it was sealed",
    Action.REQUEST_APPROVED: "counted the signatures: the promotion of {subject} is approved",
    Action.REQUEST_REJECTED: "closed the request for {subject}: rejected",
    Action.REQUEST_WITHDRAWN: "withdrew the request for {subject}",
    Action.REQUEST_EXPIRED: "closed the request for {subject}: nobody decided in time",
    Action.REQUEST_PROMOTED: "closed the request for {subject}: promoted",
    Action.REQUEST_FAILED: "closed the request for {subject}: the rollout failed",
    Action.DECISION_APPROVED: "approved the promotion of {subject}",
    Action.DECISION_REJECTED: "rejected the promotion of {subject}",
    Action.DECISION_CHANGES_REQUESTED: "asked for changes before {subject} is promoted",
    Action.COMMENT_ADDED: "commented on the request for {subject}",
    Action.ROLLOUT_STARTED: "began the rollout of {subject}",
    Action.ROLLOUT_STEP_DONE: "finished a step of the rollout of {subject}",
    Action.ROLLOUT_STEP_COMPENSATED: "undid a step of the rollout of {subject}",
    Action.ROLLOUT_FAILED: "stopped the rollout of {subject}: it cannot go on",
    Action.ROLLOUT_COMPENSATED: "restored what was live before {subject}",
    Action.ROLLOUT_STOPPED: "asks for a person: the rollout of {subject} needs help",
    Action.VERSION_PROMOTED: "moved the registry to {subject}",
    Action.VERSION_ARCHIVED: "archived the version before {subject}",
    Action.VERSION_RESTORED: "put the registry back to the version before {subject}",
    Action.VERSION_LIVE: "marked {subject} as live",
    Action.RELEASE_OPERATED: "operated release {subject}",
    Action.PREDICTION_LOOKED_UP: "looked up prediction {subject}",
}


class LedgerDesk:
    """Implements `services.portal.LedgerBrowser`."""

    def __init__(self, units: Units, verifier: LedgerVerifier) -> None:
        self._units = units
        self._verifier = verifier

    def find(
        self, *, action: str = "", actor: str = "", subject: str = "", request_id: str = "", page: int = 1
    ) -> LedgerPage:
        """Entries, newest first."""
        wanted = EntryFilter(
            action_prefix=action,
            actor_id=actor or None,
            subject_id=subject or None,
            request_id=request_id or None,
        )
        page = max(1, page)
        with self._units.read() as unit:
            total = unit.archive.count(wanted)
            read = page_entries(unit.archive, wanted, EntryPage(limit=page * PAGE_SIZE))
            head = unit.archive.head()
            note = unit.archive.checkpoint(head.size) if head else None
        shown = read[(page - 1) * PAGE_SIZE :]
        return LedgerPage(tuple(_line(entry) for entry in shown), total, page, PAGE_SIZE, note or "")

    def actions(self) -> Sequence[str]:
        """All actions that can stand in the ledger."""
        return [action.value for action in Action]

    def verify(self) -> LedgerVerdict:
        """Recompute everything."""
        return self._verifier.verify()


def lines_about(unit: Unit, key: VersionKey) -> tuple[HistoryLine, ...]:
    """What the ledger says of a version, newest first."""
    subject = version_subject(key)
    wanted = EntryFilter(subject_type=subject.type, subject_id=subject.id)
    read = page_entries(unit.archive, wanted, EntryPage(limit=HISTORY_LINES))
    lines = [(r.seq, r.entry) for r in read if r.entry is not None]
    return tuple(HistoryLine(e.time, _words(e), e.actor.name, f"ledger entry {seq}") for seq, e in lines)


def _line(read: ReadEntry) -> LedgerLine:
    entry = read.entry
    if entry is None:
        epoch = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
        return LedgerLine(read.seq, epoch, "unknown", "unreadable", read.problem, "", None, read.body)
    return LedgerLine(
        seq=read.seq,
        at=entry.time,
        actor=entry.actor.name,
        action=entry.action.value,
        sentence=_words(entry) if not read.problem else f"{_words(entry)} ({read.problem})",
        subject=entry.subject.id,
        request_id=entry.request_id,
        raw=read.body,
    )


def _words(entry: LedgerEntry) -> str:
    subject = entry.subject.id
    if entry.subject.type == "model_version":
        model, _, version = subject.rpartition("/")
        subject = f"{model} v{version}"
    pattern = SENTENCES.get(entry.action, f"{entry.action.value.replace(':', ' ').replace('_', ' ')} {{subject}}")
    detail = entry.after.get("detail") if isinstance(entry.after, dict) else None
    words = pattern.replace("{subject}", subject)
    return f"{words}: {detail}" if isinstance(detail, str) and detail else words
