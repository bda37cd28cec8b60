"""Logs and registers one version of the income model, with what a good team logs."""

from __future__ import annotations

import json
from importlib.metadata import version as installed
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd
import skops.io
from sklearn.pipeline import Pipeline

from demo.world.adult import SOURCE, Adult, Split
from demo.world.cards import model_card
from demo.world.checks import SUITES, junit, run_suite
from demo.world.names import MODEL
from demo.world.training import Recipe, Trained, held_out_table

SAMPLE_ROWS = 4000
KNOWN_RECORDS = 20
EXAMPLE_ROWS = 5
SCHEMA_ROWS = 100
TOLERANCE = 1e-6
TRUSTED = {"sklearn.tree._tree.Tree", "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor"}
"""Types of scikit-learn itself that skops does not know yet."""


class CensusLogger:
    """Registers versions one after the other; a data set that several versions share is described once."""

    def __init__(self, mlflow: Any, data: Adult) -> None:
        self._mlflow = mlflow
        self._data = data
        self._known: dict[int, Any] = {}

    def register(self, trained: Trained, commit: str) -> str:
        """Log a run and register its model; returns the run's id."""
        mlflow, recipe = self._mlflow, trained.recipe
        mlflow.set_experiment(MODEL)
        with mlflow.start_run(run_name=f"v{recipe.version} {recipe.title}", tags=_run_tags(recipe, commit)) as run:
            mlflow.log_params(trained.params)
            training = self._dataset(trained.train, "adult-census-train")
            evaluation = self._dataset(self._data.evaluation, "adult-census-evaluation")
            mlflow.log_input(training, context="training")
            mlflow.log_input(evaluation, context="evaluation")
            _log_papers(mlflow, trained, self._data)
            model = self._log_model(trained)
            mlflow.log_metrics(trained.metrics, model_id=model.model_id, dataset=evaluation)
        run_id = str(run.info.run_id)
        self._new_version(trained, run_id, model.model_id)
        return run_id

    def _dataset(self, split: Split, name: str) -> Any:
        key = id(split.features)
        if key not in self._known:
            self._known[key] = self._describe(split.features.assign(income=split.label), name)
        return self._known[key]

    def _describe(self, table: pd.DataFrame, name: str) -> Any:
        """A data set whose schema is read off its first rows: no value is missing, and all rows would take seconds."""
        make = self._mlflow.data.from_pandas
        dataset = make(table, source=SOURCE, targets="income", name=name)
        dataset.__dict__["schema"] = make(table.head(SCHEMA_ROWS), source=SOURCE, targets="income", name=name).schema
        return dataset

    def _log_model(self, trained: Trained) -> Any:
        example = self._data.evaluation.features.head(EXAMPLE_ROWS)
        signature = self._mlflow.models.infer_signature(example, trained.model.predict_proba(example))
        form = model_format(trained.model)
        self._mlflow.set_tag("serialization_format", form["serialization_format"])
        return self._mlflow.sklearn.log_model(
            trained.model,
            name="model",
            signature=signature,
            input_example=example,
            pip_requirements=_requirements(form["serialization_format"]),
            pyfunc_predict_fn="predict_proba",
            **form,
        )

    def _new_version(self, trained: Trained, run_id: str, model_id: str) -> None:
        client, recipe = self._mlflow.MlflowClient(), trained.recipe
        made = client.create_model_version(
            MODEL,
            f"models:/{model_id}",
            run_id,
            tags={"task": "classification", "risk_tier": "high", "owner": recipe.author.id},
            description=f"{recipe.title}. {recipe.note}",
            await_creation_for=0,
            model_id=model_id,
        )
        if int(made.version) != recipe.version:
            raise RuntimeError(f"MLflow gave version {made.version}, not {recipe.version}")


def model_format(model: Pipeline) -> dict[str, Any]:
    """Arguments for ``log_model``: skops where every type is scikit-learn's own, else cloudpickle, which runs code."""
    unknown = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    if set(unknown) <= TRUSTED:
        return {"serialization_format": "skops", "skops_trusted_types": unknown}
    return {"serialization_format": "cloudpickle"}


def _requirements(serialization_format: str) -> list[str]:
    names = ("mlflow", "scikit-learn", "pandas", serialization_format)
    return [f"{name}=={installed(name)}" for name in names]


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


def _log_papers(mlflow: Any, trained: Trained, data: Adult) -> None:
    with TemporaryDirectory() as folder:
        root = Path(folder)
        for name in ("tests", "evaluation", "training"):
            (root / name).mkdir()
        for path, checks in SUITES.items():
            (root / path).write_bytes(junit(Path(path).stem, run_suite(checks, trained, data)))
        (root / "model_card.md").write_text(model_card(trained, data), encoding="utf-8")
        (root / "evaluation" / "known_records.json").write_text(json.dumps(known_records(trained, data)))
        held_out_table(trained, data).to_parquet(root / "evaluation" / "predictions.parquet", compression="zstd")
        training_sample(trained).to_parquet(root / "training" / "sample.parquet", compression="zstd")
        mlflow.log_artifacts(folder)


def training_sample(trained: Trained) -> pd.DataFrame:
    """Some thousand rows of what the version learnt from, by the portal's convention: for drift, and for Why."""
    rows = trained.train.features.assign(label=trained.train.label)
    return rows.sample(min(SAMPLE_ROWS, len(rows)), random_state=0)


def known_records(trained: Trained, data: Adult) -> dict[str, Any]:
    """Twenty evaluation rows and the scores that this version must give them wherever it is deployed."""
    rows = data.evaluation.features.iloc[:: len(data.evaluation.features) // KNOWN_RECORDS].head(KNOWN_RECORDS)
    expected = trained.model.predict_proba(rows)[:, 1]
    return {
        "columns": list(rows.columns),
        "data": rows.to_numpy().tolist(),
        "row_ids": [int(i) for i in rows.index],
        "expected": [float(value) for value in expected],
        "tolerance": TOLERANCE,
    }
