"""The whole portal over a real MLflow server: the answer outlives the model, the version, the run and its author."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.bootstrap.portal import OpenedPortal, build_portal
from services.cli.why import account, in_words
from services.domain.promotions.requests import DecisionKind, RequestState
from services.domain.registry import VersionKey
from services.settings import load_settings
from tests.mlflow_seed import Seed
from tests.mlflow_server import MlflowServer, mlflow_server
from tests.simulators.basics import ANA, CHLOE, DEV

pytestmark = [pytest.mark.integration, pytest.mark.slow]
MODEL = "credit"
ADMINISTRATOR = ("root", "correct horse battery staple")
MIRA = ("mira", "a password of mira's own")
GOVERNANCE = """
version: 1
environments:
  production: {alias: champion}
policies:
  - {models: "*", environment: production, quorum: 1, expires_after_days: 7, checks: [{kind: artifact_digest}]}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    with mlflow_server(tmp_path_factory.mktemp("mlflow"), administrator=ADMINISTRATOR) as running:
        yield running


@pytest.fixture
def portal(server: MlflowServer, tmp_path: Path) -> Iterator[OpenedPortal]:
    (tmp_path / "governance.yaml").write_text(GOVERNANCE)
    user, password = server.account or ("", "")
    settings = load_settings(
        _env_file=None, database_url=f"sqlite:///{tmp_path / 'portal.db'}", data_dir=tmp_path / "data",
        governance_file=tmp_path / "governance.yaml", mlflow_url=server.url, predictions_path=tmp_path / "log",
        mlflow_username=user, mlflow_password=password,
    )  # fmt: skip
    opened = build_portal(settings)
    yield opened
    opened.close()


def log_prediction(folder: Path, request_id: str) -> None:
    place = folder / f"day={datetime.now(UTC).date()}"
    place.mkdir(parents=True, exist_ok=True)
    row: dict[str, Any] = {
        "request_id": [request_id], "time": pa.array([datetime.now(UTC)], pa.timestamp("us", tz="UTC")),
        "environment": ["production"], "model_name": [MODEL], "model_version": ["1"],
        "inputs": [json.dumps({"age": 39})], "output": ["1"], "score": [0.7],
    }  # fmt: skip
    pq.write_table(pa.table(row), place / f"{request_id}.parquet")


def promote(portal: OpenedPortal) -> None:
    portal.sync.beat()
    desk = portal.portal.promotions
    request = desk.open(ANA, VersionKey(MODEL, 1), "production", reason="The first one.")
    desk.decide(
        CHLOE, request.id, DecisionKind.APPROVE, seen=request.plan_digest, reason="Looks right.", idempotency_key="k"
    )
    for _ in range(20):
        if desk.detail(ANA, request.id).request.state is RequestState.PROMOTED:
            return
        portal.worker.run_once()
    raise AssertionError(desk.detail(ANA, request.id).rollout)


def test_why__version_run_model_and_user_deleted_in_mlflow__gives_the_same_sentence(
    server: MlflowServer, portal: OpenedPortal, tmp_path: Path
) -> None:
    server.api("POST", "users/create", {"username": MIRA[0], "password": MIRA[1]})
    run_id = make_version(server.acting_as(*MIRA))
    promote(portal)
    log_prediction(tmp_path / "log", "pred-1")
    before = portal.portal.why.answer(DEV, "pred-1")
    assert f"{MODEL} v1 answered this" in before.sentence
    assert "by mira" in before.sentence
    assert "approved by Chloé Martin" in before.sentence
    server.api("DELETE", "registered-models/alias", {"name": MODEL, "alias": "champion"})
    server.api("DELETE", "model-versions/delete", {"name": MODEL, "version": "1"})
    server.api("DELETE", "registered-models/delete", {"name": MODEL})
    server.api("POST", "runs/delete", {"run_id": run_id})
    server.api("DELETE", "users/delete", {"username": MIRA[0]})
    with pytest.raises(AssertionError, match="401"):
        server.acting_as(*MIRA).api("POST", "runs/search", {"experiment_ids": ["0"]})
    assert portal.sync.beat()
    after = portal.portal.why.answer(DEV, "pred-1")
    assert after.sentence == before.sentence
    assert [f.certainty for f in after.facts] == [f.certainty for f in before.facts]
    assert in_words(portal.portal.why.answer(account(), "pred-1"))[0] == before.sentence


def make_version(server: MlflowServer) -> str:
    """A run of mira's with parameters, data and model files, registered."""
    seed = Seed(server)
    tags = {"mlflow.user": "mira", "mlflow.source.git.commit": "b" * 40, "algorithm": "Trees"}
    run = seed.run(seed.experiment("credit"), tags=tags, params={"depth": "3"})
    seed.dataset(run.run_id, "loans", "abc123", context="training", rows=10)
    server.upload(f"{run.root}/model/MLmodel", b"flavors: {}\n")
    seed.model(MODEL)
    seed.version(MODEL, f"runs:/{run.run_id}/model", run_id=run.run_id)
    return run.run_id
