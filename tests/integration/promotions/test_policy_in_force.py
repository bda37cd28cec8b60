"""Another policy file is put in force: the ledger says which, what changed, and where it came from; once."""

from __future__ import annotations

import hashlib
import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from services.adapters.file_origin import origin_of
from services.errors import SettingsError
from services.policies.in_force import note_policy
from tests.integration.promotions.conftest import RULES
from tests.oversight_world import OversightWorld


def note(world: OversightWorld, path: Path) -> bool:
    return note_policy(world.units, path, clock=world.clock, origin=origin_of)


def last_entry(world: OversightWorld) -> dict[str, Any]:
    with world.units.read() as unit:
        head = unit.archive.head()
        assert head is not None
        (entry,) = unit.archive.stream(head.size, head.size)
    found: dict[str, Any] = json.loads(entry.body)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "governance.yaml"
    path.write_text(RULES)
    return path


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_policy__first_start__is_noted_once_and_kept_by_digest(strict: OversightWorld, file: Path) -> None:
    assert [note(strict, file), note(strict, file)] == [True, False]
    entry = last_entry(strict)
    assert (entry["action"], entry["before"]) == ("policy:file:changed", None)
    assert entry["after"]["digest"] == digest(RULES)
    with strict.units.read() as unit:
        assert unit.requests.document(digest(RULES)) == RULES


def test_policy__changed__says_from_which_to_which_and_what_differs(strict: OversightWorld, file: Path) -> None:
    note(strict, file)
    changed = RULES.replace("quorum: 2", "quorum: 3").replace("valid_hours: 4", "valid_hours: 8")
    file.write_text(changed)
    assert note(strict, file)
    entry = last_entry(strict)
    assert entry["before"] == {"digest": digest(RULES)}
    assert entry["after"]["digest"] == digest(changed)
    told = "\n".join(entry["after"]["changes"])
    assert "- 1. * in production: 2 different reviewers approve" in told
    assert "+ 1. * in production: 3 different reviewers approve" in told
    assert "valid for 8 hours" in told
    assert entry["after"]["detail"] == "4 lines of it differ"
    file.write_text(RULES)
    assert note(strict, file)
    assert last_entry(strict)["before"] == {"digest": digest(changed)}


def test_policy__two_processes_start_at_once__is_noted_once(strict: OversightWorld, file: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(lambda _: note(strict, file), range(4))) == 1
    assert strict.actions() == ["policy:file:changed"]


def test_policy__that_cannot_be_read__notes_nothing(strict: OversightWorld, file: Path) -> None:
    file.write_text(RULES.replace("quorum: 2", "quorum: 0"))
    with pytest.raises(SettingsError, match="quorum"):
        note(strict, file)
    assert strict.actions() == []
    with strict.units.read() as unit:
        assert unit.marks.get("policy in force") is None


def git(folder: Path, *arguments: str) -> None:
    config = ["-c", "user.name=Pat Lee", "-c", "user.email=pat@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *config, *arguments], cwd=folder, check=True, capture_output=True, timeout=30)


def test_policy__in_a_repository__names_commit_and_author(strict: OversightWorld, file: Path) -> None:
    git(file.parent, "init", "-q")
    git(file.parent, "add", file.name)
    git(file.parent, "commit", "-qm", "Ask for two signatures")
    note(strict, file)
    after = last_entry(strict)["after"]
    assert (after["author"], after["file"]) == ("Pat Lee", "as committed")
    assert len(after["commit"]) == 40
    file.write_text(RULES + "# edited\n")
    note(strict, file)
    assert last_entry(strict)["after"]["file"] == "edited since the commit"


def test_origin__without_git__is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not {"commit", "author"} & set(origin_of(tmp_path / "governance.yaml"))
