"""Sends requests to MLflow: bounded in time and size, reads tried twice, writes sent exactly once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from services.adapters.http.bodies import TooLongError, read_body
from services.adapters.http.deadline import Call, Deadline, under
from services.adapters.mlflow.breaker import Breaker
from services.adapters.mlflow.config import MlflowConfig
from services.adapters.mlflow.failures import OVERLOADED, Failures, Reply, TransportError
from services.adapters.mlflow.parse import InvalidAnswer
from services.adapters.mlflow.session import new_session
from services.errors import NotFoundError, UnknownOutcomeError, UpstreamUnavailableError

API = "/api/2.0/mlflow/"
CHUNK = 64 * 1024
PAUSE = 0.1
"""Seconds before the second try of a read."""
Params = Mapping[str, str | int | Sequence[str]]


@dataclass(frozen=True)
class Ask:
    """A request to send."""

    method: str
    path: str
    """Below the server's address, with a slash at the start."""
    params: Params = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


class Transport:
    """Thread-safe. Raises NotFoundError and UpstreamErrors only."""

    def __init__(
        self,
        config: MlflowConfig,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.config = config
        self.monotonic = monotonic
        self.failures = Failures(config)
        self._sleep = sleep
        self._breaker = Breaker(seconds=config.breaker_seconds, monotonic=monotonic)
        self._session = new_session(config)

    def close(self) -> None:
        """Close idle connections."""
        self._session.close()

    def get(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """GET below the REST API; the answer is a JSON object."""
        return self._object(self.read(Ask("GET", API + path, params or {})))

    def search(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """A POST that only reads, so it may be sent twice."""
        return self._object(self.read(Ask("POST", API + path, body=body)))

    def get_outside_api(self, path: str, params: Params | None = None) -> Reply:
        """GET a path that does not begin with the API's prefix."""
        return self.read(Ask("GET", path, params or {}))

    def json_outside_api(self, path: str, params: Params | None = None) -> dict[str, Any]:
        """As `get`, for a path that does not begin with the API's prefix."""
        return self._object(self.get_outside_api(path, params))

    @contextmanager
    def understanding(self) -> Iterator[None]:
        """Answers parsed inside that make no sense raise UpstreamInvalidError."""
        try:
            yield
        except InvalidAnswer as problem:
            raise self.failures.invalid_answer(str(problem)) from problem

    def deadline(self, seconds: float) -> Deadline:
        """A deadline on this transport's clock."""
        return Deadline(seconds, self.monotonic)

    def read(self, ask: Ask) -> Reply:
        """Send a request that changes nothing, a second time when the first could not be answered."""
        self._breaker.check()
        deadline = self.deadline(self.config.call_seconds)
        for attempt in range(self.config.read_attempts, 0, -1):
            outcome = self._attempt(ask, deadline)
            if isinstance(outcome, Reply) and outcome.status not in OVERLOADED:
                break
            if attempt == 1 or deadline.left() <= PAUSE:
                break
            self._sleep(PAUSE)
        if isinstance(outcome, Reply):
            return self._checked(outcome)
        raise outcome

    def _attempt(self, ask: Ask, deadline: Deadline) -> Reply | UpstreamUnavailableError:
        try:
            return self._send(self._session, ask, Call(deadline))
        except UpstreamUnavailableError as error:
            return error

    def _checked(self, reply: Reply) -> Reply:
        if not 200 <= reply.status < 300:
            raise self.failures.refused_status(reply)
        return reply

    @contextmanager
    def stream(self, ask: Ask, deadline: Deadline) -> Iterator[Iterator[bytes]]:
        """The bytes of a file in chunks, read while they arrive; the caller counts them.

        MLflow sends every file as an attachment, which tells it from the sign-in page of a proxy.
        """
        self._breaker.check()
        call = Call(deadline)
        response = self._open(self._session, ask, call)
        with response:
            self._raise_for(response, call)
            if not response.headers.get("Content-Disposition", "").startswith("attachment"):
                raise self.failures.invalid_answer("sent something else than the file that was asked for")
            yield self._chunks(response, call)

    def write(self, ask: Ask) -> dict[str, Any]:
        """Send a request that changes something, once, on a separate connection.

        A connection that was idle may die at the moment of sending, and then nobody knows whether the request got
        through; a new one leaves no such doubt. Raises UnknownOutcomeError when bytes may have left and no clear
        answer came back.
        """
        self._breaker.check()
        call = Call(self.deadline(self.config.call_seconds))
        with new_session(self.config) as session:
            try:
                reply = self._send(session, ask, call)
            except UpstreamUnavailableError as error:
                if call.is_sent:
                    raise _unknown(error.message) from error
                raise
        return self._outcome(reply)

    def _outcome(self, reply: Reply) -> dict[str, Any]:
        if reply.status >= 500 or reply.status == 408:
            raise _unknown(f"MLflow answered a change with HTTP {reply.status}.")
        try:
            answer = self._checked(reply).json()
        except (ValueError, RecursionError) as error:
            raise _unknown("MLflow answered a change with something that is not JSON.") from error
        if not isinstance(answer, dict):
            raise _unknown("MLflow answered a write with something that is not an object.")
        return answer

    def _send(self, session: requests.Session, ask: Ask, call: Call) -> Reply:
        response = self._open(session, ask, call)
        with response:
            try:
                body = self._whole(response)
            except TransportError as error:
                raise self._away(error, call) from error
        return Reply(response.status_code, response.headers, body)

    def _open(self, session: requests.Session, ask: Ask, call: Call) -> requests.Response:
        connect, silence = self.config.connect_seconds, self.config.read_seconds or call.deadline.seconds
        try:
            with under(call):
                response = session.request(
                    ask.method,
                    self.config.base + ask.path,
                    params=dict(ask.params),
                    json=ask.body,
                    timeout=(connect, silence),
                    allow_redirects=False,
                    stream=True,
                )
        except UnicodeError as error:
            raise NotFoundError("MLflow cannot store this name: it is not valid text.") from error
        except TransportError as error:
            raise self._away(error, call) from error
        if response.status_code in {502, 503, 504}:
            self._breaker.failed(f"MLflow at {self.config.base} answered with HTTP {response.status_code}.")
        else:
            self._breaker.worked()
        return response

    def _away(self, error: BaseException, call: Call) -> UpstreamUnavailableError:
        problem = self.failures.no_answer(error, call)
        self._breaker.failed(problem.message)
        return problem

    def _whole(self, response: requests.Response) -> bytes:
        limit = self.config.max_answer_bytes
        try:
            return read_body(response, limit)
        except TooLongError:
            raise self.failures.too_large(limit) from None

    def _raise_for(self, response: requests.Response, call: Call) -> None:
        if 200 <= response.status_code < 300:
            return
        try:
            body = self._whole(response)
        except TransportError as error:
            raise self.failures.no_answer(error, call) from error
        raise self.failures.refused_status(Reply(response.status_code, response.headers, body))

    def _chunks(self, response: requests.Response, call: Call) -> Iterator[bytes]:
        """A file that takes too long does not open the breaker: the server did answer."""
        try:
            yield from response.iter_content(CHUNK)
        except TransportError as error:
            raise self.failures.no_answer(error, call) from error

    def _object(self, reply: Reply) -> dict[str, Any]:
        try:
            answer = reply.json()
        except (ValueError, RecursionError) as error:
            raise self.failures.invalid_answer("answered with something that is not JSON") from error
        if not isinstance(answer, dict):
            raise self.failures.invalid_answer("answered with JSON that is not an object")
        return answer


def _unknown(why: str) -> UnknownOutcomeError:
    return UnknownOutcomeError(f"{why} Whether the change was made is not known yet.", system="mlflow")
