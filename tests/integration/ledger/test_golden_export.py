"""An export that was made once and is kept: what auditors hold today must verify for ever."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from services.ledger.tree.entry import LedgerEntry
from services.ledger.tree.merkle import root_of
from services.ledger.tree.note import parse_note, split_notes, verify_note
from tests.unit.ledger.build import fixed_key, run_script
from tests.unit.ledger.golden_export import GOLDEN, make

PINNED = str(fixed_key().verifier)
OPTIONS = ["--vkey", PINNED, "--now", "2026-11-21T07:10:00Z"]


def test_golden__script_isolated__says_that_all_three_hold() -> None:
    found = run_script(str(GOLDEN), *OPTIONS, "--witness", str(GOLDEN / "witness"), "--forms")
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.splitlines() == [
        "integrity: holds: 11 entries, root nasx7l25HudLU/nqhHbYUtZZqO1Y3ZBphMHoH6hhlP0=",
        "completeness: holds: witnessed up to entry 11, 0 more stand on the signature alone",
        "freshness: holds: the newest witnessed entry is 0:04:49 old",
    ]


def test_golden__written_today__is_the_same_to_the_byte(tmp_path: Path) -> None:
    made = make(tmp_path)
    for kept in GOLDEN.rglob("*.*"):
        if kept.is_file():
            assert (made / kept.relative_to(GOLDEN)).read_bytes() == kept.read_bytes(), kept.name


def test_golden__read_by_the_portal__is_canonical_and_signed() -> None:
    bodies = (GOLDEN / "entries.jsonl").read_text().splitlines()
    assert [LedgerEntry.parse(body).body() for body in bodies] == bodies
    note = parse_note(split_notes((GOLDEN / "checkpoints.txt").read_text())[-1])
    verify_note(note, [fixed_key(seed=2).verifier])
    assert note.checkpoint.root == root_of(body.encode() for body in bodies)


@pytest.mark.parametrize("number", range(11))
def test_golden__any_entry_touched__is_named(tmp_path: Path, number: int) -> None:
    for name in ("checkpoints.txt", "steps.txt"):
        (tmp_path / name).write_bytes((GOLDEN / name).read_bytes())
    lines = (GOLDEN / "entries.jsonl").read_bytes().splitlines(keepends=True)
    touched = json.loads(lines[number])["at"].encode()
    lines[number] = lines[number].replace(touched, touched.replace(b"07:", b"08:"))
    (tmp_path / "entries.jsonl").write_bytes(b"".join(lines))
    found = run_script(str(tmp_path), *OPTIONS, "--witness", str(GOLDEN / "witness"))
    assert found.returncode == 1
    assert f"first bad entry: {number + 1}:" in found.stdout


def test_golden__without_the_package_cryptography__openssl_gives_the_same_verdicts() -> None:
    """An auditor's bare Python: the standard library and the openssl command."""
    hide = (
        "import runpy, sys\n"
        "sys.modules['cryptography'] = None\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
    )
    script = str(Path(__file__).parents[3] / "tools" / "verify_ledger.py")
    for pinned, code in ((PINNED, 0), (str(fixed_key(seed=9).verifier), 1)):
        arguments = [str(GOLDEN), "--vkey", pinned, *OPTIONS[2:], "--witness", str(GOLDEN / "witness")]
        found = subprocess.run(
            [sys.executable, "-I", "-c", hide, script, *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert found.returncode == code, found.stdout + found.stderr
