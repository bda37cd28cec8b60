"""Databricks SQL: Unity Catalog's permissions, row filters and its own audit apply; the portal needs no storage key."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from services.adapters.inference_log.deadline import SYSTEM, within
from services.errors import (
    PortalError,
    SettingsError,
    UpstreamError,
    UpstreamInvalidError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)

Connect = Callable[[], Any]
_REFUSALS = ("403", "401", "PERMISSION_DENIED", "INSUFFICIENT_PERMISSIONS", "UNAUTHENTICATED")


class DatabricksSession:
    """Implements `spark_sql.SparkSession` over the DB-API connection of databricks-sql-connector."""

    label = "Databricks SQL"

    def __init__(self, connect: Connect, seconds: float) -> None:
        self._connect = connect
        self._seconds = seconds
        self._lock = threading.Lock()
        self._connection: Any = None

    def rows(self, sql: str, values: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """All rows of one statement; a connection that broke is opened again next time."""
        cursors: list[Any] = []

        def ask() -> Sequence[Mapping[str, Any]]:
            with self._open().cursor() as cursor:
                cursors.append(cursor)
                cursor.execute(sql, dict(values) or None)
                names = [column[0] for column in cursor.description or ()]
                return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

        try:
            return within(self._seconds, ask, stop=lambda: [cursor.cancel() for cursor in cursors])
        except PortalError:
            self._forget()
            raise
        except Exception as error:
            self._forget()
            raise _translated(error) from error

    def _open(self) -> Any:
        """The connection; opened without holding the lock, so that a server that hangs holds up nobody else."""
        with self._lock:
            known = self._connection
        if known is None:
            known = self._connect()
            with self._lock:
                self._connection = known
        return known

    def _forget(self) -> None:
        with self._lock:
            self._connection = None


def connector(host: str, http_path: str, token: str, *, seconds: float) -> Connect:
    """Opens connections. Raises SettingsError when the driver is missing or an address is not set."""
    if not host or not http_path:
        raise SettingsError(
            "The SQL warehouse has no address.",
            hint="Set COUNTERSIGN_PREDICTIONS_URL to the host and COUNTERSIGN_PREDICTIONS_HTTP_PATH to its HTTP path.",
        )

    def connect() -> Any:
        try:
            from databricks import sql
        except ImportError as error:
            raise SettingsError(
                "The driver of Databricks SQL is not installed.", hint="Install the package databricks-sql-connector."
            ) from error
        return sql.connect(
            server_hostname=host.removeprefix("https://").rstrip("/"),
            http_path=http_path,
            access_token=token or None,
            session_configuration={"timezone": "UTC"},
            _socket_timeout=seconds,
            _retry_stop_after_attempts_count=2,
            _retry_stop_after_attempts_duration=seconds,
            enable_telemetry=False,
            user_agent_entry="countersign",
        )

    return connect


def _translated(error: Exception) -> UpstreamError:
    """The driver's errors by their names: it is imported only where it is used."""
    text = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
    if any(word in str(error) for word in _REFUSALS):
        return UpstreamRefusedError(
            "Databricks SQL refuses.", system=SYSTEM, hint=f"Check the token and its grants. It says: {text}"
        )
    if type(error).__name__ in {"ServerOperationError", "DatabaseError", "ProgrammingError"}:
        return UpstreamInvalidError("Databricks SQL cannot run the look-up.", system=SYSTEM, hint=f"It says: {text}")
    return UpstreamUnavailableError("Databricks SQL cannot be reached.", system=SYSTEM, hint=f"It says: {text}")
