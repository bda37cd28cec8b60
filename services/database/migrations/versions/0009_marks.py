"""Create the table of small facts that must be remembered once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "policy_3"
down_revision = "policy_2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "mark",
        sa.Column("key", sa.String(length=300), nullable=False),
        sa.Column("value", sa.String(length=300), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_mark")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("mark")
