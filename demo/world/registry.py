"""Logs and registers the demo's models on a real MLflow server, with what a good team logs and real gaps."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from demo.world.adult import BIKE_FILE, BIKE_SHA256, Adult, data_file, load_adult
from demo.world.cards import model_card
from demo.world.checks import SUITES, junit, run_suite
from demo.world.history import log_history
from demo.world.predictions import PredictionLog
from demo.world.repository import build_repository
from demo.world.training import RECIPES, Recipe, Trained, held_out_table, train

MODEL = "census-income"
BIKES = "bike-demand"
AWKWARD = 'Zins & Kredit "Müller" <b>neu<b> *v2* 🚲'
LIVE_BEFORE_THE_PORTAL = 3
MARKER = "world.json"
WORLD_VERSION = 1
KNOWN_RECORDS = 20
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
    except (OSError, ValueError):
        return None
    if kept.get("version") != WORLD_VERSION:
        return None
    by_number = {name: {int(k): v for k, v in kept[name].items()} for name in ("runs", "commits")}
    return World(WORLD_VERSION, **by_number)


def discard_half_built(directory: Path) -> None:
    """Before the servers start: a world without its marker was cut off, so it begins anew."""
    if read_world(directory) is None:
        for part in ("mlflow", "training-code", "predictions"):
            shutil.rmtree(directory / part, ignore_errors=True)


def build_world(tracking_uri: str, directory: Path, *, progress: Progress) -> World:
    """Train, log and register everything; a finished world is kept."""
    world = read_world(directory)
    if world is not None:
        return world
    mlflow = _mlflow(tracking_uri)
    progress("reading the census data")
    data = load_adult()
    commits = build_repository(directory / "training-code")
    runs = {}
    for recipe in RECIPES:
        progress(f"training and registering {MODEL} v{recipe.version}: {recipe.title}")
        trained = train(recipe, data)
        runs[recipe.version] = _register(mlflow, trained, data, commits[recipe.version])
        if recipe.version == LIVE_BEFORE_THE_PORTAL:
            log_history(PredictionLog(directory / "predictions"), trained, data, now=datetime.now(UTC))
    _describe(mlflow)
    progress(f"registering {BIKES} and an awkwardly named model, with gaps")
    _register_bikes(mlflow)
    _register_awkward(mlflow)
    world = World(WORLD_VERSION, runs, commits)
    (directory / MARKER).write_text(json.dumps(asdict(world)))
    return world


def _mlflow(tracking_uri: str) -> Any:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "2"
    os.environ["MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"] = "true"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    import logging

    import mlflow

    warnings.filterwarnings("ignore", module="mlflow")
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    return mlflow


def _register(mlflow: Any, trained: Trained, data: Adult, commit: str) -> str:
    recipe = trained.recipe
    mlflow.set_experiment(MODEL)
    with mlflow.start_run(run_name=f"v{recipe.version} {recipe.title}", tags=_run_tags(recipe, commit)) as run:
        mlflow.log_params(trained.params)
        mlflow.log_metrics(trained.metrics)
        _log_datasets(mlflow, trained, data)
        _log_papers(mlflow, trained, data)
        info = _log_model(mlflow, trained, data)
    client = mlflow.MlflowClient()
    if recipe.version == 1:
        client.create_registered_model(MODEL)
    tags = {"task": "classification", "risk_tier": "high", "owner": recipe.author.id}
    made = _new_version(mlflow, info.model_uri, MODEL, tags)
    client.update_model_version(MODEL, made.version, f"{recipe.title}. {recipe.note}")
    if int(made.version) != recipe.version:
        raise RuntimeError(f"MLflow gave version {made.version}, not {recipe.version}")
    return str(run.info.run_id)


def _new_version(mlflow: Any, model_uri: str, name: str, tags: dict[str, str]) -> Any:
    with contextlib.redirect_stderr(io.StringIO()):  # MLflow announces each version there
        return mlflow.register_model(model_uri, name, await_registration_for=0, tags=tags)


def _run_tags(recipe: Recipe, commit: str) -> dict[str, str]:
    """What the fluent API writes in a run from a script inside a Git checkout."""
    return {
        "mlflow.user": recipe.author.id,
        "mlflow.source.name": "train.py",
        "mlflow.source.type": "LOCAL",
        "mlflow.source.git.commit": commit,
        "mlflow.source.git.branch": "main",
        "algorithm": recipe.algorithm,
    }


def _log_datasets(mlflow: Any, trained: Trained, data: Adult) -> None:
    source = "https://doi.org/10.24432/C5XW20"
    for split, name, context in (
        (trained.train, "adult-census-train", "training"),
        (data.evaluation, "adult-census-evaluation", "evaluation"),
    ):
        table = split.features.assign(income=split.label)
        mlflow.log_input(mlflow.data.from_pandas(table, source=source, targets="income", name=name), context=context)


def _log_papers(mlflow: Any, trained: Trained, data: Adult) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for path, checks in SUITES.items():
            _write(root / path, junit(Path(path).stem, run_suite(checks, trained, data)))
        _write(root / "model_card.md", model_card(trained, data).encode())
        (root / "evaluation").mkdir()
        (root / "evaluation" / "known_records.json").write_text(json.dumps(_known_records(trained, data)))
        held_out_table(trained, data).to_parquet(root / "evaluation" / "predictions.parquet", compression="zstd")
        mlflow.log_artifacts(folder)


def _known_records(trained: Trained, data: Adult) -> dict[str, Any]:
    """Twenty evaluation rows and the scores that this version must give them wherever it is deployed."""
    rows = data.evaluation.features.iloc[:: len(data.evaluation.features) // KNOWN_RECORDS].head(KNOWN_RECORDS)
    expected = trained.model.predict_proba(rows)[:, 1]
    return {
        "columns": list(rows.columns),
        "data": rows.to_numpy().tolist(),
        "row_ids": [int(i) for i in rows.index],
        "expected": [float(value) for value in expected],
        "tolerance": 1e-6,
    }


def _log_model(mlflow: Any, trained: Trained, data: Adult) -> Any:
    example = data.evaluation.features.head(5)
    signature = mlflow.models.infer_signature(example, trained.model.predict_proba(example))
    return mlflow.sklearn.log_model(
        trained.model,
        name="model",
        signature=signature,
        input_example=example,
        pip_requirements=[f"{name}=={installed(name)}" for name in ("mlflow", "scikit-learn", "pandas", "cloudpickle")],
        pyfunc_predict_fn="predict_proba",
        # skops, the default, does not trust gradient boosting; the portal never loads a model, whatever its format
        serialization_format="cloudpickle",
    )


def _describe(mlflow: Any) -> None:
    client = mlflow.MlflowClient()
    client.update_registered_model(
        MODEL, "Estimates whether a person earns more than 50,000 dollars a year (Adult census income)."
    )
    for name, value in {
        "owner": "ana.ruiz",
        "domain": "information letters",
        "countersign.headline_metric": "auc",
    }.items():
        client.set_registered_model_tag(MODEL, name, value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # stages are deprecated, and most registries still use them
        client.transition_model_version_stage(MODEL, str(LIVE_BEFORE_THE_PORTAL), "Production")
    client.set_registered_model_alias(MODEL, "champion", str(LIVE_BEFORE_THE_PORTAL))


def _register_bikes(mlflow: Any) -> None:
    """Three versions: one sound, one whose run was deleted, one without data set and description."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

    table = pd.read_csv(data_file(BIKE_FILE, BIKE_SHA256)).select_dtypes("number").astype("float64")
    train_rows, test_rows = table.iloc[:12000], table.iloc[12000:]
    client = mlflow.MlflowClient()
    client.create_registered_model(BIKES, description="Bikes hired in an hour.")
    models = (
        LinearRegression(),
        HistGradientBoostingRegressor(random_state=1),
        HistGradientBoostingRegressor(max_iter=40),
    )
    mlflow.set_experiment(BIKES)
    for number, model in enumerate(models, start=1):
        model.fit(train_rows.drop(columns="count"), train_rows["count"])
        predicted = model.predict(test_rows.drop(columns="count"))
        with mlflow.start_run(run_name=f"bikes {number}", tags={"mlflow.user": "ana.ruiz"}) as run:
            mlflow.log_params({"algorithm": type(model).__name__})
            mlflow.log_metrics(
                {
                    "rmse": root_mean_squared_error(test_rows["count"], predicted),
                    "mae": mean_absolute_error(test_rows["count"], predicted),
                    "r2": r2_score(test_rows["count"], predicted),
                }
            )
            if number < len(models):
                dataset = mlflow.data.from_pandas(train_rows, targets="count", name="bike-sharing")
                mlflow.log_input(dataset, context="training")
            info = mlflow.sklearn.log_model(
                model, name="model", input_example=test_rows.drop(columns="count").head(2),
                signature=mlflow.models.infer_signature(test_rows.drop(columns="count").head(2), predicted[:2]),
                pip_requirements=["scikit-learn"], serialization_format="cloudpickle",
            )  # fmt: skip
        description = f"Hourly demand, {type(model).__name__}." if number < len(models) else ""
        made = _new_version(mlflow, info.model_uri, BIKES, {})
        client.update_model_version(BIKES, made.version, description)
        if number == 2:
            client.delete_run(run.info.run_id)


def _register_awkward(mlflow: Any) -> None:
    """A name with quotes, HTML, an emoji and spaces; no run, no data, no description."""
    client = mlflow.MlflowClient()
    client.create_registered_model(AWKWARD)
    for _ in range(2):
        client.create_model_version(AWKWARD, "s3://bucket-of-a-colleague/models/credit")


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
