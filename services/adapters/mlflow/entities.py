"""MLflow's JSON objects as the portal's own: registered model, model version, run, dataset, artifact."""

from __future__ import annotations

import json
from typing import Any

from services.adapters.mlflow import parse
from services.adapters.mlflow.parse import Json, Rubbish
from services.domain.registry import Artifact, Dataset, ModelVersion, RegisteredModel, Run


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
        raise Rubbish("answered with aliases that are no texts")
    return tuple(sorted(found))


def run(item: Json) -> Run:
    """From a Run; `user` is what the client claimed."""
    info, data, inputs = (parse.optional_child(item, part) for part in ("info", "data", "inputs"))
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
        datasets=tuple(_dataset(found) for found in parse.optional_objects(inputs, "dataset_inputs")),
    )


def _dataset(item: Json) -> Dataset:
    dataset = parse.optional_child(item, "dataset")
    return Dataset(
        name=parse.text(dataset, "name"),
        digest=parse.text(dataset, "digest"),
        context=parse.texts(item, "tags").get("mlflow.data.context", ""),
        source=parse.text(dataset, "source"),
        source_type=parse.text(dataset, "source_type"),
        rows=_rows(parse.text(dataset, "profile")),
    )


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
