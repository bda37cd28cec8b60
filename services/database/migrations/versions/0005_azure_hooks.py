"""Create the tables of service hooks' events and of checks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "azure_1"
down_revision = "policy_1"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "azure_event",
        sa.Column("id", sa.String(length=80), nullable=False),
        sa.Column("type", sa.String(length=120), nullable=False),
        sa.Column("run_number", sa.Integer(), nullable=True),
        sa.Column("received", MOMENT, nullable=False),
        sa.Column("handled", MOMENT, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_azure_event")),
    )
    op.create_index("ix_azure_event_open", "azure_event", ["handled", "received"])
    op.create_table(
        "azure_check",
        sa.Column("id", sa.String(length=120), nullable=False),
        *(
            sa.Column(name, sa.String(length=40), nullable=False)
            for name in ("project_id", "hub", "plan_id", "job_id", "timeline_id", "task_id")
        ),
        sa.Column("build_id", sa.Integer(), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("sealed_token", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=False),
        sa.Column("request_id", sa.String(length=100), nullable=False),
        sa.Column("received", MOMENT, nullable=False),
        sa.Column("not_before", MOMENT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_azure_check")),
    )
    op.create_index("ix_azure_check_due", "azure_check", ["state", "not_before"])
    op.create_index("ix_azure_check_build", "azure_check", ["build_id"])


def downgrade() -> None:
    """Undo."""
    op.drop_table("azure_check")
    op.drop_table("azure_event")
