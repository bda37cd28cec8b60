"""Create the table of evidence reads."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "people_3"
down_revision = "people_2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "evidence_read",
        sa.Column("person_id", sa.String(length=300), nullable=False),
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "digest", "day", name=op.f("pk_evidence_read")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("evidence_read")
