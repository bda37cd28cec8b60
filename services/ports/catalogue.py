"""The searchable copy of the registry, in the database."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from services.domain.catalogue import FilterValues, SourceHealth, TestReport, VersionQuery, VersionRow
from services.domain.registry import ModelVersion, RegisteredModel, Run, VersionKey


class CatalogueStore(Protocol):
    """All statements about the catalogue."""

    def put_models(self, models: Iterable[RegisteredModel]) -> None:
        """Insert or replace models."""

    def put_versions(self, versions: Iterable[ModelVersion], now: datetime) -> None:
        """Insert or replace versions with all that is derived from model and run."""

    def mark_gone(self, models: Sequence[str], present: Iterable[VersionKey], now: datetime) -> int:
        """After a complete read of these models: versions that MLflow no longer has are marked, never deleted."""

    def mark_models_gone(self, present: Iterable[str], now: datetime) -> Sequence[str]:
        """After a complete read of all models: those that MLflow no longer has; returns their names."""

    def put_run(self, run: Run, now: datetime) -> None:
        """Insert or replace a run; reports and card that were read stay."""

    def put_papers(self, run_id: str, reports: tuple[TestReport, ...], card: str | None) -> None:
        """Keep test reports and model card of a run."""

    def missing_runs(self, limit: int) -> Sequence[str]:
        """Run ids of versions whose run was never read, newest versions first."""

    def running_runs(self, limit: int, *, since: datetime) -> Sequence[str]:
        """Run ids of versions registered since then whose run had not ended when it was read, newest first."""

    def aged_runs(self, limit: int, *, before: datetime) -> Sequence[str]:
        """Run ids that were read before then, the one longest ago first."""

    def put_fetched(self, run_ids: Sequence[str], now: datetime) -> None:
        """These runs were asked for now, whether MLflow still had them or not."""

    def gone_models(self) -> Sequence[str]:
        """Names of the models that MLflow had and has no more."""

    def runs_without_papers(self, limit: int) -> Sequence[str]:
        """Run ids whose artifacts were not looked at yet, newest versions first."""

    def versions_of_runs(self, run_ids: Sequence[str]) -> Sequence[ModelVersion]:
        """Versions that belong to these runs."""

    def models(self, names: Sequence[str] | None = None) -> Sequence[RegisteredModel]:
        """Models by name, or all; those that are gone too."""

    def watched_models(self) -> Sequence[str]:
        """Models with a live request or a holder of stage or alias: their tags are read on every beat."""

    def search(self, query: VersionQuery) -> tuple[tuple[VersionRow, ...], int]:
        """A page of versions and how many match."""

    def version(self, key: VersionKey) -> tuple[ModelVersion, RegisteredModel, VersionRow, datetime | None] | None:
        """One version with its model, its line, and when it was deleted in MLflow if it was."""

    def versions(self, model: str) -> tuple[VersionRow, ...]:
        """All versions of a model, newest first."""

    def run(self, run_id: str) -> tuple[Run, tuple[TestReport, ...], str | None] | None:
        """A run with its reports and card."""

    def runs_of(self, model: str) -> Mapping[int, Run]:
        """Runs of a model's versions by version number."""

    def filter_values(self) -> FilterValues:
        """What the filters offer."""

    def put_health(self, health: SourceHealth, *, now: datetime, swept: bool = False) -> None:
        """What the worker last saw of an outside system."""

    def health(self) -> tuple[SourceHealth, ...]:
        """All outside systems as last seen."""

    def last_sweep(self, system: str) -> datetime | None:
        """When everything was last read."""
