"""Tables of the catalogue: the portal's searchable copy of the registry. It can be rebuilt from MLflow."""

from __future__ import annotations

from sqlalchemy import JSON, BigInteger, Column, Float, Index, Integer, String, Table, Text

from services.database.tables.metadata import metadata
from services.database.tables.types import UtcDateTime

catalogue_model = Table(
    "catalogue_model",
    metadata,
    Column("name", String(300), primary_key=True),
    Column("created", UtcDateTime, nullable=False),
    Column("updated", UtcDateTime, nullable=False),
    Column("description", Text, nullable=False),
    Column("tags", JSON, nullable=False),
    Column("aliases", JSON, nullable=False),
    Column("gone", UtcDateTime, doc="when it was first found deleted in MLflow; null while it exists"),
)

catalogue_version = Table(
    "catalogue_version",
    metadata,
    Column("model", String(300), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("created", UtcDateTime, nullable=False),
    Column("updated", UtcDateTime, nullable=False),
    Column("stage", String(40), nullable=False),
    Column("status", String(40), nullable=False),
    Column("description", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("run_id", String(64), nullable=False),
    Column("tags", JSON, nullable=False),
    Column("aliases", Text, nullable=False, doc="newline before, between and after: an alias is found by LIKE"),
    Column("owner", String(300)),
    Column("dataset", String(500)),
    Column("dataset_digest", String(100)),
    Column("metric_name", String(300)),
    Column("metric_value", Float),
    Column("tests_passed", Integer),
    Column("tests_failed", Integer),
    Column("last_activity", UtcDateTime, nullable=False),
    Column("words", Text, nullable=False, doc="lower case text that the search matches"),
    Column("gone", UtcDateTime),
    Index("ix_catalogue_version_activity", "last_activity"),
    Index("ix_catalogue_version_stage", "stage"),
    Index("ix_catalogue_version_run", "run_id"),
)

catalogue_run = Table(
    "catalogue_run",
    metadata,
    Column("run_id", String(64), primary_key=True),
    Column("body", Text, nullable=False, doc="the run as JSON"),
    Column("reports", Text, doc="test reports as JSON; null until read"),
    Column("card", Text, doc="model card; null if there is none or it was not read yet"),
    Column("fetched", UtcDateTime, nullable=False),
)

sync_state = Table(
    "sync_state",
    metadata,
    Column("system", String(40), primary_key=True),
    Column("last_attempt", UtcDateTime, nullable=False),
    Column("last_success", UtcDateTime),
    Column("last_sweep", UtcDateTime),
    Column("problem", Text, nullable=False),
    Column("hint", Text, nullable=False),
)
