from __future__ import annotations

from datetime import timedelta

import pytest

from services.errors import UpstreamUnavailableError
from services.ledger.signing.keys import KeyRing
from services.ledger.tree.note import Checkpoint, split_notes
from services.ledger.witnessing import (
    Freshness,
    WitnessRefusedError,
    beat,
    freshness,
    heartbeat_due,
    is_kept,
    publish_head,
    witnessed_up_to,
)
from tests.unit.ledger.build import GRACE, NAME, START, Bench, fixed_key

MINUTES = timedelta(minutes=15)


def note(size: int, root: int = 0, origin: str = f"{NAME}/1") -> str:
    return KeyRing(fixed_key()).sign(Checkpoint(origin, size, bytes([root]) * 32), START).text()


def test_is_kept__next_same_and_contradicting_notes__are_told_apart() -> None:
    assert not is_kept(None, note(3))
    assert not is_kept(note(3), note(4))
    assert is_kept(note(3), note(3))
    with pytest.raises(WitnessRefusedError, match="shorter log"):
        is_kept(note(3), note(2))
    with pytest.raises(WitnessRefusedError, match="another root"):
        is_kept(note(3), note(3, root=1))


@pytest.mark.parametrize(
    ("age", "state"),
    [
        (timedelta(0), Freshness.FRESH),
        (MINUTES, Freshness.FRESH),
        (MINUTES + timedelta(seconds=1), Freshness.LATE),
        (2 * MINUTES, Freshness.LATE),
        (2 * MINUTES + timedelta(seconds=1), Freshness.SILENT),
        (None, Freshness.SILENT),
    ],
)
def test_freshness__by_age__alarms_after_two_intervals(age: timedelta | None, state: Freshness) -> None:
    seen = None if age is None else START - age
    assert freshness(START, seen, MINUTES) is state


def test_heartbeat__only_when_nothing_was_appended_for_an_interval(bench: Bench) -> None:
    assert heartbeat_due(START, None, MINUTES)
    told = {"actor": GRACE, "clock": bench.clock, "signer": bench.ring}
    with bench.store() as store:
        assert beat(store, MINUTES, **told).seq == 1
        assert beat(store, MINUTES, **told) is None
        bench.clock.now += MINUTES
        assert beat(store, MINUTES, **told).seq == 2


def test_publish__records_the_receipt__and_says_how_far_witnesses_have_seen(bench: Bench) -> None:
    assert publish_head(bench.transactions, bench.witness, bench.clock) is None
    bench.append(3)
    with bench.store() as store:
        assert witnessed_up_to(store) == 0
    bench.publish()
    bench.publish()
    bench.append(1)
    with bench.store() as store:
        assert (witnessed_up_to(store), witnessed_up_to(store, needed=2)) == (3, 0)
    assert len(bench.witness.all(f"{NAME}/1")) == 1


def test_publish__while_the_witness_is_away__fails_and_records_nothing(bench: Bench) -> None:
    bench.append(1)
    (bench.folder / "witness.txt").mkdir()
    with pytest.raises(UpstreamUnavailableError):
        bench.publish()
    with bench.store() as store:
        assert witnessed_up_to(store) == 0


def test_publish__happens_outside_of_transactions(bench: Bench) -> None:
    """Another writer can append while the witness takes its time."""
    bench.append(1)

    class SlowWitness:
        name = "slow"

        def latest(self, origin: str) -> str | None:
            bench.append(1)
            return None

        def all(self, origin: str) -> list[str]:
            return []

        def publish(self, offered: str):
            bench.append(1)
            return bench.witness.publish(offered)

    receipt = publish_head(bench.transactions, SlowWitness(), bench.clock)
    assert receipt is not None
    assert receipt.size == 2
    assert len(bench.bodies()) == 3


def test_publish__another_replica_published_more_in_between__is_a_race_and_no_alarm(bench: Bench) -> None:
    bench.append(2)

    class Overtaken:
        """Between the look and the offer, a replica with a newer head is faster."""

        name = "file"
        latest, all = bench.witness.latest, bench.witness.all

        def publish(self, offered: str):
            if len(bench.bodies()) == 2:
                bench.append(3)
                bench.publish()
            return bench.witness.publish(offered)

    receipt = publish_head(bench.transactions, Overtaken(), bench.clock)
    assert receipt is not None
    assert receipt.size == 5


@pytest.mark.parametrize("kept", [0, 1])
def test_publish__to_a_witness_that_lost_what_it_confirmed__is_refused(bench: Bench, kept: int) -> None:
    """An empty folder where a share was mounted must not begin a new history."""
    bench.append(3)
    bench.publish()
    bench.append(2)
    bench.publish()
    file = bench.folder / "witness.txt"
    whole = file.read_text()
    file.write_text("".join(note + "\n" for note in split_notes(whole)[:kept]))
    bench.append(1)
    with pytest.raises(WitnessRefusedError, match=r"confirmed 5 entries but now holds (none|only 3) of them"):
        bench.publish()
    with bench.store() as store:
        assert witnessed_up_to(store) == 5
    file.write_text(whole)
    bench.publish()
    with bench.store() as store:
        assert witnessed_up_to(store) == 6


def test_publish__to_a_witness_with_an_exports_checkpoints_in_place_of_its_own__goes_on(bench: Bench) -> None:
    """What docs/ledger.md tells to do when a witness's copy is gone for good."""
    bench.append(3)
    bench.publish()
    bench.append(2)
    bench.publish()
    bench.append(1)
    export = bench.export()
    (bench.folder / "witness.txt").write_bytes((export / "checkpoints.txt").read_bytes())
    bench.append(1)
    bench.publish()
    with bench.store() as store:
        assert witnessed_up_to(store) == 7
    assert bench.verify(bench.export("after")).returncode == 0
