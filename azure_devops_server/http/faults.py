"""Faults that tests switch on per route, and a count of all requests.

``PUT /_faults`` takes a list of faults and replaces those in force, ``GET`` shows what is left of them, ``DELETE``
ends all. ``GET /_requests`` lists the requests seen (``?method=POST&route=regex`` selects), ``DELETE`` forgets them.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from azure_devops_server.http.errors import blocked, forbidden, not_found, stopped, token_expired, unauthorized
from azure_devops_server.http.wire import Answer

DROPS = ("drop_before", "drop_after")
BROKEN = ("truncated_json", "invalid_json")
REPLACED = (
    "throttle", "unavailable", "sign_in_html", "redirect", "unauthorized_empty", "unauthorized_expired",
    "unauthorized_user", "unauthorized_list", "forbidden", "not_found", "not_found_text", "server_error",
    "bad_gateway_html",
)  # fmt: skip
KINDS = (*DROPS, *BROKEN, *REPLACED, "delay", "slow_down")
_KEPT = 20_000
_REALM = 'Basic realm="https://tfsprodsin1.app.visualstudio.com/"'
_NO_RIGHT = "TF401027: You need the Queue builds permission to perform this action."
_NOT_THERE = "VS800075: The resource does not exist, or you do not have permission to see it."
_NO_CONTROLLER = b"The controller for path '/x' was not found or does not implement IController."
SIGN_IN = (
    '<!DOCTYPE html>\r\n<html lang="en-US"><head><title>Azure DevOps Services | Sign In</title></head>'
    "<body><p>Sign in to continue to Azure DevOps.</p></body></html>"
)


@dataclass(frozen=True)
class Fault:
    """One fault. `times` None means always; `skip` lets that many matching requests pass first."""

    fault: str
    method: str = "*"
    route: str = ".*"
    times: int | None = 1
    skip: int = 0
    seconds: float = 1.0
    retry_after: float | None = 1.0

    def matches(self, method: str, path: str) -> bool:
        """True for a request that this fault is for."""
        return self.method in ("*", method) and re.search(self.route, path, re.IGNORECASE) is not None

    def document(self) -> dict[str, Any]:
        """As it is shown."""
        return dict(self.__dict__)


def read_fault(item: Any) -> Fault:
    """A fault from JSON; ValueError and TypeError say what is wrong."""
    if not isinstance(item, dict):
        raise TypeError("each fault is an object with 'fault' and, as wanted, " + ", ".join(Fault.__annotations__))
    unknown = set(item) - set(Fault.__annotations__)
    if unknown:
        raise ValueError(f"unknown keys: {', '.join(sorted(unknown))}")
    if item.get("fault") not in KINDS:
        raise ValueError(f"'{item.get('fault')}' is not a fault; known are {', '.join(KINDS)}")
    fault = Fault(**item)
    try:
        re.compile(fault.route)
    except re.error as error:
        raise ValueError(f"'{fault.route}' is not a regular expression: {error}") from error
    return replace(fault, method=fault.method.upper())


class Faults:
    """The faults in force and the requests seen; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[Fault] = []
        self._seen: deque[dict[str, Any]] = deque(maxlen=_KEPT)

    def replace(self, faults: Sequence[Fault]) -> None:
        """Put other faults in force."""
        with self._lock:
            self._faults = list(faults)

    def left(self) -> list[Fault]:
        """Faults still in force."""
        with self._lock:
            return list(self._faults)

    def take(self, method: str, path: str) -> Fault | None:
        """The first fault that is for this request, used once."""
        with self._lock:
            for position, fault in enumerate(self._faults):
                if not fault.matches(method, path):
                    continue
                if fault.skip:
                    self._faults[position] = replace(fault, skip=fault.skip - 1)
                    continue
                if fault.times is not None:
                    self._faults[position] = replace(fault, times=fault.times - 1)
                    if fault.times <= 1:
                        del self._faults[position]
                return fault
        return None

    def note(self, **seen: Any) -> None:
        """Remember a request."""
        with self._lock:
            self._seen.append(seen)

    def seen(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        """Requests by method and route."""
        method, pattern = query.get("method", "").upper(), query.get("route", "")
        with self._lock:
            rows = list(self._seen)
        rows = [row for row in rows if not method or row["method"] == method]
        return [row for row in rows if not pattern or re.search(pattern, row["path"], re.IGNORECASE)]

    def forget(self) -> None:
        """Forget all requests."""
        with self._lock:
            self._seen.clear()


def fault_answer(fault: Fault, *, organization: str) -> Answer:
    """What a fault of `REPLACED` answers, as recorded from or documented for the real service."""
    limits = _limits(fault)
    if fault.fault == "throttle":
        return _wrapped(blocked(), limits)
    if fault.fault == "unavailable":
        error = stopped(organization)
        return _wrapped(error, {}, bom=True)
    if fault.fault in ("sign_in_html", "bad_gateway_html"):
        status = 203 if fault.fault == "sign_in_html" else 502
        return Answer(status=status, content=SIGN_IN.encode(), media_type="text/html")
    if fault.fault == "redirect":
        target = "https://spsprod.vssps.visualstudio.invalid/_signin?realm=dev.azure.com"
        return Answer(status=302, content=b"Object moved", media_type="text/html", headers={"Location": target})
    return _refusal(fault.fault)


def slowed(answer: Answer, fault: Fault) -> Answer:
    """The same answer with the headers of a client that is being delayed."""
    return replace(answer, headers={**answer.headers, **_limits(fault)})


def broken(answer: Answer, fault: Fault) -> Answer:
    """The answer with its body cut in half, or with text that is no JSON."""
    body = answer_bytes(answer)
    content = body[: max(len(body) // 2, 1)] if fault.fault == "truncated_json" else b"<<< " + body
    return replace(answer, content=content)


def answer_bytes(answer: Answer) -> bytes:
    """The body as it goes out."""
    if answer.content is not None:
        return answer.content
    return json.dumps(answer.document, ensure_ascii=False, separators=(",", ":")).encode()


def _refusal(kind: str) -> Answer:
    challenge = {"WWW-Authenticate": _REALM}
    text = "text/plain"
    answers = {
        "unauthorized_empty": lambda: Answer(status=401, content=b"", headers=challenge, media_type=text),
        "unauthorized_list": lambda: Answer({"count": 0, "value": []}, status=401, headers=challenge),
        "unauthorized_expired": lambda: _wrapped(token_expired(), challenge),
        "unauthorized_user": lambda: _wrapped(unauthorized(), challenge),
        "forbidden": lambda: _wrapped(forbidden(_NO_RIGHT), {}),
        "not_found": lambda: _wrapped(not_found(_NOT_THERE), {}),
        "not_found_text": lambda: Answer(status=404, content=_NO_CONTROLLER, media_type=text),
        "server_error": lambda: Answer(status=500, content=b"Internal Server Error", media_type=text),
    }
    return answers[kind]()


def _wrapped(error: Any, headers: Mapping[str, str], *, bom: bool = False) -> Answer:
    answer = Answer(error.body(), status=error.status, headers={**error.headers(), **headers})
    return replace(answer, content=b"\xef\xbb\xbf" + answer_bytes(answer)) if bom else answer


def _limits(fault: Fault) -> dict[str, str]:
    headers = {
        "X-RateLimit-Resource": "Concurrency",
        "X-RateLimit-Delay": "1.5",
        "X-RateLimit-Limit": "200",
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": "1893456000",
    }
    if fault.retry_after is not None:
        headers["Retry-After"] = f"{fault.retry_after:g}"
    return headers
