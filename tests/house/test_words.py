"""The word list: what a native engineer would not write, in names, pages, messages, docs, docstrings and comments.

Each entry names the better word. Text that must stay as it is (kept ledger entries, names of other systems) stands in
`KEPT` with its reason.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.house.test_house import ROOT, place, text_of, tracked

ROOMS = ("services", "dashboard", "azure_devops_server", "demo", "pipelines", "tools", "benchmarks", "examples")

DIALECT = {
    r"\banew\b": "again",
    r"\bround the portal\b": "bypassing the portal, outside Countersign",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\btold\b": "shown, reported, notified",
    r"\bis said\b|\bare said\b|\bwas said\b": "is reported",
    r"(?<!there )(?<!There )\bis no (?!longer\b|more\b|less\b|one\b)[a-z]": "is not a",
    r"\b(of|in|with|by) (its|their|his|her) own\b(?! (tag|name|account|words))": "separate, own",
    r"(?<!heart)\bbeats?\b": "poll, run once; heartbeat",
    r"\bpapers\b": "reports and model card",
    r"\bthe world\b": "the registry, the state",
    r"\bold picture\b|\bone picture\b|\bpicture of the data\b": "snapshot, view",
    r"\bwas missed in\b": "deleted in",
    r"\bnobody foresaw\b": "unexpected",
    r"\bmay not stand\b": "is not allowed",
    r"\bthat nobody clicks\b": "background",
    r"\bTake (a|the) filter away\b": "Remove a filter",
    r"\bAsks you\b|\bWaits for you\b": "Mentions you, Waiting for you",
    r"\bmakes no sense\b": "cannot be read, is invalid",
    r"\brubbish\b": "unreadable, invalid",
    r"\bgone\b": "deleted, missing, expired",
    r"\bChance of luck\b": "Adjusted p-value",
    r"\bSmallest difference that\b": "Minimum detectable difference",
}
KEPT: dict[str, str] = {}
"""Places (file, or file and a piece of the line) that keep such a word, each with its reason."""


@cache
def dialect() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in DIALECT))


def words_of(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that people read: all of a document; comments and strings of code."""
    if path.suffix != ".py":
        yield from enumerate(text_of(path).splitlines(), 1)
        return
    for token in tokenize.generate_tokens(io.StringIO(text_of(path)).readline):
        if token.type in {tokenize.COMMENT, tokenize.STRING} or token.type == getattr(tokenize, "FSTRING_MIDDLE", -1):
            yield from enumerate(token.string.splitlines(), token.start[0])


def read_by_people() -> list[Path]:
    documents = [p for p in tracked() if p.suffix == ".md" and p.relative_to(ROOT).parts[0] not in {"tests", "findings"}]
    code = [p for p in tracked() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] in ROOMS]
    return [p for p in documents + code if "migrations" not in p.parts and p.name != "verify_ledger.py"]


def found_in(path: Path) -> list[str]:
    return [
        f"{place(path, line)}: {match.group()!r} in {text.strip()[:90]}"
        for line, text in words_of(path)
        for match in dialect().finditer(text)
        if not any(where in f"{place(path)}: {text}" for where in KEPT)
    ]


def test_text__any_that_people_read__is_plain_english() -> None:
    found = [line for path in read_by_people() for line in found_in(path)]
    print("\n".join(found)); assert 0


@pytest.mark.parametrize("sentence", ["It is told anew.", "The file is no report.", "Mend the setting."])
def test_word_list__sentence_in_dialect__is_found(sentence: str) -> None:
    assert dialect().search(sentence.lower()) or dialect().search(sentence)


@pytest.mark.parametrize("sentence", ["There is no request.", "It is no longer live.", "The heartbeat failed."])
def test_word_list__plain_sentence__passes(sentence: str) -> None:
    assert not dialect().search(sentence)


def test_word_list__every_pattern__compiles_and_names_a_better_word() -> None:
    assert all(re.compile(pattern) and better for pattern, better in DIALECT.items())
    assert isinstance(ast.parse(text_of(Path(__file__))), ast.Module)
