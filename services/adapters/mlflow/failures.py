"""Translates what can go wrong with a call into the portal's error tree, with a hint on what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from requests import exceptions as rq
from urllib3 import exceptions as u3

from services.adapters.http.bodies import retry_after
from services.adapters.http.deadline import Call
from services.adapters.mlflow.config import MlflowConfig
from services.errors import (
    NotFoundError,
    PortalError,
    UpstreamInvalidError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)

SYSTEM = "mlflow"
SIGN_IN_HINT = "Check COUNTERSIGN_MLFLOW_USERNAME and COUNTERSIGN_MLFLOW_PASSWORD, or COUNTERSIGN_MLFLOW_TOKEN."
PERMISSION_HINT = (
    "Give the portal's service account the permission it lacks in MLflow: READ on all models and experiments, "
    "and EDIT on the models that it promotes. EDIT moves an alias and sets a tag; deleting either takes MANAGE, "
    "which undoing a first promotion and clearing candidates' tags need."
)
HOST_HINT = (
    "MLflow refuses this host name. Start it with --allowed-hosts (or MLFLOW_SERVER_ALLOWED_HOSTS) and the name "
    "and port that the portal uses, or use an IP address."
)
ADDRESS_HINT = (
    "Check COUNTERSIGN_MLFLOW_URL: it must be the MLflow server itself, with its path prefix if it has one, "
    "not a sign-in page or another service."
)
AWAY_HINT = "Check that MLflow runs at the address in COUNTERSIGN_MLFLOW_URL and can be reached from here."
CERTIFICATE_HINT = "Give the adapter the certificates of the authority that signed MLflow's certificate (ca_file)."
OVERLOADED = {408, 425, 429, 502, 503, 504}
"""Statuses that say "not now": worth another try, and no word about the request itself."""
MAX_DETAIL = 300
MAX_RETRY_AFTER = 3600.0

TransportError = (rq.RequestException, u3.HTTPError, OSError)
"""What `requests` and below raise when no whole answer came."""


class AnswerTooLargeError(UpstreamInvalidError):
    """More bytes than configured; asking for fewer things at once may help."""

    code = "upstream_too_large"


class MissingEndpointError(UpstreamInvalidError):
    """There is nothing at this address, or no MLflow that knows it."""


@dataclass(frozen=True)
class Reply:
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ValueError (RecursionError for absurd nesting)."""
        return json.loads(self.body)


class Failures:
    """Speaks about one server."""

    def __init__(self, config: MlflowConfig) -> None:
        self._config = config
        self._name = f"MLflow at {config.base}"

    def no_answer(self, error: BaseException, call: Call) -> UpstreamUnavailableError:
        """There was no whole answer."""
        _forget_request(error)
        message, hint = f"{self._name} broke off or garbled its answer.", AWAY_HINT
        if isinstance(error, rq.SSLError):
            message, hint = f"No safe connection to {self._name}: its certificate is not trusted.", CERTIFICATE_HINT
        elif _is_timeout(error):
            message = f"{self._name} gave no whole answer within {call.deadline.seconds:g} seconds."
        elif not call.is_sent:
            message = f"{self._name} cannot be reached."
        return UpstreamUnavailableError(message, system=SYSTEM, hint=hint)

    def too_large(self, limit: int) -> AnswerTooLargeError:
        """The answer is larger than anything that makes sense."""
        return AnswerTooLargeError(
            f"{self._name} sent an answer of more than {limit:,} bytes.",
            system=SYSTEM,
            hint="Nothing of it was used. Look for oversized tags, or raise the adapter's max_answer_bytes.",
        )

    def invalid_answer(self, what: str) -> UpstreamInvalidError:
        """The answer is invalid; `what` completes "MLflow …"."""
        return UpstreamInvalidError(f"{self._name} {what}.", system=SYSTEM, hint=ADDRESS_HINT)

    def refused_status(self, reply: Reply) -> PortalError:
        """What a status other than 2xx means."""
        status = reply.status
        if status in OVERLOADED or status >= 500:
            return self._broken(reply)
        if 300 <= status < 400:
            return self._refused("sends the portal to another address", ADDRESS_HINT)
        if status == 401:
            return self._refused("does not know the portal's credentials", SIGN_IN_HINT)
        if status == 403:
            is_host = b"Invalid Host header" in reply.body[:500]
            return self._refused("refuses access", HOST_HINT if is_host else PERMISSION_HINT)
        return self._said_no(reply)

    def _broken(self, reply: Reply) -> UpstreamUnavailableError:
        busy = reply.status in OVERLOADED
        hint = "It is busy or starting; try again in a moment." if busy else "Its log on the server says why."
        return UpstreamUnavailableError(
            f"{self._name} answered with HTTP {reply.status}.",
            system=SYSTEM,
            hint=hint,
            retry_after=retry_after(reply.headers, most=MAX_RETRY_AFTER),
        )

    def _said_no(self, reply: Reply) -> PortalError:
        code, detail = self._detail(reply)
        if not code and reply.status in {404, 405, 410}:
            what = f"{self._name} has no registry at this address (HTTP {reply.status})."
            return MissingEndpointError(what, system=SYSTEM, hint=ADDRESS_HINT)
        if code == "RESOURCE_DOES_NOT_EXIST":
            return NotFoundError(f"MLflow has no such thing: {detail}")
        reason = f": {detail}" if detail else ""
        return self._refused(f"said no (HTTP {reply.status}{', ' + code if code else ''}){reason}", "")

    def _detail(self, reply: Reply) -> tuple[str, str]:
        """MLflow's error code and the first line of its message; empty when the answer is not MLflow's."""
        try:
            answer = reply.json()
        except (ValueError, RecursionError):
            return "", ""
        if not isinstance(answer, dict):
            return "", ""
        code, message = answer.get("error_code"), answer.get("message")
        text = message if isinstance(message, str) else ""
        line = text.split("[SQL", 1)[0].strip().split("\n", 1)[0]
        return code if isinstance(code, str) else "", self._config.redact(_printable(line))[:MAX_DETAIL]

    def _refused(self, what: str, hint: str) -> UpstreamRefusedError:
        return UpstreamRefusedError(f"{self._name} {what}.".replace("..", "."), system=SYSTEM, hint=hint)


def _is_timeout(error: BaseException | None) -> bool:
    seen = 0
    while error is not None and seen < 10:
        if isinstance(error, u3.NewConnectionError):  # a kind of ConnectTimeoutError to urllib3
            return False
        if isinstance(error, rq.Timeout | u3.TimeoutError | TimeoutError):
            return True
        first = error.args[0] if error.args else None
        error = error.__cause__ or error.__context__ or (first if isinstance(first, BaseException) else None)
        seen += 1
    return False


def _forget_request(error: BaseException) -> None:
    """Drop the request, which carries the credentials, from an error that is kept as a cause."""
    if isinstance(error, rq.RequestException):
        error.request = None
        error.response = None


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
