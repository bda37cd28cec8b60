"""The server: Streamlit's ASGI app with guard and gate, the health addresses, the sign-in and the HTTP API.

Run it with `python -m dashboard` (address and port from the settings), or `streamlit run dashboard/app.py`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send
from streamlit.starlette import App

from dashboard import wiring
from dashboard.errors import on_script_error
from dashboard.server import sign_in
from dashboard.server.gate import Gate
from dashboard.server.guard import Guard
from dashboard.server.prompt_app import PromptApp

LOG = logging.getLogger("countersign.dashboard")


class Api:
    """Mount point of `/api/v1`: the real application is built when the portal is open."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        app = self._app or _api_is_missing
        await app(scope, receive, send)

    def open(self) -> None:
        """Build the API over the opened portal."""
        self._app = wiring.build_api()
        if self._app is None:
            LOG.warning("No HTTP API: the portal was opened without one.")


MOVED = {"/home": "/", "/queue": "/", "/ledger": "/log"}
_API = Api()


async def _api_is_missing(scope: Scope, receive: Receive, send: Send) -> None:
    message = "The HTTP API is not open."
    await JSONResponse({"code": "not_found", "message": message}, 404)(scope, receive, send)


def _ask_database() -> None:
    wiring.portal().health.sources()


async def healthz(_: Request) -> Response:
    """The process runs."""
    return PlainTextResponse("ok")


async def readyz(_: Request) -> Response:
    """The portal is open and its database answers. Outside systems do not count: the portal works without them."""
    try:
        await anyio.to_thread.run_sync(_ask_database)
    except Exception:
        LOG.exception("Not ready")
        return JSONResponse({"ready": False, "message": "The portal or its database does not answer."}, 503)
    return JSONResponse({"ready": True})


async def moved(request: Request) -> Response:
    """Redirects the address of an earlier release to its renamed page. The query is kept."""
    path = MOVED[request.url.path]
    return RedirectResponse(f"{path}?{request.url.query}" if request.url.query else path, 308)


def warm_up() -> None:
    """Import heavy modules before the first visitor needs them."""
    try:
        import pandas as pd
        import plotly.graph_objects as go

        go.Figure(go.Scatter(x=[0], y=[0])).to_json()
        pd.DataFrame({"a": ["b"]})

        from services.comparisons.desk import warm_up as warm_up_comparisons

        warm_up_comparisons()
    except Exception:
        LOG.exception("Warm-up failed; the first page will be slower")


@asynccontextmanager
async def lifespan(_: App) -> AsyncIterator[dict[str, Any]]:
    """Open the portal once for the whole process, and close it at the end."""
    await anyio.to_thread.run_sync(wiring.start)
    _API.open()
    threading.Thread(target=warm_up, name="warm-up", daemon=True).start()
    try:
        yield {}
    finally:
        await anyio.to_thread.run_sync(wiring.stop)


def _public_origin() -> str:
    return wiring.settings().public_url if wiring.is_open() else ""


def _routes() -> list[BaseRoute]:
    old = [Route(path, moved) for path in MOVED]
    return [Route("/healthz", healthz), Route("/readyz", readyz), *old, *sign_in.routes(), Mount("/api/v1", app=_API)]


app = PromptApp(
    Path(__file__).resolve().parent / "portal.py",
    lifespan=lifespan,
    routes=_routes(),
    middleware=[Middleware(Guard, public_origin=_public_origin), Middleware(Gate)],
    on_script_error=on_script_error,
)
