"""What a registry entry says about itself."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from services.domain.registry import ModelVersion, RegistrySnapshot

THEN = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("models:/m-0a1b2c", "m-0a1b2c"),
        ("models:/m-0a1b2c/extra", None),
        ("models:/m-", None),
        ("models:/m-market/3", None),
        ("runs:/0a1b/model", None),
        ("s3://bucket/models:/m-0a1b", None),
        ("", None),
    ],
)
def test_logged_model_id__by_source__is_the_id_or_nothing(source: str, expected: str | None) -> None:
    version = ModelVersion("credit", 1, created=THEN, updated=THEN, source=source)
    assert version.logged_model_id == expected


@pytest.mark.parametrize(
    ("held", "expected"),
    [
        (RegistrySnapshot(in_stage=(3, 5), alias_version=4), 4),
        (RegistrySnapshot(in_stage=(3, 5)), 5),
        (RegistrySnapshot(alias_version=2), 2),
        (RegistrySnapshot(), None),
    ],
)
def test_current__of_alias_and_stage__is_the_alias_before_the_newest_in_the_stage(
    held: RegistrySnapshot, expected: int | None
) -> None:
    assert held.current == expected
