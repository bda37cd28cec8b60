"""The real worker does, event for event, what the checked model of the protocol does.

The model is not part of this repository; where it is not beside it, these tests say so and are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event

from services.database.engine import open_engine
from services.database.tables.everything import metadata
from services.database.times import ClockTimes
from services.database.unit import Units
from services.ledger.signing.keys import KeyRing, SigningKey
from tests.integration.rollout.conformance.player import INCIDENTS, Player, Site
from tests.integration.rollout.conformance.traces import COUNT, GIVEN, load_traces, model_folder
from tests.simulators.basics import START, CountingIds, StillClock

pytestmark = [
    pytest.mark.integration,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        model_folder() is None,
        reason=f"the model of the protocol is not here: put rollout-model beside the repository, or set {GIVEN}",
    ),
]
SAMPLE = 8
"""`make test` plays every so many-th trace, `make test-slow` all."""


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("conformance")
    if request.param == "sqlite":
        yield from _site(f"sqlite:///{folder / 'portal.db'}", folder)
        return
    from tests.postgres import fresh_database

    with fresh_database(request.getfixturevalue("postgres_server")) as url:
        yield from _site(url, folder)


def _site(url: str, folder: Path) -> Iterator[Site]:
    engine, clock = open_engine(url), StillClock(START + timedelta(days=30))
    _without_waiting_for_disks(engine)
    metadata.create_all(engine)
    signer = KeyRing(SigningKey.generate("test.local/ledger"))
    yield Site(engine, Units(engine, signer, clock, times=ClockTimes(clock)), clock, CountingIds(), folder)
    engine.dispose()


def _without_waiting_for_disks(engine: Engine) -> None:
    """What a power cut would lose is no matter here, and waiting for it would be most of the time."""
    is_sqlite = engine.dialect.name == "sqlite"
    statement = "PRAGMA synchronous=OFF" if is_sqlite else "SET synchronous_commit TO off"

    @event.listens_for(engine, "connect")
    def _(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()
        if not is_sqlite:
            connection.commit()


def _play(site: Site, traces: list[dict[str, Any]]) -> None:
    failed = []
    for trace in traces:
        try:
            Player(site, trace).play()
        except AssertionError as error:
            failed.append(str(error))
    assert not failed, f"{len(failed)} of {len(traces)} traces differ:\n\n" + "\n\n".join(failed[:10])


def test_worker__a_sample_of_the_traces__does_what_the_model_does(site: Site) -> None:
    _play(site, list(load_traces()[::SAMPLE]))


@pytest.mark.slow
def test_worker__all_traces__does_what_the_model_does(site: Site) -> None:
    traces = [trace for number, trace in enumerate(load_traces()) if number % SAMPLE]
    assert len(traces) + len(load_traces()[::SAMPLE]) == COUNT
    _play(site, traces)


def test_traces__as_they_are__hold_every_kind_of_fault_and_finding() -> None:
    traces = load_traces()
    faults = {event["fault"] for trace in traces for event in trace["events"]}
    assert {"request_lost", "answer_lost", "late", "killed", "frozen", "too_slow"} <= faults
    people = {event["op"] for trace in traces for event in trace["events"] if event["actor"] == "person"}
    assert people == {"retry", "undo", "accept", "give_up"}
    assert {name for trace in traces for name in trace["end"]["incidents"]} == {*INCIDENTS, "webhooks"}
