"""Verifies the ledger for people, and tells a rollout whether its approval has been witnessed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from services.errors import UpstreamError
from services.ledger.export import fetch_notes
from services.ledger.note import VerifierKey
from services.ledger.store import EntryFilter, EntryPage
from services.ledger.verify import Progress, Verification, WitnessNotes, verify_ledger
from services.ledger.witnessing import Witness, witnessed_up_to
from services.ledger_watch import reading
from services.portal import LedgerVerdict
from services.stores import Units

PinnedKeys = Callable[[], Sequence[VerifierKey]]


class LedgerVerdicts:
    """Recomputes the whole ledger against its signed checkpoints and the witnesses' copies."""

    def __init__(self, units: Units, keys: PinnedKeys, witnesses: Sequence[Witness]) -> None:
        self._units = units
        self._keys = keys
        self._witnesses = witnesses

    def verify(self, progress: Progress | None = None) -> LedgerVerdict:
        """One pass over all entries. A witness that cannot be read is named; what it holds is then not compared."""
        notes, away = self._notes()
        with self._units.read() as unit:
            found = verify_ledger(unit.archive, self._keys(), witnesses=notes, progress=progress)
        return LedgerVerdict(found.holds, found.size, found.root.hex(), _sentence(found, away))

    def _notes(self) -> tuple[WitnessNotes, list[str]]:
        """Network, so before the transaction."""
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
        return f"The ledger does not hold: {where}: {first.what}"
    if found.size == 0:
        return "The ledger is empty."
    told = (
        f"{_entries(found.size)} as written, under {found.signatures:,} signature{'' if found.signatures == 1 else 's'}"
    )
    return f"{told}; {_witnessed(found, away)}."


def _entries(size: int) -> str:
    return "The only entry stands" if size == 1 else f"All {size:,} entries stand"


def _witnessed(found: Verification, away: Sequence[str]) -> str:
    missing = f"{' and '.join(away)} could not be asked" if away else ""
    if not found.witnesses:
        return missing or "no witness is set"
    tail = found.size - found.witnessed
    newest = "the newest entry" if tail == 1 else f"the newest {tail:,} entries"
    seen = "witnesses have seen all of it" if tail == 0 else f"no witness has seen {newest} yet"
    return f"{seen}, but {missing}" if missing else seen


class WitnessDesk:
    """Implements the rollout's witness gate."""

    def __init__(self, units: Units, witnesses: Collection[str], *, needed: int = 1) -> None:
        self._units = units
        self._witnesses = witnesses
        self._needed = needed

    def has_seen(self, request_id: str) -> bool:
        """True when as many witnesses as needed have seen the request's newest entry."""
        with self._units.read() as unit:
            wanted = EntryFilter(request_id=request_id, action_prefix="promotion:")
            page = unit.archive.page(wanted, EntryPage(limit=1))
            return bool(page) and witnessed_up_to(unit.archive, self._needed, names=self._witnesses) >= page[0].seq
