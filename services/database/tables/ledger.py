"""Tables of the ledger, and the triggers that keep its rows as they were written.

The triggers prevent accidents; they prove nothing. The proof is the tree, the signature and the
witness. `guard_statements` gives their DDL for migrations; `create_all` runs it too.
"""

from __future__ import annotations

from sqlalchemy import DDL, BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text, event

from services.database.tables.metadata import metadata

_NUMBER = BigInteger().with_variant(Integer, "sqlite")

ledger_head = Table(
    "ledger_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
)

ledger_entry = Table(
    "ledger_entry",
    metadata,
    Column("seq", _NUMBER, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("at", String(27), nullable=False),
    Column("action", String(80), nullable=False),
    Column("subject_type", String(500), nullable=False),
    Column("subject_id", String(500), nullable=False),
    Column("actor_id", String(500), nullable=False),
    Column("request_id", Text),
    Column("nodes", LargeBinary, nullable=False),
    Index(None, "subject_type", "subject_id", "seq"),
    Index(None, "action", "seq"),
    Index(None, "actor_id", "seq"),
    Index(None, "request_id", "seq"),
    Index(None, "at"),
)

ledger_actor = Table(
    "ledger_actor",
    metadata,
    Column("id", String(500), primary_key=True),
    Column("name", String(500), primary_key=True),
)
"""Every name that an actor ever had, to search entries by part of a name. A copy from the bodies; proves nothing."""

ledger_checkpoint = Table(
    "ledger_checkpoint",
    metadata,
    Column("size", _NUMBER, primary_key=True, autoincrement=False),
    Column("note", Text, nullable=False),
)

ledger_receipt = Table(
    "ledger_receipt",
    metadata,
    Column("witness", String(200), primary_key=True),
    Column("size", _NUMBER, primary_key=True, autoincrement=False),
    Column("receipt", Text, nullable=False),
    Column("at", String(27), nullable=False),
)

ledger_personal = Table(
    "ledger_personal",
    metadata,
    Column("seq", _NUMBER, primary_key=True, autoincrement=False),
    Column("field", String(200), primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("value", Text, nullable=False),
)

GUARDED = ("ledger_entry", "ledger_checkpoint")

_REFUSE_FUNCTION = """
CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only: % on % refused', TG_OP, TG_TABLE_NAME;
END $$
"""


def guard_statements(dialect: str, table: str) -> list[str]:
    """DDL that makes one table append-only; `dialect` is ``sqlite`` or ``postgresql``."""
    if dialect == "sqlite":
        return [_sqlite_trigger(table, "UPDATE"), _sqlite_trigger(table, "DELETE")]
    refuse = "EXECUTE FUNCTION ledger_refuse()"
    return [
        _REFUSE_FUNCTION,
        f"CREATE TRIGGER {table}_rows BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW {refuse}",
        f"CREATE TRIGGER {table}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT {refuse}",
    ]


def _sqlite_trigger(table: str, operation: str) -> str:
    return (
        f"CREATE TRIGGER {table}_no_{operation.lower()} BEFORE {operation} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {operation} on {table} refused'); END"
    )


def _attach_guards() -> None:
    for table in (ledger_entry, ledger_checkpoint):
        for dialect in ("sqlite", "postgresql"):
            for statement in guard_statements(dialect, table.name):
                # DDL() reads % as a format sign.
                ddl = DDL(statement.replace("%", "%%"))  # type: ignore[no-untyped-call]  # SQLAlchemy leaves it untyped
                event.listen(table, "after_create", ddl.execute_if(dialect=dialect))


_attach_guards()
