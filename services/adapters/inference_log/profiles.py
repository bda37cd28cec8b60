"""Tables whose columns are known: which of them holds what, so that nobody has to map them.

Databricks inference tables in three generations (legacy, AI Gateway on endpoints, Unity AI Gateway) and MLflow traces
as they are archived to tables. Column names are from Databricks' and MLflow's documentation.
"""

from __future__ import annotations

from collections.abc import Mapping

Profile = Mapping[str, str]

LEGACY: Profile = {
    "request_id": "databricks_request_id", "other_id": "client_request_id", "time_ms": "timestamp_ms", "day": "date",
    "status": "status_code", "inputs": "request", "output": "response",
    "model": "request_metadata.model_name", "version": "request_metadata.model_version",
}  # fmt: skip
GATEWAY: Profile = {
    "request_id": "databricks_request_id", "other_id": "client_request_id", "time": "request_time",
    "day": "request_date", "status": "status_code", "inputs": "request", "output": "response",
    "served": "served_entity_id", "trouble": "logging_error_codes",
}  # fmt: skip
UNITY_GATEWAY: Profile = {
    "request_id": "invocation_id", "other_id": "client_request_id", "time": "event_time", "day": "event_date",
    "status": "status_code", "inputs": "request", "output": "response", "served": "served_entity_id",
    "trouble": "logging_error_codes",
}  # fmt: skip
TRACES: Profile = {
    "request_id": "trace_id", "other_id": "client_request_id", "time": "request_time", "status": "state",
    "inputs": "request", "output": "response",
}  # fmt: skip
MARKS: tuple[tuple[frozenset[str], Profile], ...] = (
    (frozenset({"databricks_request_id", "timestamp_ms"}), LEGACY),
    (frozenset({"databricks_request_id", "request_time"}), GATEWAY),
    (frozenset({"invocation_id", "event_time"}), UNITY_GATEWAY),
    (frozenset({"trace_id", "request_time", "state"}), TRACES),
)
"""The columns that tell each of them apart, in lower case."""


def profile_of(available: Mapping[str, str]) -> Profile | None:
    """The profile whose columns are there (keys in lower case); None for a log of another form."""
    if "request_id" in available and "trace_id" not in available:
        return None
    return next((profile for marks, profile in MARKS if marks <= set(available)), None)
