"""The ASGI application: read a request, apply faults, authenticate, find the handler, write the response."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

import anyio
import anyio.to_thread

from azure_devops_server.api.routing import ROUTER
from azure_devops_server.auth import authenticate, check_host, host_of
from azure_devops_server.http.errors import ApiError, PlainError, bad_request, internal, no_controller
from azure_devops_server.http.faults import (
    BROKEN,
    REPLACED,
    Fault,
    Faults,
    answer_bytes,
    broken,
    fault_answer,
    read_fault,
    slowed,
)
from azure_devops_server.http.router import as_answer
from azure_devops_server.http.versions import check_version
from azure_devops_server.http.wire import Answer, Call, Caller
from azure_devops_server.values import ALL_HOSTS, new_guid

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_LOGGER = logging.getLogger(__name__)
_BODY_LIMIT = 32 * 1024 * 1024
_THREADS = 40
_BODILESS = (204, 304)


@dataclass(frozen=True)
class Request:
    """A request as it came. `segments` are decoded; `path` is them joined, with a slash in front."""

    method: str
    segments: tuple[str, ...]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def path(self) -> str:
        """The decoded path."""
        return "/" + "/".join(self.segments)


class Application:
    """Serves one organization."""

    def __init__(self, organization: Organization) -> None:
        self._org = organization
        self.faults = Faults()
        self._limiter: anyio.CapacityLimiter | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            return
        request = _request(scope, body)
        if request.segments[:1] in (("_faults",), ("_requests",)):
            await self._send(send, request, self._control(request))
            return
        fault = self.faults.take(request.method, request.path)
        if fault and fault.fault == "drop_before":
            self._note(request, None, fault)
            await _drop(send, receive)
            return
        if fault and fault.fault == "delay":
            await asyncio.sleep(fault.seconds)
        answer = await self._answer(request, fault)
        self._note(request, answer, fault)
        if fault and fault.fault == "drop_after":
            await _drop(send, receive)
        else:
            await self._send(send, request, answer)

    async def _answer(self, request: Request, fault: Fault | None) -> Answer:
        if fault and fault.fault in REPLACED:
            return fault_answer(fault, organization=self._org.config.organization)
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(_THREADS)
        answer = await anyio.to_thread.run_sync(self._handle, request, limiter=self._limiter)
        if fault and fault.fault in BROKEN:
            return broken(answer, fault)
        if fault and fault.fault == "slow_down":
            return slowed(answer, fault)
        return answer

    def _handle(self, request: Request) -> Answer:
        try:
            return self._routed(request)
        except ApiError as error:
            return Answer(error.body(), status=error.status, headers=error.headers())
        except PlainError as error:
            return Answer(
                status=error.status, content=error.text.encode(), media_type=error.media_type, headers=error.headers
            )
        except Exception as error:
            _LOGGER.exception("%s %s broke", request.method, request.path)
            wrapped = internal(f"The local server failed: {type(error).__name__}: {error}")
            return Answer(wrapped.body(), status=500, headers=wrapped.headers())

    def _routed(self, request: Request) -> Answer:
        check_host(request.headers)
        place = host_of(self._org.config, request.segments)
        if place is None:
            raise no_controller(request.path)
        host, rest = place
        caller = authenticate(self._org, request.method, request.headers, is_page="_apis" not in _folded(rest))
        handler, values = ROUTER.find(request.method, rest, ALL_HOSTS if self._org.config.on_premises else (host,))
        call = Call(request.method, request.path, values, request.query, request.headers, request.body, caller)
        check_version(call.version)
        return as_answer(handler(self._org, call))

    def _control(self, request: Request) -> Answer:
        try:
            check_host(request.headers)
            if request.segments == ("_requests",):
                return self._requests(request)
            return self._faults(request)
        except PlainError as error:
            return Answer(status=error.status, content=error.text.encode(), media_type=error.media_type)
        except (ValueError, TypeError) as error:
            wrapped = bad_request(str(error))
            return Answer(wrapped.body(), status=400)

    def _faults(self, request: Request) -> Answer:
        if request.method == "PUT":
            items = json.loads(request.body.decode("utf-8-sig"))
            if not isinstance(items, list):
                raise ValueError("a JSON list of faults is expected")
            self.faults.replace([read_fault(item) for item in items])
        elif request.method == "DELETE":
            self.faults.replace([])
        elif request.method != "GET":
            return Answer(status=405, content=b"", media_type="text/plain")
        rows = [fault.document() for fault in self.faults.left()]
        return Answer({"count": len(rows), "value": rows})

    def _requests(self, request: Request) -> Answer:
        if request.method == "DELETE":
            self.faults.forget()
        rows = self.faults.seen(request.query)
        return Answer({"count": len(rows), "value": rows})

    def _note(self, request: Request, answer: Answer | None, fault: Fault | None) -> None:
        self.faults.note(
            method=request.method,
            path=request.path,
            query=dict(request.query),
            status=answer.status if answer else None,
            fault=fault.fault if fault else None,
        )

    async def _send(self, send: Send, request: Request, answer: Answer) -> None:
        body = b"" if answer.status in _BODILESS else answer_bytes(answer)
        headers = _headers(self._org.id, request, answer, size=len(body))
        raw = [(name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": raw})
        await send({"type": "http.response.body", "body": b"" if request.method == "HEAD" else body})


def _headers(organization_id: str, request: Request, answer: Answer, *, size: int) -> dict[str, str]:
    activity = new_guid()
    call = Call(request.method, request.path, {}, request.query, request.headers, b"", Caller(""))
    headers = {
        "Cache-Control": "no-cache",
        "Pragma": "no-cache",
        "Expires": "-1",
        "X-TFS-ProcessId": organization_id,
        "X-TFS-Session": request.headers.get("x-tfs-session") or activity,
        "ActivityId": activity,
        "X-VSS-E2EID": request.headers.get("x-vss-e2eid") or activity,
        "X-VSS-SenderDeploymentId": organization_id,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "SAMEORIGIN",
        "Vary": "Accept-Encoding",
        **answer.headers,
    }
    if answer.status not in _BODILESS:
        headers["Content-Length"] = str(size)
        headers["Content-Type"] = _content_type(answer, call.version)
    return headers


def _content_type(answer: Answer, version: str | None) -> str:
    if answer.media_type.startswith(("application/zip", "application/octet-stream", "application/x-git")):
        return answer.media_type
    echoed = f"; api-version={version}" if version and answer.media_type == "application/json" else ""
    clean = "".join(letter for letter in echoed if letter.isprintable())
    return f"{answer.media_type}; charset=utf-8{clean}"


def _folded(segments: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(segment.casefold() for segment in segments)


def _request(scope: Scope, body: bytes) -> Request:
    raw = scope.get("raw_path") or scope["path"].encode()
    path = raw.split(b"?", 1)[0].decode("ascii", "replace").strip("/")
    segments = tuple(unquote(part, errors="replace") for part in path.split("/")) if path else ()
    query = parse_qsl(scope["query_string"].decode("ascii", "replace"), keep_blank_values=True)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    return Request(
        method=scope["method"].upper(),
        segments=tuple(segment for segment in segments if segment),
        query={name.casefold(): value for name, value in query},
        headers=headers,
        body=body,
    )


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None if the client disconnected or sends too much."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect" or len(body) > _BODY_LIMIT:
            return None
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


async def _drop(send: Send, receive: Receive) -> None:
    """Close the connection without an answer.

    ASGI has no word for it: uvicorn's request cycle is asked for its transport, which is what `send` is bound to.
    """
    send.__self__.transport.abort()  # type: ignore[attr-defined]
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return
