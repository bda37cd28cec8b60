"""The guard of every HTTP request to Azure DevOps, from the SDK and the portal.

The SDK waits up to 400 s, retries by itself, follows redirects and contacts other hosts. Here each request keeps the
call's wall-clock limit and the server's pace, goes only to the configured hosts, and a write is sent at most once per
call, over a new connection: an idle connection may die while sending, and then it is unknown whether
the request arrived.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import requests
from requests.adapters import BaseAdapter

from services.adapters.azure_devops.config import AzureDevOpsConfig, origin
from services.adapters.azure_devops.failures import WRITES, foreign_host, too_large
from services.adapters.azure_devops.pace import Pace
from services.adapters.http.bodies import TooLongError, keep_body
from services.adapters.http.deadline import BoundedAdapter, Call, Deadline, under

CHUNK = 64 * 1024
CONNECTIONS = 16
TOKEN_HEADER = "x-ms-continuationtoken"  # noqa: S105 - names a header


class Operation:
    """One call of the port under way; it may take several requests (locations first, then the call itself)."""

    def __init__(self, deadline: Deadline) -> None:
        self.deadline = deadline
        self.is_written = False
        """True once bytes of a write may have been sent."""
        self.has_connected = False
        """True once a connection was established."""
        self.continuation: str | None = None
        """The last answer's continuation token, which the SDK drops."""


class SecondWriteError(RuntimeError):
    """A library tried to repeat a write."""


_OPERATION: ContextVar[Operation] = ContextVar("azure_devops_operation")


@contextmanager
def operating(operation: Operation) -> Iterator[Operation]:
    """Requests that start inside belong to this operation."""
    token = _OPERATION.set(operation)
    try:
        yield operation
    finally:
        _OPERATION.reset(token)


class GuardedAdapter(BaseAdapter):
    """Thread-safe; shared by all sessions, so that they share connections."""

    def __init__(self, config: AzureDevOpsConfig, pace: Pace) -> None:
        super().__init__()
        self._config = config
        self._pace = pace
        self._reads = _adapter()

    @property
    def max_retries(self) -> int:
        """None; msrest sets its own policy here, which is ignored."""
        return 0

    @max_retries.setter
    def max_retries(self, value: Any) -> None:
        del value

    def send(  # noqa: PLR0917 - the signature of requests
        self,
        request: requests.PreparedRequest,
        stream: bool = False,  # noqa: FBT001, FBT002 - the signature of requests
        timeout: Any = None,
        verify: Any = True,  # noqa: FBT002 - the signature of requests
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """Send one request and read its whole answer. Raises UpstreamErrors and the errors of `requests`."""
        del stream, timeout, verify, cert, proxies
        operation = _OPERATION.get()
        self._demand_own_host(request)
        self._pace.keep(operation.deadline)
        act = self._write if request.method in WRITES else self._read
        response = act(operation, request)
        self._pace.note(response)
        operation.continuation = response.headers.get(TOKEN_HEADER)
        return response

    def close(self) -> None:
        """Close idle connections."""
        self._reads.close()

    def _demand_own_host(self, request: requests.PreparedRequest) -> None:
        try:
            target = origin(str(request.url))
        except ValueError:
            raise foreign_host("an unreadable address") from None
        if target not in self._config.origins:
            raise foreign_host(target[1])

    def _read(self, operation: Operation, request: requests.PreparedRequest) -> requests.Response:
        call = Call(operation.deadline)
        try:
            return self._exchange(self._reads, call, request, is_write=False)
        finally:
            operation.has_connected = operation.has_connected or call.is_sent

    def _write(self, operation: Operation, request: requests.PreparedRequest) -> requests.Response:
        if operation.is_written:
            raise SecondWriteError("a write is sent once")
        adapter, call = _adapter(), Call(operation.deadline)
        try:
            return self._exchange(adapter, call, request, is_write=True)
        finally:
            operation.is_written = call.is_sent
            adapter.close()

    def _exchange(
        self, adapter: BoundedAdapter, call: Call, request: requests.PreparedRequest, *, is_write: bool
    ) -> requests.Response:
        config = self._config
        with under(call):
            response = adapter.send(
                request, stream=True, timeout=(config.connect_seconds, config.read_seconds),
                verify=config.ca_file or True,
            )  # fmt: skip
        with response:
            try:
                keep_body(response, config.max_answer_bytes)  # the SDK reads it again
            except TooLongError:
                raise too_large(config.max_answer_bytes, is_written=is_write) from None
        return response


def _adapter() -> BoundedAdapter:
    return BoundedAdapter(pool_connections=4, pool_maxsize=CONNECTIONS, max_retries=0)
