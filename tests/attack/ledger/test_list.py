"""Every attack that the ledger is built against is a test with its name, judged by the script where it can see it.

Left: the attack. Right: the file under ``tests`` and how its tests' names begin. Ways to stop the script instead of
passing it are in ``test_hostile_files.py``.
"""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
ROWS, HOLDER, EXPORT = (f"attack/ledger/test_{name}.py" for name in ("database_owner", "key_holder", "export_edits"))
HOSTILE, WITNESSES = "attack/ledger/test_hostile_files.py", "contract/test_witnesses.py"
ATTACKS = {
    "edit a row": (ROWS, "edit__one_row"),
    "edit a row and its hashes": (ROWS, "edit__row_and_its_hashes"),
    "edit what is searched by": (ROWS, "edit__searchable_column"),
    "edit any field of an export": (EXPORT, "edit__any_single_field"),
    "delete a row": (ROWS, "delete__one_row"),
    "insert a row": (ROWS, "insert__row"),
    "insert a line in an export": (EXPORT, "edit__line_made_rubbish"),
    "swap two rows": (ROWS, "swap"),
    "renumber": (ROWS, "renumber"),
    "renumber with the key": (HOLDER, "renumber_with_key"),
    "truncate entries": (ROWS, "truncate__entries"),
    "truncate both entries and checkpoints": (HOLDER, "truncate_both"),
    "export of a part": (HOSTILE, "part__"),
    "export of an earlier day": (EXPORT, "rollback"),
    "restore a backup quietly": (HOLDER, "restore_backup"),
    "re-sign with the key": (HOLDER, "resign_with_key"),
    "delete and renumber with the key": (HOLDER, "delete_and_renumber_with_key"),
    "fork": (HOLDER, "fork"),
    "two roots signed for one size": (HOSTILE, "checkpoints__two_roots"),
    "edit in the tail that no witness saw": (HOLDER, "edit_with_key__in_the_tail"),
    "replay a note of another origin": (HOLDER, "replay"),
    "wrong key": (HOLDER, "wrong_key__same_name"),
    "wrong key with the right key id": (HOLDER, "wrong_key__right_key_id"),
    "retired key after its period": ("integration/ledger/test_log_life.py", "rotation__retired_key"),
    "duplicate JSON keys": (HOLDER, "duplicate_json_keys"),
    "non-canonical body": (HOLDER, "non_canonical_body"),
    "empty log": (HOLDER, "empty_log"),
    "size-0 checkpoint": (HOLDER, "size_zero_checkpoint"),
    "checkpoint of a size that is not there": (HOSTILE, "huge__checkpoint_that_claims"),
    "stale witness": (HOLDER, "stale_witness"),
    "freeze the witness": ("integration/test_ledger_watch.py", "watch__silent_for_two_intervals"),
    "foreign note at the witness": (HOLDER, "foreign_note"),
    "roll the witness back": (WITNESSES, "witness__note_that_does_not_extend"),
    "roll the witness back by concurrent publishing": (WITNESSES, "witness__many_at_once"),
    "rewrite the witness's history": (WITNESSES, "git__history_rewritten"),
    "change written rows in the database": (ROWS, "guards"),
    "gap by a transaction rolled back": ("contract/test_ledger_storage.py", "append__rolled_back"),
    "order by four writers at once": ("contract/test_ledger_storage.py", "append__four_processes"),
    "kill a writer": ("integration/ledger/test_killed_writers.py", "kill_9"),
    "edit a pack": (EXPORT, "pack__any_single_field"),
    "proof that does not belong, as published": ("property/ledger/test_merkle.py", "inclusion__every_published"),
}


@cache
def _tests(file: str) -> list[str]:
    tree = ast.parse((TESTS / file).read_text())
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


@pytest.mark.parametrize("attack", ATTACKS)
def test_list__each_attack__is_a_test_with_its_name(attack: str) -> None:
    file, begins = ATTACKS[attack]
    assert [name for name in _tests(file) if name.startswith(f"test_{begins}")]
