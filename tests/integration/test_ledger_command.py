"""`countersign ledger` as people run it: settings from the environment, both databases, the script isolated."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.audit.witnesses import WitnessWatch
from services.bootstrap.portal import build_portal, open_adapters
from services.cli.main import main
from services.clock import RandomIds, SystemClock
from services.database.unit import Units
from services.domain.identity.people import Actor, Person
from services.ledger.actions import Action
from services.ledger.tree.entry import Subject
from services.ledger.witnessing import WitnessRefusedError
from services.settings import load_settings
from tests.unit.ledger.build import run_script

ROOT = Path(__file__).resolve().parents[2]
GRACE = Actor(Person("u-1", "Grace Hopper"), frozenset())
NAME = "countersign.local/ledger"
FAR = datetime(2029, 1, 1, tzinfo=UTC)


@dataclass
class Host:
    """A portal's host: its folder and settings, and the means to write and to witness."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, *words: str) -> tuple[int, str]:
        self.capsys.readouterr()
        code = main(["ledger", *words])
        said = self.capsys.readouterr()
        return code, said.out + said.err

    def units(self) -> Units:
        return open_adapters(load_settings()).units

    def write(self, count: int = 1, *, email: str = "") -> None:
        units = self.units()
        with units.begin() as unit:
            for _ in range(count):
                unit.ledger.append(
                    GRACE, Action.COMMENT_ADDED, Subject("model_version", "census/3"), request_id="req-1",
                    personal={"email": email} if email else None,
                )  # fmt: skip
        units.engine.dispose()

    def witness(self) -> None:
        """What the worker does, for every witness that is set."""
        adapters = open_adapters(load_settings())
        for found in adapters.witnesses:
            told = {"clock": SystemClock(), "ids": RandomIds(), "interval": timedelta(hours=1)}
            WitnessWatch(adapters.units, found.witness, **told).beat()
        adapters.engine.dispose()

    def script(self, target: Path, *more: str) -> subprocess.CompletedProcess[str]:
        clone = self.folder / "auditor"
        shutil.rmtree(clone, ignore_errors=True)
        subprocess.run(["git", "clone", "-q", str(self.folder / "witness.git"), str(clone)], check=True, timeout=60)
        return run_script(str(target), "--vkey", str(self.folder / "pinned.txt"), "--witness", str(clone), *more)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def host(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Host:
    """Two witnesses: a file, and a Git repository that the auditor clones."""
    url = f"sqlite:///{tmp_path / 'portal.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgres_database")
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(tmp_path / "witness.git")], check=True, timeout=60)
    shutil.copy(ROOT / "governance.example.yaml", tmp_path / "governance.yaml")
    for name, value in {
        "DATABASE_URL": url,
        "DATA_DIR": str(tmp_path / "data"),
        "GOVERNANCE_FILE": str(tmp_path / "governance.yaml"),
        "WITNESS_FILE": str(tmp_path / "witness.txt"),
        "WITNESS_GIT_URL": str(tmp_path / "witness.git"),
    }.items():
        monkeypatch.setenv(f"COUNTERSIGN_{name}", value)
    monkeypatch.chdir(tmp_path)
    made = Host(tmp_path, capsys)
    made.write(3)
    (tmp_path / "pinned.txt").write_text(made.run("key")[1].splitlines()[0])
    return made


def test_verify_export_and_proof__on_a_real_database__hold_offline(host: Host) -> None:
    host.write(2)
    host.witness()
    code, said = host.run("verify")
    assert code == 0
    assert "witness git: agrees, 1 checkpoint, up to entry 5" in said
    assert "a witness has seen all of it" in said
    assert host.run("export", "out.zip", "--operator", "Ada Lovelace")[0] == 0
    found = host.script(host.folder / "out.zip")
    assert (found.returncode, "6 entries" in found.stdout) == (0, True), found.stdout
    with zipfile.ZipFile("out.zip") as archive:
        last = json.loads(archive.read("entries.jsonl").splitlines()[-1])
    assert (last["action"], last["actor"]["name"]) == ("export:file:made", "Ada Lovelace")
    code, said = host.run("export", "out.zip")
    assert (code, "exists already" in said) == (1, True)
    host.witness()
    code, said = host.run("proof", "--request", "req-1")
    Path("pack.json").write_text(said)
    assert (code, host.script(host.folder / "pack.json").returncode) == (0, 0)
    assert host.run("verify", "--offline")[1].startswith("7 entries, 1 signed checkpoint compared\nThe ledger is consi")


def test_personal__erased_on_request_and_held__leaves_the_proof_whole(host: Host) -> None:
    host.write(email="grace@navy.test")
    host.witness()
    assert host.run("hold", "place", "promotion_request", "req-1", "--reason", "litigation")[0] == 0
    assert host.run("hold", "list")[1].startswith("promotion_request req-1\n1 on hold.")
    erase = ("erase", "--entry", "4", "--field", "email", "--reason", "asked on 3 June")
    code, said = host.run(*erase)
    assert (code, "legal hold" in said) == (1, True)
    assert host.run("hold", "lift", "promotion_request", "req-1", "--reason", "settled")[0] == 0
    assert host.run(*erase)[0] == 0
    code, said = host.run(*erase)
    assert (code, "no personal value 'email' of entry 4" in said) == (1, True)
    units = host.units()
    with units.read() as unit:
        stored = unit.archive.entry(4)
        assert unit.archive.personal([4]) == []
    units.engine.dispose()
    assert stored is not None
    assert "grace@navy.test" not in stored.body
    assert '"email":"sha256:' in stored.body
    assert host.run("verify")[0] == 0
    assert host.run("export", "out")[0] == 0
    assert host.script(host.folder / "out").returncode == 0
    assert b"grace@navy.test" not in b"".join(p.read_bytes() for p in (host.folder / "out").rglob("*") if p.is_file())


def test_retention__by_the_policy_file__drops_what_is_old_and_nothing_else(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.write(email="grace@navy.test")
    assert "Nothing is due." in host.run("retain")[1]
    monkeypatch.setattr(SystemClock, "now", lambda _: FAR)
    host.write(email="ada@navy.test")
    code, said = host.run("retain")
    assert (code, "1 entry records it" in said) == (0, True), said
    units = host.units()
    with units.read() as unit:
        assert [kept.value for kept in unit.archive.personal([4, 5])] == ["ada@navy.test"]
    units.engine.dispose()
    code, said = host.run("retain", "--keep-days", "30")
    assert (code, "at least 184 days" in said) == (1, True)


def test_rotate_key__then_go_on__the_old_pin_still_verifies(host: Host) -> None:
    code, said = host.run("rotate-key", "--operator", "Ada Lovelace")
    assert code == 0
    assert NAME in said
    host.write(2)
    host.witness()
    assert len(host.run("key")[1].splitlines()) == 2
    assert host.run("verify")[0] == 0
    assert host.run("export", "out")[0] == 0
    assert host.script(host.folder / "out").returncode == 0
    assert host.run("rotate-key")[0] == 1


def test_restore__of_a_backup__stops_then_goes_on_under_a_new_origin(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = load_settings().database_url
    if not database.startswith("sqlite"):
        pytest.skip("a copy of a file is the backup here; PostgreSQL differs in nothing that matters for it")
    host.witness()
    assert host.run("restore", "--reason", "none")[0] == 1  # nothing was lost
    for file in host.folder.glob("portal.db*"):
        shutil.copy(file, host.folder / f"backup-{file.name}")
    host.write(4)
    host.witness()
    for file in host.folder.glob("portal.db*"):
        file.unlink()
    for file in host.folder.glob("backup-portal.db*"):
        shutil.copy(file, host.folder / file.name.removeprefix("backup-"))
    with pytest.raises(WitnessRefusedError, match="holds entries that this database lacks"):
        build_portal(load_settings())
    assert host.run("verify")[0] == 1
    assert host.run("restore", "--reason", "disk lost; backup of 02:00", "--operator", "Ada Lovelace")[0] == 0
    build_portal(load_settings()).close()
    host.witness()
    code, said = host.run("verify")
    assert code == 0, said
    assert f"a restore ended {NAME}/1; a witness had seen 7 entries" in said
    assert host.run("export", "out")[0] == 0
    assert host.script(host.folder / "out").returncode == 1
    assert host.script(host.folder / "out", "--origin", f"{NAME}/2").returncode == 0


@pytest.mark.slow
def test_installed__from_a_wheel__exports_with_the_script_inside(tmp_path: Path) -> None:
    """What `pip install` gives is enough: no checkout, no tools folder."""
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "requirements.in"):
        shutil.copy(ROOT / name, source / name)
    for name in ("services", "dashboard", "tools"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    build = [sys.executable, "-m", "pip", "wheel", "-q", ".", "--no-deps", "--no-build-isolation", "-w", str(tmp_path)]
    if subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode:
        pytest.skip("pip is not installed beside the tests")
    subprocess.run(build, cwd=source, check=True, timeout=280, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    assert (tmp_path / "installed/services/ledger/verify_ledger.py").read_bytes() == (
        ROOT / "tools" / "verify_ledger.py"
    ).read_bytes()
    empty = tmp_path / "empty"
    empty.mkdir()
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    environment |= {"COUNTERSIGN_DATABASE_URL": "sqlite:///portal.db", "COUNTERSIGN_WITNESS_FILE": "witness.txt"}

    def run(*words: str) -> str:
        command = [
            sys.executable,
            "-P",
            "-c",
            "import sys; from services.cli.main import main; sys.exit(main())",
            *words,
        ]
        done = subprocess.run(
            command, cwd=empty, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    key = run("ledger", "key").splitlines()[0]
    run("ledger", "export", "one.zip")
    seed = "import services; assert 'installed' in str(services.__file__); from services.bootstrap.portal import open_adapters; from services.settings import load_settings; "
    seed += "a = open_adapters(load_settings()); from services.ledger.witnessing import publish_head; "
    seed += "from services.audit.witnesses import writing; import datetime as d; "
    seed += "[publish_head(writing(a.units), w.witness, lambda: d.datetime.now(d.UTC)) for w in a.witnesses]"
    subprocess.run([sys.executable, "-P", "-c", seed], cwd=empty, env=environment, check=True, timeout=120)
    run("ledger", "export", "two")
    script = str(empty / "two" / "verify_ledger.py")
    said = subprocess.run(
        [sys.executable, "-I", script, "two", "--vkey", key, "--witness", "witness.txt"],
        cwd=empty, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert said.returncode == 0, said.stdout
