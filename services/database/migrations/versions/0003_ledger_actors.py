"""Keep every name of an actor beside the ledger, so that entries are found by a part of a name."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "ledger_1"
down_revision = "people_1"
branch_labels = None
depends_on = None

PIECE = 5000


def upgrade() -> None:
    """Apply, and take the names out of the entries that are there."""
    table = op.create_table(
        "ledger_actor",
        sa.Column("id", sa.String(length=500), nullable=False),
        sa.Column("name", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", "name", name=op.f("pk_ledger_actor")),
    )
    names = sorted(_names(op.get_bind()))
    if names:
        op.bulk_insert(table, [{"id": actor, "name": name} for actor, name in names])


def downgrade() -> None:
    """Undo."""
    op.drop_table("ledger_actor")


def _names(connection: sa.Connection) -> set[tuple[str, str]]:
    entry = sa.table("ledger_entry", sa.column("seq"), sa.column("body"))
    found: set[tuple[str, str]] = set()
    last = 0
    query = sa.select(entry.c.seq, entry.c.body).order_by(entry.c.seq).limit(PIECE)
    while rows := connection.execute(query.where(entry.c.seq > last)).all():
        found |= {name for row in rows if (name := _name(row.body)) is not None}
        last = rows[-1].seq
    return found


def _name(body: str) -> tuple[str, str] | None:
    """None for a body that is no entry any more: verification tells of it, a migration must not stop at it."""
    try:
        actor = json.loads(body)["actor"]
        return str(actor["id"])[:500], str(actor["name"])[:500]
    except (ValueError, KeyError, TypeError):
        return None
