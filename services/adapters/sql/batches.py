"""Many keys in one statement, and no more than a database takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

SIZE = 500
"""Keys in one ``IN``: SQLite takes 32 766 parameters a statement, PostgreSQL 65 535."""


def batches(keys: Iterable[str]) -> Iterator[Sequence[str]]:
    """The keys, each once, in handfuls that fit into a statement."""
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), SIZE):
        yield wanted[start : start + SIZE]
