"""A clock that stands still until it is told, and ids that count."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.domain.identity.people import Actor, Person, Role

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)

ANA = Actor(Person("ana.ruiz", "Ana Ruiz"), frozenset({Role.DATA_SCIENTIST}))
BEN = Actor(Person("ben.okafor", "Ben Okafor"), frozenset({Role.REVIEWER}))
CHLOE = Actor(Person("chloe.martin", "Chloé Martin"), frozenset({Role.REVIEWER}))
DEV = Actor(Person("dev.patel", "Dev Patel"), frozenset({Role.AUDITOR}))
PIPELINE = Actor(Person("service:pipeline", "Pipeline"), frozenset({Role.SERVICE}))


class StillClock:
    """Moves only when told."""

    def __init__(self, now: datetime = START) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)


class CountingIds:
    """req-1, req-2, …"""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}

    def new(self, prefix: str) -> str:
        self._last[prefix] = self._last.get(prefix, 0) + 1
        return f"{prefix}-{self._last[prefix]}"
