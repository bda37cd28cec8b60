"""Every fake is held against its Protocol by mypy; here: that the list is whole and that mypy reads it."""

from __future__ import annotations

import inspect
import tomllib
from pathlib import Path
from typing import get_type_hints

import pytest

from tests import fake_portal, stand_ins
from tests.simulators import basics, pipelines, registry

ROOT = Path(__file__).resolve().parents[2]
MODULES = (fake_portal, basics, pipelines, registry)


def _classes() -> list[type]:
    return [
        kind for module in MODULES for _, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
    ]  # fmt: skip


def _pairs() -> list[tuple[type, type]]:
    hints = [get_type_hints(made) for _, made in inspect.getmembers(stand_ins, inspect.isfunction)]
    return [(next(iter(hint.values())), hint["return"]) for hint in hints]


@pytest.mark.parametrize("kind", _classes(), ids=lambda kind: kind.__name__)
def test_fake__any__is_held_against_what_it_stands_for(kind: type) -> None:
    assert kind in {fake for fake, _ in _pairs()}


@pytest.mark.parametrize(("fake", "promise"), _pairs(), ids=lambda kind: kind.__name__)
def test_fake__any__has_every_method_of_its_protocol(fake: type, promise: type) -> None:
    wanted = {name for name in vars(promise) if not name.startswith("_")}
    has = {*dir(fake), *getattr(fake, "__dataclass_fields__", ())}
    assert wanted
    assert wanted <= has


def test_mypy__configured__reads_the_fakes() -> None:
    read = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]["packages"]
    assert {
        "tests.stand_ins",
        "tests.simulators",
        "tests.fake_portal",
        "tests.fake_world",
        "tests.fake_evidence",
    } <= set(read)
