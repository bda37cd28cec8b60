"""What is known of the data a run used: which is training data, which digest covers it, and what none covers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from services.domain.registry import Dataset

CONTENT_TAG = "countersign.content_digest."
"""Run tag before a data set's name: the digest that `countersign dataset digest` computed over every value."""
ROWS_SEEN = 10_000
"""Rows that MLflow's digest of a pandas or numpy data set covers."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def content_tag(name: str, mlflow_digest: str = "") -> str:
    """The run tag for a data set; with MLflow's digest where the run has several of one name.

    MLflow's tags take letters, digits and ``_-. :/`` and 250 characters: another character becomes ``_``.
    """
    text = f"{name}.{mlflow_digest}" if mlflow_digest else name
    return CONTENT_TAG + re.sub(r"[^\w\-. :/]", "_", text, flags=re.ASCII)[: 250 - len(CONTENT_TAG)]


def with_content_digests(datasets: Sequence[Dataset], tags: Mapping[str, str]) -> tuple[Dataset, ...]:
    """The data sets with the content digests that the run's tags give.

    A tag without MLflow's digest counts only where the run has one data set of that name.
    """
    names = Counter(dataset.name for dataset in datasets)
    return tuple(replace(d, content_digest=_content_digest(tags, d, is_only=names[d.name] == 1)) for d in datasets)


def _content_digest(tags: Mapping[str, str], dataset: Dataset, *, is_only: bool) -> str:
    wanted = [content_tag(dataset.name, dataset.digest)] if dataset.digest else []
    wanted += [content_tag(dataset.name)] if is_only else []
    return next((tags[tag] for tag in wanted if _DIGEST.fullmatch(tags.get(tag, ""))), "")


def named(datasets: Sequence[Dataset]) -> dict[str, str]:
    """``name (context)`` to digest; MLflow's digest distinguishes those with the same name and context."""
    names = Counter(_label(dataset) for dataset in datasets)
    found: dict[str, str] = {}
    for dataset in datasets:
        label = _label(dataset)
        found[label if names[label] == 1 else f"{label} {dataset.digest or 'without digest'}"] = dataset.best_digest
    return found


def _label(dataset: Dataset) -> str:
    return f"{dataset.name} ({dataset.context or 'no context'})"


def described(dataset: Dataset) -> str:
    """``adult-train (abc12345)``; the full digest where there is one."""
    return f"{dataset.name} ({dataset.best_digest})" if dataset.best_digest else dataset.name


def training_text(datasets: Sequence[Dataset]) -> str:
    """All training data in one text; empty when none was logged as such."""
    return " and ".join(dict.fromkeys(described(dataset) for dataset in datasets if dataset.is_training))


def blind_spots(dataset: Dataset) -> tuple[str, ...]:
    """What MLflow's digest of this data set does not see; empty where a digest of the content is known.

    Measured on MLflow 3.17.2: pandas and numpy data are hashed up to row 10,000, numbers and text columns only.
    """
    if dataset.content_digest:
        return ()
    if not dataset.digest:
        return ("no digest was logged, so nothing about the data is fixed",)
    source = dataset.source_type.lower()
    if "spark" in source or "delta" in source:
        return ("the digest covers the query or table version, not the rows",)
    beyond = f"rows beyond {ROWS_SEEN:,}" + (f" (it has {dataset.rows:,})" if dataset.rows else "")
    seen_whole = dataset.rows is not None and dataset.rows <= ROWS_SEEN
    rest = ("booleans, dates and times", "a text column with a missing value")
    return rest if seen_whole else (beyond, *rest)
