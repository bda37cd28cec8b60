"""Verifies the ledger inside the portal: one pass, constant memory, stops at the first bad entry.

The portal can only check that its database is consistent and agrees with the witnesses. Anyone who does not
trust the portal can use an export and `tools/verify_ledger.py`.

Checked: numbers without gap; each text against its leaf hash, its columns and its canonical form; the root at every
piece's end, every rotation and every witnessed size against the signed checkpoints; the head; signatures there; nothing
beyond the head; witnesses' notes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import NoReturn

from services.errors import IntegrityError
from services.ledger.history import LogHistory
from services.ledger.reader import read_stored, turning_points
from services.ledger.store import BareEntry, EntryFilter, EntryPage, Head, LedgerArchive
from services.ledger.tree.entry import LedgerEntry
from services.ledger.tree.merkle import EMPTY_ROOT, HASH_BYTES
from services.ledger.tree.note import SignedNote, VerifierKey, parse_note
from services.ledger.tree.stream import TreeStream

PIECE = 2000
Progress = Callable[[int, int], None]
"""Called with entries done and entries in all."""
WitnessNotes = Mapping[str, Sequence[str]]
"""Witness name to the notes it keeps, of every origin of this log."""


@dataclass(frozen=True)
class Finding:
    """A problem; `seq` is the first entry concerned, if any."""

    seq: int | None
    what: str


@dataclass(frozen=True)
class WitnessView:
    """What one witness has seen, and whether all its notes agree with this ledger."""

    name: str
    size: int
    notes: int
    agrees: bool


@dataclass(frozen=True)
class Verification:
    """The result: coverage and problems."""

    size: int
    root: bytes
    signatures: int
    """How many checkpoint signatures were checked."""
    findings: tuple[Finding, ...] = ()
    witnesses: tuple[WitnessView, ...] = ()
    lost: Mapping[str, int] = field(default_factory=dict)
    """Origins that a restore ended, and the size that witnesses had seen of each."""

    @property
    def holds(self) -> bool:
        """True if no problem was found."""
        return not self.findings

    @property
    def first_bad(self) -> int | None:
        """The first bad entry."""
        return min((f.seq for f in self.findings if f.seq is not None), default=None)

    @property
    def witnessed(self) -> int:
        """Entries that at least one agreeing witness has seen; the rest relies on the signature alone."""
        return max((view.size for view in self.witnesses if view.agrees), default=0)


def verify_ledger(
    archive: LedgerArchive,
    keys: Sequence[VerifierKey],
    *,
    witnesses: WitnessNotes | None = None,
    progress: Progress | None = None,
    forms: bool = True,
) -> Verification:
    """Verify everything; `forms=False` skips canonical form and columns, and is several times faster."""
    try:
        return _verify(archive, keys, witnesses or {}, progress, forms=forms)
    except IntegrityError as error:
        # The head or a witness's note cannot even be read.
        return Verification(0, EMPTY_ROOT, 0, (Finding(None, error.message),))


def _verify(
    archive: LedgerArchive,
    keys: Sequence[VerifierKey],
    witnesses: WitnessNotes,
    progress: Progress | None,
    *,
    forms: bool,
) -> Verification:
    head = archive.head()
    walk = _Walk(archive, LogHistory.start(keys), _sort_notes(witnesses), forms=forms)
    try:
        walk.run(head, progress)
    except IntegrityError as error:
        walk.findings.append(Finding(walk.at_fault, error.message))
    return walk.result(0 if head is None else head.size)


@dataclass(frozen=True)
class _Held:
    """A witness's note, with the witness's name."""

    witness: str
    note: SignedNote


def _sort_notes(witnesses: WitnessNotes) -> dict[str, list[_Held]]:
    return {name: [_Held(name, parse_note(note)) for note in notes] for name, notes in witnesses.items()}


class _Walk:
    """One pass over the entries."""

    def __init__(
        self, archive: LedgerArchive, history: LogHistory, held: Mapping[str, list[_Held]], *, forms: bool
    ) -> None:
        self.findings: list[Finding] = []
        self.at_fault: int | None = None
        self._archive, self._history, self._held, self._forms = archive, history, held, forms
        self._tree = TreeStream()
        self._signatures = 0
        self._disagreeing: set[str] = set()
        self._agreed: dict[str, int] = {}
        self._by_size: dict[int, list[_Held]] = {}
        for note in (note for notes in held.values() for note in notes):
            self._by_size.setdefault(note.note.checkpoint.size, []).append(note)

    def run(self, head: Head | None, progress: Progress | None) -> None:
        size = 0 if head is None else head.size
        for first, last in pairwise([0, *self._stops(size)]):
            self._piece(first + 1, last)
            if progress is not None:
                progress(last, size)
        self.at_fault = size + 1
        self._check_head(head)
        self._check_beyond(size)

    def result(self, size: int) -> Verification:
        views = [self._view(name, notes) for name, notes in self._held.items()]
        lost = {tail.origin: tail.size for tail in self._history.lost.values()}
        return Verification(size, self._tree.root(), self._signatures, tuple(self.findings), tuple(views), lost)

    def _view(self, name: str, notes: Sequence[_Held]) -> WitnessView:
        here = [held.note.checkpoint.size for held in notes if held.note.checkpoint.origin == self._history.origin]
        seen = max([*here, self._agreed.get(name, 0)])  # after a restore, what it saw under the origin before counts
        return WitnessView(name, seen, len(notes), name not in self._disagreeing)

    def _stops(self, size: int) -> list[int]:
        """Where roots are compared: piece ends, rotations and new origins, witnessed sizes, the end."""
        marks = {*range(PIECE, size, PIECE), *(mark for mark in self._by_size if 0 < mark <= size)}
        marks |= set(turning_points(self._archive, size))
        return sorted(marks | ({size} if size else set()))

    def _piece(self, first: int, last: int) -> None:
        before, rows = self._tree.copy(), self._archive.bare(first, last)
        self._check_numbers(before, rows, range(first, last + 1))
        self._tree.add_leaves(self._check_leaves(rows))
        if self._forms:
            self._check_forms(first, last)
        self.at_fault = last
        note = self._checkpoint(last)
        if note.checkpoint.root != self._tree.root():
            self._name_first(before, rows)
        entry = LedgerEntry.parse(rows[-1][1])
        self._history.learn(entry)
        self._history.verify(note, entry.at)
        self._signatures += 1
        self._check_witnessed(last)

    def _check_leaves(self, rows: Sequence[BareEntry]) -> list[bytes]:
        """Check each body against the leaf hash stored beside it; returns the hashes."""
        leaves = [sha256(b"\x00" + body.encode()).digest() for _, body, _ in rows]
        for (seq, _, nodes), leaf in zip(rows, leaves, strict=True):
            if nodes[:HASH_BYTES] != leaf:
                self._found_in(seq, f"Entry {seq} is not the text that was signed.")
        return leaves

    def _check_numbers(self, before: TreeStream, rows: Sequence[BareEntry], expected: range) -> None:
        numbers = [seq for seq, _, _ in rows]
        if numbers == list(expected):
            return
        missing = next(n for n, seq in zip(expected, [*numbers, 0], strict=False) if n != seq)
        # A row that was renumbered into an earlier gap comes first.
        self._name_first(before.copy(), rows[: missing - expected.start])
        self._found_in(missing, f"Entry {missing} is missing.")

    def _found_in(self, seq: int, what: str) -> NoReturn:
        self.at_fault = seq
        raise IntegrityError(what)

    def _check_forms(self, first: int, last: int) -> None:
        for row in self._archive.stream(first, last):
            if problem := read_stored(row).problem:
                self._found_in(row.seq, f"Entry {row.seq}: {problem}.")

    def _name_first(self, tree: TreeStream, rows: Iterable[BareEntry]) -> None:
        """Find the first entry whose own checkpoint fails."""
        for seq, body, _ in rows:
            self.at_fault = seq
            tree.add([body.encode()])
            if self._checkpoint(seq).checkpoint.root != tree.root():
                raise IntegrityError(f"Entry {seq} does not lead to the root that was signed.")

    def _checkpoint(self, size: int) -> SignedNote:
        note = self._archive.checkpoint(size)
        if note is None:
            raise IntegrityError(f"The checkpoint of {size} entries is missing.")
        parsed = parse_note(note)
        if parsed.checkpoint.size != size:
            raise IntegrityError(f"The checkpoint of {size} entries names {parsed.checkpoint.size}.")
        return parsed

    def _check_witnessed(self, size: int) -> None:
        for held in self._by_size.pop(size, []):
            checkpoint = held.note.checkpoint
            if checkpoint.origin != self._history.origin:
                self._by_size.setdefault(-size, []).append(held)
            elif checkpoint.root != self._tree.root():
                self._disagree(held, size, f"witness {held.witness} holds another root for {size} entries")
            else:
                self._agreed[held.witness] = size

    def _check_head(self, head: Head | None) -> None:
        if head is not None and head.frontier.root() != self._tree.root():
            raise IntegrityError("The ledger's head does not fit its entries.")
        for held in [held for notes in self._by_size.values() for held in notes]:
            try:
                self._history.verify_lost(held.note)
            except IntegrityError as error:
                self._disagree(held, None, f"{error.message} (witness {held.witness})")

    def _check_beyond(self, size: int) -> None:
        newest = self._archive.page(EntryFilter(), EntryPage(limit=1))
        if newest and newest[0].seq > size:
            raise IntegrityError(f"Entry {newest[0].seq} stands beyond the ledger's head.")
        if self._archive.checkpoint(size + 1) is not None:
            raise IntegrityError(f"A checkpoint stands beyond the ledger's head of {size} entries.")

    def _disagree(self, held: _Held, seq: int | None, what: str) -> None:
        self._disagreeing.add(held.witness)
        self.findings.append(Finding(seq, what[:1].upper() + what[1:].rstrip(".") + "."))


def describe_views(result: Verification) -> list[str]:
    """Each witness's notes, entries lost by a restore, and all problems."""
    lines: list[str] = []
    for view in result.witnesses:
        state = "agrees" if view.agrees else "DISAGREES"
        lines.append(f"witness {view.name}: {state}, {counted(view.notes, 'checkpoint')}, up to entry {view.size}")
    lines += [
        f"a restore ended {origin}; a witness had seen {counted(size, 'entry', 'entries')}"
        for origin, size in result.lost.items()
    ]
    lines += [f"FAILS: {finding.what}" for finding in result.findings]
    if result.first_bad is not None:
        lines.append(f"first bad entry: {result.first_bad}")
    return lines


def counted(number: int, one: str, many: str = "") -> str:
    """Like ``1 entry`` or ``2,000 entries``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
