"""Chooses the engine of the prediction log by the settings. Drivers are imported only when their engine is chosen."""

from __future__ import annotations

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.limits import Limits
from services.adapters.inference_log.spark_sql import SparkSession, SparkSqlInferenceLog
from services.errors import SettingsError
from services.ports.predictions import InferenceLog
from services.settings import Settings


def build_inference_log(settings: Settings) -> InferenceLog | None:
    """The log, or None when none is set. Raises SettingsError for a mapping or address that cannot be right."""
    columns = LogColumns.parse(
        settings.predictions_columns,
        settings.predictions_input_columns,
        fixed=settings.predictions_fixed,
        served_entities=settings.predictions_served,
        log_format=settings.predictions_format,
    )
    limits = Limits(settings.predictions_timeout, settings.predictions_scan_mb * 1_000_000)
    if settings.predictions_engine == "duckdb":
        if settings.predictions_path is None:
            return None
        from services.adapters.inference_log.embedded import EmbeddedInferenceLog

        return EmbeddedInferenceLog(settings.predictions_path, columns=columns, limits=limits)
    return _remote(settings, columns, limits)


def _remote(settings: Settings, columns: LogColumns, limits: Limits) -> InferenceLog:
    if not settings.predictions_table:
        raise SettingsError(
            f"The engine {settings.predictions_engine} needs a table.", hint="Set COUNTERSIGN_PREDICTIONS_TABLE."
        )
    url, token = settings.predictions_url.get_secret_value(), settings.predictions_token.get_secret_value()
    if settings.predictions_engine == "sql":
        from services.adapters.inference_log.sql_table import SqlInferenceLog

        return SqlInferenceLog(url, settings.predictions_table, columns=columns, limits=limits)
    session = (
        _databricks(settings, url, token)
        if settings.predictions_engine == "databricks"
        else _spark(settings, url, token)
    )
    return SparkSqlInferenceLog(session, settings.predictions_table, columns=columns, limits=limits)


def _databricks(settings: Settings, url: str, token: str) -> SparkSession:
    from services.adapters.inference_log.databricks import DatabricksSession, connector

    seconds = settings.predictions_timeout
    return DatabricksSession(connector(url, settings.predictions_http_path, token, seconds=seconds), seconds)


def _spark(settings: Settings, url: str, token: str) -> SparkSession:
    from services.adapters.inference_log.spark import SparkConnectSession

    address = f"{url.rstrip('/')}/;use_ssl=true;token={token}" if token else url
    return SparkConnectSession(address, settings.predictions_timeout)
