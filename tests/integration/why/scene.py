"""A portal in which version 1 was there before, 2 was promoted through it and then 3, and predictions to ask about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.catalogue.browse import CatalogueBrowser
from services.catalogue.sync import CatalogueSync
from services.domain.identity.people import Actor
from services.domain.lineage import Fact
from services.domain.promotions.promotion import PromotionRequest
from services.domain.registry import VersionKey
from services.domain.why.live_history import Ground, Spell
from services.domain.why.predictions import PredictionQuery, PredictionRecord
from services.ports.predictions import DateRange
from services.why.answers import WhyAnswer
from services.why.desk import WhyDesk
from services.why.timeline import AsOf
from tests.simulators.basics import DEV
from tests.world import MODEL, World


class ListedLog:
    """An inference log that is a list."""

    def __init__(self) -> None:
        self.records: list[PredictionRecord] = []

    def find(self, request_id: str, *, days: DateRange | None = None) -> Sequence[PredictionRecord]:
        return [r for r in self.records if r.request_id == request_id]

    def search(self, wanted: PredictionQuery) -> Sequence[PredictionRecord]:
        return [r for r in self.records if r.model == wanted.model]

    def recent(self, limit: int = 20) -> Sequence[PredictionRecord]:
        return self.records[:limit]

    def check(self) -> str:
        return "a list"


class NoLinks:
    def of_version(self, version: object, run: object) -> dict[str, str]:
        return {}


@dataclass
class Scene:
    world: World
    log: ListedLog = field(default_factory=ListedLog)
    masked: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.sync()

    @property
    def desk(self) -> WhyDesk:
        browser = CatalogueBrowser(self.world.units, NoLinks())
        return WhyDesk(self.world.units, browser, self.log, masked_inputs=self.masked)

    def sync(self) -> None:
        sync = CatalogueSync(
            self.world.registry, self.world.units, clock=self.world.clock, sweep_every=timedelta(seconds=1)
        )
        self.world.clock.advance(5)
        assert sync.beat()

    def promote(self, version: int) -> Spell:
        """Through the portal, with time passing; the spell that came of it."""
        request = self.request(version)
        assert self.world.state(request) == "promoted"
        return self.spell(version)

    def request(self, version: int) -> PromotionRequest:
        """Asked for, approved and rolled out; the release takes its time."""
        self.world.pipelines.looks_until_end = 4
        request = self.world.open(version)
        self.world.clock.advance(60)
        self.world.approve(request)
        self.world.run()
        return request

    def spell(self, version: int, ground: Ground = Ground.LIVE) -> Spell:
        found = [
            s for s in AsOf(self.world.units).timeline(MODEL).spells if s.key.version == version and s.ground is ground
        ]
        return found[-1]

    def ask(self, *, actor: Actor = DEV, **row: Any) -> WhyAnswer:
        """Log one row and ask why."""
        values: dict[str, Any] = {"environment": "production", "model": MODEL, "inputs": {"age": 39, "sex": "F"}}
        values |= {"request_id": f"pred-{len(self.log.records)}", "source": "prediction log, day.parquet"} | row
        record = PredictionRecord(**values)
        self.log.records.append(record)
        return self.desk.answer(actor, record.request_id)


def part(answer: WhyAnswer, name: str) -> Fact:
    return next(fact for fact in answer.facts if fact.name == name)


def key(version: int) -> VersionKey:
    return VersionKey(MODEL, version)


def between(early: datetime, late: datetime) -> datetime:
    return early + (late - early) / 2
