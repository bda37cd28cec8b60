"""Chooses the engine of the prediction log by the settings. Drivers are imported only when their engine is chosen."""

from __future__ import annotations

from services.adapters.inference_log.columns import LogColumns
from services.adapters.inference_log.limits import Limits
from services.errors import SettingsError
from services.ports import InferenceLog
from services.settings import Settings


def build_inference_log(settings: Settings) -> InferenceLog | None:
    """The log, or None when none is set. Raises SettingsError for a mapping or address that cannot be right."""
    columns = LogColumns.parse(settings.predictions_columns, settings.predictions_input_columns)
    limits = Limits(settings.predictions_timeout, settings.predictions_scan_mb * 1_000_000)
    if settings.predictions_engine == "duckdb":
        if settings.predictions_path is None:
            return None
        from services.adapters.inference_log.embedded import EmbeddedInferenceLog

        return EmbeddedInferenceLog(settings.predictions_path, columns=columns, limits=limits)
    return _remote(settings, columns, limits)


def _remote(settings: Settings, columns: LogColumns, limits: Limits) -> InferenceLog:
    del columns, limits
    raise SettingsError(f"The engine {settings.predictions_engine} is not part of this build.")
