"""A plain client of an ASGI application: one request at a time, through httpx's own transport."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx


class AsgiClient:
    """Sends requests to the application itself; its unforeseen errors are answers of 500."""

    def __init__(self, app: Any, headers: Mapping[str, str] | None = None) -> None:
        self._app = app
        self._headers = dict(headers or {})

    def request(self, method: str, path: str, *, headers: Any = None, **more: Any) -> httpx.Response:
        """One answer; `headers` take the place of the client's own."""
        return asyncio.run(self._send(method, path, self._headers if headers is None else headers, more))

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.request("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        return self.request("POST", path, **more)

    async def _send(self, method: str, path: str, headers: Any, more: dict[str, Any]) -> httpx.Response:
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://portal.test") as client:
            return await client.request(method, path, headers=headers, timeout=60, **more)
