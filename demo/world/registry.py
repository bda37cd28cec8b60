"""Builds the demo's registry on a real MLflow server: trains, logs and registers, once a folder."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # the package has no types

from demo.people import ANA
from demo.world.adult import Adult, load_adult
from demo.world.census import MODEL, CensusLogger
from demo.world.client import ServerError, connect, has_run, wait_until_ready
from demo.world.gaps import AWKWARD, BIKES, register_awkward, register_bikes
from demo.world.history import past_times, pre_portal_history
from demo.world.predictions import PredictionLog
from demo.world.repository import build_repository
from demo.world.training import RECIPES, Trained, train

__all__ = ["AWKWARD", "BIKES", "LIVE_BEFORE_THE_PORTAL", "MODEL", "World", "build_world", "discard_half_built"]
LIVE_BEFORE_THE_PORTAL = 3
MARKER, BEGUN = "world.json", "world.begun"
WORLD_VERSION = 2
PARTS = ("mlflow", "training-code", "predictions")
Progress = Callable[[str], None]


@dataclass(frozen=True)
class World:
    """What was built: version to run id, and version to commit."""

    version: int
    runs: dict[int, str]
    commits: dict[int, str]


def read_world(directory: Path) -> World | None:
    """The world as built, or None when it was never finished (or by another release)."""
    try:
        kept = json.loads((directory / MARKER).read_text())
        if kept["version"] != WORLD_VERSION:
            return None
        by_number = {name: {int(k): str(v) for k, v in kept[name].items()} for name in ("runs", "commits")}
        return World(WORLD_VERSION, **by_number)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def discard_half_built(directory: Path) -> bool:
    """Before the servers start: a world that was cut off, or lost its database, begins anew.

    True when there was something to take away; what the portal and others kept about it is for the caller to remove.
    """
    if read_world(directory) is not None and (directory / "mlflow" / "mlflow.db").exists():
        return False
    old = [directory / name for name in (*PARTS, MARKER, BEGUN) if (directory / name).exists()]
    for path in old:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return bool(old)


def build_world(tracking_uri: str, directory: Path, *, progress: Progress) -> World:
    """Train, log and register everything; a finished world is kept, one that was cut off is made anew.

    The server may still be starting: training goes first and needs none. Raises DataMissingError, ServerError.
    """
    world = read_world(directory)
    if world is not None:
        wait_until_ready(tracking_uri)
        if has_run(tracking_uri, world.runs[1]):
            return world
    with threadpool_limits(1):  # where other programs compete for the cores, threads of OpenMP wait for each other
        return _build(tracking_uri, directory, progress)


def _build(tracking_uri: str, directory: Path, progress: Progress) -> World:
    progress("reading the census data")
    data = load_adult()
    trained = [_train(recipe.version, data, progress) for recipe in RECIPES]
    commits = build_repository(directory / "training-code")
    progress("waiting for MLflow")
    wait_until_ready(tracking_uri)
    mlflow = connect(tracking_uri)
    _make_room(mlflow, directory)
    world = World(WORLD_VERSION, _register(mlflow, trained, data, commits=commits, progress=progress), commits)
    _log_past_predictions(directory, trained[LIVE_BEFORE_THE_PORTAL - 1], data)
    _finish(directory, world)
    return world


def _train(version: int, data: Adult, progress: Progress) -> Trained:
    recipe = RECIPES[version - 1]
    progress(f"training {MODEL} v{version}: {recipe.title}")
    return train(recipe, data)


def _register(
    mlflow: Any, trained: list[Trained], data: Adult, *, commits: dict[int, str], progress: Progress
) -> dict[int, str]:
    logger, runs = CensusLogger(mlflow, data), {}
    _create_model(mlflow)
    for one in trained:
        version = one.recipe.version
        progress(f"registering {MODEL} v{version}, AUC {one.metrics['auc']:.3f}")
        runs[version] = logger.register(one, commits[version])
    _make_live(mlflow)
    progress(f"registering {BIKES} and an awkwardly named model, with gaps")
    register_bikes(mlflow)
    register_awkward(mlflow)
    return runs


def _create_model(mlflow: Any) -> None:
    mlflow.MlflowClient().create_registered_model(
        MODEL,
        tags={"owner": ANA.id, "domain": "information letters", "countersign.headline_metric": "auc"},
        description="Estimates whether a person earns more than 50,000 dollars a year (Adult census income).",
    )


def _make_live(mlflow: Any) -> None:
    """What was in production before there was a portal."""
    client = mlflow.MlflowClient()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # stages are deprecated, and most registries still use them
        client.transition_model_version_stage(MODEL, str(LIVE_BEFORE_THE_PORTAL), "Production")
    client.set_registered_model_alias(MODEL, "champion", str(LIVE_BEFORE_THE_PORTAL))


def _log_past_predictions(directory: Path, live: Trained, data: Adult) -> None:
    folder = directory / "predictions"
    shutil.rmtree(folder, ignore_errors=True)
    times = past_times(datetime.now(UTC))
    pre_portal_history(PredictionLog(folder), live, data.evaluation.features, times=times, model_name=MODEL)


def _make_room(mlflow: Any, directory: Path) -> None:
    """Take away what a build that was cut off has left on the server, and refuse to touch what it did not make."""
    begun = directory / BEGUN
    if begun.exists():
        _remove_models(mlflow)
    elif mlflow.MlflowClient().search_registered_models(filter_string=f"name = '{MODEL}'"):
        raise ServerError(f"The MLflow server has a model {MODEL} that this folder did not build. Use an empty server.")
    directory.mkdir(parents=True, exist_ok=True)
    begun.touch()


def _remove_models(mlflow: Any) -> None:
    client = mlflow.MlflowClient()
    for name in (MODEL, BIKES, AWKWARD):
        with suppress(mlflow.MlflowException):  # this one was not reached
            client.delete_registered_model(name)
    for name in (MODEL, BIKES):
        experiment = client.get_experiment_by_name(name)
        if experiment is not None:
            client.rename_experiment(experiment.experiment_id, f"{name}, cut off, {experiment.experiment_id}")
            client.delete_experiment(experiment.experiment_id)


def _finish(directory: Path, world: World) -> None:
    part = directory / f"{MARKER}.part"
    part.write_text(json.dumps(asdict(world)))
    part.replace(directory / MARKER)
    (directory / BEGUN).unlink(missing_ok=True)
