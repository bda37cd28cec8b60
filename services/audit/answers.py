"""Answers of the audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.domain.identity.people import Actor


@dataclass(frozen=True)
class LedgerLine:
    """One ledger entry, as a sentence and raw."""

    seq: int
    at: datetime
    actor: str
    action: str
    sentence: str
    subject: str
    request_id: str | None
    raw: str
    """The bytes exactly as hashed."""


@dataclass(frozen=True)
class LedgerPage:
    """A page of ledger entries, newest first, with the latest checkpoint."""

    lines: tuple[LedgerLine, ...]
    total: int
    page: int
    page_size: int
    checkpoint: str
    """The signed note, as text; empty for an empty ledger."""


@dataclass(frozen=True)
class LedgerQuery:
    """Which entries to show; empty fields do not filter."""

    action: str = ""
    """The beginning of an action: ``promotion:`` finds requests, decisions and comments."""
    actor: str = ""
    """Part of a name or id."""
    subject: str = ""
    """Part of an id."""
    model: str = ""
    """Part of a model's name."""
    request_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """Not included."""
    page: int = 1


@dataclass(frozen=True)
class LedgerVerdict:
    """Result of verifying the whole ledger."""

    is_intact: bool
    size: int
    root: str
    sentence: str
    details: tuple[str, ...] = ()
    """Each witness's state and each finding, as sentences."""


@dataclass(frozen=True)
class LedgerCheck:
    """A background verification, in progress or done."""

    started: datetime
    done: int = 0
    total: int = 0
    finished: datetime | None = None
    verdict: LedgerVerdict | None = None
    problem: str = ""
    """Why a finished verification has no verdict."""

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass(frozen=True)
class WitnessState:
    """What one witness has seen."""

    name: str
    size: int
    """Entries that it has confirmed."""
    behind: int
    last_seen: datetime | None
    freshness: str
    """``fresh``, ``late`` or ``silent``."""
    problem: str = ""
    hint: str = ""


class LedgerBrowser(Protocol):
    """Reads the ledger."""

    def find(self, query: LedgerQuery) -> LedgerPage:
        """Entries, newest first."""

    def actions(self) -> Sequence[str]:
        """All actions that the ledger can contain."""

    def witnesses(self) -> Sequence[WitnessState]:
        """What each witness has seen, from the receipts in the database: no network call."""

    def verify(self) -> LedgerVerdict:
        """Recompute everything, now."""

    def start_check(self) -> LedgerCheck:
        """Verify in the background, or join the verification in progress."""

    def last_check(self) -> LedgerCheck | None:
        """The current or last verification in this process."""

    def export(self, actor: Actor) -> bytes:
        """The whole ledger as a zip file for an auditor; recorded. Raises NotAllowedError, RefusedError (too large)."""
