"""An export for an auditor: a folder or a zip file that `tools/verify_ledger.py` checks without the portal.

    entries.jsonl       one entry a line, byte for byte as it was hashed
    checkpoints.txt     signed checkpoints: every 1000th, where keys or origins change, the newest
    steps.txt           the signed checkpoint of every single entry; names the first bad one
    vkey.txt            the public keys that the portal says are its own; compare them with the pinned one
    receipts.jsonl      what witnesses answered
    witness/<name>.txt  what each witness gave when the export was made
    README.txt          how to verify, in words
    verify_ledger.py    the verifier, which needs Python and openssl only

Everything is streamed in chunks, each in a short transaction: entries never change, so the chunks are consistent.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

from services.errors import InvalidInputError, NotFoundError, SettingsError
from services.ledger.actions import Action
from services.ledger.reader import checkpoint_note, turning_points
from services.ledger.store import LedgerArchive, LedgerStore
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import Actor, Subject, instant
from services.ledger.tree.note import VerifierKey, parse_note
from services.ledger.witnessing import Transactions, Witness
from services.ledger.writer import AppendedEntry, Clock, Signer, append

PIECE = 5000
MILESTONE = 1000
VERIFIER = Path(__file__).with_name("verify_ledger.py")
"""The same file as in ``tools/``, included in the installed package."""
Open = Callable[[str], AbstractContextManager[IO[bytes]]]


@dataclass(frozen=True)
class ExportSource:
    """The content of an export besides the entries; call `fetch_notes` first for `witness_notes`."""

    keys: Sequence[VerifierKey]
    made_at: datetime
    witness_notes: Mapping[str, Sequence[str]] = field(default_factory=dict)
    verifier: Path = VERIFIER


@dataclass(frozen=True)
class Exported:
    """The number of entries written and their checkpoint."""

    entries: int
    note: str


def fetch_notes(transactions: Transactions, witnesses: Sequence[Witness]) -> dict[str, list[str]]:
    """Each witness's notes for every origin of this log. Uses the network, so call it outside transactions."""
    with transactions() as ledger:
        head = ledger.head()
    if head is None:
        return {}
    name, _, number = head.origin.rpartition("/")
    origins = [f"{name}/{past}" for past in range(1, int(number) + 1)]
    return {witness.name: [note for origin in origins for note in witness.all(origin)] for witness in witnesses}


def demand_new(target: Path) -> None:
    """`InvalidInputError` if the target of an export is a file or a folder that is not empty."""
    if target.is_file() or (target.is_dir() and any(target.iterdir())):
        what = "file exists already" if target.is_file() else "folder is not empty"
        raise InvalidInputError(f"{target.name}: this {what}.", hint="Name a new folder or zip file for the export.")


def record_export(store: LedgerStore, after: Json, *, actor: Actor, clock: Clock, signer: Signer) -> AppendedEntry:
    """The entry that records who exported what; write it before the first byte."""
    subject, action = Subject("ledger", signer.name), Action.EXPORT_MADE
    return append(store, actor=actor, action=action, subject=subject, clock=clock, signer=signer, after=after)


def export_folder(transactions: Transactions, folder: Path, source: ExportSource) -> Exported:
    """Write an export into a new folder; `InvalidInputError` if it exists and is not empty."""
    demand_new(folder)
    folder.mkdir(parents=True, exist_ok=True)

    def opened(name: str) -> AbstractContextManager[IO[bytes]]:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        return path.open("wb")

    return _write(transactions, opened, source)


def export_zip(transactions: Transactions, target: IO[bytes], source: ExportSource) -> Exported:
    """Write an export as a zip file into an open binary file."""
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:

        @contextmanager
        def opened(name: str) -> Iterator[IO[bytes]]:
            with archive.open(zipfile.ZipInfo(name, source.made_at.timetuple()[:6]), "w", force_zip64=True) as file:
                yield file

        return _write(transactions, opened, source)


def _write(transactions: Transactions, opened: Open, source: ExportSource) -> Exported:
    script = verifier_script(source.verifier)
    with transactions() as ledger:
        head = ledger.head()
        note = ledger.checkpoint(head.size) if head is not None else None
    if head is None or note is None:
        raise NotFoundError("The ledger has no entries yet; there is nothing to export.")
    with opened("entries.jsonl") as file:
        _stream(transactions, file, head.size, _bodies)
    with opened("steps.txt") as file:
        _stream(transactions, file, head.size, _notes)
    with opened("checkpoints.txt") as file:
        file.writelines((text + "\n").encode() for text in _milestones(transactions, head.size))
    with opened("receipts.jsonl") as file:
        _stream(transactions, file, head.size, _receipts)
    for name, text in _texts(source, parse_note(note).checkpoint.size):
        with opened(name) as file:
            file.write(text.encode())
    with opened("verify_ledger.py") as file:
        file.write(script)
    return Exported(head.size, note)


def _stream(
    transactions: Transactions, file: IO[bytes], size: int, lines: Callable[[LedgerArchive, int, int], Iterator[str]]
) -> None:
    for first in range(1, size + 1, PIECE):
        with transactions() as ledger:
            file.writelines(text.encode() for text in lines(ledger, first, min(first + PIECE - 1, size)))


def _bodies(ledger: LedgerArchive, first: int, last: int) -> Iterator[str]:
    return (row.body + "\n" for row in ledger.stream(first, last))


def _notes(ledger: LedgerArchive, first: int, last: int) -> Iterator[str]:
    return (note + "\n" for _, note in ledger.checkpoints(first, last))


def _milestones(transactions: Transactions, size: int) -> Iterator[str]:
    """The checkpoints that a verifier compares; on a mismatch it uses the single steps."""
    with transactions() as ledger:
        marks = {*range(MILESTONE, size, MILESTONE), *turning_points(ledger, size), size}
    for mark in sorted(marks):
        with transactions() as ledger:
            yield checkpoint_note(ledger, mark)


def _receipts(ledger: LedgerArchive, first: int, last: int) -> Iterator[str]:
    for receipt in ledger.receipts(first, last):
        told = {"size": receipt.size, "witness": receipt.witness, "at": receipt.at, "receipt": receipt.receipt}
        yield json.dumps(told, ensure_ascii=False, sort_keys=True) + "\n"


def _texts(source: ExportSource, size: int) -> Iterator[tuple[str, str]]:
    yield "vkey.txt", "".join(f"{key}\n" for key in source.keys)
    for name, notes in source.witness_notes.items():
        yield f"witness/{_file_name(name)}.txt", "".join(note + "\n" for note in notes)
    yield "README.txt", _readme(source, size)


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in name)


def verifier_script(path: Path = VERIFIER) -> bytes:
    """The verifier that goes into exports and dossiers. Raises SettingsError."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingsError(
            "The verifier script was not found.",
            hint="Run the export from a checkout, or pass the script's path with --verifier.",
        ) from error


def _readme(source: ExportSource, size: int) -> str:
    return _README.format(size=size, at=instant(source.made_at), keys="\n    ".join(map(str, source.keys)))


_README = """\
Countersign ledger export: {size} entries, made at {at}

To verify it:

    python -I verify_ledger.py . --vkey PINNED --witness WITNESS --now {at}

PINNED is the public key as you noted it when the portal was set up. This export says it is

    {keys}

but an export can say anything: do not take the key from here.

WITNESS is the witness's own copy, fetched by you: the file or folder of checkpoints in a clone of the witness's
repository, or the blobs of its container. The files under witness/ are what the portal was given; they serve when you
cannot reach the witness, and prove less.

Take verify_ledger.py from a place you trust, or read it: it has 150 lines, and uses Python's standard library and the
openssl command only. Add --forms to parse every entry too (doubled keys, unknown layout); that takes longer.

If a backup was ever restored, the log went on under a new origin; the script names it and refuses until you have read
why and add --origin with that name.

The script says three things: integrity (the entries are those that were signed), completeness (nothing that a witness
saw is missing or different) and freshness (how old the newest witnessed entry is). It exits with

    0  all three hold          1  tampered with, or cut
    2  unusable input          3  the newest witnessed entry is too old

Entries after the newest witnessed checkpoint stand on the portal's signature alone; the script says how many.
"""
