from __future__ import annotations

import argparse
import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from services.cli.ledger import add_parser, run
from services.errors import IntegrityError, InvalidInputError, NotFoundError, SettingsError
from services.ledger.actions import Action
from services.ledger.evidence_pack import evidence_pack
from services.ledger.export import ExportSource, export_folder, export_zip, fetch_notes
from services.ledger.reader import latest_checkpoint, page_entries, prove_consistency, prove_inclusion
from services.ledger.store import EntryFilter, EntryPage
from services.ledger.tools import LedgerTools
from services.ledger.tree.entry import Subject
from services.ledger.tree.merkle import leaf_hash, verify_consistency, verify_inclusion
from services.ledger.tree.note import parse_note
from services.ledger.verify import verify_ledger
from tests.unit.ledger.build import NAME, SCRIPT, START, Bench, fixed_key, run_script

KEY = fixed_key().verifier


def test_page_entries__those_that_are_there__are_parsed_newest_first(bench: Bench) -> None:
    bench.append(3)
    with bench.store() as store:
        read = page_entries(store, EntryFilter(), EntryPage(before_seq=3))[0]
        assert (read.entry.seq, read.problem) == (2, "")
        assert [found.seq for found in page_entries(store, EntryFilter(), EntryPage())] == [3, 2, 1]


def test_page_entries__tampered_row__is_shown_raw_with_its_problem(bench: Bench) -> None:
    bench.append(2)
    bench.attack("UPDATE ledger_entry SET body = 'x' WHERE seq = 1")
    with bench.store() as store:
        read = page_entries(store, EntryFilter(), EntryPage())[-1]
    assert (read.entry, read.body) == (None, "x")
    assert "Not canonical" in read.problem


def test_proofs__of_a_tampered_store__are_never_handed_out(bench: Bench) -> None:
    bench.append(9)
    bench.attack("UPDATE ledger_entry SET body = replace(body, 'Grace', 'Heidi') WHERE seq = 4")
    with bench.store() as store:
        with pytest.raises(IntegrityError):
            prove_inclusion(store, 4)
        prove_inclusion(store, 5)
    bench.attack("DELETE FROM ledger_entry WHERE seq = 8")
    with bench.store() as store, pytest.raises(IntegrityError, match="missing"):
        prove_consistency(store, 4, 9)


def test_proofs__as_json__verify_with_nothing_else(bench: Bench) -> None:
    bench.append(11)
    with bench.store() as store:
        entry, log = prove_inclusion(store, 6), prove_consistency(store, 5, 11)
    new, old = parse_note(entry.note).checkpoint, parse_note(log.old_note).checkpoint
    verify_inclusion(leaf_hash(entry.body.encode()), 5, 11, entry.hashes, root=new.root)
    verify_consistency(5, 11, log.hashes, old_root=old.root, new_root=new.root)
    assert set(log.as_json()) == {"old", "new", "proof"}


def test_empty_ledger__has_no_checkpoint_and_no_export(bench: Bench) -> None:
    with bench.store() as store, pytest.raises(NotFoundError):
        latest_checkpoint(store)
    with pytest.raises(NotFoundError):
        bench.export()
    with bench.store() as store:
        assert verify_ledger(store, [KEY]).holds


def test_verify__progress__counts_up_to_the_end(bench: Bench) -> None:
    bench.append(7)
    seen: list[tuple[int, int]] = []
    with bench.store() as store:
        verify_ledger(store, [KEY], progress=lambda done, size: seen.append((done, size)))
    assert seen[-1] == (7, 7)


def test_verify__without_a_key_or_with_a_rubbish_note__is_a_finding_and_no_crash(bench: Bench) -> None:
    bench.append(2)
    with bench.store() as store:
        assert not verify_ledger(store, []).holds
        assert not verify_ledger(store, [KEY], witnesses={"file": ["rubbish"]}).holds


def test_export__folder_and_zip__hold_the_same_and_verify(bench: Bench) -> None:
    bench.append(5)
    bench.publish()
    folder = bench.export()
    notes = fetch_notes(bench.transactions, [bench.witness])
    with (bench.folder / "export.zip").open("wb") as file:
        export_zip(bench.transactions, file, ExportSource([KEY], START, notes))
    with zipfile.ZipFile(bench.folder / "export.zip") as packed:
        for name in ("entries.jsonl", "checkpoints.txt", "steps.txt", "verify_ledger.py", "receipts.jsonl"):
            assert packed.read(name) == (folder / name).read_bytes(), name
        assert packed.read("witness/file.txt").decode() == "".join(note + "\n" for note in notes["file"])
    assert bench.verify(folder).returncode == 0
    assert bench.verify(bench.folder / "export.zip").returncode == 0
    assert (folder / "verify_ledger.py").read_bytes() == SCRIPT.read_bytes()
    readme = (folder / "README.txt").read_text()
    assert str(KEY) in readme
    assert "5 entries" in readme


def test_export__into_a_full_folder_or_without_the_script__is_refused(bench: Bench) -> None:
    bench.append(1)
    bench.export("one")
    with pytest.raises(InvalidInputError, match="not empty"):
        bench.export("one")
    source = ExportSource([KEY], START, verifier=bench.folder / "absent.py")
    with pytest.raises(SettingsError, match="verifier script"):
        export_folder(bench.transactions, bench.folder / "two", source)


def test_export__over_a_milestone__names_the_first_bad_entry_between_two(bench: Bench, monkeypatch) -> None:
    monkeypatch.setattr("services.ledger.export.MILESTONE", 10)
    monkeypatch.setattr("services.ledger.export.PIECE", 7)
    bench.append(35)
    bench.publish()
    folder = bench.export()
    assert bench.verify(folder, "--forms").returncode == 0
    lines = (folder / "entries.jsonl").read_bytes()
    (folder / "entries.jsonl").write_bytes(lines.replace(b'"n":26}', b'"n":99}'))
    assert "first bad entry: 27:" in bench.verify(folder).stdout


def test_pack__of_a_request__verifies_offline_and_breaks_when_touched(bench: Bench) -> None:
    bench.append(3, request_id="pr-7")
    bench.append(4, action=Action.COMMENT_ADDED, subject=Subject("model_version", "fraud/3"))
    bench.append(2, request_id="pr-7", action=Action.VERSION_LIVE, subject=Subject("model_version", "fraud/3"))
    bench.publish()
    bench.append(3)
    with bench.store() as store:
        pack = evidence_pack(store, "pr-7", (KEY,))
        assert pack.is_witnessed
        assert [proof.seq for proof in pack.entries] == [1, 2, 3, 8, 9]
        with pytest.raises(NotFoundError):
            evidence_pack(store, "pr-0", (KEY,))
    path = bench.folder / "pack.json"
    path.write_text(json.dumps(pack.as_json()))
    assert bench.verify(path).returncode == 0
    told = pack.as_json()
    for old, new in (("Grace", "Heidi"), ('"n":1', '"n":2')):
        broken = json.loads(json.dumps(told))
        broken["entries"][1]["body"] = broken["entries"][1]["body"].replace(old, new)
        path.write_text(json.dumps(broken))
        found = bench.verify(path)
        assert found.returncode == 1
        assert "first bad entry: 2:" in found.stdout


def test_pack__of_a_fresh_request__says_that_no_witness_saw_it(bench: Bench) -> None:
    bench.append(1)
    bench.publish()
    bench.append(1, request_id="pr-9")
    with bench.store() as store:
        pack = evidence_pack(store, "pr-9", (KEY,))
    assert not pack.is_witnessed
    path = bench.folder / "pack.json"
    path.write_text(json.dumps(pack.as_json()))
    found = bench.verify(path)
    assert found.returncode == 1
    assert "completeness: FAILS: the witness does not hold the checkpoint" in found.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["absent", "--vkey", str(KEY), "--witness", str(SCRIPT)],
        [str(SCRIPT), "--vkey", str(KEY), "--witness", "absent"],
        [str(SCRIPT), "--vkey", "rubbish", "--witness", str(SCRIPT)],
        [str(SCRIPT), "--vkey", f"{NAME}+00000000+{str(KEY).rpartition('+')[2]}", "--witness", str(SCRIPT)],
        [str(SCRIPT)],
    ],
)
def test_script__unusable_input__exits_with_2(arguments: list[str]) -> None:
    assert run_script(*arguments).returncode == 2


@pytest.mark.parametrize("content", ["[]", "{}", '{"checkpoint": 1}', '{"checkpoint": "x", "entries": 5}', "[" * 9000])
def test_script__rubbish_pack__exits_with_2_and_no_traceback(bench: Bench, content: str) -> None:
    bench.append(1)
    bench.publish()
    (bench.folder / "pack.json").write_text(content)
    found = bench.verify(bench.folder / "pack.json")
    assert (found.returncode, found.stderr) == (2, "")


def test_script__is_small_and_imports_nothing_of_the_project() -> None:
    text = SCRIPT.read_text()
    assert len(text.splitlines()) <= 150
    assert "services" not in text
    assert "rfc8785" not in text


def _run(bench: Bench, *arguments: str) -> tuple[int, str]:
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers())
    tools = LedgerTools(bench.transactions, bench.transactions, lambda: [KEY], bench.ring, [bench.witness], bench.clock)
    out = io.StringIO()
    return run(parser.parse_args(["ledger", *arguments]), tools, out), out.getvalue()


def test_command__verify__says_what_holds_and_what_not(bench: Bench) -> None:
    bench.append(4)
    bench.publish()
    bench.append(1)
    code, said = _run(bench, "verify")
    assert code == 0
    assert "The ledger verifies. Its newest entry relies on the signature alone" in said
    bench.attack("UPDATE ledger_entry SET body = replace(body, 'Grace', 'Heidi') WHERE seq = 3")
    code, said = _run(bench, "verify", "--offline", "--bytes-only")
    assert code == 1
    assert "first bad entry: 3" in said


def test_command__export_and_proof__write_what_the_script_verifies(bench: Bench, tmp_path: Path) -> None:
    bench.append(4)
    bench.publish()
    assert _run(bench, "export", str(tmp_path / "out.zip"))[0] == 0
    assert bench.verify(tmp_path / "out.zip").returncode == 0
    assert _run(bench, "export", str(tmp_path / "out"))[0] == 0
    assert bench.verify(tmp_path / "out", "--witness", str(tmp_path / "out" / "witness")).returncode == 0
    code, said = _run(bench, "proof", "--request", "pr-1")
    (tmp_path / "pack.json").write_text(said)
    assert (code, bench.verify(tmp_path / "pack.json").returncode) == (0, 0)
    assert json.loads(_run(bench, "proof", "--entry", "2")[1])["seq"] == 2
    assert len(json.loads(_run(bench, "proof", "--between", "2", "4")[1])["proof"]) == 1


def test_script__export_made_an_hour_ago__is_fresh_for_a_day(bench: Bench) -> None:
    bench.append(1)
    bench.publish()
    folder = bench.export()
    assert bench.verify(folder, "--now", str(START + timedelta(hours=23))).returncode == 0
    assert bench.verify(folder, "--now", str(START + timedelta(hours=23)), "--max-age", "1").returncode == 3
    assert bench.verify(folder, "--now", str(START - timedelta(hours=1))).returncode == 3
