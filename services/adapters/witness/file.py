"""A witness that is a file: for development, a mounted WORM share, or a second machine's directory.

The file is only ever appended to, under a lock, and synced before the receipt. A note that a crash truncated
was never receipted; the next publisher removes it before appending.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from services.adapters.witness.note_file import framed, from_first_boundary, sound_length
from services.errors import UpstreamUnavailableError
from services.ledger.witnessing import Receipt, checkpoint_of, is_kept, notes_of
from services.ledger.writer import Clock

_TAIL_BYTES = 64 * 1024


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FileWitness:
    """Notes in one append-only file."""

    def __init__(self, path: Path, *, name: str = "file", clock: Clock = _utc_now) -> None:
        self._path = path
        self._name = name
        self._clock = clock

    @property
    def name(self) -> str:
        """The witness's name."""
        return self._name

    def publish(self, note: str) -> Receipt:
        """Check and append under one lock."""
        checkpoint = checkpoint_of(note)
        with self._locked() as file:
            raw, start = _tail(file)
            notes = notes_of(raw.decode(), checkpoint.origin) or notes_of(_whole(file), checkpoint.origin)
            if not is_kept(notes[-1] if notes else None, note):
                file.truncate(start + len(raw))
                file.seek(0, os.SEEK_END)
                file.write(framed(note))
                file.flush()
                os.fsync(file.fileno())
        return Receipt(self._name, checkpoint.size, self._clock(), f"{self._path.name}#{checkpoint.size}")

    def latest(self, origin: str) -> str | None:
        """The last note of an origin."""
        try:
            with self._path.open("rb") as file:
                raw, _ = _tail(file)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreachable(error) from error
        notes = notes_of(raw.decode(), origin) or self.all(origin)
        return notes[-1] if notes else None

    def all(self, origin: str) -> Sequence[str]:
        """Every note of an origin."""
        try:
            raw = self._path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise self._unreachable(error) from error
        return notes_of(raw[: sound_length(raw)].decode(), origin)

    @contextmanager
    def _locked(self) -> Iterator[BinaryIO]:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
            with os.fdopen(descriptor, "r+b") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                yield file
        except OSError as error:
            raise self._unreachable(error) from error

    def _unreachable(self, error: OSError) -> UpstreamUnavailableError:
        return UpstreamUnavailableError(
            f"The witness file {self._path.name} cannot be used: {error.strerror}.",
            system="witness",
            hint="Check that the path is mounted and writable.",
        )


def _tail(file: BinaryIO) -> tuple[bytes, int]:
    """The whole notes at the end of the file, and the byte where they start; a torn note is left out."""
    start = max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES)
    file.seek(start)
    raw = file.read()
    skip = from_first_boundary(raw) if start else 0
    return raw[skip : max(skip, sound_length(raw))], start + skip


def _whole(file: BinaryIO) -> str:
    file.seek(0)
    raw = file.read()
    return raw[: sound_length(raw)].decode()
