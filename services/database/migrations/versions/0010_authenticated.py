"""Keep with each sign-in when the provider last asked the person who they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "policy_4"
down_revision = "policy_3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("sign_in_session", sa.Column("authenticated", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Take back."""
    op.drop_column("sign_in_session", "authenticated")
