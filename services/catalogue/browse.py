"""Reads the catalogue for pages: no call here reaches MLflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from services.audit.browser import lines_about
from services.catalogue.lineage import facts_of, graph_of
from services.database.stores.requests import RequestFilter
from services.database.unit import Unit, Units
from services.domain import test_results
from services.domain.catalogue import (
    FilterValues,
    HistoryLine,
    MetricPoint,
    VersionDetail,
    VersionPage,
    VersionQuery,
    VersionRow,
)
from services.domain.model_metrics import known_metrics, metrics_of
from services.domain.registry import ModelVersion, Run, VersionKey
from services.errors import NotFoundError
from services.releases.desk import of_version, row_of, tests_of


class Links(Protocol):
    """Addresses in MLflow's own pages."""

    def of_version(self, version: ModelVersion, run: Run | None) -> Mapping[str, str]:
        """Label to address."""


class CatalogueBrowser:
    """Implements `services.catalogue.answers.Catalogue`."""

    def __init__(self, units: Units, links: Links) -> None:
        self._units = units
        self._links = links

    def search(self, query: VersionQuery) -> VersionPage:
        """A page of versions."""
        with self._units.read() as unit:
            rows, total = unit.catalogue.search(query)
        return VersionPage(rows, total, query.page, query.page_size)

    def filter_values(self) -> FilterValues:
        """The filters' options."""
        with self._units.read() as unit:
            return unit.catalogue.filter_values()

    def versions(self, model: str) -> Sequence[VersionRow]:
        """All versions of a model, newest first."""
        with self._units.read() as unit:
            return unit.catalogue.versions(model)

    def metric_names(self, model: str) -> Sequence[str]:
        """Metrics that any version of the model has."""
        return sorted({name for metrics, _ in self._metrics(model) for name in metrics})

    def metric_over_versions(self, model: str, metric: str) -> Sequence[MetricPoint]:
        """One metric over the versions of a model, oldest first; versions without it are omitted."""
        return [
            MetricPoint(row.key.version, metrics[metric], row.created)
            for metrics, row in self._metrics(model)
            if metric in metrics
        ]

    def _metrics(self, model: str) -> list[tuple[dict[str, float], VersionRow]]:
        """The known facts of each version, oldest first."""
        with self._units.read() as unit:
            runs = unit.catalogue.runs_of(model)
            rows = {row.key.version: row for row in unit.catalogue.versions(model)}
            kept = {version.version: version for version in unit.catalogue.registered(model)}
        return [
            (known_metrics(metrics_of(kept[number], runs.get(number))), rows[number])
            for number in sorted(rows)
            if number in kept
        ]

    def detail(self, key: VersionKey) -> VersionDetail:
        """One version. Raises NotFoundError."""
        with self._units.read() as unit:
            found = unit.catalogue.version(key)
            if found is None:
                raise NotFoundError(
                    f"{key} is not in the catalogue.", hint="Check the name; new versions appear within a minute."
                )
            version, model, row, gone = found
            run, run_reports, card = unit.catalogue.run(version.run_id) or (None, (), None)
            deployments = tuple(unit.deployments.of(model=key.model, version=key.version))
            requests = tuple(unit.requests.find(_of(key))[0])
            releases = of_version(unit, key)
            history = _history(unit, version, run)
        links = self._links.of_version(version, run)
        if gone is not None:
            history = (HistoryLine(gone, "deleted in MLflow", "", "catalogue"), *history)
        return VersionDetail(
            row=row,
            version=version,
            model=model,
            run=run,
            facts=facts_of(version, run, links),
            graph=graph_of(
                version, run, deployments=deployments, requests=requests, releases=[row_of(kept) for kept in releases]
            ),
            tests=run_reports + test_results.reports_from_tags(version.tags) + tests_of(releases),
            card=card,
            metrics=metrics_of(version, run),
            deployments=deployments,
            requests=requests,
            history=tuple(sorted(history, key=lambda line: line.at, reverse=True)),
            links=links,
        )


def _of(key: VersionKey) -> RequestFilter:
    return RequestFilter(model=key.model, version=key.version, page_size=100)


def _history(unit: Unit, version: ModelVersion, run: Run | None) -> tuple[HistoryLine, ...]:
    lines = [HistoryLine(version.created, "version registered", "", "MLflow registry")]
    if run and run.started:
        lines.append(HistoryLine(run.started, f"run {run.name or run.run_id} started", run.user, "MLflow run"))
    return (*lines, *lines_about(unit, version.key))
