"""What Azure DevOps calls below `/api/v1/azure`: service hooks, and the *Invoke REST API* check.

Both send the hook secret, as the password of HTTP Basic (any user name) or in the header `X-Countersign-Secret`; the
service signs nothing. Both only store what they receive and answer at once: 200, or 503 if it could not be stored, so
that the sender retries. A 500 would put a subscription on probation, which loses events.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, SecretStr

from services.errors import InvalidInputError, NotAllowedError, PortalError, UpstreamUnavailableError
from services.hooks.checks import CheckInbox
from services.hooks.events import MAX_BYTES
from services.hooks.inbox import HookInbox

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AzureInboxes:
    """Where calls from Azure DevOps are stored, and the secret that they must send."""

    hooks: HookInbox
    checks: CheckInbox
    secret: SecretStr


class Kept(BaseModel):
    """The call was stored."""

    kept: bool
    """False if it was received before."""


def add_azure(api: FastAPI, inboxes: AzureInboxes) -> None:
    """Add the two routes to the API."""

    def authenticate(request: Request) -> None:
        secret = inboxes.secret.get_secret_value()
        if not secret:
            hint = "Set COUNTERSIGN_AZURE_DEVOPS_HOOK_SECRET to switch them on."
            raise NotAllowedError("Calls from Azure DevOps are switched off.", hint=hint, code="unauthenticated")
        if not hmac.compare_digest(_shown(request).encode(), secret.encode()):
            hint = "Set the hook secret as the password of the service connection or subscription."
            raise NotAllowedError("The hook secret is missing or wrong.", hint=hint, code="unauthenticated")

    @api.post("/azure/hooks", summary="Receive a service hook notification", dependencies=[Depends(authenticate)])
    async def receive_hook(request: Request) -> Kept:
        body = await _body(request)
        return Kept(kept=await _keep(lambda: inboxes.hooks.receive(body)))

    @api.post("/azure/check", summary="Receive an Invoke REST API check", dependencies=[Depends(authenticate)])
    async def receive_check(request: Request, environment: Annotated[str, Query(max_length=100)] = "") -> Kept:
        headers = {name.title(): value for name, value in request.headers.items()}
        return Kept(kept=await _keep(lambda: inboxes.checks.receive(headers, environment)))


def _shown(request: Request) -> str:
    own = request.headers.get("x-countersign-secret", "")
    kind, _, rest = request.headers.get("authorization", "").partition(" ")
    if own or kind.lower() != "basic":
        return own
    try:
        return base64.b64decode(rest.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BYTES:
            raise InvalidInputError("The notification is too large.", hint="Azure DevOps sends 2 MB at most.")
    return bytes(body)


async def _keep(act: Callable[[], bool]) -> bool:
    try:
        return await run_in_threadpool(act)
    except PortalError:
        raise
    except Exception as error:
        log.exception("a call from Azure DevOps could not be stored")
        raise UpstreamUnavailableError(
            "The call could not be stored.", hint="Send it again.", system="database"
        ) from error
