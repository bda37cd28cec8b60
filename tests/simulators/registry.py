"""An MLflow registry in memory, with MLflow's habits: no compare-and-swap, stages that allow two holders."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from services.domain.registry import (
    Artifact,
    Dataset,
    MetricEntry,
    ModelVersion,
    RegisteredModel,
    RegistrySnapshot,
    Run,
    RunModel,
    VersionKey,
)
from services.errors import InvalidInputError, NotFoundError, UnknownOutcomeError, UpstreamUnavailableError
from tests.simulators.basics import START

JUNIT = b'<testsuite name="model"><testcase name="auc_floor" classname="model" time="0.1"/></testsuite>'


class RegistrySimulator:
    """Implements RegistryReader and RegistryWriter."""

    def __init__(self) -> None:
        self.registered: dict[str, RegisteredModel] = {}
        self.kept: dict[VersionKey, ModelVersion] = {}
        self.logged: dict[str, Run] = {}
        self.files: dict[tuple[str, str], bytes] = {}
        self.model_bytes: dict[VersionKey, bytes] = {}
        self.is_down = False
        self.writes: list[tuple[str, ...]] = []
        self.lose_answer_of: set[str] = set()
        self.before_write: Callable[[str], None] = lambda _name: None

    # --- building the world

    def add_version(
        self, model: str, version: int, *, user: str = "ana.ruiz", auc: float = 0.9, with_run: bool = True
    ) -> VersionKey:
        key = VersionKey(model, version)
        at = START - timedelta(days=30 - version)
        self.registered.setdefault(model, RegisteredModel(model, at, at))
        run_id = f"run-{model}-{version}" if with_run else ""
        self.kept[key] = ModelVersion(model, version, at, at, run_id=run_id, source=f"models:/m-{version}")
        self.model_bytes[key] = f"{model} {version}".encode()
        if with_run:
            self._add_run(run_id, user, auc, at)
        return key

    def _add_run(self, run_id: str, user: str, auc: float, at: datetime) -> None:
        self.logged[run_id] = Run(
            run_id=run_id, experiment_id="1", name=f"train-{run_id}", status="FINISHED", user=user, started=at, ended=at,
            params={"max_depth": "3"}, metrics={"auc": auc},
            tags={"mlflow.source.git.commit": "a" * 40, "algorithm": "LogisticRegression"},
            datasets=(Dataset("adult-train", "abc12345", "training"),), metrics_at={"auc": (0, 1)},
            models=(RunModel(f"m-{run_id.rpartition('-')[2]}", created=0, metrics=(MetricEntry("auc", auc, run_id, 0, 1),)),),
        )  # fmt: skip
        self.files[(run_id, "tests/model.xml")] = JUNIT
        self.files[(run_id, "model_card.md")] = b"# Card\n\nIntended use: tests."
        self.files[(run_id, "evaluation/predictions.parquet")] = _predictions(auc)

    def hold(self, key: VersionKey, *, stage: str, alias: str) -> None:
        """Put a version where only a client that goes round the portal would put it."""
        self._put_stage(key, stage)
        self._put_alias(key.model, alias, key.version)

    # --- RegistryReader

    def models(self) -> Iterator[Sequence[RegisteredModel]]:
        self._answer()
        yield list(self.registered.values())

    def versions_of(self, models: Sequence[str]) -> Sequence[ModelVersion]:
        self._answer()
        return [v for v in self.kept.values() if v.model in models]

    def recently_updated(self, since: datetime) -> Sequence[ModelVersion]:
        self._answer()
        return [v for v in self.kept.values() if v.updated >= since]

    def version(self, key: VersionKey) -> ModelVersion:
        self._answer()
        if key not in self.kept:
            raise NotFoundError(f"no {key}")
        aliases = [a for a, v in self.registered[key.model].aliases.items() if v == key.version]
        return replace(self.kept[key], aliases=tuple(sorted(aliases)))

    def model(self, name: str) -> RegisteredModel:
        self._answer()
        if name not in self.registered:
            raise NotFoundError(f"no {name}")
        return self.registered[name]

    def runs(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        self._answer()
        return {r: self.logged[r] for r in run_ids if r in self.logged}

    def metric_history(self, run_id: str, name: str) -> Sequence[MetricEntry]:
        self._answer()
        run = self.logged[run_id]
        return [MetricEntry(name, run.metrics[name], run_id, *run.metrics_at.get(name, (0, 1)))]

    def log_metric(self, run_id: str, name: str, value: float) -> None:
        """Log a metric later, as a client would with the model's id."""
        run = self.logged[run_id]
        at = (0, 1 + run.metrics_at.get(name, (0, 0))[1])
        entry = MetricEntry(name, value, run_id, *at)
        models = tuple(replace(model, metrics=(*model.metrics, entry)) for model in run.models or ())
        metrics, moments = {**run.metrics, name: value}, {**run.metrics_at, name: at}
        self.logged[run_id] = replace(run, metrics=metrics, metrics_at=moments, models=models)

    def tagged_runs(self, experiment_ids: Sequence[str], tag: str) -> Sequence[Run]:
        self._answer()
        return [run for run in self.logged.values() if run.experiment_id in experiment_ids and run.tags.get(tag)]

    def holders(self, model: str, *, stage: str | None, alias: str | None) -> RegistrySnapshot:
        self._answer()
        own = sorted((v for v in self.kept.values() if v.model == model), key=lambda v: v.version)
        in_stage = tuple(v.version for v in own if v.stage == stage)
        return RegistrySnapshot(
            in_stage if stage else (), self.registered[model].aliases.get(alias or ""),
            {v.version: v.stage for v in own}, {v.version: v.created for v in own},
        )  # fmt: skip

    def artifacts(self, run_id: str, path: str = "") -> Sequence[Artifact]:
        self._answer()
        names = [p for r, p in self.files if r == run_id and p.startswith(path)]
        return [Artifact(name, "file", len(self.files[(run_id, name)])) for name in names]

    def read_artifact(self, run_id: str, path: str, *, limit: int) -> bytes:
        self._answer()
        if (run_id, path) not in self.files:
            raise NotFoundError(f"no {path}")
        data = self.files[(run_id, path)]
        if len(data) > limit:
            raise InvalidInputError(f"{path} is too large")
        return data

    def read_model_file(self, key: VersionKey, path: str, *, limit: int) -> bytes:
        del path, limit
        return self.model_bytes[key]

    def model_files(self, key: VersionKey) -> Sequence[Artifact]:
        self._answer()
        return [Artifact("MLmodel", "file", len(self.model_bytes[key]))]

    def artifact_digest(self, key: VersionKey) -> str:
        self._answer()
        return "sha256:" + hashlib.sha256(self.model_bytes[key]).hexdigest()

    def save_model(self, key: VersionKey, folder: Path) -> str:
        self._answer()
        (folder / "MLmodel").write_bytes(self.model_bytes[key])
        return self.artifact_digest(key)

    # --- RegistryWriter

    def move_stage(self, key: VersionKey, stage: str) -> None:
        self._write("move_stage", str(key), stage)
        self._put_stage(key, stage)
        self._lose("move_stage")

    def set_alias(self, model: str, alias: str, version: int) -> None:
        self._write("set_alias", model, alias, str(version))
        self._put_alias(model, alias, version)
        self._lose("set_alias")

    def delete_version_tag(self, key: VersionKey, name: str) -> None:
        self._write("delete_version_tag", str(key), name)
        tags = {n: v for n, v in self.kept[key].tags.items() if n != name}
        self.kept[key] = replace(self.kept[key], tags=tags)

    def delete_run_tag(self, run_id: str, name: str) -> None:
        self._write("delete_run_tag", run_id, name)
        tags = {n: v for n, v in self.logged[run_id].tags.items() if n != name}
        self.logged[run_id] = replace(self.logged[run_id], tags=tags)

    def delete_alias(self, model: str, alias: str) -> None:
        self._write("delete_alias", model, alias)
        rest = {a: v for a, v in self.registered[model].aliases.items() if a != alias}
        self.registered[model] = replace(self.registered[model], aliases=rest)

    def set_version_tag(self, key: VersionKey, name: str, value: str) -> None:
        self._write("set_version_tag", str(key), name)
        self.kept[key] = replace(self.kept[key], tags={**self.kept[key].tags, name: value})

    def _put_stage(self, key: VersionKey, stage: str) -> None:
        self.kept[key] = replace(self.kept[key], stage=stage)

    def _put_alias(self, model: str, alias: str, version: int) -> None:
        aliases = {**self.registered[model].aliases, alias: version}
        self.registered[model] = replace(self.registered[model], aliases=aliases)

    def _answer(self) -> None:
        if self.is_down:
            raise UpstreamUnavailableError("MLflow cannot be reached.", system="mlflow", hint="Start it.")

    def _write(self, *what: str) -> None:
        self._answer()
        self.before_write(what[0])
        self.writes.append(what)

    def _lose(self, name: str) -> None:
        if name in self.lose_answer_of:
            self.lose_answer_of.discard(name)
            raise UnknownOutcomeError("The answer was lost.", system="mlflow")


@cache
def _predictions(auc: float) -> bytes:
    rng = np.random.default_rng(7)
    label = rng.integers(0, 2, 2000)
    score = 1 / (1 + np.exp(-(label * (auc - 0.5) * 6 + rng.normal(size=2000) - 1)))
    table = pd.DataFrame(
        {"row_id": np.arange(2000), "label": label, "score": score, "sex": rng.choice(["F", "M"], 2000)}
    )
    buffer = io.BytesIO()
    table.to_parquet(buffer)
    return buffer.getvalue()
