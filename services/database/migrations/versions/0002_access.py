"""Create the tables of sign-ins, people seen and service tokens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "people_1"
down_revision = "0001"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "sign_in_session",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=300), nullable=False),
        sa.Column("person_name", sa.String(length=300), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("known_as", sa.JSON(), nullable=False),
        sa.Column("started", MOMENT, nullable=False),
        sa.Column("seen", MOMENT, nullable=False),
        sa.Column("roles_read", MOMENT, nullable=False),
        sa.Column("reread_from", MOMENT, nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("ended", MOMENT, nullable=True),
        sa.Column("end_reason", sa.String(length=60), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_session")),
    )
    op.create_index(op.f("ix_sign_in_session_person_id"), "sign_in_session", ["person_id"])
    op.create_index("ix_sign_in_session_open", "sign_in_session", ["ended", "reread_from"])
    op.create_table(
        "known_person",
        sa.Column("id", sa.String(length=300), nullable=False),
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("title", sa.String(length=300), nullable=False),
        sa.Column("roles", sa.JSON(), nullable=False),
        sa.Column("known_as", sa.JSON(), nullable=False),
        sa.Column("first_seen", MOMENT, nullable=False),
        sa.Column("last_seen", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_known_person")),
    )
    op.create_table(
        "service_token",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("creator_id", sa.String(length=300), nullable=False),
        sa.Column("creator_name", sa.String(length=300), nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.Column("last_used", MOMENT, nullable=True),
        sa.Column("revoked", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_token")),
        sa.UniqueConstraint("digest", name=op.f("uq_service_token_digest")),
    )
    op.create_index(op.f("ix_service_token_name"), "service_token", ["name"])


def downgrade() -> None:
    """Take back."""
    for table in ("service_token", "known_person", "sign_in_session"):
        op.drop_table(table)
