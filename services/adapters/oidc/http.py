"""Calls to the provider: bounded in time and size, never redirected, errors translated without their secrets."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import requests

from services.adapters.http.bodies import TooLongError, TooSlowError, read_body
from services.adapters.oidc.config import SYSTEM
from services.errors import UpstreamInvalidError, UpstreamRefusedError, UpstreamUnavailableError

BODY_LIMIT = 4 * 1024 * 1024


class Http:
    """JSON over HTTP. One connection per call: sign-ins are rare, and idle connections die behind proxies."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get(self, url: str, *, bearer: str = "") -> dict[str, Any]:
        """A JSON object."""
        return self._call("GET", url, headers=_bearer(bearer))

    def post_form(self, url: str, fields: Mapping[str, str], *, auth: tuple[str, str] | None) -> dict[str, Any]:
        """A form to the token endpoint (RFC 6749)."""
        return self._call("POST", url, data=dict(fields), auth=auth)

    def post_json(self, url: str, body: Mapping[str, Any], *, bearer: str) -> dict[str, Any]:
        """JSON with a bearer token."""
        return self._call("POST", url, json=dict(body), headers=_bearer(bearer))

    def _call(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        options["headers"] = {"Accept": "application/json"} | options.get("headers", {})
        end = time.monotonic() + self._seconds
        try:
            with requests.request(
                method, url, timeout=self._seconds, allow_redirects=False, stream=True, **options
            ) as answer:
                return _read(answer, end)
        except requests.RequestException as error:
            raise _away(f"it cannot be reached ({type(error).__name__})") from None


def _read(answer: requests.Response, end: float) -> dict[str, Any]:
    try:
        body = read_body(answer, BODY_LIMIT, until=end)
    except TooLongError:
        raise UpstreamInvalidError("The identity provider's answer is too large.", system=SYSTEM) from None
    except TooSlowError:
        raise _away("it timed out") from None
    if answer.status_code >= 500 or answer.status_code == 429:
        raise _away(f"it answered {answer.status_code}")
    value = _parse(body)
    if answer.status_code >= 400:
        raise UpstreamRefusedError(
            f"The identity provider refused the call ({answer.status_code}{_reason(value)}).", system=SYSTEM
        )
    if answer.status_code != 200 or value is None:
        raise UpstreamInvalidError("The identity provider's answer cannot be read.", system=SYSTEM)
    return value


def _parse(body: bytes) -> dict[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _reason(value: dict[str, Any] | None) -> str:
    """Only the error's code: descriptions may repeat the input."""
    error = (value or {}).get("error")
    code = error.get("code") if isinstance(error, dict) else error
    return f", {code[:80]}" if isinstance(code, str) and code.replace("_", "").isalnum() else ""


def _away(why: str) -> UpstreamUnavailableError:
    return UpstreamUnavailableError(
        f"The identity provider is unavailable: {why}.", system=SYSTEM, hint="Try again in a moment."
    )


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}
