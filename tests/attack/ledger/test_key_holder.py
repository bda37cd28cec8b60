"""Attacks by somebody who has the database and the portal's signing key. Only the witness stands against them."""

from __future__ import annotations

import shutil

import pytest

from services.errors import IntegrityError
from services.ledger.signing.keys import KeyRing
from services.ledger.tree.canonical import canonical_text
from services.ledger.tree.entry import LedgerEntry
from services.ledger.tree.merkle import EMPTY_ROOT
from services.ledger.tree.note import Checkpoint, parse_note
from services.ledger.witnessing import WitnessRefusedError
from tests.attack.ledger.attacker import changed, judge, renumbered, rewrite
from tests.unit.ledger.build import NAME, Bench, fixed_key


@pytest.fixture
def full(bench: Bench) -> Bench:
    """Forty-five entries; the witness saw 10, 30 and 40."""
    for count in (10, 20, 10):
        bench.append(count)
        bench.publish()
    bench.append(5)
    return bench


def script_says(bench: Bench, words: str, *more: str) -> None:
    found = bench.verify(bench.export(), *more)
    assert (found.returncode, words in found.stdout) == (1, True), found.stdout


def test_truncate_both__entries_and_checkpoints__witness_shows_the_cut(full: Bench) -> None:
    rewrite(full, full.bodies()[:35])
    assert judge(full, witnessed=False).holds
    assert not judge(full).holds
    script_says(full, "cut: the witness holds 40 other entries, signed by a known key; first bad entry: after 30")


def test_restore_backup__quietly__witness_shows_it_and_publishing_stops(full: Bench) -> None:
    full.engine.dispose()
    shutil.copy(full.folder / "portal.db", full.folder / "backup.db")
    full.append(10)
    full.publish()
    full.engine.dispose()
    for file in full.folder.glob("portal.db*"):
        file.unlink()
    shutil.copy(full.folder / "backup.db", full.folder / "portal.db")
    full.append(20)  # the portal goes on as if nothing had happened
    assert judge(full, witnessed=False).holds
    with pytest.raises(WitnessRefusedError, match="does not continue"):
        full.publish()
    script_says(full, "fork: the witness holds 55 other entries")


def test_resign_with_key__edited_entry__witness_shows_the_fork(full: Bench) -> None:
    bodies = full.bodies()
    bodies[24] = changed(bodies[24], reason="never happened")
    rewrite(full, bodies)
    assert judge(full, witnessed=False).holds
    found = judge(full)
    assert (found.holds, found.findings[0].seq) == (False, 30)
    script_says(full, "fork: the witness holds 30 other entries, signed by a known key; first bad entry: after 10")


def test_delete_and_renumber_with_key__whole_log_made_anew__witness_shows_the_fork(full: Bench) -> None:
    bodies = full.bodies()
    rewrite(full, renumbered(bodies[:24] + bodies[25:]))
    assert judge(full, witnessed=False).holds
    assert not judge(full).holds
    script_says(full, "fork: the witness holds 30 other entries")


def test_fork_with_key__another_history_after_30__witness_shows_it_at_40(full: Bench) -> None:
    bodies = [changed(b, reason="other") if n >= 30 else b for n, b in enumerate(full.bodies())]
    rewrite(full, bodies)
    script_says(full, "fork: the witness holds 40 other entries, signed by a known key; first bad entry: after 30")


def test_edit_with_key__in_the_tail_that_no_witness_saw__is_the_exposure_that_is_told(full: Bench) -> None:
    bodies = full.bodies()
    bodies[43] = changed(bodies[43], reason="never happened")
    rewrite(full, bodies)
    found = full.verify(full.export())
    assert found.returncode == 0
    assert "witnessed up to entry 40, 5 more stand on the signature alone" in found.stdout


def test_replay__log_signed_for_another_origin__is_refused(full: Bench) -> None:
    rewrite(full, full.bodies(), origin=f"{NAME}/2")
    script_says(full, f"no known key signed the checkpoint of 45 entries for {NAME}/1")
    assert not judge(full).holds


def test_replay__note_of_another_log_at_the_witness__does_not_count(full: Bench) -> None:
    other = KeyRing(fixed_key("other.test/ledger"))
    rewrite(full, full.bodies(), ring=other, origin="other.test/ledger/1")
    found = full.verify(full.export())
    assert found.returncode == 1


def test_wrong_key__same_name__is_refused(full: Bench) -> None:
    rewrite(full, full.bodies(), ring=KeyRing(fixed_key(seed=2)))
    script_says(full, "no known key signed the checkpoint")
    assert not judge(full).holds


def test_wrong_key__right_key_id__is_refused(full: Bench) -> None:
    right, wrong = fixed_key().verifier, fixed_key(seed=2)
    forged = [KeyRing(wrong).sign(_checkpoint(note), full.clock()) for note in full.notes()]
    for size, note in enumerate(forged, 1):
        disguised = type(note.signatures[0])(right.name, right.key_id, note.signatures[0].signature)
        text = type(note)(note.checkpoint, (disguised,)).text()
        full.attack("UPDATE ledger_checkpoint SET note = :note WHERE size = :size", note=text, size=size)
    script_says(full, "no known key signed the checkpoint")
    assert not judge(full).holds


def test_duplicate_json_keys__signed_entry__is_refused(full: Bench) -> None:
    bodies = full.bodies()
    bodies[-1] = bodies[-1].replace('"reason":null', '"reason":"yes","reason":null')
    rewrite(full, bodies)
    with pytest.raises(IntegrityError, match="duplicate key"):
        LedgerEntry.parse(bodies[-1])
    assert judge(full).first_bad == 45
    script_says(full, "first bad entry: 45: its text is not that of ledger entry 45")


def test_duplicate_json_keys__in_the_middle__is_refused_with_forms(full: Bench) -> None:
    bodies = full.bodies()
    bodies[42] = bodies[42].replace('"after":{"n":', '"after":{"n":1,"n":')
    rewrite(full, bodies)
    assert judge(full).first_bad == 43
    script_says(full, "first bad entry: 43: its text is not that", "--forms")


@pytest.mark.parametrize(
    "spelling",
    [("{", "{ "), ('"Grace', '"\\u0047race'), ('"reason":null,', '"reason":null ,')],
)
def test_non_canonical_body__signed_entry__is_refused(full: Bench, spelling: tuple[str, str]) -> None:
    bodies = full.bodies()
    assert spelling[0] in bodies[-1]
    bodies[-1] = bodies[-1].replace(*spelling, 1)
    rewrite(full, bodies)
    assert judge(full).first_bad == 45
    script_says(full, "first bad entry: 45: its text is not that")


def test_non_canonical_body__number_spelled_otherwise__is_refused_by_the_portal(full: Bench) -> None:
    bodies = full.bodies()
    bodies[-1] = bodies[-1].replace('"n":4', '"n":4.0', 1)
    rewrite(full, bodies)
    assert judge(full).first_bad == 45


def test_non_canonical_body__keys_in_another_order__is_refused(full: Bench) -> None:
    bodies = full.bodies()
    body = LedgerEntry.parse(bodies[-1])
    shuffled = bodies[-1].replace('"v":1}', "").replace("{", '{"v":1,', 1).rstrip(",") + "}"
    assert canonical_text({"v": 1}) == '{"v":1}'
    rewrite(full, [*bodies[:-1], shuffled])
    assert judge(full).first_bad == body.seq
    assert full.verify(full.export()).returncode == 1


def test_empty_log__while_the_witness_remembers__is_found(full: Bench) -> None:
    folder = full.export()
    for name in ("entries.jsonl", "checkpoints.txt", "steps.txt"):
        (folder / name).write_bytes(b"")
    found = full.verify(folder)
    assert found.returncode == 1
    assert "cut: the witness holds 10 other entries" in found.stdout


def test_size_zero_checkpoint__while_the_witness_remembers__is_found(full: Bench) -> None:
    folder = full.export()
    empty = KeyRing(fixed_key()).sign(_empty(), full.clock()).text()
    (folder / "entries.jsonl").write_bytes(b"")
    (folder / "checkpoints.txt").write_text(empty + "\n")
    assert full.verify(folder).returncode == 1


def test_stale_witness__nothing_seen_for_two_days__has_its_own_verdict(full: Bench) -> None:
    found = full.verify(full.export(), "--now", "2026-11-23T08:00:00Z")
    assert found.returncode == 3
    assert "integrity: holds" in found.stdout
    assert "completeness: holds" in found.stdout
    assert "freshness: FAILS" in found.stdout


def test_foreign_note__put_into_the_witness__is_told_apart(full: Bench) -> None:
    forged = KeyRing(fixed_key(seed=2)).sign(_checkpoint(full.notes()[44]), full.clock())
    wrong = type(forged)(type(forged.checkpoint)(f"{NAME}/1", 45, b"\1" * 32), forged.signatures).text()
    with (full.folder / "witness.txt").open("a") as file:
        file.write(wrong + "\n")
    script_says(full, "not signed by a known key")


def _checkpoint(note: str) -> Checkpoint:
    return parse_note(note).checkpoint


def _empty() -> Checkpoint:
    return Checkpoint(f"{NAME}/1", 0, EMPTY_ROOT)


def test_renumber_with_key__signed_entry_with_a_wrong_number__is_refused(full: Bench) -> None:
    bodies = full.bodies()
    bodies[41] = changed(bodies[41], seq=43, after={"seq": 42, "subject": {"id": "x", "type": "y"}, "z": ',"seq":42,'})
    rewrite(full, bodies)
    assert judge(full).first_bad == 42
    script_says(full, "first bad entry: 42: its text is not that of ledger entry 42")


def test_numbers_inside_a_value__that_look_like_the_entrys_own__are_not_mistaken(full: Bench) -> None:
    full.append(1, after={"a": 1, "seq": 7, "subject": {"id": "x", "type": "y"}, "v": 1}, reason=',"seq":9,"subject":{')
    assert judge(full).holds
    assert full.verify(full.export()).returncode == 0
