"""Names of environment variables that nobody reads: a mistyped setting must not be ignored in silence."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values

PREFIX = "COUNTERSIGN_"
ELSEWHERE = frozenset({
    "COUNTERSIGN_API_TOKEN", "COUNTERSIGN_NO_NUMBA", "COUNTERSIGN_TEST_DATA", "COUNTERSIGN_CHECK_PICTURES",
})  # fmt: skip
"""Read by the pipelines' steps, the evidence engine, the tests and the demo; no settings of the portal."""


def unread_names(
    fields: Iterable[str], environment: Mapping[str, str] | None = None, *, file: Path = Path(".env")
) -> list[str]:
    """A sentence for each name in the environment or the `.env` file that looks like a setting and is none.

    Values are not repeated: they may be secrets. A name without our prefix counts when it is nearly one of ours.
    """
    known = {f"{PREFIX}{name.upper()}" for name in fields}
    given = set(os.environ if environment is None else environment) | set(dotenv_values(file) if file.is_file() else ())
    told = ((name, _nearest(name.upper(), known)) for name in sorted(given) if name.upper() not in known | ELSEWHERE)
    return [_sentence(name, near) for name, near in told if near or name.upper().startswith(PREFIX)]


def _nearest(name: str, known: Iterable[str]) -> str:
    """The likeliest name; strict where the prefix is missing, because other programs have settings too."""
    if name.startswith(PREFIX):
        short = {one.removeprefix(PREFIX): one for one in known}
        return next((short[near] for near in get_close_matches(name.removeprefix(PREFIX), short, 1, 0.6)), "")
    return next(iter(get_close_matches(name, known, 1, 0.9)), "")


def _sentence(name: str, near: str) -> str:
    told = f"did you mean {near}?" if near else "docs/settings.md lists all settings."
    return f"{name} is no setting and is not read; {told}"
