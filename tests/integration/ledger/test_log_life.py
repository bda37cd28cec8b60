"""Rotation of the key, restoring a backup, retention, legal hold and erasure."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from services.errors import ConflictError, IntegrityError, InvalidInputError, RefusedError, SettingsError
from services.ledger.keeping.restore import open_origin, witnessed_tails
from services.ledger.keeping.retention import (
    EVERYTHING,
    RetentionRule,
    active_holds,
    apply_retention,
    erase,
    lift_hold,
    place_hold,
)
from services.ledger.signing.keys import KeyRing, load_or_create, write_private
from services.ledger.signing.rotation import announce, known_keys, rotate, settle
from services.ledger.tree.entry import LedgerEntry, Subject
from services.ledger.tree.note import NoteError, parse_note
from services.ledger.verify import verify_ledger
from tests.unit.ledger.build import GRACE, NAME, REQUEST, START, Bench, fixed_key

OLD = fixed_key().verifier
WEEK = timedelta(days=7)
RULE = RetentionRule(timedelta(days=200))


def key_file(bench: Bench) -> Path:
    path = bench.folder / "ledger.pem"
    if not path.exists():
        write_private(path, bench.ring.to_text())
    return path


def turn(bench: Bench) -> None:
    bench.ring = rotate(bench.transactions, key_file(bench), NAME, actor=GRACE, clock=bench.clock, overlap=WEEK)


def holds(bench: Bench, *keys) -> bool:
    with bench.store() as store:
        return verify_ledger(store, keys).holds


def test_rotation__pinned_old_key__still_verifies_long_after(bench: Bench) -> None:
    bench.append(3)
    turn(bench)
    bench.append(2)
    bench.clock.now += 2 * WEEK
    bench.append(3)
    bench.publish()
    assert len(parse_note(bench.notes()[4]).signatures) == 2
    assert len(parse_note(bench.notes()[-1]).signatures) == 1
    assert holds(bench, OLD)
    found = bench.verify(bench.export())
    assert found.returncode == 0, found.stdout
    assert load_or_create(key_file(bench), NAME).active.verifier == bench.ring.active.verifier


def test_rotation__retired_key_after_its_period__counts_no_more(bench: Bench) -> None:
    bench.append(1)
    turn(bench)
    bench.clock.now += 2 * WEEK
    bench.ring = KeyRing(fixed_key())  # somebody signs on with the old key
    bench.append(1)
    bench.publish()
    assert not holds(bench, OLD)
    found = bench.verify(bench.export())
    assert found.returncode == 1
    assert "no known key signed the checkpoint of 3 entries" in found.stdout


def test_rotation__twice__all_keys_are_found_in_the_ledger(bench: Bench) -> None:
    bench.append(1)
    turn(bench)
    with pytest.raises(ConflictError, match="in progress"):
        turn(bench)
    bench.clock.now += 2 * WEEK
    second = bench.ring.active.verifier
    turn(bench)
    bench.clock.now += 2 * WEEK
    bench.append(1)
    with bench.store() as store:
        assert known_keys(bench.ring, store) == [OLD, second, bench.ring.active.verifier]
        assert verify_ledger(store, known_keys(bench.ring, store)).holds
    assert holds(bench, OLD)
    assert not holds(bench, fixed_key(seed=9).verifier)


def test_rotation__crash_before_the_entry__is_forgotten(bench: Bench) -> None:
    bench.append(1)
    path = key_file(bench)
    next_file = path.with_name("ledger.pem.next")
    write_private(next_file, bench.ring.rotated(fixed_key(seed=9), START + WEEK).to_text())
    with bench.store() as store:
        assert settle(path, NAME, store).active.verifier == OLD
    assert not next_file.exists()


def test_rotation__crash_after_the_entry__is_finished(bench: Bench) -> None:
    bench.append(1)
    path = key_file(bench)
    ring = bench.ring.rotated(fixed_key(seed=9), START + WEEK)
    write_private(path.with_name("ledger.pem.next"), ring.to_text())
    with bench.store() as store:
        announce(store, ring, actor=GRACE, clock=bench.clock)
        assert settle(path, NAME, store).active.verifier == fixed_key(seed=9).verifier
    assert load_or_create(path, NAME).active.verifier == fixed_key(seed=9).verifier


def test_rotation__without_a_period_or_a_previous_key__is_refused(bench: Bench) -> None:
    with pytest.raises(InvalidInputError):
        rotate(bench.transactions, key_file(bench), NAME, actor=GRACE, clock=bench.clock, overlap=timedelta(0))
    with bench.store() as store, pytest.raises(InvalidInputError):
        announce(store, bench.ring, actor=GRACE, clock=bench.clock)


def restored(bench: Bench, kept: int, lost: int) -> None:
    """A ledger whose backup of `kept` entries was restored after the witness had seen `lost` more."""
    bench.append(kept)
    bench.publish()
    bench.engine.dispose()
    shutil.copy(bench.folder / "portal.db", bench.folder / "backup.db")
    bench.append(lost)
    bench.publish()
    bench.engine.dispose()
    for file in bench.folder.glob("portal.db*"):
        file.unlink()
    shutil.copy(bench.folder / "backup.db", bench.folder / "portal.db")


def go_on(bench: Bench, reason: str = "the disk failed, backup of last night"):
    tails = witnessed_tails(f"{NAME}/1", [bench.witness], [OLD])
    with bench.store() as store:
        return open_origin(store, tails, actor=GRACE, reason=reason, clock=bench.clock, signer=bench.ring)


def test_restore__new_origin__names_what_was_lost_and_verifies_once_accepted(bench: Bench) -> None:
    restored(bench, 10, 5)
    opened = go_on(bench)
    with bench.store() as store:
        early = verify_ledger(store, [OLD], witnesses={"file": bench.witness.all(f"{NAME}/1")})
    assert (early.holds, early.witnessed) == (True, 10)  # of the log that goes on; the rest of it is lost
    bench.append(3)
    bench.publish()
    entry = LedgerEntry.parse(bench.bodies()[10])
    assert (opened.seq, entry.after["origin"], entry.after["restored_size"]) == (11, f"{NAME}/2", 10)
    assert [(tail["origin"], tail["size"]) for tail in entry.after["last_witnessed"]] == [(f"{NAME}/1", 15)]
    notes = [*bench.witness.all(f"{NAME}/1"), *bench.witness.all(f"{NAME}/2")]
    with bench.store() as store:
        found = verify_ledger(store, [OLD], witnesses={"file": notes})
    assert found.holds, found.findings
    assert found.lost == {f"{NAME}/1": 15}
    folder = bench.export()
    refused = bench.verify(folder)
    assert (refused.returncode, f"--origin {NAME}/2" in refused.stdout) == (1, True)
    assert bench.verify(folder, "--origin", f"{NAME}/2").returncode == 0


def test_restore__declaring_less_than_the_witness_saw__is_found(bench: Bench) -> None:
    restored(bench, 10, 5)
    tails = [(name, cp) for name, cp in witnessed_tails(f"{NAME}/1", [bench.witness], [OLD])]
    shorter = [(name, type(cp)(cp.origin, 12, cp.root)) for name, cp in tails]
    with bench.store() as store:
        open_origin(store, shorter, actor=GRACE, reason="hide it", clock=bench.clock, signer=bench.ring)
    bench.publish()
    notes = [*bench.witness.all(f"{NAME}/1"), *bench.witness.all(f"{NAME}/2")]
    with bench.store() as store:
        assert not verify_ledger(store, [OLD], witnesses={"file": notes}).holds
    found = bench.verify(bench.export(), "--origin", f"{NAME}/2")
    assert (found.returncode, "cut:" in found.stdout) == (1, True)


def test_restore__second_time_from_a_backup_before_the_first__takes_the_next_number(bench: Bench) -> None:
    restored(bench, 4, 3)
    go_on(bench)
    bench.publish()
    bench.engine.dispose()
    shutil.copy(bench.folder / "backup.db", bench.folder / "portal.db")
    for file in bench.folder.glob("portal.db-*"):
        file.unlink()
    go_on(bench)
    with bench.store() as store:
        head = store.head()
        assert head is not None
        assert head.origin == f"{NAME}/3"
    bench.publish()
    assert bench.verify(bench.export(), "--origin", f"{NAME}/2").returncode == 1
    found = bench.verify(bench.folder / "export", "--origin", f"{NAME}/3")
    assert found.returncode == 0, found.stdout


def test_restore__of_a_ledger_that_was_restored_before__keeps_both_losses(bench: Bench) -> None:
    restored(bench, 4, 3)
    go_on(bench)
    restored(bench, 2, 3)
    tails = witnessed_tails(f"{NAME}/2", [bench.witness], [OLD])
    with bench.store() as store:
        open_origin(store, tails, actor=GRACE, reason="again", clock=bench.clock, signer=bench.ring)
    bench.publish()
    notes = [note for number in (1, 2, 3) for note in bench.witness.all(f"{NAME}/{number}")]
    with bench.store() as store:
        found = verify_ledger(store, [OLD], witnesses={"file": notes})
    assert found.holds, found.findings
    assert found.lost == {f"{NAME}/1": 7, f"{NAME}/2": 10}
    assert bench.verify(bench.export(), "--origin", f"{NAME}/3").returncode == 0


def test_restore__when_nothing_was_lost_or_no_reason_is_given__is_refused(bench: Bench) -> None:
    with pytest.raises(ConflictError, match="empty"):
        go_on(bench)
    bench.append(3)
    bench.publish()
    with pytest.raises(ConflictError, match="Nothing was lost"):
        go_on(bench)
    with pytest.raises(InvalidInputError, match="reason"):
        go_on(bench, reason=" ")


def test_restore__backup_of_another_log__is_refused(bench: Bench) -> None:
    other = Bench(bench.engine, bench.folder / "other")
    bench.append(3)
    other.publish()
    bench.attack("UPDATE ledger_entry SET nodes = zeroblob(64)")
    tails = witnessed_tails(f"{NAME}/1", [other.witness], [OLD])
    with bench.store() as store, pytest.raises(IntegrityError, match="does not belong to the log"):
        open_origin(store, tails, actor=GRACE, reason="x", clock=bench.clock, signer=bench.ring)


def test_restore__foreign_note_at_the_witness__needs_a_look_first(bench: Bench) -> None:
    bench.ring = KeyRing(fixed_key(seed=5))
    bench.append(1)
    bench.publish()
    with pytest.raises(NoteError):
        witnessed_tails(f"{NAME}/1", [bench.witness], [OLD])


def told(bench: Bench) -> dict:
    return {"actor": GRACE, "clock": bench.clock, "signer": bench.ring}


def test_personal__commitment_in_the_entry__fits_the_kept_value_only(bench: Bench) -> None:
    bench.append(1, personal={"email": "grace@navy.test"})
    assert "navy.test" not in bench.bodies()[0]
    with bench.store() as store:
        (value,) = store.personal([1])
    entry = LedgerEntry.parse(bench.bodies()[0])
    value.check(entry.personal)
    assert len(value.salt) == 32
    with pytest.raises(IntegrityError):
        type(value)(1, "email", value.salt, "ada@navy.test").check(entry.personal)


def test_erase__on_request__removes_the_value_and_the_ledger_still_holds(bench: Bench) -> None:
    bench.append(2, personal={"email": "grace@navy.test"})
    with bench.store() as store:
        erase(store, [(1, "email")], reason="asked for by the person", **told(bench))
        assert [value.seq for value in store.personal([1, 2])] == [2]
    assert LedgerEntry.parse(bench.bodies()[2]).after == {"erased": [[1, "email"]]}
    assert holds(bench, OLD)


def test_erase__what_is_not_there__is_refused_and_erases_nothing(bench: Bench) -> None:
    bench.append(1, personal={"email": "x"})
    with pytest.raises(InvalidInputError), bench.store() as store:
        erase(store, [(1, "email"), (1, "phone")], reason="asked", **told(bench))
    with bench.store() as store:
        assert len(store.personal([1])) == 1


@pytest.mark.parametrize("held", [REQUEST, EVERYTHING, Subject("promotion_request", "pr-7")])
def test_hold__on_request_or_everything__stops_erasure_and_retention_until_lifted(bench: Bench, held: Subject) -> None:
    request_id = "pr-7" if held.id == "pr-7" else None
    bench.append(1, personal={"email": "x"}, request_id=request_id)
    bench.clock.now += timedelta(days=300)
    with bench.store() as store:
        place_hold(store, held, reason="case 12", **told(bench))
        assert active_holds(store) == {held}
        with pytest.raises(RefusedError, match="legal hold"):
            erase(store, [(1, "email")], reason="asked", **told(bench))
        assert apply_retention(store, RULE, **told(bench)) is None
        lift_hold(store, held, reason="case closed", **told(bench))
        with pytest.raises(RefusedError):
            lift_hold(store, held, reason="again", **told(bench))
        assert apply_retention(store, RULE, **told(bench)) is not None
        assert store.personal([1]) == []


def test_retention__young_values__stay(bench: Bench) -> None:
    bench.append(1, personal={"email": "x"})
    bench.clock.now += timedelta(days=199)
    with bench.store() as store:
        assert apply_retention(store, RULE, **told(bench)) is None
    bench.clock.now += timedelta(days=2)
    with bench.store() as store:
        assert apply_retention(store, RULE, **told(bench)).seq == 2
        assert apply_retention(store, RULE, **told(bench)) is None
    assert holds(bench, OLD)


def test_retention__below_six_months__is_a_setting_error() -> None:
    with pytest.raises(SettingsError, match="184 days"):
        RetentionRule(timedelta(days=183))
