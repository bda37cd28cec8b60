"""The HTTP API below `/api/v1`, described by OpenAPI at `/api/v1/openapi.json`.

Pipelines send a service token (`countersign token create`), people and applications one of the identity provider. A
service opens requests and reads; people decide, on the pages.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Query, Request
from fastapi.responses import PlainTextResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.access.admission import admit
from services.access.tokens import Callers
from services.api.metrics import CONTENT_TYPE, exposition
from services.api.problems import ANSWERS, add_problems
from services.clock import SystemClock
from services.domain.catalogue import VersionQuery
from services.domain.identity.people import Actor
from services.domain.promotions.requests import RequestState
from services.domain.registry import VersionKey
from services.portal import Portal
from services.promotions.answers import RequestDetail
from services.promotions.gate import Gate, GateQuestion

LARGEST = 2**31 - 1
"""Largest version number that MLflow and the database can store."""
LAST_PAGE = 1_000_000


def _in_letters(value: str) -> str:
    """Rejects text that cannot be stored or returned: a lone surrogate (a ValueError) and NUL."""
    value.encode()
    if "\x00" in value:
        raise ValueError("contains a NUL character")
    return value


Text = Annotated[str, AfterValidator(_in_letters)]
Page = Annotated[int, Query(ge=1, le=LAST_PAGE)]


class GateReply(BaseModel):
    """Whether this version may be deployed there, now."""

    allowed: bool
    why: str
    request_id: str
    approvers: list[str]
    plan_digest: str
    artifact_digest: str | None
    glass_broken_by: str = ""
    """Who promoted it in an emergency, without signatures."""


class NewRequest(BaseModel):
    """Request a promotion, as a training job does."""

    model_config = ConfigDict(extra="forbid")

    model: Text = Field(min_length=1, max_length=300)
    version: int = Field(ge=1, le=LARGEST)
    environment: Text = Field(min_length=1, max_length=100)
    reason: Text = Field(min_length=1, max_length=4000)


class RequestReply(BaseModel):
    """A promotion request."""

    id: str
    model: str
    version: int
    environment: str
    state: str
    plan_digest: str
    stale: list[str]


class RequestsReply(BaseModel):
    """A page of promotion requests."""

    total: int
    page: int
    requests: list[RequestReply]


class ActionReply(BaseModel):
    """Whether the caller may do this now, and if not, why not."""

    action: str
    is_open: bool
    why_not: str = ""


class RequestDetailReply(RequestReply):
    """A promotion request with its progress and the caller's permissions."""

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
"""The caller, who may at least read; the use cases check everything else."""


def build_api(portal: Portal, gate: Gate, callers: Callers) -> FastAPI:
    """The API as an ASGI app, to be mounted at `/api/v1`."""
    api = FastAPI(title="Countersign", version="1", docs_url=None, redoc_url=None, responses=ANSWERS)
    add_problems(api)
    api.state.callers = callers

    _add_gate(api, gate)

    @api.get("/versions", summary="Search the catalogue")
    def versions(
        _: Caller,
        text: Annotated[Text, Query(max_length=300)] = "",
        model: Annotated[Text, Query(max_length=300)] = "",
        page: Page = 1,
        page_size: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> dict[str, Any]:
        found = portal.catalogue.search(VersionQuery(text=text, model=model, page=page, page_size=page_size))
        return {"total": found.total, "page": found.page, "versions": [asdict(row) for row in found.rows]}

    @api.post("/requests", status_code=201, summary="Request a promotion")
    def open_request(
        actor: Caller,
        wanted: NewRequest,
    ) -> RequestReply:
        key = VersionKey(wanted.model, wanted.version)
        return _reply(portal.promotions.open(actor, key, wanted.environment, reason=wanted.reason))

    @api.get("/requests", summary="Promotion requests, most recently changed first")
    def find_requests(
        actor: Caller,
        *,
        state: Annotated[list[RequestState], Query(max_length=len(RequestState))] = [],  # noqa: B006 - FastAPI copies it
        text: Annotated[Text, Query(max_length=300)] = "",
        asked_by_me: bool = False,
        page: Page = 1,
    ) -> RequestsReply:
        requester = actor.person.id if asked_by_me else ""
        found = portal.promotions.find(states=state, requester=requester, text=text, page=page)
        return RequestsReply(total=found.total, page=found.page, requests=[_reply(row) for row in found.rows])

    @api.get("/requests/{request_id}", summary="One promotion request")
    def read_request(
        actor: Caller,
        request_id: Annotated[Text, Path(max_length=100)],
    ) -> RequestDetailReply:
        return _detail(portal.promotions.detail(actor, request_id))

    _add_metrics(api, portal)
    return api


def _add_gate(api: FastAPI, gate: Gate) -> None:
    @api.get("/gate", summary="May this version be deployed there, now?")
    def ask_gate(
        _: Caller,
        request_id: Annotated[Text, Query(max_length=100)],
        model: Annotated[Text, Query(max_length=300)],
        version: Annotated[int, Query(ge=1, le=LARGEST)],
        environment: Annotated[Text, Query(max_length=100)] = "production",
        *,
        plan_digest: Annotated[Text | None, Query(max_length=100)] = None,
        run_id: Annotated[int | None, Query(ge=-LARGEST, le=LARGEST)] = None,
    ) -> GateReply:
        key = VersionKey(model, version)
        answer = gate.ask(GateQuestion(request_id, key, environment, plan_digest, run=run_id))
        return GateReply(**asdict(answer))


def _add_metrics(api: FastAPI, portal: Portal) -> None:
    @api.get("/metrics", summary="Metrics for Prometheus", response_class=PlainTextResponse)
    def metrics(_: Caller) -> PlainTextResponse:
        return PlainTextResponse(exposition(portal.health, portal.ledger, SystemClock()), media_type=CONTENT_TYPE)


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
