"""Create the table of what people want to be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "people_5"
down_revision = "people_4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "notice_preference",
        sa.Column("person_id", sa.String(length=300), nullable=False),
        sa.Column("schedule", sa.JSON(), nullable=True),
        sa.Column("muted", sa.JSON(), nullable=False),
        sa.Column("changed", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_notice_preference")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("notice_preference")
