"""The table of attacks in the documentation names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_list__of_attacks_on_sign_in__names_tests_that_exist() -> None:
    table = (ROOT / "docs" / "sign-in.md").read_text("utf-8").partition("## Attacks")[2]
    named = set(re.findall(r"`(test_\w+)`", table))
    written = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", file.read_text("utf-8"))
    }
    assert len(named) >= 30
    assert named - written == set()
