"""The policy packs load, can be satisfied, and their mapping names only things that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from services.policies.directory import read_people
from services.policies.file import GovernanceFile, PolicyFile, TierFile
from services.policies.lint import Level, lint
from services.policies.reading import parse_text
from services.promotions.checks import KINDS
from tests.simulators.basics import START

ROOT = Path(__file__).resolve().parents[3]
PEOPLE = ROOT / "policy-packs" / "people.example.yaml"
PACKS = sorted(path for path in (ROOT / "policy-packs").glob("*.yaml") if path != PEOPLE)
WORDS = {"validation", "risk", "countersign policy replay", "keep_personal_days", "reviewed", "people.example.yaml"}


@pytest.mark.parametrize("path", PACKS, ids=lambda path: path.stem)
def test_pack__with_the_people_of_the_example__has_neither_error_nor_warning(path: Path) -> None:
    text = parse_text(path.read_text(encoding="utf-8"), name=path.name)
    found = lint(text, read_people(PEOPLE, text.rules), START)
    allowed = ("no policy requires its signature", "a single signature is enough")
    assert [r.in_words(path.name) for r in found if r.level is Level.ERROR or not r.sentence.endswith(allowed)] == []


def test_packs__are_all_in_the_docs() -> None:
    docs = (ROOT / "docs" / "policy-packs.md").read_text(encoding="utf-8")
    assert len(PACKS) == 3
    assert all(path.name in docs for path in PACKS)


def test_mapping__names_of_checks_and_fields__exist() -> None:
    docs = (ROOT / "docs" / "policy-packs.md").read_text(encoding="utf-8")
    rows = [line for line in docs.splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`([a-z_ ]+)`", row)}
    fields = {*GovernanceFile.model_fields, *PolicyFile.model_fields, *TierFile.model_fields}
    assert named - fields - set(KINDS) - WORDS == set()
