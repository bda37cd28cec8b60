"""Fence rollouts by a token, count the changes of each target, and keep the first cause of a failed rollout."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "rollout_1"
down_revision = "people_6"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NEW = ("token", "admitted", "undo_run_id", "undo_all", "cause", "cause_code")


def columns() -> list[sa.Column[object]]:
    """What a rollout keeps from now on."""
    return [
        sa.Column("token", sa.String(length=60), nullable=True),
        sa.Column("admitted", MOMENT, nullable=True),
        sa.Column("undo_run_id", sa.Integer(), nullable=True),
        sa.Column("undo_all", sa.Boolean(), nullable=False, server_default=sa.false()),
        sa.Column("cause", sa.Text(), nullable=False, server_default=""),
        sa.Column("cause_code", sa.String(length=60), nullable=False, server_default=""),
    ]


def upgrade() -> None:
    """Apply."""
    for column in columns():
        op.add_column("rollout", column)
    op.add_column("deployment", sa.Column("version_created", sa.String(length=60), nullable=True))
    op.create_table(
        "target_generation",
        sa.Column("model", sa.String(length=300), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("model", "environment", name=op.f("pk_target_generation")),
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("target_generation")
    op.drop_column("deployment", "version_created")
    for name in NEW:
        op.drop_column("rollout", name)
