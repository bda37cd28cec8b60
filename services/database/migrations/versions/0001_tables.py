"""Create the portal's tables and the triggers that keep the ledger append-only."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from services.database.tables.ledger import GUARDED, guard_statements

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "catalogue_model",
        sa.Column("name", sa.String(length=300), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("aliases", sa.JSON(), nullable=False),
        sa.Column("gone", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_catalogue_model")),
    )
    op.create_table(
        "catalogue_run",
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("reports", sa.Text(), nullable=True),
        sa.Column("card", sa.Text(), nullable=True),
        sa.Column("fetched", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_catalogue_run")),
    )
    op.create_table(
        "catalogue_version",
        sa.Column("model", sa.String(length=300), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("aliases", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=300), nullable=True),
        sa.Column("dataset", sa.String(length=500), nullable=True),
        sa.Column("dataset_digest", sa.String(length=100), nullable=True),
        sa.Column("metric_name", sa.String(length=300), nullable=True),
        sa.Column("metric_value", sa.Float(), nullable=True),
        sa.Column("tests_passed", sa.Integer(), nullable=True),
        sa.Column("tests_failed", sa.Integer(), nullable=True),
        sa.Column("last_activity", sa.DateTime(timezone=True), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("gone", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("model", "version", name=op.f("pk_catalogue_version")),
    )
    op.create_index("ix_catalogue_version_activity", "catalogue_version", ["last_activity"], unique=False)
    op.create_index("ix_catalogue_version_run", "catalogue_version", ["run_id"], unique=False)
    op.create_index("ix_catalogue_version_stage", "catalogue_version", ["stage"], unique=False)
    op.create_table(
        "deployment",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("model", sa.String(length=300), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("request_id", sa.String(length=60), nullable=True),
        sa.Column("run_project", sa.String(length=300), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("run_name", sa.String(length=300), nullable=False),
        sa.Column("run_url", sa.Text(), nullable=False),
        sa.Column("live_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("live_until", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deployment")),
    )
    op.create_index("ix_deployment_lookup", "deployment", ["model", "environment", "live_from"], unique=False)
    op.create_table(
        "document",
        sa.Column("digest", sa.String(length=80), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_document")),
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=60), nullable=False),
        sa.Column("model", sa.String(length=300), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("sentence", sa.Text(), nullable=False),
        sa.Column("opened", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
        sa.UniqueConstraint(
            "kind", "model", "subject", "after", "opened", name=op.f("uq_incident_kind_model_subject_after_opened")
        ),
    )
    op.create_table(
        "ledger_checkpoint",
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("size", name=op.f("pk_ledger_checkpoint")),
    )
    op.create_table(
        "ledger_entry",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.Column("action", sa.String(length=80), nullable=False),
        sa.Column("subject_type", sa.String(length=500), nullable=False),
        sa.Column("subject_id", sa.String(length=500), nullable=False),
        sa.Column("actor_id", sa.String(length=500), nullable=False),
        sa.Column("request_id", sa.Text(), nullable=True),
        sa.Column("nodes", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_ledger_entry")),
    )
    op.create_index(op.f("ix_ledger_entry_action_seq"), "ledger_entry", ["action", "seq"], unique=False)
    op.create_index(op.f("ix_ledger_entry_actor_id_seq"), "ledger_entry", ["actor_id", "seq"], unique=False)
    op.create_index(op.f("ix_ledger_entry_at"), "ledger_entry", ["at"], unique=False)
    op.create_index(op.f("ix_ledger_entry_request_id_seq"), "ledger_entry", ["request_id", "seq"], unique=False)
    op.create_index(
        op.f("ix_ledger_entry_subject_type_subject_id_seq"),
        "ledger_entry",
        ["subject_type", "subject_id", "seq"],
        unique=False,
    )
    op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger_head")),
    )
    op.create_table(
        "ledger_personal",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", "field", name=op.f("pk_ledger_personal")),
    )
    op.create_table(
        "ledger_receipt",
        sa.Column("witness", sa.String(length=200), nullable=False),
        sa.Column("size", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("receipt", sa.Text(), nullable=False),
        sa.Column("at", sa.String(length=27), nullable=False),
        sa.PrimaryKeyConstraint("witness", "size", name=op.f("pk_ledger_receipt")),
    )
    op.create_table(
        "promotion_request",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("model", sa.String(length=300), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("requester_id", sa.String(length=300), nullable=False),
        sa.Column("requester_name", sa.String(length=300), nullable=False),
        sa.Column("author", sa.String(length=300), nullable=True),
        sa.Column("registrar", sa.String(length=300), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("plan_digest", sa.String(length=80), nullable=False),
        sa.Column("evidence_digest", sa.String(length=80), nullable=False),
        sa.Column("policy_digest", sa.String(length=80), nullable=False),
        sa.Column("stale", sa.JSON(), nullable=False),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.Column("live_slot", sa.String(length=500), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promotion_request")),
        sa.UniqueConstraint("live_slot", name=op.f("uq_promotion_request_live_slot")),
    )
    op.create_index("ix_promotion_request_model", "promotion_request", ["model", "version"], unique=False)
    op.create_index("ix_promotion_request_state", "promotion_request", ["state", "updated"], unique=False)
    op.create_table(
        "release_snapshot",
        sa.Column("project", sa.String(length=300), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("pipeline_id", sa.Integer(), nullable=False),
        sa.Column("request_id", sa.String(length=60), nullable=True),
        sa.Column("model", sa.String(length=300), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("environment", sa.String(length=100), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("result", sa.String(length=30), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=True),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project", "run_id", name=op.f("pk_release_snapshot")),
    )
    op.create_index("ix_release_snapshot_created", "release_snapshot", ["created"], unique=False)
    op.create_table(
        "sync_state",
        sa.Column("system", sa.String(length=40), nullable=False),
        sa.Column("last_attempt", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_success", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_sweep", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("hint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("system", name=op.f("pk_sync_state")),
    )
    op.create_table(
        "target_lock",
        sa.Column("model", sa.String(length=300), nullable=False),
        sa.Column("environment", sa.String(length=100), nullable=False),
        sa.Column("rollout_id", sa.String(length=60), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("model", "environment", name=op.f("pk_target_lock")),
    )
    op.create_table(
        "comment",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("request_id", sa.String(length=60), nullable=False),
        sa.Column("person_id", sa.String(length=300), nullable=False),
        sa.Column("person_name", sa.String(length=300), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["promotion_request.id"], name=op.f("fk_comment_request_id_promotion_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_comment")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_comment_idempotency_key")),
    )
    op.create_index(op.f("ix_comment_request_id"), "comment", ["request_id"], unique=False)
    op.create_table(
        "decision",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("request_id", sa.String(length=60), nullable=False),
        sa.Column("kind", sa.String(length=30), nullable=False),
        sa.Column("person_id", sa.String(length=300), nullable=False),
        sa.Column("person_name", sa.String(length=300), nullable=False),
        sa.Column("plan_digest", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("void_reason", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["promotion_request.id"], name=op.f("fk_decision_request_id_promotion_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
        sa.UniqueConstraint("idempotency_key", name=op.f("uq_decision_idempotency_key")),
    )
    op.create_index(op.f("ix_decision_request_id"), "decision", ["request_id"], unique=False)
    op.create_table(
        "rollout",
        sa.Column("id", sa.String(length=60), nullable=False),
        sa.Column("request_id", sa.String(length=60), nullable=False),
        sa.Column("definition_version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=30), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("not_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("run_project", sa.String(length=300), nullable=True),
        sa.Column("run_pipeline", sa.Integer(), nullable=True),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("created", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["request_id"], ["promotion_request.id"], name=op.f("fk_rollout_request_id_promotion_request")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rollout")),
        sa.UniqueConstraint("request_id", name=op.f("uq_rollout_request_id")),
    )
    op.create_index("ix_rollout_due", "rollout", ["state", "not_before"], unique=False)
    op.create_table(
        "rollout_step",
        sa.Column("rollout_id", sa.String(length=60), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["rollout_id"], ["rollout.id"], name=op.f("fk_rollout_step_rollout_id_rollout")),
        sa.PrimaryKeyConstraint("rollout_id", "name", name=op.f("pk_rollout_step")),
    )
    for table in GUARDED:
        for statement in guard_statements(op.get_bind().dialect.name, table):
            op.get_bind().exec_driver_sql(
                statement.replace("%", "%%") if op.get_bind().dialect.name == "postgresql" else statement
            )


def downgrade() -> None:
    """There is no way back from the first schema: it would delete the ledger."""
    raise NotImplementedError("Restore a backup instead; deleting the ledger is not a migration.")
