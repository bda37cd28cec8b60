"""Exports for auditors from the pages: the same zip file as `countersign ledger export`, and the same record of it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence

from services.audit.witnesses import reading
from services.database.unit import Units
from services.domain.identity.people import Actor, Permission
from services.errors import NotAllowedError, RefusedError, UpstreamError
from services.ledger.actions import Action
from services.ledger.export import ExportSource, export_zip, fetch_notes
from services.ledger.tree.entry import Subject
from services.ledger.tree.note import VerifierKey
from services.ledger.witnessing import Witness
from services.ports.time import Clock

LARGEST = 200_000
"""Maximum entries. A page serves whole files from memory; the command line has no limit."""


class LedgerExports:
    """Makes exports."""

    def __init__(
        self,
        units: Units,
        keys: Callable[[], Sequence[VerifierKey]],
        witnesses: Sequence[Witness],
        clock: Clock,
    ) -> None:
        self._units = units
        self._keys = keys
        self._witnesses = witnesses
        self._clock = clock

    def make(self, actor: Actor) -> bytes:
        """A zip file, recorded before it is made. Raises NotAllowedError, RefusedError, NotFoundError (empty)."""
        if not actor.may(Permission.EXPORT):
            raise NotAllowedError("Your role cannot export the ledger.", hint="Ask an auditor.")
        with self._units.read() as unit:
            head = unit.archive.head()
        if head is not None and head.size > LARGEST:
            raise RefusedError(
                f"The ledger has {head.size:,} entries, too many to download from a page.",
                hint="On the portal's host, run: countersign ledger export FILE.zip",
            )
        notes = self._notes()
        name = head.origin if head is not None else "ledger"
        with self._units.begin() as unit:
            unit.ledger.append(
                actor, Action.EXPORT_MADE, Subject("ledger", name), after={"what": "ledger", "detail": "all entries"}
            )
        target = io.BytesIO()
        export_zip(reading(self._units), target, ExportSource(self._keys(), self._clock.now(), notes))
        return target.getvalue()

    def _notes(self) -> Mapping[str, Sequence[str]]:
        """Copies from the witnesses that answer; auditors fetch their own anyway."""
        notes: dict[str, Sequence[str]] = {}
        for witness in self._witnesses:
            try:
                notes |= fetch_notes(reading(self._units), [witness])
            except UpstreamError:
                continue
        return notes
