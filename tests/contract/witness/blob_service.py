"""A local stand-in for Azure Blob storage that keeps the rules which the witness relies on.

Answers in the recorded shapes of the REST API (status, headers, error codes). Append blobs only grow, a blob is created
once, nothing is overwritten or deleted: what a locked policy with protected append writes allows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from services.adapters.witness.azure_blob import BlobContainer

PAGE = 2
SAS = "sv=2023-11-03&sig=abc%3D"


@dataclass
class _Container:
    immutable: bool = True
    answer: int = 0
    most_blocks: int = 50_000
    blobs: dict[str, bytes] = field(default_factory=dict)
    blocks: dict[str, int] = field(default_factory=dict)


@dataclass
class BlobService:
    """The running service; containers are made by the test."""

    port: int
    containers: dict[str, _Container] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    last_authorization: str = ""

    def new_container(self, *, immutable: bool = True, answer: int = 0, most_blocks: int = 50_000) -> BlobContainer:
        """A container; with `answer`, one that gives this status and a body that makes no sense."""
        name = f"witness{len(self.containers)}"
        self.containers[name] = _Container(immutable, answer, most_blocks)
        return BlobContainer(f"http://127.0.0.1:{self.port}/{name}", sas=SAS, timeout=10)

    def names(self, container: BlobContainer) -> list[str]:
        return list(self.containers[container.url.rpartition("/")[2]].blobs)


@contextmanager
def serve_blobs() -> Iterator[BlobService]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    service = BlobService(server.server_address[1])
    server.service = service  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def _handle(self) -> None:
        service: BlobService = self.server.service  # type: ignore[attr-defined]
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        _, name, *rest = unquote(parts.path).split("/", 2)
        service.last_authorization = self.headers.get("Authorization", "")
        if query.get("sig") != "abc=" and not service.last_authorization.startswith("Bearer "):
            self._answer(403, error="AuthenticationFailed")
            return
        if "x-ms-version" not in self.headers:
            self._answer(400, error="MissingRequiredHeader")
            return
        container = service.containers[name]
        if container.answer:
            self._answer(container.answer, b"<<", error="ServerBusy" if container.answer == 503 else "")
            return
        with service.lock:
            self._route(container, rest[0] if rest else "", query, body)

    do_GET = do_PUT = do_HEAD = do_DELETE = _handle  # noqa: N815 - the names that http.server calls

    def _route(self, container: _Container, blob: str, query: dict[str, str], body: bytes) -> None:
        if not blob and query.get("comp") == "list":
            self._list(container, query)
        elif not blob:
            self._answer(200, headers={"x-ms-has-immutability-policy": str(container.immutable).lower()})
        elif self.command == "GET":
            found = container.blobs.get(blob)
            self._answer(404, error="BlobNotFound") if found is None else self._answer(200, found)
        elif self.command == "PUT" and query.get("comp") == "appendblock":
            self._append(container, blob, body)
        elif self.command == "PUT":
            self._create(container, blob, body)
        else:
            self._answer(409, error="BlobImmutableDueToPolicy")

    def _create(self, container: _Container, blob: str, body: bytes) -> None:
        if self.headers.get("x-ms-blob-type") != "AppendBlob" or body:
            self._answer(400, error="InvalidHeaderValue")
        elif blob in container.blobs:
            conditional = self.headers.get("If-None-Match") == "*"
            self._answer(409, error="BlobAlreadyExists" if conditional else "BlobImmutableDueToPolicy")
        else:
            container.blobs[blob] = b""
            self._answer(201)

    def _append(self, container: _Container, blob: str, body: bytes) -> None:
        wanted = self.headers.get("x-ms-blob-condition-appendpos")
        if blob not in container.blobs:
            self._answer(404, error="BlobNotFound")
        elif wanted is not None and int(wanted) != len(container.blobs[blob]):
            self._answer(412, error="AppendPositionConditionNotMet")
        elif container.blocks.get(blob, 0) >= container.most_blocks:
            self._answer(409, error="BlockCountExceedsLimit")
        else:
            container.blocks[blob] = container.blocks.get(blob, 0) + 1
            container.blobs[blob] += body
            self._answer(
                201, headers={"ETag": f'"0x{len(container.blobs[blob]):X}"', "Last-Modified": formatdate(usegmt=True)}
            )

    def _list(self, container: _Container, query: dict[str, str]) -> None:
        names = sorted(name for name in container.blobs if name.startswith(query.get("prefix", "")))
        names = [name for name in names if name >= query.get("marker", "")]
        items = "".join(f"<Blob><Name>{escape(name)}</Name></Blob>" for name in names[:PAGE])
        marker = escape(names[PAGE]) if len(names) > PAGE else ""
        text = (
            '<?xml version="1.0" encoding="utf-8"?><EnumerationResults><Blobs>'
            f"{items}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        )
        self._answer(200, text.encode())

    def _answer(
        self, status: int, body: bytes = b"", *, headers: dict[str, str] | None = None, error: str = ""
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if error:
            self.send_header("x-ms-error-code", error)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
