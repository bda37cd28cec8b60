"""How the suite runs: what it relies on to be quick, without which it would only be slow, silently."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.long_files import LONGEST, TESTS, longest_first
from tests.memory_folder import use_memory


def _items(*names: str) -> list[Any]:
    return [SimpleNamespace(path=TESTS / name) for name in names]


@pytest.mark.parametrize("name", LONGEST)
def test_long_file__named__is_there(name: str) -> None:
    assert (TESTS / name).is_file()


def test_order__any__begins_with_the_longest_and_drops_nothing() -> None:
    given = _items("unit/test_a.py", LONGEST[1], "unit/test_b.py", LONGEST[0], LONGEST[1])
    order = [next(n for n, one in enumerate(given) if one is item) for item in longest_first(given)]
    assert order == [3, 1, 4, 0, 2]


@pytest.fixture
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", tempfile.tempdir)
    monkeypatch.setattr("tests.memory_folder.ENOUGH", 1)


@pytest.mark.usefixtures("unchanged")
def test_memory__folder_that_serves__becomes_the_temporary_folder(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    assert use_memory(environment, tmp_path)
    assert environment == {"TMPDIR": str(tmp_path)}
    assert tempfile.tempdir is None


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("chosen", ["/var/tmp", "relative"])
def test_memory__folder_chosen_by_the_developer__stays(tmp_path: Path, chosen: str) -> None:
    environment = {"TMPDIR": chosen}
    assert not use_memory(environment, tmp_path)
    assert environment == {"TMPDIR": chosen}


@pytest.mark.usefixtures("unchanged")
def test_memory__no_such_folder_or_no_room__the_disk_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    environment: dict[str, str] = {}
    assert not use_memory(environment, tmp_path / "missing")
    monkeypatch.setattr("tests.memory_folder.ENOUGH", 2**62)
    assert not use_memory(environment, tmp_path)
    assert environment == {}
