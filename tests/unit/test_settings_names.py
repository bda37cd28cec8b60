"""A mistyped setting is told with the name that was meant, and never with its value."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from services.settings import ELSEWHERE, Settings, load_settings, unread_names


def told(*names: str) -> list[str]:
    return unread_names(Settings.model_fields, dict.fromkeys(names, "hunter2"))


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("COUNTERSIGN_SESION_IDLE", "COUNTERSIGN_SESSION_IDLE"),
        ("COUNTERSIGN_MLFLOW_URI", "COUNTERSIGN_MLFLOW_URL"),
        ("countersign_oidc_isuer", "COUNTERSIGN_OIDC_ISSUER"),
        ("CONTERSIGN_DATABASE_URL", "COUNTERSIGN_DATABASE_URL"),
    ],
)
def test_name__mistyped__is_told_with_the_one_that_was_meant(wrong: str, meant: str) -> None:
    assert told(wrong) == [f"Unknown setting {wrong}; did you mean {meant}?"]


def test_name__like_none_of_ours__points_to_the_list() -> None:
    assert told("COUNTERSIGN_XYZZY_QUUX") == [
        "Unknown setting COUNTERSIGN_XYZZY_QUUX; docs/settings.md lists all settings."
    ]


def test_names__of_ours_and_of_other_programs__are_quiet() -> None:
    ours = [f"COUNTERSIGN_{name.upper()}" for name in Settings.model_fields]
    assert told(*ours, *(name.lower() for name in ours), *ELSEWHERE, "PATH", "HOME", "MLFLOW_TRACKING_URI") == []


def test_file__with_a_mistyped_name__is_told_too(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("COUNTERSIGN_PORT=1\nCOUNTERSIGN_PROT=hunter2\n")
    assert unread_names(Settings.model_fields, {}, file=file) == [
        "Unknown setting COUNTERSIGN_PROT; did you mean COUNTERSIGN_PORT?"
    ]


def test_start__with_a_mistyped_name__warns_without_the_value(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("COUNTERSIGN_SESION_SECRET", "hunter2")
    with caplog.at_level(logging.WARNING):
        load_settings()
    assert "did you mean COUNTERSIGN_SESSION_SECRET?" in caplog.text
    assert "hunter2" not in caplog.text
