"""The page on the supported YAML names all that is supported and refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from azure_devops_server.engine.expressions.functions import FUNCTIONS
from azure_devops_server.engine.reading import jobs, pipeline, steps
from azure_devops_server.engine.reading.conditions import STATUS_FUNCTIONS
from azure_devops_server.engine.running.logging_commands import _HANDLERS
from azure_devops_server.engine.tasks.catalog import TASKS

PAGE = (Path(__file__).parents[3] / "docs" / "local-azure-devops-yaml.md").read_text()
WORDS = (
    *(spec.reference for spec in TASKS.values()),
    *FUNCTIONS,
    *STATUS_FUNCTIONS,
    *_HANDLERS,
    *pipeline.ROOT_KEYS,
    *pipeline.ROOT_UNSUPPORTED,
    *pipeline._STAGE_KEYS,
    *jobs._COMMON,
    *jobs._UNSUPPORTED,
    *steps._COMMON,
    *steps._READERS,
)


@pytest.mark.parametrize("word", sorted(set(WORDS)))
def test_page__every_word_of_the_subset__is_named(word: str) -> None:
    assert f"`{word}".casefold() in PAGE.casefold() or f".{word}`".casefold() in PAGE.casefold()
