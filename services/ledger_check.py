"""Verifies the ledger for people, and shows it to its witness."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.ledger.keys import KeyRing
from services.ledger.store import EntryFilter, EntryPage
from services.ledger.verify import Verification, verify_ledger
from services.ledger.witnessing import Ledger, Witness, publish_head, witnessed_up_to
from services.portal import LedgerVerdict
from services.ports import Clock
from services.stores import Units


class LedgerVerdicts:
    """Recomputes the whole ledger against its signed checkpoints and the witness's copy."""

    def __init__(self, units: Units, keys: KeyRing, witness: Witness | None) -> None:
        self._units = units
        self._keys = keys
        self._witness = witness

    def verify(self) -> LedgerVerdict:
        """One pass over all entries. Raises UpstreamError when the witness cannot be read."""
        keys = [self._keys.active.verifier]
        keys += [self._keys.previous.verifier] if self._keys.previous else []
        with self._units.read() as unit:
            head = unit.archive.head()
            known = {self._witness.name: self._witness.all(head.origin)} if self._witness and head else {}
            found = verify_ledger(unit.archive, keys, witnesses=known)
        return LedgerVerdict(found.holds, found.size, found.root.hex(), _sentence(found))


def _sentence(found: Verification) -> str:
    if not found.holds:
        first = found.findings[0]
        where = f"entry {first.seq}" if first.seq is not None else "the ledger"
        return f"The ledger does not hold: {where}: {first.what}"
    seen = f"; a witness has seen {found.witnessed} of them" if found.witnesses else "; no witness is set"
    return f"All {found.size} entries stand as they were written, under {found.signatures} signatures{seen}."


class WitnessDesk:
    """Publishes checkpoints, and tells a rollout whether its approval has been seen."""

    def __init__(self, units: Units, witness: Witness | None, clock: Clock) -> None:
        self._units = units
        self._witness = witness
        self._clock = clock

    def publish(self) -> None:
        """Show the newest checkpoint to the witness, where it has not seen it. Raises WitnessRefusedError."""
        if self._witness is None:
            return
        with self._units.read() as unit:
            head = unit.archive.head()
        if head is not None and self._seen() < head.size:
            publish_head(self._ledger, self._witness, self._clock.now)

    def has_seen(self, request_id: str) -> bool:
        """True when the request's newest entry is covered by a receipt."""
        with self._units.read() as unit:
            page = unit.archive.page(EntryFilter(request_id=request_id, action_prefix="promotion:"), EntryPage(limit=1))
        return bool(page) and self._seen() >= page[0].seq

    def _seen(self) -> int:
        with self._units.read() as unit:
            return witnessed_up_to(unit.archive)

    @contextmanager
    def _ledger(self) -> Iterator[Ledger]:
        with self._units.begin() as unit:
            yield unit.log
