"""Tables of calls from Azure DevOps: events and checks."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text

from services.database.tables.metadata import metadata
from services.database.tables.types import UtcDateTime

azure_event = Table(
    "azure_event",
    metadata,
    Column("id", String(80), primary_key=True, doc="the event's id: a notification sent twice is stored once"),
    Column("type", String(120), nullable=False),
    Column("run_number", Integer),
    Column("received", UtcDateTime, nullable=False),
    Column("handled", UtcDateTime),
    Index("ix_azure_event_open", "handled", "received"),
)

azure_check = Table(
    "azure_check",
    metadata,
    Column("id", String(120), primary_key=True, doc="plan, job and task: a call sent twice is stored once"),
    Column("project_id", String(40), nullable=False),
    Column("hub", String(40), nullable=False),
    Column("plan_id", String(40), nullable=False),
    Column("job_id", String(40), nullable=False),
    Column("timeline_id", String(40), nullable=False),
    Column("task_id", String(40), nullable=False),
    Column("build_id", Integer, nullable=False),
    Column("environment", String(100), nullable=False),
    Column("sealed_token", Text, nullable=False, doc="encrypted; empty once Azure DevOps has the answer"),
    Column("state", String(20), nullable=False),
    Column("allowed", Boolean),
    Column("answer", Text, nullable=False),
    Column("request_id", String(100), nullable=False),
    Column("received", UtcDateTime, nullable=False),
    Column("not_before", UtcDateTime, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("error", Text, nullable=False),
    Index("ix_azure_check_due", "state", "not_before"),
    Index("ix_azure_check_build", "build_id"),
)
