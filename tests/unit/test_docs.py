"""The documentation cannot lie: settings, commands and examples are held against the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.cli.main import build_parser
from services.policies.reading import CheckKind, load_governance
from services.promotions.checks import KINDS
from services.settings import Settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_settings__each__stands_in_the_docs_with_its_description(name: str) -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    assert f"| `COUNTERSIGN_{name.upper()}` |" in text
    assert str(Settings.model_fields[name].description) in text


def test_settings__named_in_docs__exist() -> None:
    known = {f"COUNTERSIGN_{name.upper()}" for name in Settings.model_fields} | {
        "COUNTERSIGN_API_TOKEN"
    }  # pipelines' own
    for page in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]:
        named = set(re.findall(r"COUNTERSIGN_[A-Z_]*[A-Z]", page.read_text()))
        assert named <= known, page


def test_governance_example__is_valid() -> None:
    assert load_governance(ROOT / "governance.example.yaml").policies


def test_check_kinds__of_policy_and_code__are_the_same() -> None:
    assert set(CheckKind.__args__) == set(KINDS)


def test_readme__make_targets__exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([a-z-]+)", (ROOT / "README.md").read_text())) - {"and"} <= targets


def test_readme__commands__exist() -> None:
    commands = build_parser().format_help()
    for name in set(re.findall(r"`countersign ([a-z]+)", (ROOT / "README.md").read_text())):
        assert re.search(rf"^\s+{name}\b", commands, re.MULTILINE), name


def test_docs__links_between_pages__lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "pipelines" / "README.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
