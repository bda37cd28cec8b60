"""Find the requests of one person by an index."""

from __future__ import annotations

from alembic import op

revision = "people_6"
down_revision = "people_5"
branch_labels = None
depends_on = None

INDEX = "ix_promotion_request_requester"


def upgrade() -> None:
    """Apply."""
    op.create_index(INDEX, "promotion_request", ["requester_id", "updated"])


def downgrade() -> None:
    """Take back."""
    op.drop_index(INDEX, table_name="promotion_request")
