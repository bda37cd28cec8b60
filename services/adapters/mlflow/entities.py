"""MLflow's JSON objects as the portal's own: registered model, model version, run, dataset, artifact."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from services.adapters.mlflow import parse
from services.adapters.mlflow.parse import InvalidAnswer, Json
from services.domain.datasets import with_content_digests
from services.domain.registry import Artifact, Dataset, MetricEntry, ModelVersion, RegisteredModel, Run, RunModel

PROMPT_TAG = "mlflow.prompt.is_prompt"
VERSIONS_TAG = "mlflow.modelVersions"


def is_prompt(item: Json) -> bool:
    """True for a registered model or version that is a prompt: MLflow keeps both in the same tables."""
    return parse.texts(item, "tags").get(PROMPT_TAG, "").lower() == "true"


def registered_model(item: Json) -> RegisteredModel:
    """From a RegisteredModel; its `latest_versions` are not used, they carry no aliases."""
    created = parse.required_moment(item, "creation_timestamp")
    return RegisteredModel(
        name=parse.name(item, "name"),
        created=created,
        updated=parse.moment(item, "last_updated_timestamp") or created,
        description=parse.text(item, "description"),
        tags=parse.texts(item, "tags"),
        aliases={parse.name(a, "alias"): parse.version(a) for a in parse.optional_objects(item, "aliases")},
    )


def model_version(item: Json) -> ModelVersion:
    """From a ModelVersion; `aliases` are right only in the answer about a single version."""
    created = parse.required_moment(item, "creation_timestamp")
    return ModelVersion(
        model=parse.name(item, "name"),
        version=parse.version(item),
        created=created,
        updated=parse.moment(item, "last_updated_timestamp") or created,
        stage=parse.text(item, "current_stage") or "None",
        status=parse.text(item, "status") or "UNKNOWN",
        description=parse.text(item, "description"),
        source=parse.text(item, "source"),
        run_id=parse.text(item, "run_id"),
        tags=parse.texts(item, "tags"),
        aliases=_aliases(item.get("aliases")),
    )


def _aliases(found: Any) -> tuple[str, ...]:
    if found is None:
        return ()
    if not isinstance(found, list) or not all(isinstance(alias, str) for alias in found):
        raise InvalidAnswer("answered with aliases that are not strings")
    return tuple(sorted(found))


def run(item: Json) -> Run:
    """From a Run; `user` is what the client claimed."""
    info, data, inputs, outputs = (parse.optional_child(item, part) for part in ("info", "data", "inputs", "outputs"))
    tags = parse.texts(data, "tags")
    return Run(
        run_id=parse.name(info, "run_id"),
        experiment_id=parse.text(info, "experiment_id"),
        name=parse.text(info, "run_name") or tags.get("mlflow.runName", ""),
        status=parse.text(info, "status"),
        user=tags.get("mlflow.user", "") or parse.text(info, "user_id"),
        started=parse.moment(info, "start_time"),
        ended=parse.moment(info, "end_time"),
        deleted=info.get("lifecycle_stage") == "deleted",
        params=parse.texts(data, "params"),
        metrics=parse.metrics(data, "metrics"),
        tags=tags,
        datasets=with_content_digests(
            [_dataset(found) for found in parse.optional_objects(inputs, "dataset_inputs")], tags
        ),
        metrics_at=_moments(data),
        model_ids=tuple(found for found in (parse.text(made, "model_id") for made in _made(outputs)) if found),
    )


def _made(outputs: Json) -> Sequence[Json]:
    return parse.optional_objects(outputs, "model_outputs")


def _moments(data: Json) -> dict[str, tuple[int, int]]:
    """Step and time of each latest value; a metric without a time has none here."""
    found = {}
    for item in parse.optional_objects(data, "metrics"):
        name, time = parse.text(item, "key"), parse.whole(item, "timestamp")
        if name and time is not None:
            found[name] = (parse.signed(item, "step"), time)
    return found


def steps_of_models(item: Json) -> dict[str, int]:
    """From a Run: the step at which it logged each of its models."""
    outputs = parse.optional_child(item, "outputs")
    return {parse.text(made, "model_id"): parse.signed(made, "step") for made in _made(outputs)}


def metric_entry(item: Json, *, run_id: str = "") -> MetricEntry:
    """From a Metric of a logged model, or of the history of a run."""
    return MetricEntry(
        name=parse.text(item, "key"),
        value=parse.number(item.get("value")),
        run_id=parse.text(item, "run_id") or run_id,
        step=parse.signed(item, "step"),
        timestamp=parse.whole(item, "timestamp") or 0,
        dataset_name=parse.text(item, "dataset_name"),
        dataset_digest=parse.text(item, "dataset_digest"),
    )


def run_model(item: Json, metrics: Sequence[MetricEntry], step: int) -> RunModel:
    """From a LoggedModel."""
    info = parse.child(item, "info")
    created = parse.whole(info, "creation_timestamp_ms") or 0
    return RunModel(parse.name(info, "model_id"), created, step, _versions(parse.texts(info, "tags")), tuple(metrics))


def _versions(tags: Mapping[str, str]) -> tuple[str, ...]:
    """``name/number`` of the versions registered from it, as its tag says; MLflow writes duplicates."""
    try:
        listed = json.loads(tags.get(VERSIONS_TAG, "[]"))
        return tuple(dict.fromkeys(f"{item['name']}/{item['version']}" for item in listed))
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()


def _dataset(item: Json) -> Dataset:
    dataset = parse.optional_child(item, "dataset")
    return Dataset(
        name=parse.text(dataset, "name"),
        digest=parse.text(dataset, "digest"),
        context=parse.texts(item, "tags").get("mlflow.data.context", ""),
        source=parse.text(dataset, "source"),
        source_type=parse.text(dataset, "source_type"),
        rows=_rows(parse.text(dataset, "profile")),
        columns=_columns(parse.text(dataset, "schema")),
    )


def _columns(schema: str) -> tuple[str, ...]:
    """Names in the schema that MLflow writes for tables; empty for another kind of data."""
    try:
        return tuple(str(column["name"]) for column in json.loads(schema)["mlflow_colspec"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return ()


def _rows(profile: str) -> int | None:
    """`num_rows` of the profile, where the logger wrote one."""
    try:
        found = json.loads(profile)
    except (ValueError, RecursionError):
        return None
    return parse.whole(found, "num_rows") if isinstance(found, dict) else None


def artifact(item: Json) -> Artifact:
    """From a FileInfo. MLflow leaves the size of an empty file out, so that stays None."""
    is_folder = item.get("is_dir") is True
    return Artifact(
        path=parse.name(item, "path"),
        kind="folder" if is_folder else "file",
        size=None if is_folder else parse.whole(item, "file_size"),
    )
