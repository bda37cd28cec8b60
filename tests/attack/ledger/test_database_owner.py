"""Attacks by somebody who may write to the database and has no key. The signature is enough against them."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from tests.attack.ledger.attacker import judge
from tests.unit.ledger.build import Bench


@pytest.fixture
def full(bench: Bench) -> Bench:
    bench.append(40)
    bench.publish()
    return bench


def both_name(bench: Bench, seq: int) -> None:
    """Script and portal refuse, and name the same first bad entry."""
    found = bench.verify(bench.export())
    assert (found.returncode, f"first bad entry: {seq}:" in found.stdout) == (1, True), found.stdout
    assert judge(bench).first_bad == seq


def test_edit__one_row__first_bad_entry_is_named(full: Bench) -> None:
    full.attack("UPDATE ledger_entry SET body = replace(body, 'Grace', 'Heidi') WHERE seq = 23")
    both_name(full, 23)


def test_edit__row_and_its_hashes__first_bad_entry_is_named(full: Bench) -> None:
    full.attack(
        "UPDATE ledger_entry SET body = replace(body, 'Grace', 'Heidi') WHERE seq = 23",
        "UPDATE ledger_entry SET nodes = (SELECT nodes FROM ledger_entry WHERE seq = 21) WHERE seq = 23",
    )
    both_name(full, 23)


def test_edit__searchable_column_only__is_found_by_the_portal(full: Bench) -> None:
    full.attack("UPDATE ledger_entry SET actor_id = 'u-9' WHERE seq = 5")
    found = judge(full)
    assert found.first_bad == 5
    assert "actor_id" in found.findings[0].what


def test_delete__one_row__first_bad_entry_is_named(full: Bench) -> None:
    full.attack("DELETE FROM ledger_entry WHERE seq = 17")
    both_name(full, 17)


def test_delete__last_row__is_found(full: Bench) -> None:
    full.attack("DELETE FROM ledger_entry WHERE seq = 40")
    both_name(full, 40)


def test_insert__row_beyond_the_head__is_found(full: Bench) -> None:
    full.attack(
        "INSERT INTO ledger_entry SELECT 41, body, at, action, subject_type, subject_id, actor_id, request_id, nodes "
        "FROM ledger_entry WHERE seq = 40"
    )
    found = judge(full)
    assert (found.first_bad, found.holds) == (41, False)


def test_insert__line_in_the_export__is_found(full: Bench) -> None:
    folder = full.export()
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "entries.jsonl").write_bytes(b"".join([*lines[:10], lines[9], *lines[10:]]))
    found = full.verify(folder)
    assert found.returncode == 1
    assert "first bad entry: 11:" in found.stdout


def test_insert__line_after_the_last__is_found(full: Bench) -> None:
    folder = full.export()
    lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "entries.jsonl").write_bytes(b"".join([*lines, lines[-1]]))
    found = full.verify(folder)
    assert found.returncode == 1
    assert "first bad entry: 41: no checkpoint covers it" in found.stdout


def test_swap__two_rows__first_of_them_is_named(full: Bench) -> None:
    full.attack(
        "UPDATE ledger_entry SET seq = -1 WHERE seq = 8",
        "UPDATE ledger_entry SET seq = 8 WHERE seq = 9",
        "UPDATE ledger_entry SET seq = 9 WHERE seq = -1",
    )
    both_name(full, 8)


def test_renumber__rows_after_a_deleted_one__first_of_them_is_named(full: Bench) -> None:
    full.attack("DELETE FROM ledger_entry WHERE seq = 30", "UPDATE ledger_entry SET seq = seq - 1 WHERE seq > 30")
    both_name(full, 30)


def test_truncate__entries_only__is_found(full: Bench) -> None:
    full.attack("DELETE FROM ledger_entry WHERE seq > 35")
    both_name(full, 36)


def test_truncate__entries_and_head__is_found(full: Bench) -> None:
    full.attack("DELETE FROM ledger_entry WHERE seq > 32", "UPDATE ledger_head SET size = 32")
    assert not judge(full).holds


def test_checkpoint__edited_root__is_found(full: Bench) -> None:
    full.attack(
        "UPDATE ledger_checkpoint SET note = (SELECT note FROM ledger_checkpoint WHERE size = 39) WHERE size = 40"
    )
    assert not judge(full).holds
    found = full.verify(full.export())
    assert found.returncode == 1


def test_checkpoint__deleted__is_found(full: Bench) -> None:
    full.attack("DELETE FROM ledger_checkpoint WHERE size = 40")
    assert judge(full).first_bad == 40


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entry SET body = ''",
        "DELETE FROM ledger_entry",
        "UPDATE ledger_checkpoint SET note = ''",
        "DELETE FROM ledger_checkpoint WHERE size = 1",
    ],
)
def test_guards__plain_change__is_refused_by_the_database(full: Bench, statement: str) -> None:
    with pytest.raises(DatabaseError, match="append-only"), full.engine.begin() as connection:
        connection.execute(text(statement))
    assert judge(full).holds


def test_edit_and_delete__in_one_piece__the_earlier_one_is_named(full: Bench) -> None:
    full.attack("DELETE FROM ledger_entry WHERE seq = 17", "UPDATE ledger_entry SET body = 'x' WHERE seq = 20")
    assert judge(full).first_bad == 17
    full.attack("UPDATE ledger_entry SET body = replace(body, 'Grace', 'Heidi') WHERE seq = 15")
    both_name(full, 15)
