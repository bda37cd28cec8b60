"""A wrong setting is named, with what to do; secrets never show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from services.errors import SettingsError
from services.settings import Settings, load_settings

PEOPLE = json.dumps([{"id": "ana", "name": "Ana", "roles": ["data_scientist"]}])


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a .env file."""
    monkeypatch.chdir(tmp_path)


def test_settings__none_given__have_safe_defaults() -> None:
    found = load_settings()
    assert (found.host, found.azure_devops_url, found.demo_people) == ("127.0.0.1", "", ())
    assert found.azure_devops_token.get_secret_value() == ""
    assert found.address == "http://127.0.0.1:8501"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"), ("PORT", "70000"), ("PORT", "-1"), ("MLFLOW_TIMEOUT", "0"), ("MLFLOW_TIMEOUT", "soon"),
        ("SYNC_INTERVAL", "-5"), ("AZURE_DEVOPS_AUTH", "magic"), ("RUN_WORKER", "perhaps"), ("AZURE_DEVOPS_TIMEOUT", "inf"),
        ("DEMO_PEOPLE", "Ana"), ("DEMO_PEOPLE", '[{"id": "a", "name": "A", "roles": ["king"]}]'),
        ("WITNESSES_NEEDED", "0"), ("ROLLOUT_DEADLINE", "nan"),
    ],
)  # fmt: skip
def test_setting__wrong__is_named_with_what_to_do(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"COUNTERSIGN_{name}", value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert f"COUNTERSIGN_{name}" in caught.value.message
    assert caught.value.hint


def test_settings__several_wrong__are_all_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "MLFLOW_TIMEOUT", "RUN_WORKER"):
        monkeypatch.setenv(f"COUNTERSIGN_{name}", "x")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert all(f"COUNTERSIGN_{name}" in caught.value.message for name in ("PORT", "MLFLOW_TIMEOUT", "RUN_WORKER"))


def test_setting__wrong_secret__does_not_show_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_DEMO_PEOPLE", "hunter2")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "hunter2" not in caught.value.sentence()


@pytest.mark.parametrize(
    "more",
    [
        {"database_url": "postgresql://u@db/x"},
        {"host": "0.0.0.0"},
        {"public_url": "https://portal.example.com"},
        {"host": "portal.example.com"},
        {"mlflow_url": "https://mlflow.example.com"},
    ],
)
def test_demo_people__with_anything_of_production__are_refused(
    monkeypatch: pytest.MonkeyPatch, more: dict[str, Any]
) -> None:
    monkeypatch.setenv("COUNTERSIGN_DEMO_PEOPLE", PEOPLE)
    assert load_settings().demo_people
    with pytest.raises(SettingsError, match="COUNTERSIGN_DEMO_PEOPLE"):
        load_settings(**more)


def test_settings__shown__hide_every_secret() -> None:
    secrets = [n for n, f in Settings.model_fields.items() if "Secret" in str(f.annotation)]
    assert len(secrets) > 4
    found = Settings(_env_file=None, database_url="postgresql://u:hunter2@db/x", **dict.fromkeys(secrets, "hunter2"))
    assert "hunter2" not in repr(found.model_dump(exclude={"database_url"})) + str(found.mlflow_token)


def test_settings__empty_variable__is_as_if_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_PORT", "")
    assert load_settings().port == 8501


def test_address__with_a_slash_at_the_end__has_none() -> None:
    assert load_settings(public_url="https://portal.example.com/").address == "https://portal.example.com"
