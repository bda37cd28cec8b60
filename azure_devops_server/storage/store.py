"""Durable state: typed tables held in memory and written through to SQLite.

Rows are frozen dataclasses, replaced as a whole, so a reader in another thread never sees half a change. Every
change is committed before its call returns; the write-ahead log keeps it through ``kill -9``.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

from pydantic import TypeAdapter

T = TypeVar("T")

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (kind TEXT, key TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, key));
CREATE TABLE IF NOT EXISTS counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
"""
# An update keeps the row id, which is the order of arrival.
_WRITE = "INSERT INTO documents VALUES (?, ?, ?) ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body"


class Store:
    """One SQLite file. All changes happen under `lock`, which may be held over several of them."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(_SCHEMA)
        self._depth = 0

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside commit together on disk; nested ones join the outer."""
        with self.lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            finally:
                # The rows in memory are changed already, so they are kept on disk too, whatever was raised.
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("COMMIT")

    def next_number(self, name: str, *, start: int = 1) -> int:
        """The next number of a counter, never given twice, also after a restart."""
        with self.lock:
            row = self._connection.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
            value = start if row is None else int(row[0]) + 1
            self._connection.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", (name, value))
            return value

    def rows(self, kind: str) -> list[str]:
        """Bodies of all documents of a kind, in the order of their arrival."""
        found = self._connection.execute("SELECT body FROM documents WHERE kind = ? ORDER BY rowid", (kind,))
        return [row[0] for row in found.fetchall()]

    def write(self, kind: str, key: str, body: str) -> None:
        """Insert or replace a document."""
        self._connection.execute(_WRITE, (kind, key, body))

    def remove(self, kind: str, key: str) -> None:
        """Delete a document, if it is there."""
        self._connection.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))

    def close(self) -> None:
        """Close the file; later changes fail."""
        with self.lock:
            self._connection.close()


class Table(Generic[T]):
    """All rows of one kind, by key and by group."""

    def __init__(
        self, store: Store, row: type[T], *, key: Callable[[T], str], group: Callable[[T], str] = lambda _: ""
    ) -> None:
        self._store = store
        self._kind = row.__name__
        self._adapter = TypeAdapter(row)
        self._key = key
        self._group = group
        self._rows: dict[str, T] = {}
        self._groups: dict[str, dict[str, T]] = {}
        for body in store.rows(self._kind):
            self._keep(self._adapter.validate_json(body))

    def get(self, key: str | int) -> T | None:
        """The row, or None."""
        return self._rows.get(str(key))

    def within(self, group: str | int) -> list[T]:
        """Rows of a group in the order of their arrival."""
        with self._store.lock:
            return list(self._groups.get(str(group), {}).values())

    def all(self) -> list[T]:
        """All rows in the order of their arrival."""
        with self._store.lock:
            return list(self._rows.values())

    def put(self, row: T) -> T:
        """Insert or replace a row."""
        with self._store.lock:
            self._store.write(self._kind, self._key(row), self._adapter.dump_json(row).decode())
            self._keep(row)
        return row

    def change(self, key: str | int, edit: Callable[[T], T]) -> T:
        """Replace a row by the result of `edit`, atomically; KeyError if it was deleted."""
        with self._store.lock:
            before = self._rows[str(key)]
            after = edit(before)
            return before if after is before else self.put(after)

    def delete(self, key: str | int) -> bool:
        """Remove a row; False if there was none."""
        with self._store.lock:
            row = self._rows.pop(str(key), None)
            if row is None:
                return False
            self._groups[self._group(row)].pop(str(key), None)
            self._store.remove(self._kind, str(key))
            return True

    def _keep(self, row: T) -> None:
        key = self._key(row)
        self._rows[key] = row
        self._groups.setdefault(self._group(row), {})[key] = row
