"""Syncs the catalogue with MLflow.

MLflow changes no time stamp for tags and aliases, so time stamps alone are not enough (`docs/mlflow.md`). A sync reads:
all registered models with aliases; versions whose time stamp changed; relevant models in full (a live request, a holder
of an alias or stage); everything at a longer interval. A chunk of models is written in one transaction, and versions
count as deleted only after a complete read of their model. All network calls happen outside transactions.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

from services.catalogue.model_card import CARD, CARD_LIMIT, UNREADABLE
from services.catalogue.test_reports.artifacts import read_reports
from services.database.unit import Units
from services.domain import test_results
from services.domain.catalogue import SourceHealth, TestReport
from services.domain.registry import ModelVersion, RegisteredModel
from services.errors import NotFoundError, PortalError, UpstreamError
from services.ports.registry import RegistryReader
from services.ports.time import Clock

log = logging.getLogger(__name__)

SYSTEM = "mlflow"
CHUNK = 50
RUNS_A_BEAT = 1000
PAPERS_A_BEAT = 100
RUNNING_A_BEAT = 20
AGED_A_BEAT = 10
AGED = timedelta(minutes=5)
"""Runs change after their version is registered, without a time stamp: each sync reads a few again."""
OVERLAP = timedelta(minutes=5)
"""Time stamps are the server's clock before its commit, and several servers' clocks differ."""


class CatalogueSync:
    """Reads MLflow, writes the catalogue."""

    def __init__(self, reader: RegistryReader, units: Units, *, clock: Clock, sweep_every: timedelta) -> None:
        self._reader = reader
        self._units = units
        self._clock = clock
        self._sweep_every = sweep_every
        self._watermark = datetime.fromtimestamp(0, UTC)
        self._has_old_runs = True

    def beat(self) -> bool:
        """Sync once; False if MLflow could not be read (the reason is stored for the status banner)."""
        now = self._clock.now()
        try:
            swept = self._read(now)
        except UpstreamError as error:
            log.warning("the registry could not be read: %s", error.message)
            self._note(
                SourceHealth(SYSTEM, is_reachable=False, last_success=None, problem=error.message, hint=error.hint)
            )
            return False
        except Exception:
            self._note(_unforeseen())
            raise
        self._note(SourceHealth(SYSTEM, is_reachable=True, last_success=now), swept=swept)
        return True

    def refresh(self, models: Sequence[str]) -> None:
        """Read these models in full, now. Raises UpstreamError."""
        self._read_models([self._reader.model(name) for name in models])

    def _read(self, now: datetime) -> bool:
        models = [model for page in self._reader.models() for model in page]
        moved = self._keep_models(models, now)
        with self._units.read() as unit:
            last = unit.catalogue.last_sweep(SYSTEM)
            watched = set(unit.catalogue.watched_models())
        swept = last is None or now - last >= self._sweep_every
        whole = models if swept else [m for m in models if m.name in moved or m.name in watched]
        self._read_models(whole)
        if not swept:
            self._read_recent()
        self._watermark = now - OVERLAP
        self._read_runs(now)
        self._read_papers()
        self._read_again(now)
        return swept

    def _keep_models(self, models: Sequence[RegisteredModel], now: datetime) -> set[str]:
        """Write the models; returns those that are new or changed (aliases change without a time stamp)."""
        with self._units.read() as unit:
            known = {m.name: m for m in unit.catalogue.models()}
            gone = set(unit.catalogue.gone_models())
        with self._units.begin() as unit:
            unit.catalogue.put_models(models)
            unit.catalogue.mark_models_gone([m.name for m in models], now)
        return {m.name for m in models if known.get(m.name) != m or m.name in gone}

    def _read_models(self, models: Sequence[RegisteredModel]) -> None:
        for start in range(0, len(models), CHUNK):
            chunk = models[start : start + CHUNK]
            names = [m.name for m in chunk]
            versions = self._reader.versions_of(names)
            with self._units.begin() as unit:
                unit.catalogue.put_models(chunk)
                unit.catalogue.put_versions(versions)
                unit.catalogue.mark_gone(names, [v.key for v in versions], self._clock.now())

    def _read_recent(self) -> None:
        self._rewrite(self._reader.recently_updated(self._watermark))

    def _rewrite(self, versions: Iterable[ModelVersion]) -> None:
        listed = list(versions)
        if listed:
            with self._units.begin() as unit:
                unit.catalogue.put_versions(listed)

    def _read_runs(self, now: datetime) -> None:
        with self._units.read() as unit:
            missing = unit.catalogue.missing_runs(RUNS_A_BEAT)
            outdated = unit.catalogue.outdated_runs(RUNS_A_BEAT) if self._has_old_runs else ()
        missing = list(dict.fromkeys([*missing, *outdated]))
        found = self._reader.runs(missing) if missing else {}
        self._has_old_runs = any(run_id in found for run_id in outdated)
        if not found:
            return
        with self._units.begin() as unit:
            for run in found.values():
                unit.catalogue.put_run(run, now)
            unit.catalogue.put_versions(unit.catalogue.versions_of_runs(list(found)))

    def _read_papers(self) -> None:
        with self._units.read() as unit:
            waiting = unit.catalogue.runs_without_papers(PAPERS_A_BEAT)
        for run_id in waiting:
            self._keep_papers(run_id)

    def _read_again(self, now: datetime) -> None:
        """Runs that were still running, then those read longest ago."""
        with self._units.read() as unit:
            due = {
                *unit.catalogue.running_runs(RUNNING_A_BEAT, since=now - timedelta(days=2)),
                *unit.catalogue.aged_runs(AGED_A_BEAT, before=now - AGED),
            }
        if not due:
            return
        found = self._reader.runs(sorted(due))
        with self._units.begin() as unit:
            unit.catalogue.put_fetched(sorted(due), now)
            for run in found.values():
                unit.catalogue.put_run(run, now)
        for run_id in found:
            self._keep_papers(run_id)

    def _keep_papers(self, run_id: str) -> None:
        papers, card = self._papers(run_id)
        with self._units.begin() as unit:
            unit.catalogue.put_papers(run_id, papers, card)
            unit.catalogue.put_versions(unit.catalogue.versions_of_runs([run_id]))

    def _papers(self, run_id: str) -> tuple[tuple[TestReport, ...], str | None]:
        try:
            found = read_reports(self._reader, run_id)
            return found, self._card(run_id)
        except UpstreamError as error:
            if error.retryable:
                raise
            return (test_results.broken_report("tests", "run artifacts", error.message),), None

    def _card(self, run_id: str) -> str | None:
        try:
            return self._reader.read_artifact(run_id, CARD, limit=CARD_LIMIT).decode("utf-8", "replace")
        except NotFoundError:
            return None
        except UpstreamError:
            raise
        except PortalError as error:
            return f"{UNREADABLE}{error.message})"

    def _note(self, health: SourceHealth, *, swept: bool = False) -> None:
        with self._units.begin() as unit:
            unit.catalogue.put_health(health, now=self._clock.now(), swept=swept)


def _unforeseen() -> SourceHealth:
    problem = "MLflow's answer could not be stored; the portal's log has the details."
    hint = "Countersign retries. If it persists, send the log to the portal's operator."
    return SourceHealth(SYSTEM, is_reachable=False, last_success=None, problem=problem, hint=hint)
