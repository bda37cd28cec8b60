"""Predictions of one version on held-out rows, from a table.

Convention for a run: the artifact `evaluation/predictions.parquet` with columns `row_id, label, score`, optionally
`prediction` and `weight`; all further columns are slice columns. For several classes the scores are columns
`score_<class>`, or there is only a `prediction`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from services.errors import InvalidInputError
from services.evidence.arrays import FloatArray, IntArray
from services.evidence.findings import Finding, Severity
from services.evidence.rows.labels import numbers
from services.evidence.rows.tables import Column, Table, canonical_texts

CLASSES = 20
"""More different whole numbers than this are values, not classes."""
ARTIFACT_PATH = "evaluation/predictions.parquet"


class Task(StrEnum):
    """What the model predicts."""

    BINARY = "binary"
    MULTICLASS = "multiclass"
    REGRESSION = "regression"


@dataclass(frozen=True)
class Columns:
    """Which column means what. `slices` None: all further columns that both people and statistics can use."""

    key: str = "row_id"
    label: str = "label"
    score: str = "score"
    prediction: str = "prediction"
    weight: str = "weight"
    group: str | None = None
    slices: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Predictions:
    """One version's predictions. All arrays have one entry a row; texts are canonical, missing ones None.

    `scores` is [n] (binary: score of the positive class; regression: the predicted value) or [n, k] with
    `score_classes` naming the columns, or None where only `decided` (the predicted class) is known.
    """

    name: str
    ids: Column
    labels: Column | None
    scores: FloatArray | None
    score_classes: tuple[str, ...] = ()
    decided: Column | None = None
    weights: FloatArray | None = None
    groups: Column | None = None
    group_column: str | None = None
    """The group that was asked for, whether or not this table has it."""
    further: Mapping[str, Column] = field(default_factory=dict)
    rows_total: int = 0
    rate: float = 1.0
    findings: tuple[Finding, ...] = ()
    places: IntArray | None = None
    """Where each row stood in the table, while rows are matched."""

    @property
    def rows(self) -> int:
        """Rows at hand."""
        return len(self.ids)


def predictions_from_table(table: Table, columns: Columns, *, task: Task = Task.BINARY) -> Predictions:
    """Select the columns with a role; raises InvalidInputError if one is missing or not numeric."""
    ids = canonical_texts(table.column(columns.key, role="key"))
    scores, classes, findings = _scores(table, columns, task)
    decided = _decided(table, columns, task, has_scores=scores is not None)
    if scores is None and decided is None:
        table.column(columns.score, role="score")
    weights, more = _weights(table, columns)
    groups = None
    if columns.group is not None and columns.group in table.columns:
        groups = canonical_texts(table.columns[columns.group])
    return Predictions(
        name=table.name,
        ids=ids,
        labels=table.columns.get(columns.label),
        scores=scores,
        score_classes=classes,
        decided=decided,
        weights=weights,
        groups=groups,
        group_column=columns.group,
        further=_further(table, columns, classes),
        rows_total=table.rows_total,
        rate=table.rate,
        findings=(*findings, *more),
    )


def task_of_table(table: Table) -> Task:
    """Default task of a conventional table: binary unless labels and scores show otherwise.

    Several columns `score_<class>`, or decisions alone over more than two labels: several classes. Labels that are
    numbers with fractions, or more different whole numbers than classes have: a regression.
    """
    columns = Columns()
    labels = table.columns.get(columns.label)
    has_score = columns.score in table.columns
    if not has_score and len(class_columns(table, columns.score)) > 1:
        return Task.MULTICLASS
    if labels is None:
        return Task.BINARY
    values, bad = numbers(labels)
    kinds = np.unique(values[np.isfinite(values)])
    if bad == 0 and (len(kinds) > CLASSES or bool(np.any(kinds % 1 != 0))):
        return Task.REGRESSION
    words = {text for text in canonical_texts(labels).tolist() if text is not None}
    only_decided = not has_score and columns.prediction in table.columns
    return Task.MULTICLASS if only_decided and len(words) > 2 else Task.BINARY


def _scores(
    table: Table, columns: Columns, task: Task
) -> tuple[FloatArray | None, tuple[str, ...], tuple[Finding, ...]]:
    if task is Task.MULTICLASS:
        names = class_columns(table, columns.score)
        if not names:
            return None, (), ()
        parts = [_numeric(table, name) for name in names]
        classes = tuple(name[len(columns.score) :].lstrip("_") for name in names)
        return np.stack([part for part, _ in parts], axis=1), classes, tuple(f for _, fs in parts for f in fs)
    if columns.score in table.columns or columns.prediction not in table.columns:
        table.column(columns.score, role="score")
        scores, findings = _numeric(table, columns.score)
        return scores, (), findings
    if task is Task.REGRESSION:
        scores, findings = _numeric(table, columns.prediction)
        return scores, (), findings
    return None, (), ()


def class_columns(table: Table, prefix: str) -> list[str]:
    """Columns `prefix_<class>` (or `<prefix><class>` when the prefix ends in an underscore), in table order."""
    start = prefix if prefix.endswith("_") else prefix + "_"
    return [name for name in table.columns if name.startswith(start) and len(name) > len(start)]


def _numeric(table: Table, name: str, *, role: str = "score") -> tuple[FloatArray, tuple[Finding, ...]]:
    values, bad = numbers(table.columns[name])
    if bad == 0:
        return values, ()
    if bad == len(values):
        raise InvalidInputError(
            f"The column {name!r} of the {table.name} table holds no numbers, but such as {_example(table, name)}.",
            hint=f"Name the right column with --{role}; numbers need a decimal point and no trailing sign.",
            code="column_type",
        )
    sentence = f"{bad} of {len(values)} values in column {name!r} are not numbers and count as missing."
    return values, (Finding("mixed_types", Severity.WARNING, table.name, sentence),)


def _example(table: Table, name: str) -> str:
    return repr(next((str(value)[:30] for value in table.columns[name].tolist() if value is not None), ""))


def _decided(table: Table, columns: Columns, task: Task, *, has_scores: bool) -> Column | None:
    if task is Task.REGRESSION:
        return None
    if columns.prediction in table.columns:
        return canonical_texts(table.columns[columns.prediction])
    if task is Task.MULTICLASS and not has_scores and columns.score in table.columns:
        return canonical_texts(table.columns[columns.score])
    return None


def _weights(table: Table, columns: Columns) -> tuple[FloatArray | None, tuple[Finding, ...]]:
    if columns.weight not in table.columns:
        return None, ()
    weights, findings = _numeric(table, columns.weight, role="weight")
    if bool((weights < 0).any()):
        raise InvalidInputError(
            f"The {table.name} table has negative weights.", hint="Weights must not be negative.", code="weights"
        )
    return weights, findings


def _further(table: Table, columns: Columns, classes: tuple[str, ...]) -> dict[str, Column]:
    used = {columns.key, columns.label, columns.score, columns.prediction, columns.weight}
    used |= {columns.group} if columns.group is not None else set()
    used |= set(class_columns(table, columns.score)) if classes else set()
    if columns.slices is None:
        return {name: values for name, values in table.columns.items() if name not in used}
    return {name: values for name, values in table.columns.items() if name in columns.slices or name not in used}
