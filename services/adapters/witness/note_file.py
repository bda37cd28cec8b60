"""The text that witnesses keep: notes one after another, an empty line after each."""

from __future__ import annotations

import re

_BOUNDARY = re.compile(rb"^\xe2\x80\x94 [^\n]+\n\n", re.MULTILINE)
"""A note's last signature line and the empty line after it."""


def framed(note: str) -> bytes:
    """A note as it is appended."""
    return (note + "\n").encode()


def sound_length(raw: bytes) -> int:
    """Bytes up to the end of the last whole note; what follows was torn by a crash while writing."""
    return max((match.end() for match in _BOUNDARY.finditer(raw)), default=0)


def from_first_boundary(raw: bytes) -> int:
    """Bytes to skip so that text cut out of the middle begins with a note."""
    match = _BOUNDARY.search(raw)
    return match.end() if match else len(raw)
