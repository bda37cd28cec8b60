"""What the list of versions shows, derived from registry and run. Unknown values stay None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from services.domain import test_results
from services.domain.catalogue import TestReport
from services.domain.model_metrics import metrics_of
from services.domain.registry import ModelVersion, RegisteredModel, Run

HEADLINE_TAG = "countersign.headline_metric"
ALGORITHM_TAGS = ("algorithm", "estimator_name", "model_type")
"""Run tags and parameters that name the algorithm, in this order; MLflow's autologging writes estimator_name."""
HEADLINES = ("auc", "roc_auc", "average_precision", "rmse", "mae", "r2", "f1", "f1_score", "accuracy", "accuracy_score")


@dataclass(frozen=True)
class Derived:
    """Columns of the list that MLflow does not store."""

    owner: str | None
    dataset: str | None
    """All training data by name; None when none was logged as such."""
    dataset_digest: str | None
    metric_name: str | None
    metric_value: float | None
    tests_passed: int | None
    tests_failed: int | None


def derive(
    version: ModelVersion, model: RegisteredModel, run: Run | None, run_reports: Sequence[TestReport]
) -> Derived:
    """Owner, training data, headline metric and test totals of a version."""
    values = {name: metric.value for name, metric in metrics_of(version, run).items() if metric.value is not None}
    name, value = headline(model, values)
    passed, failed = test_results.totals((*run_reports, *test_results.reports_from_tags(version.tags)))
    owner = version.tags.get("owner") or model.tags.get("owner") or (run.user if run else None)
    data = run.training_data if run else ()
    names = _joined([dataset.name for dataset in data], limit=500)
    digests = _joined([dataset.digest for dataset in data], limit=100)
    return Derived(owner or None, names, digests, name, value, passed, failed)


def _joined(parts: Sequence[str], *, limit: int) -> str | None:
    """All of them, or their number where the list's column cannot hold them; None for none."""
    text = " and ".join(dict.fromkeys(part for part in parts if part))
    return (text if len(text) <= limit else f"{len(parts)} data sets") or None


def headline(model: RegisteredModel, metrics: Mapping[str, float]) -> tuple[str | None, float | None]:
    """The headline metric of a version: set by the model's tag, else the first common one."""
    wanted = model.tags.get(HEADLINE_TAG)
    order = [wanted] if wanted else [*HEADLINES, *sorted(metrics)]
    for name in order:
        value = metrics.get(name)
        if value is not None:
            return name, value
    return (wanted, None) if wanted else (None, None)


def algorithm_of(run: Run | None) -> str:
    """The algorithm that the run names, else an empty string."""
    named = ((run.tags.get(name) or run.params.get(name)) for name in ALGORITHM_TAGS) if run else ()
    return next((value for value in named if value), "")


def search_words(version: ModelVersion, derived: Derived, aliases: Sequence[str]) -> str:
    """The text that the search field searches, in lower case."""
    parts = [
        version.model,
        f"v{version.version}",
        derived.owner or "",
        derived.dataset or "",
        derived.dataset_digest or "",
        version.run_id,
        version.stage,
        *aliases,
        *(f"{key}={value}" for key, value in sorted(version.tags.items())),
        version.description,
    ]
    return "\n".join(parts).lower()[:20_000]
