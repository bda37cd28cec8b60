"""Spark Connect: the way to a cluster, and to Databricks clusters, where the log has outgrown one machine."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from services.adapters.inference_log.deadline import SYSTEM, within
from services.errors import (
    PortalError,
    SettingsError,
    UpstreamError,
    UpstreamInvalidError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)

_REFUSALS = ("PERMISSION_DENIED", "UNAUTHENTICATED")
_BROKEN = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "SESSION_CLOSED", "SESSION_NOT_FOUND", "INVALID_HANDLE")


class SparkConnectSession:
    """Implements `spark_sql.SparkSession`; one session, opened at the first look-up and again after it broke."""

    label = "Spark"

    def __init__(self, url: str, seconds: float) -> None:
        if not url.startswith("sc://"):
            raise SettingsError(
                "This is no Spark Connect address.", hint="Set COUNTERSIGN_PREDICTIONS_URL to sc://HOST."
            )
        self._url = url
        self._seconds = seconds
        self._lock = threading.Lock()
        self._spark: Any = None

    def rows(self, sql: str, values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """All rows of one statement."""
        tag = f"countersign-{uuid4().hex}"

        def ask() -> Sequence[Mapping[str, Any]]:
            spark = self._open()
            spark.addTag(tag)
            try:
                return [row.asDict(recursive=True) for row in spark.sql(sql, args=dict(values)).collect()]
            finally:
                spark.removeTag(tag)

        try:
            return within(self._seconds, ask, stop=lambda: self._spark.interruptTag(tag))
        except PortalError:
            raise
        except Exception as error:
            raise self._translated(error) from error

    def close(self) -> None:
        """Let go of the session."""
        with self._lock:
            spark, self._spark = self._spark, None
        if spark is not None:
            spark.stop()

    def _open(self) -> Any:
        """The session; opened without holding the lock, so that a server that hangs holds up nobody else."""
        with self._lock:
            known = self._spark
        if known is None:
            known = _session(self._url)
            with self._lock:
                self._spark = known
        return known

    def _translated(self, error: Exception) -> UpstreamError:
        text = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        if any(word in str(error) for word in _REFUSALS):
            return UpstreamRefusedError("Spark refuses.", system=SYSTEM, hint=f"Check the token. It says: {text}")
        if type(error).__name__ == "AnalysisException" or (
            "Exception" in type(error).__name__ and not _is_broken(error)
        ):
            return UpstreamInvalidError("Spark cannot run the look-up.", system=SYSTEM, hint=f"It says: {text}")
        with self._lock:
            self._spark = None
        return UpstreamUnavailableError("Spark cannot be reached.", system=SYSTEM, hint=f"It says: {text}")


def _is_broken(error: Exception) -> bool:
    return any(word in str(error) for word in _BROKEN)


def _session(url: str) -> Any:
    try:
        from pyspark.sql.connect.session import SparkSession
    except ImportError as error:
        raise SettingsError("Spark's client is not installed.", hint="Install pyspark[connect].") from error
    spark = SparkSession.builder.remote(url).create()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    return spark
