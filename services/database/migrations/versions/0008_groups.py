"""Keep the groups that the policy names with sessions and people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "policy_2"
down_revision = "people_3"
branch_labels = None
depends_on = None

TABLES = ("sign_in_session", "known_person")


def upgrade() -> None:
    """Apply."""
    for table in TABLES:
        op.add_column(table, sa.Column("groups", sa.JSON(), nullable=False, server_default="[]"))


def downgrade() -> None:
    """Take back."""
    for table in TABLES:
        op.drop_column(table, "groups")
