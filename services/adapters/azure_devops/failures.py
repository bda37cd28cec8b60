"""Turns answers of Azure DevOps into typed errors with hints.

Source: the measured answers of the service (`docs/azure-devops.md`). A bad token shows as 203 with a sign-in page, as
401 with JSON, as an empty 401, or as a redirect; throttling as 429; a stopped organization as 503 with a byte order
mark. Codes beside those of the tree: `bad_token`, `no_permission`, `variable_not_settable`, `template_error`,
`throttled`, `conflict`, `not_offered`, `answer_too_large`. Every error from an answer has the activity
id, which Microsoft's support asks for, as a note and in its hint.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

import requests
from urllib3.exceptions import HTTPError

from services.adapters.http import bodies
from services.errors import (
    NotFoundError,
    PortalError,
    UnknownOutcomeError,
    UpstreamError,
    UpstreamInvalidError,
    UpstreamRefusedError,
    UpstreamUnavailableError,
)

SYSTEM = "azure_devops"
RENEW = (
    "Renew COUNTERSIGN_AZURE_DEVOPS_TOKEN, or check the Entra ID sign-in; the account must be a member of the "
    "organization."
)
SCOPES = "Grant the portal's account this permission; a token needs build execute, release, test read."
WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
MAX_RETRY_AFTER = 300.0
MAX_MESSAGE = 600
TransportError = (requests.RequestException, HTTPError, OSError)
"""Errors of `requests` and lower layers without a complete answer."""


def demand_good(response: requests.Response) -> None:
    """Raise the matching error; return if the answer is usable."""
    error = failure_of(response)
    if error is not None:
        raise error


def failure_of(response: requests.Response) -> PortalError | None:
    """The error of an answer; None if the answer is good."""
    status = response.status_code
    is_page = status < 300 and "text/html" in response.headers.get("content-type", "").lower()
    if is_page or status == 203 or 300 <= status < 400:
        error: PortalError | None = _bad_token("Azure DevOps answered with its sign-in page.")
    else:
        error = None if status < 300 else _failure(response, status)
    return _with_activity(error, response) if error else None


def _failure(response: requests.Response, status: int) -> PortalError:
    body = wrapped(response)
    message = _cut(str(body.get("message") or _plain(response) or f"HTTP {status}"))
    if status == 401:
        return _bad_token(f"Azure DevOps does not accept the credentials. {message}")
    if status == 429:
        return throttled(retry_after(response), message)
    if status >= 500 or status == 408:
        return _server_error(response, message)
    return _refused(status, str(body.get("typeKey", "")), message, body)


def _bad_token(message: str) -> PortalError:
    return UpstreamRefusedError(message, system=SYSTEM, hint=RENEW, code="bad_token")


def throttled(wait: float | None, message: str = "") -> UpstreamUnavailableError:
    """The server asks to wait; it did nothing."""
    delay = f"{wait:.0f} s" if wait else "a minute"
    return UpstreamUnavailableError(
        f"Azure DevOps asks to slow down. {message}".strip(), system=SYSTEM, code="throttled", retry_after=wait,
        hint=f"Nothing was done. Try again in {delay}; other users of the same account also count.",
    )  # fmt: skip


def _server_error(response: requests.Response, message: str) -> PortalError:
    if response.request is not None and response.request.method in WRITES:
        return UnknownOutcomeError(
            f"Azure DevOps failed during a write, so the outcome is unknown: {message}", system=SYSTEM
        )
    return UpstreamUnavailableError(
        f"Azure DevOps is unavailable: {message}", system=SYSTEM, retry_after=retry_after(response),
        hint="Check https://status.dev.azure.com; nothing is lost meanwhile.",
    )  # fmt: skip


def _refused(status: int, key: str, message: str, body: Mapping[str, Any]) -> PortalError:
    if status in {404, 410}:
        return NotFoundError(
            f"Not found in Azure DevOps: {message}",
            hint="It was deleted, the name is wrong, or the portal's account has no access to it.",
        )
    if status == 403:
        return _refusal(f"Azure DevOps does not permit it: {message}", "no_permission", SCOPES)
    if "set the following variables" in message:
        hint = "Declare it as a template parameter of the pipeline, or make it settable at queue time."
        return _refusal(message, "variable_not_settable", hint)
    if key in {"PipelineValidationException", "BuildRequestValidationFailedException"}:
        hint = "Compare the pipeline's parameters with those of pipelines/release-model.yml."
        return _refusal(f"The pipeline does not accept the start: {_validation(message, body)}", "template_error", hint)
    if status == 409:
        return _refusal(f"Azure DevOps: {message}", "conflict", "It changed meanwhile. Reload and check it.")
    return _refusal(f"Azure DevOps refused: {message}", "upstream_refused", "Correct what the message names.")


def _refusal(message: str, code: str, hint: str) -> UpstreamRefusedError:
    return UpstreamRefusedError(message, system=SYSTEM, code=code, hint=hint)


def _validation(message: str, body: Mapping[str, Any]) -> str:
    properties = body.get("customProperties")
    results = properties.get("ValidationResults") if isinstance(properties, dict) else None
    rows = results if isinstance(results, list) else []
    told = [str(r.get("message")) for r in rows if isinstance(r, dict) and r.get("result") == "error"]
    return _cut("; ".join(told)) or message


def wrapped(response: requests.Response) -> dict[str, Any]:
    """The wrapped exception of an error answer, or nothing; a byte order mark is allowed for."""
    try:
        value = json.loads(response.content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    inner = value.get("value")
    if isinstance(inner, dict) and "Message" in inner:
        return {"message": inner["Message"]}
    if "message" not in value and "Message" in value:
        return {"message": value["Message"]}
    return value


def _plain(response: requests.Response) -> str:
    """Text of an answer without JSON: the body, or the header that stands in for it."""
    if response.headers.get("content-type", "").lower().startswith("text/plain") and response.content.strip():
        return response.text.strip()
    return unquote(response.headers.get("X-TFS-ServiceError", ""))


def _cut(text: str) -> str:
    return text if len(text) <= MAX_MESSAGE else text[: MAX_MESSAGE - 1] + "…"


def _with_activity(error: PortalError, response: requests.Response) -> PortalError:
    activity = "".join(c for c in response.headers.get("ActivityId", "")[:64] if c.isalnum() or c == "-")
    if activity:
        error.add_note(f"ActivityId {activity}")
        error.hint = f"{error.hint} (Azure DevOps activity {activity})".strip()
    return error


def retry_after(response: requests.Response) -> float | None:
    """Seconds that the server asks to wait, between 0 and 300."""
    return bodies.retry_after(response.headers, most=MAX_RETRY_AFTER)


def lost(error: BaseException, *, is_written: bool) -> UpstreamError:
    """No answer: a write whose bytes may have been sent may have taken effect."""
    if is_written:
        return UnknownOutcomeError("Azure DevOps did not answer a write, so the outcome is unknown.", system=SYSTEM)
    if isinstance(error, requests.exceptions.SSLError):
        return UpstreamUnavailableError(
            "The certificate of Azure DevOps is not trusted.", system=SYSTEM, code="certificate",
            hint="For a Server with a private CA, set its certificates (ca_file); otherwise check for a proxy.",
        )  # fmt: skip
    return UpstreamUnavailableError(
        "Azure DevOps cannot be reached.", system=SYSTEM, hint="Check COUNTERSIGN_AZURE_DEVOPS_URL and the network."
    )


def invalid_answer(what: str, *, is_written: bool) -> UpstreamError:
    """An invalid answer; after a write, the outcome is unknown."""
    if is_written:
        return UnknownOutcomeError(
            f"Azure DevOps sent an unreadable answer to a write, so the outcome is unknown ({what}).", system=SYSTEM
        )
    return UpstreamInvalidError(
        f"Azure DevOps sent an unreadable answer ({what}).", system=SYSTEM, hint="Check for a proxy."
    )


def not_offered() -> UpstreamError:
    """The SDK found no such route at this address, or only for other versions."""
    return UpstreamRefusedError(
        "Azure DevOps does not offer this call at the configured address.", system=SYSTEM, code="not_offered",
        hint="Check that COUNTERSIGN_AZURE_DEVOPS_URL is the organization or collection itself (for classic releases "
        "COUNTERSIGN_AZURE_DEVOPS_RELEASE_URL). A Server must be Azure DevOps Server 2022 or later.",
    )  # fmt: skip


def too_large(limit: int, *, is_written: bool) -> UpstreamError:
    """More bytes than configured."""
    if is_written:
        return invalid_answer("too large", is_written=True)
    return UpstreamInvalidError(
        f"Azure DevOps answered with more than {limit // (1024 * 1024)} MiB.", system=SYSTEM, code="answer_too_large",
        hint="Open it in Azure DevOps.",
    )  # fmt: skip


def foreign_host(host: str) -> UpstreamError:
    """Credentials are sent only to the configured hosts."""
    return UpstreamRefusedError(
        f"Azure DevOps points to another host ({host[:100]}), which the portal does not follow.", system=SYSTEM,
        code="foreign_host", hint="Open it in Azure DevOps, or check COUNTERSIGN_AZURE_DEVOPS_RELEASE_URL.",
    )  # fmt: skip
