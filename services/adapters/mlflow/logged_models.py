"""MLflow 3's logged models: the only place that says which metric was measured on which dataset."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.adapters.mlflow import parse
from services.adapters.mlflow.model_files import MODEL_ID
from services.adapters.mlflow.parse import Json
from services.adapters.mlflow.transport import Transport
from services.domain.registry import Run


@dataclass(frozen=True)
class DatasetMetric:
    """A metric of a model, bound to a dataset where the logger named one."""

    name: str
    value: float | None
    """None: MLflow says 0, and the run says that the metric was NaN or never logged."""
    dataset_name: str = ""
    dataset_digest: str = ""
    run_id: str = ""
    """The run that measured; not always the one that trained."""


@dataclass(frozen=True)
class LoggedModel:
    """A logged model with its metrics, parameters and tags."""

    model_id: str
    name: str
    experiment_id: str
    source_run_id: str
    status: str
    created: datetime | None
    params: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    metrics: tuple[DatasetMetric, ...] = ()


class LoggedModelReads:
    """Stateless; `runs` reads runs by id."""

    def __init__(self, transport: Transport, runs: Callable[[Sequence[str]], Mapping[str, Run]]) -> None:
        self._transport = transport
        self._runs = runs

    def by_id(self, model_id: str) -> LoggedModel | None:
        """One logged model; None when the id is none. Raises NotFoundError when it was deleted."""
        if not MODEL_ID.fullmatch(model_id):
            return None
        with self._transport.understanding():
            model = parse.child(self._transport.get(f"logged-models/{model_id}"), "model")
            info, data = parse.child(model, "info"), parse.optional_child(model, "data")
            found = [_metric(item) for item in parse.optional_objects(data, "metrics")]
            return LoggedModel(
                model_id=parse.name(info, "model_id"),
                name=parse.text(info, "name"),
                experiment_id=parse.text(info, "experiment_id"),
                source_run_id=parse.text(info, "source_run_id"),
                status=parse.text(info, "status"),
                created=parse.moment(info, "creation_timestamp_ms"),
                params=parse.texts(data, "params"),
                tags=parse.texts(info, "tags"),
                metrics=tuple(self._without_false_zeros(found)),
            )

    def _without_false_zeros(self, metrics: Sequence[DatasetMetric]) -> list[DatasetMetric]:
        """MLflow returns a NaN of a logged model as 0; the run that measured still tells the difference."""
        doubtful = {metric.run_id for metric in metrics if metric.value == 0 and metric.run_id}
        runs = self._runs(sorted(doubtful)) if doubtful else {}
        return [_unknown(metric) if _is_false_zero(metric, runs) else metric for metric in metrics]


def _is_false_zero(metric: DatasetMetric, runs: Mapping[str, Run]) -> bool:
    if metric.value != 0:
        return False
    run = runs.get(metric.run_id)
    return run is None or math.isnan(run.metrics.get(metric.name, math.nan))


def _unknown(metric: DatasetMetric) -> DatasetMetric:
    return DatasetMetric(metric.name, None, metric.dataset_name, metric.dataset_digest, metric.run_id)


def _metric(item: Json) -> DatasetMetric:
    return DatasetMetric(
        name=parse.text(item, "key"),
        value=parse.number(item.get("value")),
        dataset_name=parse.text(item, "dataset_name"),
        dataset_digest=parse.text(item, "dataset_digest"),
        run_id=parse.text(item, "run_id"),
    )
