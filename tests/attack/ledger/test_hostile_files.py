"""Files made to stop the script, not to pass it: each ends in a verdict and its exit code, soon and in little memory."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from services.ledger.signing.keys import KeyRing
from services.ledger.tree.merkle import Frontier, leaf_hash
from services.ledger.tree.note import Checkpoint
from tests.attack.ledger.attacker import changed, rewrite
from tests.attack.ledger.conftest import COUNT, WITNESSED, Judge
from tests.unit.ledger.build import NAME, SCRIPT, START, Bench, fixed_key

PARTS = ("entries.jsonl", "checkpoints.txt")
HUGE = 64 * 2**20
LITTLE = 80 * 2**20
"""Address space that the script gets, in bytes: it needs some 40 MB by itself."""


def limited(target: Path, kept: Bench, *more: str) -> tuple[int, str]:
    """The script in a process that gets little memory and twenty seconds."""
    limit = f"import resource, runpy, sys; resource.setrlimit(resource.RLIMIT_AS, ({LITTLE}, {LITTLE})); sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name='__main__')"
    given = ["--vkey", str(fixed_key().verifier), "--now", kept.clock.peek().isoformat()]
    given += ["--witness", str(kept.folder / "witness.txt")] if "--witness" not in more else []
    command = [sys.executable, "-I", "-S", "-c", limit, str(SCRIPT), str(target), *given, *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def sparse(path: Path, size: int = HUGE) -> None:
    with path.open("r+b" if path.exists() else "wb") as file:
        file.truncate(size)


@pytest.mark.parametrize("name", [*PARTS, "steps.txt"])
def test_huge__endless_line_of_zeros_behind__takes_no_memory(export: Path, kept: Bench, name: str) -> None:
    sparse(export / name)
    lines = (export / "entries.jsonl").read_bytes() if name != "entries.jsonl" else b""
    if name == "steps.txt":  # only read once something is wrong
        (export / "entries.jsonl").write_bytes(lines.replace(b"Grace", b"Gruce", 1))
    code, said = limited(export, kept)
    if name == "checkpoints.txt":  # the signed ones stand before the zeros
        assert code == 0
    else:
        assert (code, said.startswith("integrity: FAILS: first bad entry: ")) == (1, True)


def test_huge__witness_of_zeros_behind_its_notes__is_read_to_the_end(export: Path, kept: Bench, tmp_path: Path) -> None:
    shutil.copy(kept.folder / "witness.txt", tmp_path / "witness.txt")
    sparse(tmp_path / "witness.txt")
    assert limited(export, kept, "--witness", str(tmp_path / "witness.txt"))[0] == 0


@pytest.mark.parametrize("name", [*PARTS, "steps.txt"])
def test_huge__zip_that_grows_a_thousandfold__takes_no_memory(
    export: Path, kept: Bench, tmp_path: Path, name: str
) -> None:
    lines = (export / "entries.jsonl").read_bytes()
    if name == "steps.txt":
        (export / "entries.jsonl").write_bytes(lines.replace(b"Grace", b"Gruce", 1))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in (*PARTS, "steps.txt"):
            archive.writestr(file, (export / file).read_bytes() + (b"\0" * HUGE if file == name else b""))
    assert limited(tmp_path / "bomb.zip", kept)[0] == (0 if name == "checkpoints.txt" else 1)


@pytest.mark.parametrize("size", [COUNT + 1, 10**6, 10**17, 10**18 - 1])
def test_huge__checkpoint_that_claims_more_than_there_is__names_the_first_missing(
    export: Path, judge: Judge, size: int
) -> None:
    text = (export / "checkpoints.txt").read_text()
    (export / "checkpoints.txt").write_text(text.replace(f"\n{COUNT}\n", f"\n{size}\n"))
    code, said = judge(export)
    assert (code, f"first bad entry: {COUNT + 1}: missing" in said) == (1, True), said


def test_huge__thousands_of_unsigned_entries_behind__are_not_kept_in_memory(export: Path, kept: Bench) -> None:
    """A size far beyond, and sound-looking lines up to it: the tree is grown piece by piece."""
    text = (export / "checkpoints.txt").read_text()
    (export / "checkpoints.txt").write_text(text.replace(f"\n{COUNT}\n", "\n900000000\n"))
    with (export / "entries.jsonl").open("ab") as file:
        for seq in range(COUNT + 1, 60_000):
            file.write(b'{"pad":"%s","seq":%d,"v":1}\n' % (b"x" * 3000, seq))
    code, said = limited(export, kept)
    assert (code, f"first bad entry: {COUNT + 1}" in said) == (1, True), said


@pytest.mark.parametrize("shape", ["a" * 3_000_000, "a\n" * 1_000_000, f"{NAME}/1\n" * 300_000, "— x y\n" * 300_000])
def test_slow__text_that_almost_looks_like_checkpoints__is_read_in_a_moment(
    export: Path, kept: Bench, shape: str
) -> None:
    for name in ("checkpoints.txt", "steps.txt"):
        (export / name).write_text(shape)
    code, said = limited(export, kept)
    assert (code, "first bad entry: 1: no checkpoint covers it" in said) == (1, True)


def test_slow__checkpoint_with_a_hundred_thousand_signatures__ends(export: Path, kept: Bench) -> None:
    text = (export / "checkpoints.txt").read_text()
    (export / "checkpoints.txt").write_text(text + text.splitlines()[4].replace(NAME, "other") * 100_000)
    assert limited(export, kept)[0] in {0, 1}


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _zero(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


KINDS: dict[str, Callable[[Path], None]] = {
    "fifo": _fifo,
    "device": _zero,
    "dangling": _dangling,
    "folder": _folder,
    "missing": Path.unlink,
}


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("kind", KINDS)
def test_file__that_is_none__is_unusable_input_and_named(export: Path, judge: Judge, name: str, kind: str) -> None:
    KINDS[kind](export / name)
    code, said = judge(export)
    assert (code, said.startswith(f"input: FAILS: {name!r} is missing, or no plain file")) == (2, True), said


@pytest.mark.parametrize("kind", KINDS)
def test_steps__that_are_no_file__do_not_hide_the_bad_entry(export: Path, judge: Judge, kind: str) -> None:
    KINDS[kind](export / "steps.txt")
    assert judge(export)[0] == 0
    lines = (export / "entries.jsonl").read_bytes()
    (export / "entries.jsonl").write_bytes(lines.replace(b"Grace", b"Gruce", 1))
    code, said = judge(export)
    assert (code, "first bad entry: 1 or a later one" in said) == (1, True)


@pytest.mark.parametrize("kind", KINDS)
def test_witness__that_is_no_file__is_unusable_input(export: Path, kept: Bench, tmp_path: Path, kind: str) -> None:
    copy = tmp_path / "copy.txt"
    shutil.copy(kept.folder / "witness.txt", copy)
    KINDS[kind](copy)
    assert limited(export, kept, "--witness", str(copy))[0] == 2


def test_file__that_links_to_the_real_one__is_read(export: Path, judge: Judge, tmp_path: Path) -> None:
    for name in PARTS:
        shutil.move(export / name, tmp_path / name)
        (export / name).symlink_to(tmp_path / name)
    (tmp_path / "link").symlink_to(export)
    assert judge(tmp_path / "link")[0] == 0


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"\xef\xbb\xbf", "ü\n".encode() * 9], ids=["empty", "utf-16", "mark", "other"]
)
@pytest.mark.parametrize("name", PARTS)
def test_file__with_other_content__does_not_hold(export: Path, judge: Judge, name: str, content: bytes) -> None:
    rest = (export / name).read_bytes() if content == b"\xef\xbb\xbf" else b""
    (export / name).write_bytes(content + rest)
    code, said = judge(export)
    assert (code, said.startswith("integrity: FAILS: first bad entry: 1")) == (1, True), said


@pytest.mark.parametrize("name", PARTS)
def test_line_ends__made_those_of_windows__do_not_hold(export: Path, judge: Judge, name: str) -> None:
    text = (export / name).read_bytes()
    (export / name).write_bytes(text.replace(b"\n", b"\r\n"))
    code, said = judge(export)
    assert (code, "first bad entry: 1" in said) == (1, True)


def test_line_ends__of_the_witness_changed__are_unusable_input(export: Path, kept: Bench, tmp_path: Path) -> None:
    (tmp_path / "copy.txt").write_bytes((kept.folder / "witness.txt").read_bytes().replace(b"\n", b"\r\n"))
    code, said = limited(export, kept, "--witness", str(tmp_path / "copy.txt"))
    assert (code, said) == (2, f"input: FAILS: the witness holds 0 checkpoints of {NAME}\n")


def _pack(folder: Path, to: Path) -> zipfile.ZipFile:
    archive = zipfile.ZipFile(to, "w")
    for name in (*PARTS, "steps.txt"):
        archive.write(folder / name, name)
    return archive


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("name", PARTS)
def test_zip__with_two_files_of_one_name__is_refused(export: Path, judge: Judge, tmp_path: Path, name: str) -> None:
    """Which of the two another program would show, nobody can say."""
    with _pack(export, tmp_path / "two.zip") as archive:
        archive.writestr(name, (export / name).read_bytes())
    code, said = judge(tmp_path / "two.zip")
    assert (code, "twice in the zip" in said) == (2, True)


def test_zip__cut_or_rubbish_or_with_a_wrong_sum__is_unusable_input(export: Path, judge: Judge, tmp_path: Path) -> None:
    whole = tmp_path / "export.zip"
    _pack(export, whole).close()
    assert judge(whole)[0] == 0
    data = whole.read_bytes()
    for bad in (data[:-30], b"", b"PK", data.replace(b"Grace", b"Gruce", 1)):
        whole.write_bytes(bad)
        code, said = judge(whole)
        assert (code, said.startswith("input: FAILS: BadZipFile")) == (2, True), said


def test_zip__with_the_files_in_a_folder__is_unusable_input(export: Path, judge: Judge, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "deep.zip", "w") as archive:
        for name in PARTS:
            archive.write(export / name, f"export/{name}")
    code, said = judge(tmp_path / "deep.zip")
    assert (code, "'entries.jsonl' is missing" in said or "'checkpoints.txt' is missing" in said) == (2, True)


def test_part__the_first_entries_left_out__names_the_first(export: Path, judge: Judge) -> None:
    lines = (export / "entries.jsonl").read_bytes().splitlines(keepends=True)
    for left_out in (1, 5, COUNT - 1):
        (export / "entries.jsonl").write_bytes(b"".join(lines[left_out:]))
        code, said = judge(export)
        assert (code, said.startswith("integrity: FAILS: first bad entry: 1:")) == (1, True), said


def test_checkpoints__in_another_order__do_not_hold(bench: Bench) -> None:
    """One that stands there twice is the same checkpoint."""
    bench.append(5)
    bench.publish()
    folder = bench.export()
    steps = re.findall(r"(?s).+?\n\n(?:— .+?\n)+\n", (folder / "steps.txt").read_text())
    assert len(steps) == 5
    for order in ([0, 1, 2, 3, 4], [0, 2, 1, 3, 4], [0, 0, 4], [4, 4], [4, 3], [4, 0]):
        (folder / "checkpoints.txt").write_text("".join(steps[number] for number in order))
        assert (bench.verify(folder).returncode == 0) is (order == sorted(order)), order


def test_checkpoints__signed_by_others_too__hold_by_the_known_key_alone(bench: Bench) -> None:
    """Cosignatures, unknown names and ids count nothing; one wrong signature under the known name and id refuses all."""
    bench.append(3)
    bench.publish()
    folder = bench.export()
    text = (folder / "checkpoints.txt").read_text()
    line = text.splitlines()[4]
    name, mine = line.split(" ")[1:]
    other = base64.b64encode(b"\1\2\3\4" + b"x" * 64).decode()
    wrong = base64.b64encode(base64.b64decode(mine)[:4] + b"x" * 64).decode()
    for extra, code in (
        (f"— {name} {other}\n", 0),
        (f"— witness.example/w1 {base64.b64encode(b'y' * 76).decode()}\n", 0),
        (f"— other {mine}\n", 0),
        (f"{line}\n", 0),
        (f"— {name} {wrong}\n", 1),
    ):
        (folder / "checkpoints.txt").write_text(text.replace(line + "\n", f"{line}\n{extra}"))
        found = bench.verify(folder)
        assert (found.returncode, found.stderr) == (code, ""), (extra, found.stdout)
        (folder / "checkpoints.txt").write_text(text.replace(line + "\n", f"{extra}{line}\n"))
        assert bench.verify(folder).returncode == code, extra


def test_checkpoints__two_roots_signed_for_one_size__do_not_hold(bench: Bench) -> None:
    """The portal's own checkpoints show that it forked, though the other history is not here."""
    bench.append(5)
    bench.publish()
    folder = bench.export()
    frontier = Frontier()
    for body in (*bench.bodies()[:4], changed(bench.bodies()[4], reason="other")):
        frontier, _ = frontier.push(leaf_hash(body.encode()))
    other = KeyRing(fixed_key()).sign(Checkpoint(f"{NAME}/1", 5, frontier.root()), START).text()
    own = (folder / "checkpoints.txt").read_text()
    for text in (other + "\n" + own, own + other + "\n"):
        (folder / "checkpoints.txt").write_text(text)
        found = bench.verify(folder)
        assert (found.returncode, "integrity: FAILS" in found.stdout) == (1, True), found.stdout


@pytest.mark.parametrize(("field", "value"), [("at", "soon"), ("at", 5), ("at", "2026-11-21T07:00:02"), ("at", None)])
def test_time__of_a_witnessed_entry_made_rubbish_with_key__is_tampering(
    bench: Bench, field: str, value: object
) -> None:
    bench.append(3)
    bodies = bench.bodies()
    rewrite(bench, [*bodies[:-1], changed(bodies[-1], at="2026-11-21T07:00:02.000000Z")])
    found = _witnessed(bench, [*bodies[:-1], changed(bodies[-1], **{field: value})])
    assert (found.returncode, "integrity: FAILS: " in found.stdout) == (1, True), found.stdout


def test_number__written_as_true__is_not_one(bench: Bench) -> None:
    bench.append(1)
    found = _witnessed(bench, [changed(bench.bodies()[0], seq=True)])
    assert (found.returncode, "first bad entry: 1: its text" in found.stdout) == (1, True), found.stdout


def _witnessed(bench: Bench, bodies: list[str]) -> subprocess.CompletedProcess[str]:
    """An export of these texts, signed by the stolen key and seen by the witness."""
    folder, frontier, steps = bench.folder / "forged", Frontier(), ""
    folder.mkdir()
    for size, body in enumerate(bodies, 1):
        frontier, _ = frontier.push(leaf_hash(body.encode()))
        steps += KeyRing(fixed_key()).sign(Checkpoint(f"{NAME}/1", size, frontier.root()), START).text() + "\n"
    for name in ("checkpoints.txt", "steps.txt"):
        (folder / name).write_text(steps)
    (folder / "entries.jsonl").write_text("".join(body + "\n" for body in bodies))
    (bench.folder / "witness.txt").write_text(steps[-(len(steps) // len(bodies)) - 2 :].lstrip("\n"))
    return bench.verify(folder)


def test_pack__with_a_doubled_key__proves_nothing(kept: Bench, judge: Judge, tmp_path: Path) -> None:
    """A reader that takes the first of two would see another text than the one that is proven."""
    text = (kept.folder / "pack.json").read_text()
    body = json.loads(text)["entries"][0]["body"]
    (tmp_path / "pack.json").write_text(text.replace('{"seq": 1, ', '{"seq": 1, "body": "another", ', 1))
    assert body in json.loads((tmp_path / "pack.json").read_text())["entries"][0]["body"]
    code, said = judge(tmp_path / "pack.json")
    assert (code, said.startswith("integrity: FAILS: first bad entry: after 0")) == (1, True), said


def test_pack__larger_than_any_is__ends_in_little_memory(kept: Bench, tmp_path: Path) -> None:
    sparse(tmp_path / "pack.json", 2**33)
    assert limited(tmp_path / "pack.json", kept)[0] == 2


def test_witness__that_went_on_since_the_export__is_told_from_the_numbers(kept: Bench, bench: Bench) -> None:
    bench.append(3)
    folder = bench.export()
    bench.append(2)
    bench.publish()
    found = bench.verify(folder)
    assert found.returncode == 1
    assert (
        "cut: the witness holds 5 other entries, signed by a known key; first bad entry: after 0; this export has 3"
        in found.stdout
    )


def test_witness__behind_the_export__tells_how_much_it_has_not_seen(export: Path, judge: Judge) -> None:
    assert (
        f"witnessed up to entry {WITNESSED}, {COUNT - WITNESSED} more stand on the signature alone" in judge(export)[1]
    )


def test_now__without_a_time_zone__is_taken_as_local_time_and_no_failure(
    export: Path, judge: Judge, kept: Bench
) -> None:
    naive = kept.clock.peek().astimezone().replace(tzinfo=None).isoformat()
    assert judge(export, "--now", naive)[0] == 0


@pytest.mark.parametrize(
    "options",
    [["--now", "soon"], ["--max-age", "x"], ["--max-age", "nan"], ["--max-age", "inf"], ["--max-age", "1e99"]],
)
def test_options__that_are_nonsense__are_unusable_input(export: Path, judge: Judge, options: list[str]) -> None:
    code, said = judge(export, *options)
    assert (code, said.startswith("input: FAILS: ")) == (2, True), said


def test_origin__expected_after_a_restore_but_not_there__is_said(export: Path, judge: Judge) -> None:
    code, said = judge(export, "--origin", f"{NAME}/2")
    assert (code, f"completeness: FAILS: this log is {NAME}/1;" in said) == (1, True)


OPENSSL = {
    "none": None,
    "too old": "#!/bin/sh\necho 'pkeyutl: Unrecognized flag rawin' >&2\nexit 1\n",
    "hanging up": "#!/bin/sh\nkill -9 $$\n",
}


@pytest.mark.parametrize("kind", OPENSSL)
def test_openssl__that_cannot_verify__is_unusable_input_and_no_tampering(
    export: Path, kept: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "bin").mkdir()
    if content := OPENSSL[kind]:
        (tmp_path / "bin" / "openssl").write_text(content)
        (tmp_path / "bin" / "openssl").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    code, said = limited(export, kept)
    assert (code, said.startswith("input: FAILS: ")) == (2, True), said
    assert "openssl" in said


@pytest.mark.parametrize("signature", [b"", b"x", b"\0" * 63, b"\0" * 64, b"\0" * 5000])
def test_openssl__signature_of_any_length__is_wrong_and_no_failure_of_the_tool(
    export: Path, kept: Bench, signature: bytes
) -> None:
    text = (export / "checkpoints.txt").read_bytes()
    old = re.findall(rb"\xe2\x80\x94 \S+ (\S+)\n", text)[-1]
    new = base64.b64encode(base64.b64decode(old)[:4] + signature)
    (export / "checkpoints.txt").write_bytes(text.replace(old, new))
    code, said = limited(export, kept)
    assert (code, "no known key signed" in said or "no checkpoint covers it" in said) == (1, True), said


def test_terminal__control_characters_in_a_file__do_not_reach_it(export: Path, judge: Judge) -> None:
    text = (export / "checkpoints.txt").read_text()
    (export / "checkpoints.txt").write_text(text.replace(f"{NAME}/1\n", f"{NAME}/\x1b[2Kintegrity: holds\n"))
    code, said = judge(export)
    assert (code, "\x1b" in said, "holds" in said) == (1, False, False)


def test_script__from_another_folder_by_a_bare_python__gives_the_same(
    export: Path, kept: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("json.py", "re.py", "base64.py", "cryptography.py", "services.py"):
        (tmp_path / name).write_text("raise SystemExit(0)\n")
    assert limited(Path(os.path.relpath(export, tmp_path)), kept)[0] == 0
