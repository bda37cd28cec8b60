"""Every attack that the ledger is built against is a test with its name, judged by the script where it can see it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ATTACKS = (
    "edit",
    "delete",
    "insert",
    "swap",
    "renumber",
    "truncate__entries",
    "truncate_both",
    "restore_backup",
    "resign_with_key",
    "fork",
    "replay",
    "wrong_key",
    "wrong_key__right_key_id",
    "duplicate_json_keys",
    "non_canonical_body",
    "empty_log",
    "size_zero_checkpoint",
    "stale_witness",
)


def _tests() -> set[str]:
    trees = [ast.parse(file.read_text()) for file in Path(__file__).parent.glob("test_*.py")]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("attack", ATTACKS)
def test_list__each_attack__is_a_test_with_its_name(attack: str) -> None:
    assert [name for name in _tests() if name.startswith(f"test_{attack}")]
