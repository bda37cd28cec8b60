"""Build numbers: `name:` of the YAML with `$(Date:…)`, `$(Rev:…)` and variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime

_MACRO = re.compile(r"\$\(([^()]+)\)")
_REVISION = re.compile(r"\$\(rev:([^()]*)\)", re.IGNORECASE)
_FORBIDDEN = re.compile(r'["/:<>\\|?@*]')
_SHORT_NAMES = {
    "buildid": "Build.BuildId",
    "builddefinitionname": "Build.DefinitionName",
    "sourcebranchname": "Build.SourceBranchName",
    "teamproject": "System.TeamProject",
}
_DATE_PARTS = (
    ("yyyy", "%Y"), ("yy", "%y"), ("MMMM", "%B"), ("MMM", "%b"), ("MM", "%m"), ("dd", "%d"),
    ("HH", "%H"), ("hh", "%I"), ("mm", "%M"), ("ss", "%S"),
)  # fmt: skip
_LIMIT = 255


def format_date(moment: datetime, pattern: str) -> str:
    """Write a time by a .NET pattern; knows yyyy yy MMMM MMM MM M dd d HH hh mm ss, copies the rest."""
    parts = dict(_DATE_PARTS)
    known = re.compile("|".join(key for key, _ in _DATE_PARTS) + "|M|d")

    def written(match: re.Match[str]) -> str:
        part = match.group()
        if part in ("M", "d"):
            return str(moment.month if part == "M" else moment.day)
        return moment.strftime(parts[part])

    return known.sub(written, pattern)


def format_run_name(template: str, *, now: datetime, revision: Callable[[str], int], values: Mapping[str, str]) -> str:
    """Fill in a run name of at most 255 characters.

    ``$(Rev:r)`` counts up while the rest of the name stays the same, so `revision` is asked with that rest.
    Unknown macros stay as they are; characters that Azure DevOps refuses in a build number become ``_``.
    """
    folded = {key.casefold(): value for key, value in values.items()}

    def written(match: re.Match[str]) -> str:
        name = match.group(1)
        kind, _, pattern = name.partition(":")
        if kind.casefold() == "date":
            return format_date(now, pattern or "yyyyMMdd")
        key = _SHORT_NAMES.get(name.casefold(), name).casefold()
        return folded.get(key, match.group())

    pieces = _REVISION.split(template)
    texts = [_clean(_MACRO.sub(written, text)) for text in pieces[0::2]]
    if len(texts) == 1:
        return texts[0][:_LIMIT]
    number = revision("".join(texts))
    revisions = [_revision_text(pattern, number) for pattern in pieces[1::2]]
    return "".join(a + b for a, b in zip(texts, [*revisions, ""], strict=True))[:_LIMIT]


def _revision_text(pattern: str, number: int) -> str:
    width = len(pattern) - len(pattern.lstrip(".")), pattern.count("r")
    return "." * width[0] + str(number).rjust(width[1], "0")


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("_", text)
