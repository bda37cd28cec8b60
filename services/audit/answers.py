"""What the audit log answers with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.domain.identity.people import Actor


@dataclass(frozen=True)
class LedgerLine:
    """One entry of the ledger, in words and raw."""

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
    """What verifying the whole ledger found."""

    is_intact: bool
    size: int
    root: str
    sentence: str
    details: tuple[str, ...] = ()
    """Each witness's view and each finding, a sentence each."""


@dataclass(frozen=True)
class LedgerCheck:
    """A verification in the background: under way, or done."""

    started: datetime
    done: int = 0
    total: int = 0
    finished: datetime | None = None
    verdict: LedgerVerdict | None = None
    problem: str = ""
    """Why there is no verdict, once it is finished."""

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass(frozen=True)
class WitnessState:
    """How far one witness has seen."""

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
        """All actions that can stand in the ledger."""

    def witnesses(self) -> Sequence[WitnessState]:
        """What each witness has seen, from the receipts in the database: no network call."""

    def verify(self) -> LedgerVerdict:
        """Recompute everything, now."""

    def start_check(self) -> LedgerCheck:
        """Verify in the background; when that is under way already, it is the same one."""

    def last_check(self) -> LedgerCheck | None:
        """The check under way or done last in this process."""

    def export(self, actor: Actor) -> bytes:
        """The whole ledger as a zip file for an auditor; recorded. Raises NotAllowedError, RefusedError (too large)."""
