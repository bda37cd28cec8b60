"""Builds runs, models and versions on a real MLflow server by plain REST, as another client of the registry would."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.mlflow_server import MlflowServer, client_environment

LOG_WITH_CLIENT = """
import sys, warnings
warnings.simplefilter("ignore")
import mlflow, numpy as np
from sklearn.linear_model import LogisticRegression
mlflow.set_experiment(sys.argv[2])
with mlflow.start_run() as run:
    rows = np.array([[0.0], [1.0], [2.0], [3.0]])
    model = LogisticRegression().fit(rows, [0, 0, 1, 1])
    mlflow.sklearn.log_model(model, name="model", registered_model_name=sys.argv[1], pip_requirements=["scikit-learn"])
    print(run.info.run_id)
"""


@dataclass(frozen=True)
class SeededRun:
    """A run and where its artifacts lie in the proxied store."""

    run_id: str
    experiment_id: str
    root: str


class Seed:
    """Writes to one server."""

    def __init__(self, server: MlflowServer) -> None:
        self.server = server

    def experiment(self, name: str) -> str:
        """A new experiment's id."""
        found: str = self.server.api("POST", "experiments/create", {"name": name})["experiment_id"]
        return found

    def run(
        self,
        experiment_id: str,
        *,
        metrics: Mapping[str, float | str] | None = None,
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> SeededRun:
        """A run with what is given; ``"NaN"`` and ``"Infinity"`` are metrics too."""
        body = {"experiment_id": experiment_id, "run_name": "seeded", "start_time": 1_700_000_000_000}
        info = self.server.api("POST", "runs/create", body | {"tags": _pairs(tags)})["run"]["info"]
        run = SeededRun(info["run_id"], experiment_id, info["artifact_uri"].removeprefix("mlflow-artifacts:/"))
        self.metrics(run.run_id, metrics or {}, params=params)
        for path, data in (files or {}).items():
            self.server.upload(f"{run.root}/{path}", data)
        return run

    def metrics(
        self, run_id: str, metrics: Mapping[str, float | str], *, params: Mapping[str, str] | None = None, **more: str
    ) -> None:
        """Metrics at step 0; `more` goes into each, such as model_id and dataset_name."""
        listed = [{"key": k, "value": v, "timestamp": 1, "step": 0, **more} for k, v in metrics.items()]
        self.server.api("POST", "runs/log-batch", {"run_id": run_id, "metrics": listed, "params": _pairs(params)})

    def dataset(self, run_id: str, name: str, digest: str, *, context: str, rows: int) -> None:
        """A dataset input of a run."""
        dataset = {"name": name, "digest": digest, "source_type": "local", "source": "{}"}
        dataset["profile"] = f'{{"num_rows": {rows}}}'
        item = {"tags": _pairs({"mlflow.data.context": context}), "dataset": dataset}
        self.server.api("POST", "runs/log-inputs", {"run_id": run_id, "datasets": [item]})

    def model(self, name: str, **more: Any) -> None:
        """A registered model; `more` may hold description and tags."""
        self.server.api("POST", "registered-models/create", {"name": name, **more})

    def version(self, model: str, source: str, *, run_id: str = "", tags: Mapping[str, str] | None = None) -> int:
        """A version's number; the model must exist."""
        body = {"name": model, "source": source, "run_id": run_id, "tags": _pairs(tags)}
        return int(self.server.api("POST", "model-versions/create", body)["model_version"]["version"])

    def log_with_client(self, model: str, experiment: str) -> str:
        """Train and register a small model with MLflow's own client, in a process of its own; the run's id."""
        done = subprocess.run(
            [sys.executable, "-c", LOG_WITH_CLIENT, model, experiment],
            env=client_environment(self.server), cwd=self.server.folder, capture_output=True, text=True, timeout=240,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        lines: Sequence[str] = [line for line in done.stdout.splitlines() if len(line) == 32]
        return lines[0]


def _pairs(values: Mapping[str, str] | None) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in (values or {}).items()]
