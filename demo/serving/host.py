"""The serving host: `python -m demo.serving --port N --directory DIR --tracking-uri URL [--log-dir DIR]`.

GET    /endpoints                      all endpoints
GET    /endpoints/NAME                 one: state, version served with the digest of its files, error
PUT    /endpoints/NAME                 deploy {"environment", "model", "version"}; responds at once, continues behind
DELETE /endpoints/NAME                 take it down
POST   /endpoints/NAME/invocations     score, as MLflow's scoring server does; each prediction is logged
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from demo.serving.endpoints import Endpoint, Endpoints
from demo.world.predictions import PredictionLog, Scored, new_request_id

BODY_LIMIT = 5_000_000


class Host:
    """The HTTP side."""

    def __init__(self, endpoints: Endpoints, log: PredictionLog | None) -> None:
        self._endpoints = endpoints
        self._log = log

    async def all(self, _: Request) -> Response:
        """All endpoints."""
        return JSONResponse([asdict(endpoint) for endpoint in self._endpoints.all()])

    async def one(self, request: Request) -> Response:
        """Read, deploy or remove one endpoint."""
        name = request.path_params["name"]
        if request.method == "PUT":
            return self._deploy(name, await request.body())
        if request.method == "DELETE":
            removed = await asyncio.to_thread(self._endpoints.remove, name)
            return JSONResponse({}, status_code=200 if removed else 404)
        found = self._endpoints.get(name)
        return JSONResponse(asdict(found)) if found else _missing(name)

    def _deploy(self, name: str, body: bytes) -> Response:
        try:
            wanted = json.loads(body)
            environment, model, version = (str(wanted[k]) for k in ("environment", "model", "version"))
        except (KeyError, TypeError, ValueError):
            return JSONResponse({"error": "environment, model and version are needed."}, status_code=422)
        begun = self._endpoints.deploy(name, environment=environment, model=model, version=version)
        return JSONResponse(asdict(begun), status_code=202)

    async def invocations(self, request: Request) -> Response:
        """Score, log, answer."""
        body = await request.body()
        if len(body) > BODY_LIMIT:
            return JSONResponse({"error": "The request is too large."}, status_code=413)
        content_type = request.headers.get("content-type", "application/json")
        return await asyncio.to_thread(self._score, request.path_params["name"], body, content_type)

    def _score(self, name: str, body: bytes, content_type: str) -> Response:
        endpoint, start = self._endpoints.get(name), time.perf_counter()
        try:
            answer = self._endpoints.score(name, body, content_type)
        except requests.RequestException as error:
            return JSONResponse({"error": f"The model does not answer: {type(error).__name__}."}, status_code=503)
        if answer is None or endpoint is None:
            return _missing(name)
        if not answer.ok:
            return Response(answer.content, answer.status_code, media_type="application/json")
        predictions = answer.json()["predictions"]
        ids = self._keep(endpoint, body, predictions, (time.perf_counter() - start) * 1000)
        told = {"predictions": predictions, "request_ids": ids, "model_version": endpoint.version}
        return JSONResponse(told)

    def _keep(self, endpoint: Endpoint, body: bytes, predictions: list[Any], milliseconds: float) -> list[str]:
        now, each = datetime.now(UTC), milliseconds / max(1, len(predictions))
        records = [
            Scored(
                new_request_id(now), now, endpoint.environment, endpoint.model, endpoint.version, row, output,
                _score_of(output), each,
            )
            for row, output in zip(_rows(body, len(predictions)), predictions, strict=True)
        ]  # fmt: skip
        if self._log and records:
            self._log.append(records)
        return [record.request_id for record in records]


def _missing(name: str) -> Response:
    return JSONResponse({"error": f"No version answers at {name}."}, status_code=404)


def _rows(body: bytes, count: int) -> list[dict[str, Any]]:
    with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError):
        sent = json.loads(body)
        if "dataframe_split" in sent:
            split = sent["dataframe_split"]
            return [dict(zip(split["columns"], values, strict=True)) for values in split["data"]]
        if "dataframe_records" in sent:
            return [dict(record) for record in sent["dataframe_records"]]
    return [{} for _ in range(count)]


def _score_of(output: Any) -> float | None:
    """The positive class's probability, or the number itself."""
    last = output[-1] if isinstance(output, list) and output else output
    return float(last) if isinstance(last, int | float) else None


def build_app(endpoints: Endpoints, log: PredictionLog | None) -> Starlette:
    """The host as an ASGI app; on shutdown it ends every scoring server."""
    host = Host(endpoints, log)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        endpoints.restore()
        yield
        endpoints.close()

    routes = [
        Route("/endpoints", host.all),
        Route("/endpoints/{name}", host.one, methods=["GET", "PUT", "DELETE"]),
        Route("/endpoints/{name}/invocations", host.invocations, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=lifespan)


def main() -> int:
    """Run the host until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m demo.serving")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--directory", type=Path, required=True)
    parser.add_argument("--tracking-uri", required=True)
    parser.add_argument("--log-dir", type=Path)
    arguments = parser.parse_args()
    log = PredictionLog(arguments.log_dir) if arguments.log_dir else None
    app = build_app(Endpoints(arguments.directory, arguments.tracking_uri), log)
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, log_level="warning", access_log=False)
    return 0
