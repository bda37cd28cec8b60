"""The HTTP API below `/api/v1`, described by OpenAPI at `/api/v1/openapi.json`.

Pipelines show a service token (`countersign token create`), people and applications a token of the identity provider. A
service opens requests and reads; people decide, on the pages.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import JSONResponse, PlainTextResponse
from pydantic import BaseModel, Field

from services.access.admission import admit
from services.access.tokens import Callers
from services.clock import SystemClock
from services.domain.catalogue import VersionQuery
from services.domain.people import Actor
from services.domain.registry import VersionKey
from services.errors import (
    ConflictError,
    InvalidInputError,
    NotAllowedError,
    NotFoundError,
    PortalError,
    RefusedError,
    UpstreamError,
)
from services.gate import Gate, GateQuestion
from services.metrics import CONTENT_TYPE, exposition
from services.portal import Portal, RequestDetail

STATUS: tuple[tuple[type[PortalError], int], ...] = (
    (NotFoundError, 404),
    (NotAllowedError, 403),
    (InvalidInputError, 422),
    (ConflictError, 409),
    (RefusedError, 409),
    (UpstreamError, 503),
)


class Problem(BaseModel):
    """What went wrong, and what to do."""

    code: str
    message: str
    hint: str = ""


class GateReply(BaseModel):
    """Whether this version may be deployed there, now."""

    allowed: bool
    why: str
    request_id: str
    approvers: list[str]
    plan_digest: str
    artifact_digest: str | None
    glass_broken_by: str = ""
    """Who promoted it in an emergency, past the signatures."""


class NewRequest(BaseModel):
    """Ask for a promotion, as a training job does."""

    model: str = Field(min_length=1, max_length=300)
    version: int = Field(ge=1)
    environment: str = Field(min_length=1, max_length=100)
    reason: str = Field(min_length=1, max_length=4000)


class RequestReply(BaseModel):
    """A promotion request."""

    id: str
    model: str
    version: int
    environment: str
    state: str
    plan_digest: str
    stale: list[str]


class ActionReply(BaseModel):
    """Whether the caller may do this now, and if not, why."""

    action: str
    is_open: bool
    why_not: str = ""


class RequestDetailReply(RequestReply):
    """A promotion request with how far it is and what the caller may do."""

    signatures: int
    quorum: int
    missing: str
    findings: list[str]
    actions: list[ActionReply]


def _authenticate(request: Request) -> Actor:
    callers: Callers = request.app.state.callers
    return callers.identify(request.headers.get("authorization", ""))


def _reader(actor: Annotated[Actor, Depends(_authenticate)]) -> Actor:
    admit(actor)
    return actor


Caller = Annotated[Actor, Depends(_reader)]
"""Whoever calls, and may at least read; the use cases check everything beyond."""


def build_api(portal: Portal, gate: Gate, callers: Callers) -> FastAPI:
    """The API as an ASGI app, to be mounted at `/api/v1`."""
    api = FastAPI(title="Countersign", version="1", docs_url=None, redoc_url=None)
    api.add_exception_handler(PortalError, _problem)
    api.state.callers = callers

    @api.get("/gate", summary="May this version be deployed there, now?")
    def ask_gate(
        _: Caller,
        request_id: Annotated[str, Query(max_length=100)],
        model: Annotated[str, Query(max_length=300)],
        version: Annotated[int, Query(ge=1)],
        environment: Annotated[str, Query(max_length=100)] = "production",
        plan_digest: Annotated[str | None, Query(max_length=100)] = None,
    ) -> GateReply:
        answer = gate.ask(GateQuestion(request_id, VersionKey(model, version), environment, plan_digest))
        return GateReply(**asdict(answer))

    @api.get("/versions", summary="Search the catalogue")
    def versions(
        _: Caller,
        text: str = "",
        model: str = "",
        page: Annotated[int, Query(ge=1)] = 1,
        page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> dict[str, Any]:
        found = portal.catalogue.search(VersionQuery(text=text, model=model, page=page, page_size=page_size))
        return {"total": found.total, "page": found.page, "versions": [asdict(row) for row in found.rows]}

    @api.post("/requests", status_code=201, summary="Ask for a promotion")
    def open_request(
        actor: Caller,
        wanted: NewRequest,
    ) -> RequestReply:
        key = VersionKey(wanted.model, wanted.version)
        return _reply(portal.promotions.open(actor, key, wanted.environment, reason=wanted.reason))

    @api.get("/requests/{request_id}", summary="One promotion request")
    def read_request(
        actor: Caller,
        request_id: str,
    ) -> RequestDetailReply:
        return _detail(portal.promotions.detail(actor, request_id))

    @api.get("/metrics", summary="Figures for Prometheus", response_class=PlainTextResponse)
    def metrics(_: Caller) -> PlainTextResponse:
        return PlainTextResponse(exposition(portal.health, portal.ledger, SystemClock()), media_type=CONTENT_TYPE)

    return api


def _reply(request: Any) -> RequestReply:
    return RequestReply(
        id=request.id,
        model=request.key.model,
        version=request.key.version,
        environment=request.environment,
        state=request.state.value,
        plan_digest=request.plan_digest,
        stale=list(request.stale),
    )


def _detail(detail: RequestDetail) -> RequestDetailReply:
    return RequestDetailReply(
        **_reply(detail.request).model_dump(),
        signatures=detail.signatures,
        quorum=detail.quorum,
        missing=detail.missing,
        findings=[f"{finding.id}: {finding.title}" for finding in detail.findings],
        actions=[ActionReply(action=a.action.value, is_open=a.is_open, why_not=a.reason or "") for a in detail.actions],
    )


async def _problem(_: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, PortalError):
        raise error
    status = next((code for kind, code in STATUS if isinstance(error, kind)), 500)
    status = 401 if error.code == "unauthenticated" else status
    body = Problem(code=error.code, message=error.message, hint=error.hint)
    return JSONResponse(body.model_dump(), status_code=status)
