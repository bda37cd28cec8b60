"""Tables of requests, decisions, rollouts, deployments and incidents.

Rules: people are stored as id and name, never as a key into a users table; nothing cascades; documents (plan,
policy, evidence) are stored by digest and never change.
"""

from __future__ import annotations

from sqlalchemy import JSON, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, false

from services.database.tables.metadata import metadata
from services.database.tables.types import UtcDateTime

document = Table(
    "document",
    metadata,
    Column("digest", String(80), primary_key=True),
    Column("kind", String(40), nullable=False),
    Column("body", Text, nullable=False, doc="RFC 8785 bytes as text, exactly as hashed"),
    Column("created", UtcDateTime, nullable=False),
)

promotion_request = Table(
    "promotion_request",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("model", String(300), nullable=False),
    Column("version", Integer, nullable=False),
    Column("environment", String(100), nullable=False),
    Column("state", String(30), nullable=False),
    Column("revision", Integer, nullable=False, doc="counts every change: optimistic lock"),
    Column("requester_id", String(300), nullable=False),
    Column("requester_name", String(300), nullable=False),
    Column("author", String(300), doc="the run's user; null when unknown"),
    Column("registrar", String(300)),
    Column("reason", Text, nullable=False),
    Column("plan_digest", String(80), nullable=False),
    Column("evidence_digest", String(80), nullable=False),
    Column("policy_digest", String(80), nullable=False),
    Column("stale", JSON, nullable=False, doc="what changed since it was sealed, as sentences"),
    Column("created", UtcDateTime, nullable=False),
    Column("updated", UtcDateTime, nullable=False),
    Column("expires", UtcDateTime, nullable=False),
    Column("live_slot", String(500), unique=True, doc="model/version/environment while it waits or rolls out"),
    Index("ix_promotion_request_state", "state", "updated"),
    Index("ix_promotion_request_model", "model", "version"),
    Index("ix_promotion_request_requester", "requester_id", "updated"),
)

decision = Table(
    "decision",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("request_id", String(60), ForeignKey("promotion_request.id"), nullable=False, index=True),
    Column("kind", String(30), nullable=False),
    Column("person_id", String(300), nullable=False),
    Column("person_name", String(300), nullable=False),
    Column("plan_digest", String(80), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("void_reason", Text, nullable=False, default=""),
    Column("slot", String(100), nullable=False, server_default="", doc="the discipline of the signature"),
    Column("idempotency_key", String(200), nullable=False, unique=True),
)

comment = Table(
    "comment",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("request_id", String(60), ForeignKey("promotion_request.id"), nullable=False, index=True),
    Column("person_id", String(300), nullable=False),
    Column("person_name", String(300), nullable=False),
    Column("text", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("reply_to", String(60)),
    Column("mentions", JSON, nullable=False, server_default="[]"),
    Column("idempotency_key", String(200), nullable=False, unique=True),
)

rollout = Table(
    "rollout",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("request_id", String(60), ForeignKey("promotion_request.id"), nullable=False, unique=True),
    Column("definition_version", Integer, nullable=False),
    Column("state", String(30), nullable=False),
    Column("fence", Integer, nullable=False, doc="counts claims"),
    Column("token", String(60), doc="new and unguessable at each claim: a late worker's writes are refused"),
    Column("lease_until", UtcDateTime),
    Column("not_before", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Column("run_project", String(300)),
    Column("run_pipeline", Integer),
    Column("run_id", Integer),
    Column("admitted", UtcDateTime, doc="when the gate let the noted run through: from then on it cannot be stopped"),
    Column("undo_run_id", Integer, doc="the run that releases the previous version again"),
    Column("undo_all", Boolean, nullable=False, server_default=false(), doc="undo the release too: a person chose it"),
    Column("cause", Text, nullable=False, server_default="", doc="why it turned back: the first cause"),
    Column("cause_code", String(60), nullable=False, server_default=""),
    Column("created", UtcDateTime, nullable=False),
    Column("updated", UtcDateTime, nullable=False),
    Index("ix_rollout_due", "state", "not_before"),
)

rollout_step = Table(
    "rollout_step",
    metadata,
    Column("rollout_id", String(60), ForeignKey("rollout.id"), primary_key=True),
    Column("name", String(40), primary_key=True),
    Column("state", String(20), nullable=False),
    Column("detail", Text, nullable=False),
    Column("data", JSON, nullable=False),
    Column("started", UtcDateTime, nullable=False, doc="when the intent was first written"),
    Column("at", UtcDateTime, nullable=False),
)

target_lock = Table(
    "target_lock",
    metadata,
    Column("model", String(300), primary_key=True),
    Column("environment", String(100), primary_key=True),
    Column("rollout_id", String(60), nullable=False),
    Column("at", UtcDateTime, nullable=False),
)

target_generation = Table(
    "target_generation",
    metadata,
    Column("model", String(300), primary_key=True),
    Column("environment", String(100), primary_key=True),
    Column("generation", Integer, nullable=False, doc="counts changes of what is live; sealed in plans"),
    Column("at", UtcDateTime, nullable=False),
)

deployment = Table(
    "deployment",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("model", String(300), nullable=False),
    Column("version", Integer, nullable=False),
    Column("environment", String(100), nullable=False),
    Column("request_id", String(60)),
    Column("run_project", String(300)),
    Column("run_id", Integer),
    Column("run_name", String(300), nullable=False),
    Column("run_url", Text, nullable=False),
    Column("live_from", UtcDateTime, nullable=False),
    Column("live_until", UtcDateTime),
    Column("version_created", String(60), doc="creation time of the version in MLflow; null where it was not kept"),
    Index("ix_deployment_lookup", "model", "environment", "live_from"),
)

release_snapshot = Table(
    "release_snapshot",
    metadata,
    Column("project", String(300), primary_key=True),
    Column("run_id", Integer, primary_key=True),
    Column("pipeline_id", Integer, nullable=False),
    Column("request_id", String(60)),
    Column("model", String(300)),
    Column("version", Integer),
    Column("environment", String(100)),
    Column("body", Text, nullable=False, doc="the release as last seen, as JSON"),
    Column("state", String(20), nullable=False),
    Column("result", String(30)),
    Column("created", UtcDateTime),
    Column("seen", UtcDateTime, nullable=False),
    Index("ix_release_snapshot_created", "created"),
)

incident = Table(
    "incident",
    metadata,
    Column("id", String(60), primary_key=True),
    Column("kind", String(60), nullable=False),
    Column("model", String(300), nullable=False),
    Column("subject", String(300), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("opened", UtcDateTime, nullable=False),
    Column("closed", UtcDateTime),
    UniqueConstraint("kind", "model", "subject", "after", "opened"),
)
