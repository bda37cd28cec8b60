"""The demo's endpoint: a small gateway before a real MLflow scoring server; it logs each prediction.

`python -m demo.world.scoring --model-uri models:/census-income/5 --port 5051 --log-dir DIR --environment production
--model-name census-income --model-version 5`. The model runs in the child, never in the gateway.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from demo.processes import child_environment, free_port
from demo.world.predictions import PredictionLog, Scored, new_request_id

SCORING_SECONDS = 20
BODY_LIMIT = 5_000_000


class Gateway:
    """Forwards requests to the scoring server and logs what came back."""

    def __init__(self, arguments: argparse.Namespace, child_url: str) -> None:
        self._arguments = arguments
        self._child = child_url
        self._log = PredictionLog(arguments.log_dir) if arguments.log_dir else None

    async def ping(self, _: Request) -> Response:
        """200 once the model can answer."""
        return await asyncio.to_thread(self._ping)

    async def version(self, _: Request) -> Response:
        """Which version answers here."""
        a = self._arguments
        return JSONResponse(
            {"model_name": a.model_name, "model_version": a.model_version, "environment": a.environment}
        )

    async def invocations(self, request: Request) -> Response:
        """Score, log, answer."""
        body = await request.body()
        if len(body) > BODY_LIMIT:
            return JSONResponse({"error": "The request is too large."}, status_code=413)
        return await asyncio.to_thread(self._score, body, request.headers.get("content-type", "application/json"))

    def _ping(self) -> Response:
        try:
            answer = requests.get(f"{self._child}/ping", timeout=2)
        except requests.RequestException:
            return PlainTextResponse("not ready", status_code=503)
        return PlainTextResponse("ready" if answer.ok else "not ready", status_code=answer.status_code)

    def _score(self, body: bytes, content_type: str) -> Response:
        start = time.perf_counter()
        try:
            answer = requests.post(
                f"{self._child}/invocations", data=body, headers={"content-type": content_type}, timeout=SCORING_SECONDS
            )
        except requests.RequestException as error:
            return JSONResponse({"error": f"The model does not answer: {type(error).__name__}."}, status_code=503)
        if not answer.ok:
            return Response(answer.content, answer.status_code, media_type="application/json")
        milliseconds = (time.perf_counter() - start) * 1000
        predictions = answer.json()["predictions"]
        ids = self._keep(body, predictions, milliseconds)
        version = self._arguments.model_version
        return JSONResponse({"predictions": predictions, "request_ids": ids, "model_version": version})

    def _keep(self, body: bytes, predictions: list[Any], milliseconds: float) -> list[str]:
        now = datetime.now(UTC)
        a, rows = self._arguments, _rows(body, len(predictions))
        records = [
            Scored(
                new_request_id(now), now, a.environment, a.model_name, a.model_version, row, output,
                _score_of(output), milliseconds / max(1, len(predictions)),
            )
            for row, output in zip(rows, predictions, strict=True)
        ]  # fmt: skip
        if self._log and records:
            self._log.append(records)
        return [record.request_id for record in records]


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


def start_scoring_server(model_uri: str, port: int, *, tracking_uri: str) -> subprocess.Popen[bytes]:
    """MLflow's own scoring server for one version, in a process of its own."""
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", model_uri, "--host", "127.0.0.1"]
    command += ["--port", str(port), "--env-manager", "local", "--workers", "1", "--timeout", "60"]
    environment = child_environment(
        MLFLOW_TRACKING_URI=tracking_uri, MLFLOW_DISABLE_TELEMETRY="true", MLFLOW_HTTP_REQUEST_MAX_RETRIES="2",
        MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR="false",
    )  # fmt: skip
    return subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL)


def main() -> int:
    """Run the gateway until SIGTERM, then end the child as well."""
    parser = argparse.ArgumentParser(prog="python -m demo.world.scoring")
    parser.add_argument("--model-uri", required=True)
    parser.add_argument("--tracking-uri", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log-dir", type=Path)
    parser.add_argument("--environment", required=True)
    parser.add_argument("--model-name", required=True)
    parser.add_argument("--model-version", required=True)
    arguments = parser.parse_args()
    child_port = free_port()
    child = start_scoring_server(arguments.model_uri, child_port, tracking_uri=arguments.tracking_uri)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _serve(arguments, f"http://127.0.0.1:{child_port}")
    finally:
        child.terminate()
        try:
            child.wait(5)
        except subprocess.TimeoutExpired:
            child.kill()
    return 0


def _serve(arguments: argparse.Namespace, child_url: str) -> None:
    gateway = Gateway(arguments, child_url)
    routes = [
        Route("/ping", gateway.ping),
        Route("/version", gateway.version),
        Route("/invocations", gateway.invocations, methods=["POST"]),
    ]
    app = Starlette(routes=routes)
    uvicorn.run(app, host="127.0.0.1", port=arguments.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    sys.exit(main())
