"""One world a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.pipeline_engine.world import KeptJournal, World


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, KeptJournal(tmp_path / "copies"))
