"""What the list of versions shows, derived from registry and run. What nobody says stays None."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.domain import test_results
from services.domain.catalogue import TestReport
from services.domain.registry import Dataset, ModelVersion, RegisteredModel, Run

HEADLINE_TAG = "countersign.headline_metric"
ALGORITHM_TAGS = ("algorithm", "estimator_name", "model_type")
"""Run tags and parameters that name the algorithm, in this order; MLflow's autologging writes estimator_name."""
HEADLINES = ("auc", "roc_auc", "average_precision", "rmse", "mae", "r2", "f1", "f1_score", "accuracy", "accuracy_score")


@dataclass(frozen=True)
class Derived:
    """Columns of the list that MLflow does not keep."""

    owner: str | None
    dataset: Dataset | None
    metric_name: str | None
    metric_value: float | None
    tests_passed: int | None
    tests_failed: int | None


def derive(
    version: ModelVersion, model: RegisteredModel, run: Run | None, run_reports: Sequence[TestReport]
) -> Derived:
    """Owner, training data, headline metric and test totals of a version."""
    name, value = headline(model, run.metrics if run else {})
    passed, failed = test_results.totals((*run_reports, *test_results.reports_from_tags(version.tags)))
    owner = version.tags.get("owner") or model.tags.get("owner") or (run.user if run else None)
    return Derived(owner or None, training_data(run), name, value, passed, failed)


def headline(model: RegisteredModel, metrics: Mapping[str, float]) -> tuple[str | None, float | None]:
    """The metric that stands for a version: the model's tag says which, else the first of the usual ones."""
    wanted = model.tags.get(HEADLINE_TAG)
    order = [wanted] if wanted else [*HEADLINES, *sorted(metrics)]
    for name in order:
        value = metrics.get(name)
        if value is not None and math.isfinite(value):
            return name, value
    return (wanted, None) if wanted else (None, None)


def training_data(run: Run | None) -> Dataset | None:
    """The data set with context training, else the first one."""
    if run is None or not run.datasets:
        return None
    return next((d for d in run.datasets if d.context.lower().startswith("train")), run.datasets[0])


def algorithm_of(run: Run | None) -> str:
    """The algorithm that the run names, else an empty text."""
    named = ((run.tags.get(name) or run.params.get(name)) for name in ALGORITHM_TAGS) if run else ()
    return next((value for value in named if value), "")


def search_words(version: ModelVersion, derived: Derived, aliases: Sequence[str]) -> str:
    """Everything that the search field looks through, in lower case."""
    dataset = derived.dataset
    parts = [
        version.model,
        f"v{version.version}",
        derived.owner or "",
        dataset.name if dataset else "",
        dataset.digest if dataset else "",
        version.run_id,
        version.stage,
        *aliases,
        *(f"{key}={value}" for key, value in sorted(version.tags.items())),
        version.description,
    ]
    return "\n".join(parts).lower()[:20_000]
