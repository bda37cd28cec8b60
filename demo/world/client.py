"""MLflow's client for the demo: time-limited, quiet, and independent of the user's MLflow settings."""

from __future__ import annotations

import logging
import os
import time
import warnings
from typing import Any
from urllib.parse import quote

import requests

SERVER_SECONDS = 120.0
CALL_SECONDS = 20
OK = 200
MISSING = 404
VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "60",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_RECORD_ENV_VARS_IN_MODEL_LOGGING": "false",
    "DO_NOT_TRACK": "true",
}


class ServerError(Exception):
    """The MLflow server does not respond as expected; the message says what to do."""


def wait_until_ready(tracking_uri: str, seconds: float = SERVER_SECONDS) -> None:
    """Wait until the server's database answers (``/health`` says nothing about it). Raises ServerError."""
    address = f"{tracking_uri}/api/2.0/mlflow/registered-models/search?max_results=1"
    end = time.monotonic() + seconds
    while _status(address) != OK:
        if time.monotonic() > end:
            raise ServerError(f"MLflow at {tracking_uri} did not answer within {seconds:g} s. Its log says why.")
        time.sleep(0.1)


def has_run(tracking_uri: str, run_id: str) -> bool:
    """True if the server knows a run, even a deleted one. Raises ServerError if its response is unclear."""
    status = _status(f"{tracking_uri}/api/2.0/mlflow/runs/get?run_id={quote(run_id)}")
    if status not in (OK, MISSING):
        raise ServerError(f"MLflow at {tracking_uri} answers {status} when asked for a run. Its log says why.")
    return status == OK


def connect(tracking_uri: str) -> Any:
    """The module mlflow, set to a server that is up. Its import takes seconds."""
    for name in [name for name in os.environ if name.startswith("MLFLOW_")]:
        del os.environ[name]  # a run id or experiment in the user's shell would send everything there
    os.environ.update(VARIABLES)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow
    warnings.filterwarnings("ignore", module="mlflow")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    return mlflow


def _status(address: str) -> int:
    with requests.Session() as session:
        session.trust_env = False
        try:
            return session.get(address, timeout=CALL_SECONDS).status_code
        except requests.RequestException:
            return 0
