"""Witnesses that go away, come back, or disagree; and the rollout that waits for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from services.adapters.witness.file import FileWitness
from services.audit.verifying import LedgerVerdicts, WitnessDesk
from services.audit.witnesses import HEALTH_PREFIX, Heartbeat, WitnessWatch, writing
from services.domain.policy import Governance
from services.errors import UpstreamUnavailableError
from services.ledger.witnessing import Receipt, Witness
from services.rollout.context import Tools
from services.rollout.worker import RolloutWorker
from tests.fake_world import SILENT
from tests.unit.ledger.build import drop_guard_statements
from tests.world import World, governance

HOUR = timedelta(hours=1)


@dataclass
class Switch:
    """A real witness file behind a line that can be cut."""

    behind: FileWitness
    is_down: bool = False
    name: str = "file"

    def publish(self, note: str) -> Receipt:
        self._demand_line()
        return self.behind.publish(note)

    def latest(self, origin: str) -> str | None:
        self._demand_line()
        return self.behind.latest(origin)

    def all(self, origin: str) -> Sequence[str]:
        self._demand_line()
        return self.behind.all(origin)

    def _demand_line(self) -> None:
        if self.is_down:
            raise UpstreamUnavailableError("Witness file cannot be reached: cut.", system="witness")


@pytest.fixture
def witness(tmp_path: Path) -> Switch:
    return Switch(FileWitness(tmp_path / "witness.txt"))


def watch(world: World, witness: Witness) -> WitnessWatch:
    return WitnessWatch(world.units, witness, clock=world.clock, ids=world.ids, interval=HOUR)


def open_incidents(world: World) -> list[str]:
    with world.units.read() as unit:
        return sorted(incident.kind for incident in unit.deployments.incidents())


def waiting_rules() -> Governance:
    rules = governance()
    return replace(rules, policies=tuple(replace(p, witness_before_release=True) for p in rules.policies))


def worker(world: World, *, needed: int = 1) -> RolloutWorker:
    gate = WitnessDesk(world.units, {"file"}, needed=needed)
    tools = Tools(
        units=world.units, reader=world.registry, writer=world.registry, pipelines=world.pipelines,
        sealer=world.sealer, clock=world.clock, ids=world.ids, witness=gate, settle=timedelta(seconds=30),
    )  # fmt: skip
    return RolloutWorker(tools)


def work(world: World, *, rounds: int = 30) -> None:
    for _ in range(rounds):
        if not worker(world).run_once():
            world.clock.advance(5)


def test_rollout__witness_is_down_then_back__waits_before_any_effect_and_goes_on(
    engine: Engine, tmp_path: Path, witness: Switch
) -> None:
    world = World(engine, tmp_path, waiting_rules())
    watching = watch(world, witness)
    watching.beat()
    witness.is_down = True
    request = world.approve(world.open())
    watching.beat()
    work(world)
    watching.beat()
    assert world.state(request) == "rolling_out"
    assert (world.registry.writes, world.pipelines.starts) == ([], [])
    witness.is_down = False
    world.clock.advance(120)
    watching.beat()
    work(world)
    assert world.state(request) == "promoted"
    assert "rollout:step:done" in world.actions()


def test_gate__receipts_of_an_unknown_or_of_too_few_witnesses__do_not_count(
    world: World, witness: Switch, tmp_path: Path
) -> None:
    request = world.open()
    watch(world, witness).beat()
    assert WitnessDesk(world.units, {"file"}).has_seen(request.id)
    assert not WitnessDesk(world.units, {"git"}).has_seen(request.id)
    assert not WitnessDesk(world.units, {"file", "git"}, needed=2).has_seen(request.id)
    watch(world, FileWitness(tmp_path / "second.txt", name="git")).beat()
    assert WitnessDesk(world.units, {"file", "git"}, needed=2).has_seen(request.id)


def test_watch__silent_for_two_intervals__is_an_incident_until_it_answers(world: World, witness: Switch) -> None:
    watching = watch(world, witness)
    watching.beat()
    witness.is_down = True
    world.open()
    watching.beat()
    world.clock.advance(2 * 3600)
    watching.beat()
    assert open_incidents(world) == []
    world.clock.advance(1)
    watching.beat()
    watching.beat()
    assert open_incidents(world) == ["witness_silent"]
    with world.units.read() as unit:
        (silent,) = unit.deployments.incidents()
    assert silent.sentence == SILENT.sentence.replace("git", "file")  # what the browser tests show
    with world.units.read() as unit:
        assert [s.is_reachable for s in unit.catalogue.health() if s.system == HEALTH_PREFIX + "file"] == [False]
    witness.is_down = False
    world.clock.advance(61)
    watching.beat()
    assert open_incidents(world) == []
    assert world.actions()[-2:] == ["watch:incident:opened", "watch:incident:closed"]


def test_watch__quiet_ledger__is_no_silence(world: World, witness: Switch) -> None:
    world.open()
    watching = watch(world, witness)
    watching.beat()
    world.clock.advance(72 * 3600)
    watching.beat()
    watch(world, witness).beat()
    assert open_incidents(world) == []


def test_watch__backup_restored_while_stopped__is_an_incident_at_the_first_look(world: World, witness: Switch) -> None:
    world.open(2)
    with world.units.read() as unit:
        kept = unit.archive.head()
    assert kept is not None
    world.open(3)
    watch(world, witness).beat()
    with world.engine.begin() as connection:  # what a restored backup looks like: everything after is gone
        for table in ("ledger_entry", "ledger_checkpoint"):
            for statement in drop_guard_statements("sqlite", table):
                connection.exec_driver_sql(statement)
        connection.execute(text(f"DELETE FROM ledger_entry WHERE seq > {kept.size}"))
        connection.execute(text(f"DELETE FROM ledger_checkpoint WHERE size > {kept.size}"))
        connection.execute(text("DELETE FROM ledger_receipt"))
        values = {"size": kept.size, "frontier": kept.frontier.to_bytes()}
        connection.execute(text("UPDATE ledger_head SET size = :size, frontier = :frontier"), values)
    watch(world, witness).beat()
    assert open_incidents(world) == ["witness_refused"]


def test_watch__witness_lost_what_it_confirmed__is_an_incident_until_it_has_it_back(
    world: World, witness: Switch, tmp_path: Path
) -> None:
    """As when a share is not mounted: the folder is there, and empty."""
    world.open(2)
    watching = watch(world, witness)
    watching.beat()
    kept = (tmp_path / "witness.txt").read_text()
    (tmp_path / "witness.txt").unlink()
    request = world.open(3)
    watching.beat()
    assert open_incidents(world) == ["witness_refused"]
    assert not (tmp_path / "witness.txt").exists()
    assert not WitnessDesk(world.units, {"file"}).has_seen(request.id)
    (tmp_path / "witness.txt").write_text(kept)
    world.clock.advance(120)
    watching.beat()
    assert open_incidents(world) == []
    assert WitnessDesk(world.units, {"file"}).has_seen(request.id)


def test_heartbeat__nothing_happened_for_an_interval__is_one_entry(world: World) -> None:
    world.open()
    heart = Heartbeat(writing(world.units), world.signer, world.clock, HOUR)
    heart.beat()
    world.clock.advance(3600)
    heart.beat()
    heart.beat()
    assert world.actions() == ["promotion:request:opened", "ledger:log:heartbeat"]


def test_verdict__with_a_witness_away__is_given_and_says_so(world: World, witness: Switch) -> None:
    keys = [world.signer.active.verifier]
    verdicts = LedgerVerdicts(world.units, lambda: keys, [witness])
    assert verdicts.verify().sentence == "The ledger is empty."
    world.open()
    assert verdicts.verify().sentence == (
        "The only entry verified against 1 signed checkpoint; no witness has seen the newest entry yet."
    )
    watch(world, witness).beat()
    assert verdicts.verify().sentence == (
        "The only entry verified against 1 signed checkpoint; witnesses have seen all of it."
    )
    witness.is_down = True
    found = verdicts.verify()
    assert found.is_intact
    assert found.sentence == "The only entry verified against 1 signed checkpoint; witness file could not be reached."


def test_verdict__no_network_inside_a_transaction(world: World, witness: Switch) -> None:
    """While the witness is asked, another writer can append."""
    world.open(2)

    @dataclass
    class Slow(Switch):
        def all(self, origin: str) -> Sequence[str]:
            world.open(3)
            return super().all(origin)

    keys = [world.signer.active.verifier]
    found = LedgerVerdicts(world.units, lambda: keys, [Slow(witness.behind)]).verify()
    assert (found.is_intact, found.size) == (True, 2)
