"""Keep the provider's own session with each sign-in, so that the provider can end it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "people_4"
down_revision = "policy_4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    column = sa.Column("provider_session", sa.String(length=300), nullable=False, server_default="")
    op.add_column("sign_in_session", column)


def downgrade() -> None:
    """Take back."""
    op.drop_column("sign_in_session", "provider_session")
