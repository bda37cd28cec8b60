"""Reads that several stores share: many keys in one statement, and counts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, RowMapping, Table, func, select

SIZE = 500
"""Keys in one ``IN``: SQLite takes 32 766 parameters a statement, PostgreSQL 65 535."""
T = TypeVar("T")


def batches(keys: Iterable[str]) -> Iterator[Sequence[str]]:
    """The distinct keys, in batches that fit into a statement."""
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), SIZE):
        yield wanted[start : start + SIZE]


def by_request(
    connection: Connection, table: Table, request_ids: Iterable[str], make: Callable[[RowMapping], T]
) -> Mapping[str, tuple[T, ...]]:
    """The rows of many requests in order; requests without rows are omitted."""
    found: dict[str, list[T]] = defaultdict(list)
    for batch in batches(request_ids):
        query = select(table).where(table.c.request_id.in_(batch)).order_by(table.c.at, table.c.id)
        for row in connection.execute(query).mappings():
            found[row["request_id"]].append(make(row))
    return {request_id: tuple(made) for request_id, made in found.items()}


def count_by(connection: Connection, column: ColumnElement[str]) -> dict[str, int]:
    """Number of rows by the value of a column."""
    rows = connection.execute(select(column, func.count()).group_by(column))
    return {str(value): int(number) for value, number in rows}
