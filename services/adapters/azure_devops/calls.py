"""Bounded and typed calls to Azure DevOps: through the SDK, or plain ones if the SDK has no client.

A read may be retried within the call's time; a write is sent once. Raises only UpstreamErrors and NotFoundError.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from services.adapters.azure_devops.config import AzureDevOpsConfig
from services.adapters.azure_devops.failures import (
    SYSTEM,
    TransportError,
    demand_good,
    invalid_answer,
    lost,
    not_offered,
)
from services.adapters.azure_devops.guard import GuardedAdapter, Operation, SecondWriteError, operating
from services.adapters.azure_devops.pace import Pace
from services.adapters.azure_devops.sdk import SdkClients, load, prepare
from services.adapters.http.deadline import Deadline
from services.errors import (
    NotFoundError,
    PortalError,
    UnknownOutcomeError,
    UpstreamError,
    UpstreamInvalidError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)

T = TypeVar("T")
PAUSE = 0.2
"""Seconds before the second try of a read; doubled for each further one."""


class Calls:
    """Thread-safe. `monotonic` and `sleep` are seconds; both can be given for tests."""

    def __init__(
        self,
        config: AzureDevOpsConfig,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self._monotonic = monotonic
        self._sleep = sleep
        self._adapter = GuardedAdapter(config, Pace(config.patience_seconds, monotonic=monotonic, sleep=sleep))
        self._clients = SdkClients(config, self._adapter)
        self._session = prepare(requests.Session(), self._adapter)
        self._session.auth = config.auth

    def close(self) -> None:
        """Close idle connections."""
        self._adapter.close()

    def read(self, area: str, call: Callable[[Any], T]) -> T:
        """One reading call of an SDK client; retried if that may help. Raises UpstreamError, NotFoundError."""
        return self._tried(lambda: call(self._clients.client(area)))[0]

    def write(self, area: str, call: Callable[[Any], T]) -> T:
        """One writing call of an SDK client, sent once. Raises UnknownOutcomeError without a clear answer."""
        return self._once(lambda: call(self._clients.client(area)), self._operation())

    def pages(self, area: str, call: Callable[[Any, str | None], list[T] | None]) -> Iterator[list[T]]:
        """All pages of a listing by the SDK; `call` takes the client and the token of the page."""
        return self._paged(lambda token: self._tried(lambda: call(self._clients.client(area), token) or []))

    def get(self, project: str, path: str, **parameters: str) -> Any:
        """A plain GET below ``{project}/_apis``; the answer as JSON, None for an empty one."""
        return self._tried(lambda: self._json("GET", project, path, parameters))[0]

    def send(self, method: str, project: str, path: str, body: Any, **parameters: str) -> Any:
        """A plain write, sent once; bytes go as they are, all else as JSON."""
        return self._once(lambda: self._json(method, project, path, parameters, body), self._operation())

    def _paged(self, ask: Callable[[str | None], tuple[list[T], str | None]]) -> Iterator[list[T]]:
        token: str | None = None
        for _ in range(self.config.max_pages):
            items, following = ask(token)
            yield items
            if not following:
                return
            if following == token:
                break
            token = following
        # an incomplete list could hide an earlier start
        raise UpstreamInvalidError(
            "A listing of Azure DevOps does not end.", system=SYSTEM, code="listing_endless",
            hint="Delete old runs of this pipeline, or check for a proxy in between.",
        )  # fmt: skip

    def _tried(self, call: Callable[[], T]) -> tuple[T, str | None]:
        """The outcome of a read and the token of its next page."""
        operation = self._operation()
        for attempt in range(1, self.config.read_attempts + 1):
            try:
                outcome = self._once(call, operation)
            except UpstreamUnavailableError as error:
                pause = PAUSE * 2 ** (attempt - 1)
                if attempt == self.config.read_attempts or not self._is_worth_it(error, operation, pause):
                    raise
                self._sleep(pause)
            else:
                return outcome, operation.continuation
        raise AssertionError("unreachable")  # pragma: no cover - read_attempts is at least 1

    def _is_worth_it(self, error: UpstreamUnavailableError, operation: Operation, pause: float) -> bool:
        """The pace handles a server that asks to wait; an unreachable server is not retried."""
        if error.code == "throttled":
            return error.retry_after is None or error.retry_after <= self.config.patience_seconds
        was_reached = operation.has_connected or not isinstance(error.__cause__, TransportError)
        return was_reached and error.code == UpstreamUnavailableError.code and pause < operation.deadline.left()

    def _once(self, call: Callable[[], T], operation: Operation) -> T:
        with operating(operation):
            try:
                return call()
            except PortalError as error:
                raise self._final(error, operation) from error.__cause__
            except (ValueError, TypeError, AttributeError, KeyError, RecursionError, SecondWriteError) as error:
                raise self._unreadable(error, operation) from error
            except TransportError as error:
                raise lost(error, is_written=operation.is_written) from error
            except Exception as error:
                raise _sdk_error(error, operation) from error

    def _final(self, error: PortalError, operation: Operation) -> PortalError:
        """After a write, every error except a clear refusal becomes UnknownOutcomeError."""
        is_clear = isinstance(error, UpstreamRefusedError | NotFoundError | UnknownOutcomeError)
        if operation.is_written and not is_clear and error.code != "throttled":
            return UnknownOutcomeError(f"The outcome in Azure DevOps is unknown. {error.message}", system=SYSTEM)
        return error

    def _unreadable(self, error: Exception, operation: Operation) -> UpstreamError:
        """Bad JSON, an empty model, or the SDK's plain ValueError for a route that it does not find."""
        if _is_no_location(error) and not operation.is_written:
            self._clients.forget_locations()
            return not_offered()
        return invalid_answer(type(error).__name__, is_written=operation.is_written)

    def _json(
        self, method: str, project: str, path: str, parameters: Mapping[str, str], body: Any = None
    ) -> Any:  # fmt: skip
        scope = f"/{quote(project, safe='')}" if project else ""
        response = self._request(method, f"{self.config.base}{scope}/_apis/{path}", parameters, body)
        return response.json() if response.content else None

    def _request(self, method: str, url: str, parameters: Mapping[str, str], body: Any) -> requests.Response:
        headers = {"X-TFS-FedAuthRedirect": "Suppress", "Accept": "application/json", "User-Agent": "countersign"}
        if isinstance(body, bytes):
            headers["Content-Type"] = "application/octet-stream"
        response = self._session.request(
            method, url, params=dict(parameters), allow_redirects=False, headers=headers,
            **({"data": body} if isinstance(body, bytes) else {"json": body}),
        )  # fmt: skip
        demand_good(response)
        return response

    def _operation(self) -> Operation:
        return Operation(Deadline(self.config.call_seconds, self._monotonic))


def _sdk_error(error: Exception, operation: Operation) -> BaseException:
    """Msrest wraps transport errors; any other error is a defect of the portal."""
    if isinstance(error, load("msrest.exceptions").ClientException):
        return lost(error.__cause__ or error, is_written=operation.is_written)
    return error


def _is_no_location(error: Exception) -> bool:
    text = str(error)
    return ("API resource location" in text and "is not registered" in text) or (
        isinstance(error, TypeError) and "can only concatenate str" in text
    )
