"""Metrics for a monitoring system: counts and ages in Prometheus' text format, from the portal's database alone.

A scrape calls no outside system, so an MLflow outage shows as `countersign_source_up 0`, not as a hanging scrape.
Names and units follow Prometheus' conventions (base units, no label without bound).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.registry import Collector

from services.audit.answers import LedgerBrowser, WitnessState
from services.domain.catalogue import SourceHealth
from services.domain.promotions.requests import RequestState
from services.domain.promotions.rollout import RolloutState
from services.health.answers import Health
from services.ports.time import Clock

CONTENT_TYPE = CONTENT_TYPE_LATEST
_FRESHNESS = ("fresh", "late", "silent")


def exposition(health: Health, ledger: LedgerBrowser, clock: Clock) -> bytes:
    """All metrics as they are now, in the text exposition format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Figures(health, ledger, clock))
    return generate_latest(registry)


class _Figures(Collector):
    def __init__(self, health: Health, ledger: LedgerBrowser, clock: Clock) -> None:
        self._health = health
        self._ledger = ledger
        self._clock = clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now, figures = self._clock.now(), self._health.figures()
        yield from _sources(self._health.sources(), now)
        yield from _witnesses(self._ledger.witnesses(), now)
        yield _by("requests", "Promotion requests by state.", "state", _all(RequestState, figures.requests))
        yield _by("rollouts", "Rollouts by state.", "state", _all(RolloutState, figures.rollouts))
        told = "Rollouts that are due and that no worker takes."
        yield _one("rollouts_waiting_for_worker", told, figures.waiting)
        told = "Seconds that the first of them has waited; 0 while none does."
        yield _one("worker_wait_seconds", told, figures.waits_seconds)
        yield _by("incidents_open", "Open incidents by kind.", "kind", figures.incidents)
        yield _by("notices", "Notifications by delivery state.", "state", figures.notices)
        yield _by("versions_live", "Model versions live by environment.", "environment", figures.live)
        yield _one("ledger_entries", "Entries of the ledger.", figures.entries)


def _sources(sources: Sequence[SourceHealth], now: datetime) -> Iterator[GaugeMetricFamily]:
    up = {source.system: float(source.is_reachable) for source in sources}
    ages = {s.system: (now - s.last_success).total_seconds() for s in sources if s.last_success is not None}
    yield _by("source_up", "1 if the outside system answered the last call.", "system", up)
    yield _by("source_age_seconds", "Seconds since the outside system was last read in full.", "system", ages)


def _witnesses(witnesses: Sequence[WitnessState], now: datetime) -> Iterator[GaugeMetricFamily]:
    behind = {witness.name: float(witness.behind) for witness in witnesses}
    ages = {w.name: (now - w.last_seen).total_seconds() for w in witnesses if w.last_seen is not None}
    states = {witness.name: float(_FRESHNESS.index(witness.freshness)) for witness in witnesses}
    yield _by("witness_behind_entries", "Entries of the ledger that the witness has not confirmed.", "witness", behind)
    yield _by("witness_age_seconds", "Seconds since the witness last confirmed something.", "witness", ages)
    yield _by("witness_freshness", "0 fresh, 1 late, 2 silent.", "witness", states)


def _all(states: Iterable[str], counted: Mapping[str, int]) -> dict[str, float]:
    """An empty state counts as 0: an alert on an absent metric never fires."""
    return {str(state): counted.get(str(state), 0) for state in states}


def _by(name: str, description: str, label: str, values: Mapping[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"countersign_{name}", description, labels=[label])
    for value, figure in sorted(values.items()):
        family.add_metric([value], figure)
    return family


def _one(name: str, description: str, figure: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"countersign_{name}", description, value=figure)
