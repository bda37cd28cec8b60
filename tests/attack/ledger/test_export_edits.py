"""Somebody who holds an export, or an evidence pack, and no key: every edit is found, and the first bad entry named.

The script runs inside this process, as its own main module, so that hundreds of edits are tried in seconds.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from services.ledger.tree.merkle import Frontier, leaf_hash
from tests.attack.ledger.conftest import COUNT, WITNESSED, Judge
from tests.unit.ledger.build import NAME, SCRIPT, Bench, fixed_key, run_script

ODD = (None, "x", "2026-11-21T07:00:01Z", 10**400, 99999999999999999999, -1, True, 1e308, [], {}, {"a": [1]})


def _lines(export: Path) -> list[bytes]:
    return (export / "entries.jsonl").read_bytes().splitlines(keepends=True)


def _text(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() + b"\n"


def _edits(value: Any) -> Iterator[Any]:
    """The value with one field set to something odd, or left out, at any depth."""
    if not isinstance(value, Mapping):
        return
    for name in value:
        yield {key: item for key, item in value.items() if key != name}
        yield from ({**value, name: odd} for odd in ODD if odd != value[name] or type(odd) is not type(value[name]))
        yield from ({**value, name: inner} for inner in _edits(value[name]))


def _steps_for(export: Path) -> bytes:
    """Steps as they would be for the entries that stand there now, each with the signature of the old one."""
    signatures = re.findall("(— .*\n)", (export / "steps.txt").read_text())
    frontier, made = Frontier(), ""
    for size, line in enumerate(_lines(export), 1):
        frontier, _ = frontier.push(leaf_hash(line[:-1]))
        made += f"{NAME}/1\n{size}\n{base64.b64encode(frontier.root()).decode()}\n\n{signatures[size - 1]}\n"
    return made.encode()


def test_export__untouched__holds(export: Path, judge: Judge) -> None:
    code, said = judge(export, "--forms")
    assert (code, said.count("holds")) == (0, 3)


@pytest.mark.parametrize("number", [1, 8, 9, 10, COUNT])
def test_edit__any_single_field__names_the_entry_and_judges_nothing_more(
    export: Path, judge: Judge, number: int
) -> None:
    lines = _lines(export)
    for edited in _edits(json.loads(lines[number - 1])):
        (export / "entries.jsonl").write_bytes(b"".join([*lines[: number - 1], _text(edited), *lines[number:]]))
        code, said = judge(export)
        assert code == 1, edited
        assert said.startswith(f"integrity: FAILS: first bad entry: {number}:"), (edited, said)
        assert said.endswith("\ncompleteness: not judged\nfreshness: not judged\n")


RUBBISH = {
    "missing": lambda line: b"",
    "twice": lambda line: line + line,
    "empty": lambda line: b"\n",
    "zeros": lambda line: b"\0" * 60 + b"\n",
    "nested": lambda line: b"[" * 100_000 + b"\n",
    "carriage return": lambda line: line[:-1] + b"\r\n",
    "space": lambda line: line.replace(b',"seq"', b', "seq"'),
    "composed": lambda line: line.replace("e\u0301".encode(), "é".encode()).replace(b'"v":1', b'"v":1.0'),
    "escaped": lambda line: line.replace(b"Grace", b"\\u0047race"),
    "half a surrogate": lambda line: line.replace(b"Grace", b"\\ud800"),
    "latin": lambda line: line.replace(b"Grace", b"Gr\xe2ce"),
    "two keys": lambda line: line.replace(b'"v":1', b'"v":1,"v":1'),
}


@pytest.mark.parametrize("how", RUBBISH)
@pytest.mark.parametrize("forms", [(), ("--forms",)], ids=["bytes", "forms"])
def test_edit__line_made_rubbish__names_the_entry(export: Path, judge: Judge, how: str, forms: tuple[str, ...]) -> None:
    lines = _lines(export)
    for number in range(1, COUNT + 1):
        bad = RUBBISH[how](lines[number - 1])
        (export / "entries.jsonl").write_bytes(b"".join([*lines[: number - 1], bad, *lines[number:]]))
        code, said = judge(export, *forms)
        first = number + (how == "twice")
        assert (code, f"first bad entry: {first}:" in said) == (1, True), (number, said)


def test_edit__steps_made_to_fit__signatures_of_steps_tell_the_last_good_one(export: Path, judge: Judge) -> None:
    lines = _lines(export)
    lines[4] = lines[4].replace(b"Grace", b"Gruce")
    (export / "entries.jsonl").write_bytes(b"".join(lines))
    (export / "steps.txt").write_bytes(_steps_for(export))
    assert "first bad entry: 5 or a later one, no signed step tells which" in judge(export)[1]
    (export / "checkpoints.txt").write_bytes(_steps_for(export))
    code, said = judge(export)
    assert (code, "no known key signed the checkpoint" in said) == (1, True)


@pytest.mark.parametrize("steps", [None, b"", b"\xff\xfe\n"])
def test_edit__steps_taken_away__is_found_all_the_same(export: Path, judge: Judge, steps: bytes | None) -> None:
    text = (export / "entries.jsonl").read_bytes()
    (export / "entries.jsonl").write_bytes(text.replace(b"Grace", b"Gruce", 5))
    (export / "steps.txt").unlink() if steps is None else (export / "steps.txt").write_bytes(steps)
    code, said = judge(export)
    assert (code, "first bad entry: 1 or a later one" in said) == (1, True)


BAD_SIGNATURES = [b"", b"A", b"AAAAA", b"A" * 40, b"=", b"\xff\xff", b"A B", b"A\x0bB", b"A\xc2\xa0B"]


@pytest.mark.parametrize("rubbish", BAD_SIGNATURES)
def test_checkpoint__signature_made_rubbish__is_tampering(export: Path, judge: Judge, rubbish: bytes) -> None:
    text = (export / "checkpoints.txt").read_bytes()
    signature = re.findall(rb"\xe2\x80\x94 \S+ (\S+)\n", text)[-1]
    (export / "checkpoints.txt").write_bytes(text.replace(signature, rubbish))
    code, said = judge(export)
    assert (code, "integrity: FAILS" in said) == (1, True), said


def test_rollback__whole_export_of_an_earlier_day__witness_shows_the_cut(export: Path, judge: Judge) -> None:
    steps = (export / "steps.txt").read_text().split(f"{NAME}/1\n")
    for size in range(1, WITNESSED):
        (export / "entries.jsonl").write_bytes(b"".join(_lines(export)[:size]))
        (export / "checkpoints.txt").write_text(f"{NAME}/1\n{steps[size]}")
        code, said = judge(export)
        assert said.splitlines()[0].startswith(f"integrity: holds: {size} entries")
        assert "completeness: FAILS: cut: the witness holds 9 other entries, signed by a known key" in said
        assert (code, said.endswith("freshness: not judged\n")) == (1, True)
        shutil.copy(_restored(export), export / "entries.jsonl")


def _restored(export: Path) -> Path:
    """The lines of the export that nobody touched."""
    return export / "untouched.jsonl"


@pytest.fixture(autouse=True)
def _keep_untouched(export: Path) -> None:
    shutil.copy(export / "entries.jsonl", _restored(export))


@pytest.mark.parametrize("vkey", ["", "+", "a+b+c", "x" * 5000, "\x01", "é+00000000+é", "/", f"{NAME}+00000000+AAAA"])
def test_pin__that_is_no_key__is_unusable_input(export: Path, judge: Judge, vkey: str) -> None:
    code, said = judge(export, "--vkey", vkey)
    assert (code, said.startswith("input: FAILS: ")) == (2, True)


def test_pack__any_single_field_changed__is_found_and_never_a_traceback(
    kept: Bench, judge: Judge, tmp_path: Path
) -> None:
    pack = json.loads((kept.folder / "pack.json").read_text())
    target = tmp_path / "pack.json"
    assert judge(kept.folder / "pack.json")[0] == 1  # the newest entries are not witnessed yet
    for place, entry in enumerate(pack["entries"]):
        for edited in _edits({**entry, "proof": {str(i): step for i, step in enumerate(entry["proof"])}}):
            if isinstance(edited.get("proof"), dict):
                edited["proof"] = list(edited["proof"].values())
            if edited == entry:  # true equals 1 here, and changes nothing
                continue
            entries = [*pack["entries"][:place], edited, *pack["entries"][place + 1 :]]
            target.write_text(json.dumps({**pack, "entries": entries}))
            code, said = judge(target)
            assert (code, said.startswith("integrity: FAILS: first bad entry: ")) == (1, True), (edited, said)
            named = {f"entry: after {entry['seq'] - 1}:", f"entry: {edited.get('seq')}:"}
            assert any(words in said for words in named), (edited, said)


@pytest.mark.parametrize(
    "change", [{"entries": []}, {"entries": 5}, {"entries": "ab"}, {"checkpoint": ""}, {"checkpoint": 1}]
)
def test_pack__without_entries_or_checkpoint__proves_nothing(
    kept: Bench, judge: Judge, tmp_path: Path, change: Mapping[str, object]
) -> None:
    pack = json.loads((kept.folder / "pack.json").read_text())
    (tmp_path / "pack.json").write_text(json.dumps({**pack, **change}))
    code, said = judge(tmp_path / "pack.json")
    assert (code, said.startswith("integrity: FAILS: ")) == (1, True)


def test_script__on_a_bare_python__needs_openssl_only(export: Path, kept: Bench) -> None:
    """No site packages at all, so `cryptography` cannot be there."""
    given = ["--vkey", str(fixed_key().verifier), "--witness", str(kept.folder / "witness.txt")]
    given += ["--now", kept.clock.peek().isoformat()]
    bare = [sys.executable, "-S", "-I", str(SCRIPT), str(export), *given]
    found = subprocess.run(bare, capture_output=True, text=True, timeout=60, check=False)
    assert (found.returncode, found.stderr, found.stdout.count("holds")) == (0, "", 3)
    assert run_script(str(export), *given).stdout == found.stdout
