"""Builds the demo's registry on a real MLflow server: trains, logs and registers, once per folder."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # the package has no types

from demo.people import ANA
from demo.traffic import keep_rows
from demo.world.adult import Adult, load_adult
from demo.world.census import CensusLogger
from demo.world.client import ServerError, connect, has_run, wait_until_ready
from demo.world.gaps import register_awkward, register_bikes
from demo.world.history import past_times, pre_portal_history
from demo.world.kept import BEGUN, WORLD_VERSION, World, keep_world, read_world
from demo.world.names import AWKWARD, BIKES, MODEL
from demo.world.predictions import PredictionLog
from demo.world.repository import build_repository
from demo.world.trainers import training
from demo.world.training import RECIPES, Trained

LIVE_BEFORE_THE_PORTAL = 3
Progress = Callable[[str], None]


def build_world(tracking_uri: str, directory: Path, *, progress: Progress) -> World:
    """Train, log and register everything; a finished demo is kept, an interrupted one is built again.

    The server may still be starting: training comes first and does not need it. Raises DataMissingError, ServerError.
    """
    world = read_world(directory)
    if world is not None:
        wait_until_ready(tracking_uri)
        if has_run(tracking_uri, world.runs[1]):
            keep_rows(directory, load_adult().evaluation.features)
            return world
    with threadpool_limits(1):  # where other programs compete for the cores, threads of OpenMP wait for each other
        return _build(tracking_uri, directory, progress)


def _build(tracking_uri: str, directory: Path, progress: Progress) -> World:
    progress("reading the census data")
    data = load_adult()
    progress(f"training {len(RECIPES)} versions of {MODEL}")
    with training(data) as trained:
        commits = build_repository(directory / "training-code")
        wait_until_ready(tracking_uri)
        mlflow = connect(tracking_uri)
        _make_room(mlflow, directory)
        keep_rows(directory, data.evaluation.features)
        runs = _register(_Registrar(mlflow, data, commits, directory), trained, progress)
    progress(f"registering {BIKES} and an awkwardly named model, with gaps")
    register_bikes(mlflow)
    register_awkward(mlflow)
    world = World(WORLD_VERSION, runs, commits)
    keep_world(directory, world)
    return world


@dataclass(frozen=True)
class _Registrar:
    """What registering needs beside the trained versions."""

    mlflow: Any
    data: Adult
    commits: Mapping[int, str]
    directory: Path


def _register(to: _Registrar, trained: Iterable[Trained], progress: Progress) -> dict[int, str]:
    """One version after another; the version live before the portal goes live before any later one exists."""
    logger, runs = CensusLogger(to.mlflow, to.data), {}
    _create_model(to.mlflow)
    for one in trained:
        version = one.recipe.version
        progress(f"registering {MODEL} v{version}, AUC {one.metrics['auc']:.3f}: {one.recipe.title}")
        runs[version] = logger.register(one, to.commits[version])
        if version == LIVE_BEFORE_THE_PORTAL:
            _make_live(to.mlflow)
            _log_past_predictions(to.directory, one, to.data)
    return runs


def _create_model(mlflow: Any) -> None:
    mlflow.MlflowClient().create_registered_model(
        MODEL,
        tags={"owner": ANA.id, "domain": "information letters", "countersign.headline_metric": "auc"},
        description="Estimates whether a person earns more than 50,000 dollars a year (Adult census income).",
    )


def _make_live(mlflow: Any) -> None:
    """Put the version into production that was live before the portal."""
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
    """Remove what an interrupted build left on the server; refuse to touch anything else."""
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
