"""The ledger in SQL: the same statements on SQLite and PostgreSQL, on the caller's open connection.

Numbers are dense and in commit order because every append updates the one head row: the second writer waits
(PostgreSQL's row lock, SQLite's write lock) and a rollback takes the number back. A SQLite transaction that means to
append should begin with BEGIN IMMEDIATE, so that it waits for the lock instead of failing to upgrade.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, Select, delete, func, insert, or_, select, tuple_, update
from sqlalchemy.dialects import postgresql, sqlite

from services.database.tables.ledger import (
    ledger_actor,
    ledger_checkpoint,
    ledger_entry,
    ledger_head,
    ledger_personal,
    ledger_receipt,
)
from services.ledger.personal import PersonalValue
from services.ledger.store import BareEntry, EntryFilter, EntryPage, Head, PersonalKey, StoredEntry, StoredReceipt
from services.ledger.tree.entry import LedgerEntry
from services.ledger.tree.merkle import HASH_BYTES, Frontier, NodeId
from services.ledger.witnessing import Ledger, Transactions

HEAD_ID = 1
STREAM_ROWS = 2000
AnyRow = Row[*tuple[Any, ...]]
COPIED_COLUMNS = ("at", "action", "subject_type", "subject_id", "actor_id", "request_id")
_COLUMNS = [ledger_entry.c[name] for name in ("seq", "body", *COPIED_COLUMNS, "nodes")]


class SqlLedgerStore:
    """`LedgerStore` and `LedgerArchive` on one SQLAlchemy connection; it never commits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def advance(self, origin: str) -> Head:
        """Lock and increment the head; a missing head row is created under `origin`."""
        row = self._count_up()
        if row is None:
            self._open(origin)
            row = self._count_up()
        if row is None:  # pragma: no cover - the row was inserted or met just above
            raise RuntimeError("the ledger's head row is missing")
        return Head(row.origin, Frontier.from_bytes(row.size - 1, row.frontier))

    def write(self, entry: LedgerEntry, body: str, *, nodes: bytes) -> None:
        """Insert one entry with the columns that repeat parts of it."""
        row = {"seq": entry.seq, "body": body, "nodes": nodes, **copied_columns(entry)}
        self._connection.execute(insert(ledger_entry), row)
        named = {"id": entry.actor.id, "name": entry.actor.name}
        self._connection.execute(self._insert_once(ledger_actor).values(named))

    def finish(self, frontier: Frontier, note: str, *, origin: str) -> None:
        """Store frontier, origin and checkpoint."""
        values = {"frontier": frontier.to_bytes(), "origin": origin}
        self._connection.execute(update(ledger_head).where(ledger_head.c.id == HEAD_ID).values(values))
        self._connection.execute(insert(ledger_checkpoint), {"size": frontier.size, "note": note})

    def keep_personal(self, values: Sequence[PersonalValue]) -> None:
        """Insert values behind commitments."""
        rows = [{"seq": v.seq, "field": v.field, "salt": v.salt, "value": v.value} for v in values]
        if rows:
            self._connection.execute(insert(ledger_personal), rows)

    def erase_personal(self, keys: Collection[tuple[int, str]]) -> list[tuple[int, str]]:
        """Delete values; returns the keys that were there."""
        table = ledger_personal.c
        statement = delete(ledger_personal).where(tuple_(table.seq, table.field).in_(list(keys)))
        rows = self._connection.execute(statement.returning(table.seq, table.field)).all()
        return sorted((row.seq, row.field) for row in rows)

    def keep_receipt(self, receipt: StoredReceipt) -> None:
        """Insert a receipt once."""
        values = {"witness": receipt.witness, "size": receipt.size, "receipt": receipt.receipt, "at": receipt.at}
        self._connection.execute(self._insert_once(ledger_receipt).values(values))

    def head(self) -> Head | None:
        """The head, or None."""
        row = self._connection.execute(select(ledger_head)).one_or_none()
        return None if row is None else Head(row.origin, Frontier.from_bytes(row.size, row.frontier))

    def entry(self, seq: int) -> StoredEntry | None:
        """One entry by number."""
        row = self._connection.execute(select(*_COLUMNS).where(ledger_entry.c.seq == seq)).one_or_none()
        return None if row is None else _stored(row)

    def page(self, wanted: EntryFilter, page: EntryPage) -> list[StoredEntry]:
        """Matching entries, newest first, limited in SQL: their numbers from an index first, then the rows."""
        numbers = select(ledger_entry.c.seq).where(*_conditions(wanted)).order_by(ledger_entry.c.seq.desc())
        if page.before_seq is not None:
            numbers = numbers.where(ledger_entry.c.seq < page.before_seq)
        found = self._connection.execute(numbers.limit(page.limit).offset(page.skip)).scalars().all()
        statement = select(*_COLUMNS).where(ledger_entry.c.seq.in_(found)).order_by(ledger_entry.c.seq.desc())
        return [_stored(row) for row in self._connection.execute(statement)]

    def count(self, wanted: EntryFilter) -> int:
        """Number of matching entries."""
        statement = select(func.count()).select_from(ledger_entry).where(*_conditions(wanted))
        return self._connection.execute(statement).scalar_one()

    def stream(self, first: int, last: int) -> Iterator[StoredEntry]:
        """Entries in order, `STREAM_ROWS` at a time."""
        statement = select(*_COLUMNS).order_by(ledger_entry.c.seq)
        for row in self._pieces(statement, ledger_entry.c.seq, first, last):
            yield _stored(row)

    def bare(self, first: int, last: int) -> Sequence[BareEntry]:
        """Number, body and nodes only, straight from the driver's rows."""
        table = ledger_entry.c
        statement = select(table.seq, table.body, table.nodes).where(table.seq.between(first, last))
        return [(seq, body, nodes) for seq, body, nodes in self._connection.execute(statement.order_by(table.seq))]

    def nodes(self, wanted: Collection[NodeId]) -> Mapping[NodeId, bytes]:
        """Complete subtrees, cut out of the entries that completed them."""
        seqs = {(index + 1) << level for level, index in wanted}
        table = ledger_entry.c
        rows = self._connection.execute(select(table.seq, table.nodes).where(table.seq.in_(seqs)))
        joined = {row.seq: row.nodes for row in rows}
        found = {(level, index): _cut(joined, level, index) for level, index in wanted}
        return {node: value for node, value in found.items() if len(value) == HASH_BYTES}

    def checkpoint(self, size: int) -> str | None:
        """One signed note."""
        statement = select(ledger_checkpoint.c.note).where(ledger_checkpoint.c.size == size)
        return self._connection.execute(statement).scalar_one_or_none()

    def checkpoints(self, first: int, last: int) -> Iterator[tuple[int, str]]:
        """Signed notes in order, `STREAM_ROWS` at a time."""
        statement = select(ledger_checkpoint).order_by(ledger_checkpoint.c.size)
        for row in self._pieces(statement, ledger_checkpoint.c.size, first, last):
            yield row.size, row.note

    def receipts(self, first: int, last: int) -> Iterator[StoredReceipt]:
        """Receipts in order of size, `STREAM_ROWS` sizes at a time."""
        statement = select(ledger_receipt).order_by(ledger_receipt.c.size, ledger_receipt.c.witness)
        for row in self._pieces(statement, ledger_receipt.c.size, first, last):
            yield StoredReceipt(row.size, row.witness, row.receipt, row.at)

    def last_receipts(self) -> list[StoredReceipt]:
        """Each witness's receipt for the largest size: one step in the index a witness, however many there are."""
        table, found = ledger_receipt.c, list[StoredReceipt]()
        newest = select(ledger_receipt).order_by(table.witness.desc(), table.size.desc()).limit(1)
        row = self._connection.execute(newest).one_or_none()
        while row is not None:
            found.append(StoredReceipt(row.size, row.witness, row.receipt, row.at))
            row = self._connection.execute(newest.where(table.witness < row.witness)).one_or_none()
        return found[::-1]

    def personal(self, seqs: Collection[int]) -> list[PersonalValue]:
        """Kept personal values."""
        statement = select(ledger_personal).where(ledger_personal.c.seq.in_(list(seqs)))
        rows = self._connection.execute(statement.order_by(ledger_personal.c.seq, ledger_personal.c.field))
        return [PersonalValue(row.seq, row.field, row.salt, row.value) for row in rows]

    def personal_before(self, until: str, after: tuple[int, str], limit: int) -> list[PersonalKey]:
        """Kept values of entries older than `until`."""
        kept, entry = ledger_personal.c, ledger_entry.c
        statement = (
            select(kept.seq, kept.field, entry.subject_type, entry.subject_id, entry.request_id)
            .join_from(ledger_personal, ledger_entry, kept.seq == entry.seq)
            .where(entry.at < until, tuple_(kept.seq, kept.field) > tuple_(*after))
            .order_by(kept.seq, kept.field)
            .limit(limit)
        )
        return [PersonalKey(*row) for row in self._connection.execute(statement)]

    def _count_up(self) -> AnyRow | None:
        table = ledger_head.c
        statement = update(ledger_head).where(table.id == HEAD_ID).values(size=table.size + 1)
        return self._connection.execute(statement.returning(table.origin, table.size, table.frontier)).one_or_none()

    def _open(self, origin: str) -> None:
        values = {"id": HEAD_ID, "origin": origin, "size": 0, "frontier": b""}
        self._connection.execute(self._insert_once(ledger_head).values(values))

    def _insert_once(self, table: object) -> postgresql.Insert | sqlite.Insert:
        """INSERT … ON CONFLICT DO NOTHING, with the same syntax on both databases."""
        if self._connection.dialect.name == "sqlite":
            return sqlite.insert(table).on_conflict_do_nothing()  # type: ignore[arg-type]  # any table
        return postgresql.insert(table).on_conflict_do_nothing()  # type: ignore[arg-type]  # any table

    def _pieces(
        self, statement: Select[*tuple[Any, ...]], key: ColumnElement[int], first: int, last: int
    ) -> Iterator[AnyRow]:
        while first <= last:
            end = min(first + STREAM_ROWS - 1, last)
            yield from self._connection.execute(statement.where(key.between(first, end))).all()
            first = end + 1


def ledger_transactions(engine: Engine) -> Transactions:
    """Separate short transactions for publishing, verification and export."""

    @contextmanager
    def transaction() -> Iterator[Ledger]:
        with engine.begin() as connection:
            yield SqlLedgerStore(connection)

    return transaction


def copied_columns(entry: LedgerEntry) -> dict[str, str | None]:
    """The columns beside the body; verification compares them with it."""
    return {
        "at": entry.at,
        "action": entry.action.value,
        "subject_type": entry.subject.type,
        "subject_id": entry.subject.id,
        "actor_id": entry.actor.id,
        "request_id": entry.request_id,
    }


def _stored(row: AnyRow) -> StoredEntry:
    seq, body, *copied, nodes = row
    return StoredEntry(seq, body, dict(zip(COPIED_COLUMNS, copied, strict=True)), nodes)


def _cut(joined: Mapping[int, bytes], level: int, index: int) -> bytes:
    nodes = joined.get((index + 1) << level, b"")
    return nodes[level * HASH_BYTES : (level + 1) * HASH_BYTES]


def _conditions(wanted: EntryFilter) -> list[ColumnElement[bool]]:
    table = ledger_entry.c
    equal = {
        table.subject_type: wanted.subject_type,
        table.subject_id: wanted.subject_id,
        table.actor_id: wanted.actor_id,
        table.request_id: wanted.request_id,
    }
    found: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value is not None]
    if wanted.action_prefix:
        found.append(table.action.startswith(wanted.action_prefix, autoescape=True))
    found += _parts_of_names(wanted)
    if wanted.since is not None:
        found.append(table.at >= wanted.since)
    if wanted.until is not None:
        found.append(table.at < wanted.until)
    return found


def _parts_of_names(wanted: EntryFilter) -> list[ColumnElement[bool]]:
    table, found = ledger_entry.c, list[ColumnElement[bool]]()
    if wanted.actor:
        named = ledger_actor.c
        is_named = [column.icontains(wanted.actor, autoescape=True) for column in (named.id, named.name)]
        found.append(table.actor_id.in_(select(named.id).where(or_(*is_named))))
    if wanted.subject:
        found.append(table.subject_id.icontains(wanted.subject, autoescape=True))
    if wanted.model:
        # ids of versions are name/number: the part must be before the last slash, which names cannot contain
        part = wanted.model.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        is_of_model = table.subject_id.ilike(f"%{part}%/%", escape="\\")
        found += [table.subject_type == "model_version", is_of_model]
    return found
