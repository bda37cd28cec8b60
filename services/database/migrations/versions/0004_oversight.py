"""Create findings, assignments and re-reviews; keep the discipline of a signature, replies and mentions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "policy_1"
down_revision = "ledger_1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("decision", sa.Column("slot", sa.String(length=100), nullable=False, server_default=""))
    op.add_column("comment", sa.Column("reply_to", sa.String(length=60), nullable=True))
    op.add_column("comment", sa.Column("mentions", sa.JSON(), nullable=False, server_default="[]"))
    _create_finding()
    _create_assignment()
    op.create_table(
        "re_review",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("deployment_id", sa.String(length=60), nullable=False),
        sa.Column("person_id", sa.String(length=300), nullable=False),
        sa.Column("person_name", sa.String(length=300), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_re_review")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_re_review_idempotency_key")),
    )
    op.create_index(op.f("ix_re_review_deployment_id"), "re_review", ["deployment_id"])


def _create_finding() -> None:
    op.create_table(
        "finding",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("model", sa.String(length=300), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("environment", sa.String(length=100), nullable=True),
        sa.Column("request_id", sa.String(length=60), nullable=True),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("owner_id", sa.String(length=300), nullable=False),
        sa.Column("owner_name", sa.String(length=300), nullable=False),
        sa.Column("due", sa.DateTime(timezone=True), nullable=False),
        sa.Column("opener_id", sa.String(length=300), nullable=False),
        sa.Column("opener_name", sa.String(length=300), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closer_id", sa.String(length=300), nullable=True),
        sa.Column("closer_name", sa.String(length=300), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_finding")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_finding_idempotency_key")),
    )
    op.create_index("ix_finding_model", "finding", ["model", "closed"])


def _create_assignment() -> None:
    op.create_table(
        "assignment",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("request_id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("by_id", sa.String(length=300), nullable=False),
        sa.Column("by_name", sa.String(length=300), nullable=False),
        sa.Column("to_id", sa.String(length=300), nullable=False),
        sa.Column("to_name", sa.String(length=300), nullable=False),
        sa.Column("slot", sa.String(length=100), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["promotion_request.id"], name=op.f("fk_assignment_request_id_promotion_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_assignment")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_assignment_idempotency_key")),
    )
    op.create_index(op.f("ix_assignment_request_id"), "assignment", ["request_id"])


def downgrade() -> None:
    """Take back."""
    for table in ("re_review", "assignment", "finding"):
        op.drop_table(table)
    op.drop_column("comment", "mentions")
    op.drop_column("comment", "reply_to")
    op.drop_column("decision", "slot")
