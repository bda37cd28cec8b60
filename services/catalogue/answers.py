"""Answers of the catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from services.domain.catalogue import (
    FilterValues,
    MetricPoint,
    VersionDetail,
    VersionPage,
    VersionQuery,
    VersionRow,
)
from services.domain.registry import VersionKey


class Catalogue(Protocol):
    """The searchable copy of the registry; no call here reaches MLflow."""

    def search(self, query: VersionQuery) -> VersionPage:
        """A page of versions."""

    def filter_values(self) -> FilterValues:
        """The filters' options."""

    def detail(self, key: VersionKey) -> VersionDetail:
        """One version. Raises NotFoundError."""

    def versions(self, model: str) -> Sequence[VersionRow]:
        """All versions of a model, newest first."""

    def metric_names(self, model: str) -> Sequence[str]:
        """Metrics that any version of the model has."""

    def metric_over_versions(self, model: str, metric: str) -> Sequence[MetricPoint]:
        """One metric over the versions of a model, oldest first; versions without it are absent."""
