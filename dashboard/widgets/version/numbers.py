"""A version's metrics, each with its source, its parameters, and the data sets of its run."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard.text import shorten
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import bullets, code, empty, short, show, soft, table
from services.domain.catalogue import VersionDetail
from services.domain.datasets import blind_spots
from services.domain.model_metrics import MetricValue
from services.domain.registry import Dataset

SHOWN_IN_CELL = 120


def show_numbers(detail: VersionDetail) -> None:
    """Metrics, parameters, data sets."""
    if detail.run is None:
        empty("The version has no run, so its metrics and parameters are unknown.", "Register versions from a run.")
        return
    left, right = st.columns(2, gap="large")
    with left:
        _metrics(detail.metrics)
    with right:
        rows = [(k, short(v, SHOWN_IN_CELL)) for k, v in sorted(detail.run.params.items())]
        show(table(("Parameter", "Value"), rows, caption="Parameters"))
    _data_sets(detail.run.datasets)


def _metrics(metrics: Mapping[str, MetricValue]) -> None:
    rows = [row for metric in metrics.values() for row in _rows(metric)]
    show(table(("Metric", "Value", "Measured on", "Source"), rows, caption="Metrics", classes="cs-stack"))
    if any(metric.value is None for metric in metrics.values()):
        st.caption("Log each metric with model_id and dataset, so that MLflow keeps what it is about.")


def _rows(metric: MetricValue) -> list[tuple[str, ...]]:
    if metric.by_dataset:
        return [_row(part) for part in metric.by_dataset]
    return [_row(metric)]


def _row(metric: MetricValue) -> tuple[str, ...]:
    value = soft(formats.UNKNOWN) if metric.value is None else formats.number(metric.value)
    source = f"{metric.why_unknown}." if metric.value is None else metric.source
    return metric.name, value, metric.dataset or "not said", short(source, SHOWN_IN_CELL)


def _data_sets(datasets: tuple[Dataset, ...]) -> None:
    if not datasets:
        return
    rows = [
        (
            shorten(d.name, 60),
            d.context or "not said",
            code(d.best_digest) if d.best_digest else soft(formats.UNKNOWN),
            "every value" if d.content_digest else "; ".join(f"not: {spot}" for spot in blind_spots(d)),
        )
        for d in datasets
    ]
    show(
        table(
            ("Data set", "Context", "Digest", "What the digest covers"), rows, caption="Data sets", classes="cs-stack"
        )
    )
    if any(not dataset.content_digest for dataset in datasets):
        show(
            bullets(
                ["MLflow's digest leaves parts of the data out. countersign dataset digest PATH covers every value."]
            )
        )
