"""Turns what Azure DevOps answers into typed errors that say what to do.

Source: the measured answers of the service. A bad token shows as 203 with a sign-in page, as 401 with JSON, or as an
empty 401; throttling as 429, or as 200 with Retry-After; a stopped organization as 503 with a byte order mark.
"""

from __future__ import annotations

import json
from typing import Any

import requests

from services.errors import (
    ConflictError,
    NotFoundError,
    PortalError,
    UnknownOutcomeError,
    UpstreamRefusedError,
    UpstreamRubbishError,
    UpstreamUnavailableError,
)

SYSTEM = "azure_devops"
RENEW = "Renew COUNTERSIGN_AZURE_DEVOPS_TOKEN; it needs build execute and test read."
NEVER_SENT = ("Failed to establish a new connection", "NameResolutionError", "ConnectTimeout")
WRITES = {"POST", "PATCH", "PUT", "DELETE"}


def demand_good(response: requests.Response) -> None:
    """Raise the error that fits; return for an answer that can be used."""
    error = failure_of(response)
    if error is not None:
        raise error


def failure_of(response: requests.Response) -> PortalError | None:
    """The error that an answer stands for; None when it is a good one."""
    status = response.status_code
    is_page = status < 300 and "text/html" in response.headers.get("content-type", "")
    if is_page or status == 203 or 300 <= status < 400:
        return _bad_token("Azure DevOps answered with its sign-in page.")
    return None if status < 300 else _failure(response, status)


def _failure(response: requests.Response, status: int) -> PortalError:
    body = wrapped(response)
    message = str(body.get("message") or _plain(response) or f"HTTP {status}")
    if status == 401:
        return _bad_token(f"Azure DevOps does not accept the credentials. {message}".strip())
    if status == 429:
        return _throttled(response, message)
    if status >= 500:
        return _server_error(response, message)
    return _refused(status, str(body.get("typeKey", "")), message, body)


def _bad_token(message: str) -> PortalError:
    return UpstreamRefusedError(message, system=SYSTEM, hint=RENEW, code="bad_token")


def _throttled(response: requests.Response, message: str) -> PortalError:
    wait = retry_after(response)
    return UpstreamUnavailableError(
        f"Azure DevOps asks to slow down. {message}",
        system=SYSTEM, hint=f"It is tried again in {wait or 30:g} s.", code="throttled", retry_after=wait,
    )  # fmt: skip


def _server_error(response: requests.Response, message: str) -> PortalError:
    activity = response.headers.get("activityid")
    hint = f"Azure DevOps knows this failure as activity {activity}." if activity else ""
    if response.request is not None and response.request.method in WRITES:
        return UnknownOutcomeError(f"Azure DevOps failed after it was asked to act: {message}", system=SYSTEM)
    return UpstreamUnavailableError(
        f"Azure DevOps is unavailable: {message}", system=SYSTEM, hint=hint, retry_after=retry_after(response)
    )


def _refused(status: int, key: str, message: str, body: dict[str, Any]) -> PortalError:
    if status == 404:
        return NotFoundError(f"Azure DevOps does not find it: {message}", hint="It was deleted, or you may not see it.")
    if status == 403:
        return UpstreamRefusedError(
            f"Azure DevOps does not permit it: {message}", system=SYSTEM, code="no_permission",
            hint="Give the portal's account the permission named.",
        )  # fmt: skip
    if "set the following variables" in message:
        return UpstreamRefusedError(
            message, system=SYSTEM, code="variable_not_settable",
            hint="Declare it as a template parameter, or make it settable at queue time.",
        )  # fmt: skip
    if key in {"PipelineValidationException", "BuildRequestValidationFailedException"}:
        return UpstreamRefusedError(
            f"The pipeline does not accept the start: {_validation(message, body)}", system=SYSTEM,
            code="template_error", hint="Compare the pipeline's parameters with those of pipelines/release-model.yml.",
        )  # fmt: skip
    if status == 409:
        return ConflictError(f"Azure DevOps: {message}")
    return UpstreamRefusedError(f"Azure DevOps refused: {message}", system=SYSTEM)


def _validation(message: str, body: dict[str, Any]) -> str:
    properties = body.get("customProperties")
    results = properties.get("ValidationResults", []) if isinstance(properties, dict) else []
    told = [str(r.get("message")) for r in results if isinstance(r, dict) and r.get("result") == "error"]
    return "; ".join(told) or message


def wrapped(response: requests.Response) -> dict[str, Any]:
    """The wrapped exception of an error answer, or nothing; a byte order mark is allowed for."""
    try:
        value = json.loads(response.content.decode("utf-8-sig"))
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    inner = value.get("value")
    if isinstance(inner, dict) and "Message" in inner:
        return {"message": inner["Message"]}
    return value


def _plain(response: requests.Response) -> str:
    is_text = response.headers.get("content-type", "").startswith("text/plain")
    return response.text[:300].strip() if is_text else ""


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait."""
    try:
        return max(0.0, min(float(response.headers["Retry-After"]), 300.0))
    except (KeyError, ValueError):
        return None


def lost(error: Exception, *, is_write: bool) -> PortalError:
    """No answer: a write may have had its effect, unless the connection was never made."""
    text = str(error)
    never_sent = (
        "Failed to establish a new connection" in text or "NameResolutionError" in text or "ConnectTimeout" in text
    )
    if is_write and not never_sent:
        return UnknownOutcomeError("Azure DevOps was asked to act, and no answer came back.", system=SYSTEM)
    return UpstreamUnavailableError(
        "Azure DevOps cannot be reached.", system=SYSTEM, hint="Check COUNTERSIGN_AZURE_DEVOPS_URL and the network."
    )


def rubbish(what: str, *, is_write: bool) -> PortalError:
    """An answer that makes no sense; after a write, the effect is unknown."""
    if is_write:
        return UnknownOutcomeError(
            f"Azure DevOps was asked to act and answered with something unreadable ({what}).", system=SYSTEM
        )
    return UpstreamRubbishError(
        f"Azure DevOps answered with something unreadable ({what}).", system=SYSTEM, hint="Is a proxy in between?"
    )
