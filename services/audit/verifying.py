"""Verifies the ledger for people, and checks for a rollout whether its approval has been witnessed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from threading import Lock, Thread
from typing import Any

from services.audit.answers import LedgerCheck, LedgerVerdict
from services.audit.witnesses import reading
from services.database.unit import Units
from services.errors import PortalError, UpstreamError
from services.ledger.export import fetch_notes
from services.ledger.store import EntryFilter, EntryPage
from services.ledger.tree.note import VerifierKey
from services.ledger.verify import Progress, Verification, WitnessNotes, describe_views, verify_ledger
from services.ledger.witnessing import Witness, witnessed_up_to
from services.ports.time import Clock

log = logging.getLogger(__name__)

PinnedKeys = Callable[[], Sequence[VerifierKey]]


class LedgerVerdicts:
    """Recomputes the whole ledger against its signed checkpoints and the witnesses' copies."""

    def __init__(self, units: Units, keys: PinnedKeys, witnesses: Sequence[Witness]) -> None:
        self._units = units
        self._keys = keys
        self._witnesses = witnesses

    def verify(self, progress: Progress | None = None) -> LedgerVerdict:
        """One pass over all entries. An unreachable witness is named and not compared."""
        notes, away = self._notes()
        with self._units.read() as unit:
            found = verify_ledger(unit.archive, self._keys(), witnesses=notes, progress=progress)
        details = tuple(describe_views(found)) + tuple(f"witness {name} could not be reached" for name in away)
        return LedgerVerdict(found.holds, found.size, found.root.hex(), _sentence(found, away), details)

    def _notes(self) -> tuple[WitnessNotes, list[str]]:
        """Uses the network, so it runs before the transaction."""
        notes: dict[str, Sequence[str]] = {}
        away = []
        for witness in self._witnesses:
            try:
                notes |= fetch_notes(reading(self._units), [witness])
            except UpstreamError:
                away.append(witness.name)
        return notes, away


def _sentence(found: Verification, away: Sequence[str]) -> str:
    if not found.holds:
        first = found.findings[0]
        where = f"entry {first.seq}" if first.seq is not None else "the ledger"
        return f"Verification failed at {where}: {first.what}"
    if found.size == 0:
        return "The ledger is empty."
    signed = f"{found.signatures:,} signed checkpoint{'' if found.signatures == 1 else 's'}"
    verified = f"{_entries(found.size)} verified against {signed}"
    return f"{verified}; {_witnessed(found, away)}."


def _entries(size: int) -> str:
    return "The only entry" if size == 1 else f"All {size:,} entries"


def _witnessed(found: Verification, away: Sequence[str]) -> str:
    missing = f"witness {' and '.join(away)} could not be reached" if away else ""
    if not found.witnesses:
        return missing or "no witness is set"
    tail = found.size - found.witnessed
    newest = "the newest entry" if tail == 1 else f"the newest {tail:,} entries"
    seen = "witnesses have seen all of it" if tail == 0 else f"no witness has seen {newest} yet"
    return f"{seen}, but {missing}" if missing else seen


class LedgerChecks:
    """Verifies in the background, one verification at a time per process."""

    def __init__(self, verdicts: LedgerVerdicts, clock: Clock) -> None:
        self._verdicts = verdicts
        self._clock = clock
        self._lock = Lock()
        self._last: LedgerCheck | None = None

    @property
    def last(self) -> LedgerCheck | None:
        """The current or last verification."""
        with self._lock:
            return self._last

    def verify(self) -> LedgerVerdict:
        """Recompute everything, now."""
        return self._verdicts.verify()

    def start(self) -> LedgerCheck:
        """Start a verification, or join the one in progress."""
        with self._lock:
            if self._last is not None and self._last.finished is None:
                return self._last
            self._last = LedgerCheck(self._clock.now())
            started = self._last
        Thread(target=self._run, name="countersign-verify", daemon=True).start()
        return started

    def _run(self) -> None:
        try:
            verdict = self._verdicts.verify(progress=lambda done, total: self._note(done=done, total=total))
            self._note(verdict=verdict, finished=self._clock.now())
        except PortalError as error:
            self._note(problem=error.sentence(), finished=self._clock.now())
        except Exception:
            log.exception("the ledger could not be verified")
            self._note(problem="The verification could not run; the log says why.", finished=self._clock.now())

    def _note(self, **fields: Any) -> None:
        with self._lock:
            if self._last is not None:
                self._last = replace(self._last, **fields)


class WitnessDesk:
    """Implements the rollout's witness gate."""

    def __init__(self, units: Units, witnesses: Collection[str], *, needed: int = 1) -> None:
        self._units = units
        self._witnesses = witnesses
        self._needed = needed

    def has_seen(self, request_id: str) -> bool:
        """True if enough witnesses have seen the request's newest entry."""
        with self._units.read() as unit:
            wanted = EntryFilter(request_id=request_id, action_prefix="promotion:")
            page = unit.archive.page(wanted, EntryPage(limit=1))
            return bool(page) and witnessed_up_to(unit.archive, self._needed, names=self._witnesses) >= page[0].seq
