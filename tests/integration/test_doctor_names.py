"""The doctor tells a mistyped setting."""

from __future__ import annotations

import pytest

from services.cli.doctor import _settings
from services.errors import SettingsError
from services.settings import Settings


def test_doctor__with_a_mistyped_name__fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert _settings(Settings()) == "every COUNTERSIGN_ variable is a known setting."
    monkeypatch.setenv("COUNTERSIGN_PROT", "1")
    with pytest.raises(SettingsError, match="COUNTERSIGN_PORT"):
        _settings(Settings())
