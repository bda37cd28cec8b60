"""Whose metric is it? The metrics of one version, each with its source, or unknown and why.

MLflow keeps metrics for runs and, since MLflow 3, for logged models. A run with two models shows the last value
whichever model it is about, so a version's metric is its logged model's. What MLflow 3.17.2 keeps there is not all the
model's own, though: `log_model` copies the run's entries of the model's step, those of an earlier model in the same run
included (`services.domain.metric_owners`). Where nobody can tell, the value is unknown.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from services.domain.metric_owners import models_ever, moment, owned
from services.domain.registry import MetricEntry, ModelVersion, Run, RunModel

HISTORY_LIMIT = 200
"""Metrics of one version whose history is read to see whether the value shown is the one that was logged last."""
MODEL_HISTORY_TAG = "mlflow.log-model.history"
History = Callable[[str, str], Sequence[MetricEntry]]
"""All values of a metric (run id, name), as the run keeps them."""


@dataclass(frozen=True)
class MetricValue:
    """A metric of a version."""

    name: str
    value: float | None
    """None: unknown; `why_unknown` says why."""
    source: str = ""
    """``logged model m-…`` or ``run …``."""
    why_unknown: str = ""
    dataset: str = ""
    """Data set that it was measured on, ``name (digest)``, where the logger named one."""
    by_dataset: tuple[MetricValue, ...] = ()
    """The values by data set, where there are several that differ; `value` is then None."""
    run_id: str = ""
    at: tuple[int, int] | None = None
    """Step and time of the entry."""

    @property
    def is_known(self) -> bool:
        """True when there is one value that is this version's for certain."""
        return self.value is not None

    def on(self, dataset: str) -> MetricValue:
        """The metric as measured on the data set of that name or digest."""
        for part in self.by_dataset or (self,):
            if dataset and dataset in {part.dataset, *_names(part.dataset)}:
                return part
        there = ", ".join(part.dataset for part in self.by_dataset or (self,) if part.dataset) or "none that is named"
        why = f"{self.name} was not measured on the data set {dataset}, but on {there}"
        return MetricValue(
            self.name, None, self.source, self.why_unknown if not self.by_dataset and self.why_unknown else why
        )


def _names(dataset: str) -> tuple[str, str]:
    name, _, digest = dataset.rpartition(" (")
    return name, digest.rstrip(")")


def metric_to_json(metric: MetricValue) -> dict[str, Any]:
    """Plain JSON, for the sealed evidence."""
    return {
        **asdict(metric),
        "at": list(metric.at) if metric.at else None,
        "by_dataset": [metric_to_json(part) for part in metric.by_dataset],
    }


def metric_from_json(value: Mapping[str, Any]) -> MetricValue:
    """The inverse of `metric_to_json`."""
    at = (int(value["at"][0]), int(value["at"][1])) if value["at"] else None
    return MetricValue(
        **{**value, "at": at, "by_dataset": tuple(metric_from_json(part) for part in value["by_dataset"])}
    )


def metrics_of(version: ModelVersion, run: Run | None) -> dict[str, MetricValue]:
    """All metrics that are, or could be taken for, the version's, by name."""
    if run is None:
        return {}
    model, why = _model_of(version, run)
    if model is None and why:
        return {name: MetricValue(name, None, why_unknown=why) for name in sorted(run.metrics)}
    if model is None:
        return {name: _of_run(name, run) for name in sorted(run.metrics)}
    names = {entry.name for entry in model.metrics} | run.metrics.keys()
    return {name: _of_model(name, model, run) for name in sorted(names)}


def known_metrics(metrics: Mapping[str, MetricValue]) -> dict[str, float]:
    """Those with a value; one that was measured on several data sets stands once for each."""
    found: dict[str, float] = {}
    for name, metric in metrics.items():
        if metric.value is not None:
            found[name] = metric.value
        for part in metric.by_dataset:
            if part.value is not None:
                found[f"{name} on {part.dataset or 'no named data set'}"] = part.value
    return found


def unknown_metrics(metrics: Mapping[str, MetricValue]) -> dict[str, str]:
    """Those without a value, and why."""
    return {name: metric.why_unknown for name, metric in metrics.items() if metric.value is None}


def confirmed(metrics: Mapping[str, MetricValue], run: Run | None, history: History) -> dict[str, MetricValue]:
    """The same, less those where the run holds two values of one step and time: MLflow shows the greater of them."""
    looked, found = 0, {}
    for name, metric in metrics.items():
        parts = metric.by_dataset or ((metric,) if metric.value is not None else ())
        looked += len(parts)
        if parts and looked > HISTORY_LIMIT:
            why = f"only the histories of the first {HISTORY_LIMIT} metrics are read"
            found[name] = replace(metric, value=None, by_dataset=(), why_unknown=why)
            continue
        doubts = [doubt for part in parts if (doubt := _doubt(part, run, history))]
        found[name] = replace(metric, value=None, by_dataset=(), why_unknown=doubts[0]) if doubts else metric
    return found


def _doubt(metric: MetricValue, run: Run | None, history: History) -> str:
    """Why the value shown may not be the one that was logged last; empty when it is."""
    if metric.at is None or not metric.run_id:
        return ""
    same = {point.value for point in history(metric.run_id, metric.name) if (point.step, point.timestamp) == metric.at}
    others = same - {metric.value} - _of_siblings(metric, run)
    if not others:
        return ""
    figures = ", ".join(sorted("NaN" if value is None or math.isnan(value) else f"{value:g}" for value in same))
    return f"{metric.name} was logged several times for one step and time ({figures}); MLflow shows the greatest"


def _of_siblings(metric: MetricValue, run: Run | None) -> set[float | None]:
    """Values that other models of the run own at the same moment: no doubt about this one."""
    return {
        entry.value
        for model in (run.models or () if run else ())
        if f"logged model {model.model_id}" != metric.source
        for entry in model.metrics
        if entry.name == metric.name and entry.run_id == metric.run_id and (entry.step, entry.timestamp) == metric.at
    }


def _model_of(version: ModelVersion, run: Run) -> tuple[RunModel | None, str]:
    """The version's logged model; else why nobody can tell, or nothing when the run made no logged model."""
    if run.models_problem:
        return None, f"the run's logged models could not be read: {run.models_problem}"
    if run.models is None:
        return None, "the run's logged models were not read yet"
    wanted = version.logged_model_id
    for model in run.models:
        if model.model_id == wanted or (wanted is None and version.source.removeprefix("models:/") in model.versions):
            return model, ""
    if wanted is not None:
        return None, f"its logged model {wanted} was deleted, or belongs to another run"
    if len(models_ever(run)) > 1:
        return None, f"the run made {len(models_ever(run))} models, and its source does not say which is this version"
    return (run.models[0], "") if run.models else (None, _several_before_3(run))


def _several_before_3(run: Run) -> str:
    """MLflow 2 lists the models of a run in a tag."""
    try:
        listed = json.loads(run.tags.get(MODEL_HISTORY_TAG, "[]"))
        paths = {str(item["artifact_path"]) for item in listed}
    except (ValueError, TypeError, KeyError, RecursionError):
        return f"the run's tag {MODEL_HISTORY_TAG} cannot be read, so it may have made several models"
    return f"the run made {len(paths)} models, and MLflow keeps one value for all of them" if len(paths) > 1 else ""


def _of_run(name: str, run: Run) -> MetricValue:
    value, source = run.metrics[name], f"run {run.run_id}"
    if not math.isfinite(value):
        return MetricValue(name, None, source, f"the run's last value is {_word(value)}")
    return MetricValue(name, value, source, run_id=run.run_id, at=run.metrics_at.get(name))


def _word(value: float) -> str:
    return "NaN" if math.isnan(value) else "infinite"


def _of_model(name: str, model: RunModel, run: Run) -> MetricValue:
    entries = [entry for entry in model.metrics if entry.name == name]
    others = models_ever(run) - {model.model_id}
    own, why = owned(entries, model, run) if others else (entries, "")
    if why:
        return MetricValue(name, None, f"logged model {model.model_id}", why)
    if not own and others:
        return MetricValue(name, None, why_unknown=_not_its_own(name, run, bool(entries)))
    if not others and (newer := _with_later_value(name, own, model, run)) is not None:
        return newer
    return _settled(name, own, model)


def _not_its_own(name: str, run: Run, was_copied: bool) -> str:  # noqa: FBT001 - one caller
    count = len(models_ever(run))
    copied = ", and MLflow copied another model's value to this one" if was_copied else ""
    return f"{name} was not logged for this model; its run made {count} models{copied}"


def _with_later_value(name: str, own: Sequence[MetricEntry], model: RunModel, run: Run) -> MetricValue | None:
    """What the run adds about its only model, None for nothing: `log_model` copies one step, not the latest value."""
    if name not in run.metrics:
        return None
    if not own:
        return _of_run(name, run)
    at, mine = run.metrics_at.get(name), [entry for entry in own if entry.run_id == run.run_id]
    latest = max(mine, key=moment, default=None)
    if latest is not None and at in {None, moment(latest)}:
        return None if latest.value in {None, run.metrics[name]} else _two_values(name, latest, at, model, run)
    if at is not None and latest is not None and at < moment(latest):
        return None
    if at is None or not _is_of_the_model(at, mine, model):
        return _two_values(name, latest, at, model, run)
    others = [entry for entry in own if entry.run_id != run.run_id]
    newer = MetricEntry(name, run.metrics[name], run.run_id, *at)
    return _settled(name, [*others, newer], model) if others else _of_run(name, run)


def _is_of_the_model(at: tuple[int, int], mine: Sequence[MetricEntry], model: RunModel) -> bool:
    """All that the run says was logged before its only model was, at whatever step: the latest value is the model's."""
    return model.step == 0 and at[1] < model.created and all(entry.timestamp < model.created for entry in mine)


def _two_values(
    name: str, latest: MetricEntry | None, at: tuple[int, int] | None, model: RunModel, run: Run
) -> MetricValue | None:
    if latest is not None and at is not None and at > moment(latest) and model.step == latest.step != 0:
        return None
    source = f"logged model {model.model_id}, run {run.run_id}"
    if latest is not None and at == moment(latest):
        figures = f"{_shown(latest.value)} for the model, {run.metrics[name]:g} for the run"
        return MetricValue(name, None, source, f"{name} was logged twice for one step and time: {figures}")
    steps = f"of step {latest.step if latest else 'unknown'} and the run has one of step {at[0] if at else 'unknown'}"
    why = f"the logged model has {name} {steps}; MLflow does not say which is the model's"
    return MetricValue(name, None, source, why)


def _settled(name: str, own: Sequence[MetricEntry], model: RunModel) -> MetricValue:
    """One value, or one for each data set."""
    source = f"logged model {model.model_id}"
    groups: dict[str, list[MetricEntry]] = {}
    for entry in own:
        groups.setdefault(_dataset(entry), []).append(entry)
    parts = [_of_dataset(name, dataset, found, source) for dataset, found in sorted(groups.items())]
    unsure = next((part for part in parts if part.value is None), None)
    if len(parts) == 1 or unsure is not None:
        return unsure or parts[0]
    if len({part.value for part in parts}) == 1:
        return replace(parts[0], dataset=" and ".join(part.dataset or "no named data set" for part in parts))
    figures = ", ".join(f"{part.value:g} on {part.dataset or 'no named data set'}" for part in parts)
    why = f"{name} was measured on {len(parts)} data sets: {figures}"
    return MetricValue(name, None, source, why, by_dataset=tuple(parts))


def _dataset(entry: MetricEntry) -> str:
    return f"{entry.dataset_name} ({entry.dataset_digest})" if entry.dataset_name or entry.dataset_digest else ""


def _of_dataset(name: str, dataset: str, entries: Sequence[MetricEntry], source: str) -> MetricValue:
    latest = list(_latest_of_each_run(entries))
    values = {entry.value for entry in latest}
    if len(values) > 1:
        figures = ", ".join(f"{_shown(entry.value)} in run {entry.run_id}" for entry in latest)
        why = f"{name} was measured by {len(latest)} runs, and they differ: {figures}"
        return MetricValue(name, None, source, why, dataset)
    newest = max(latest, key=lambda entry: entry.timestamp)
    if newest.value is None:
        return MetricValue(name, None, source, f"MLflow shows 0 for {name}; the run says NaN, or nothing", dataset)
    if not math.isfinite(newest.value):
        return MetricValue(name, None, source, f"the model's last {name} is {_word(newest.value)}", dataset)
    return MetricValue(name, newest.value, source, "", dataset, run_id=newest.run_id, at=moment(newest))


def _latest_of_each_run(entries: Sequence[MetricEntry]) -> Iterable[MetricEntry]:
    """MLflow's own order: by step, then time."""
    runs = dict.fromkeys(entry.run_id for entry in entries)
    for run_id in runs:
        yield max((entry for entry in entries if entry.run_id == run_id), key=moment)


def _shown(value: float | None) -> str:
    return "unknown" if value is None else f"{value:g}"
