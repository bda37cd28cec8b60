"""The word list: phrases that a native engineer would not write, in documents, comments, docstrings and messages.

Each entry names the better wording. Text that must keep such a phrase stands in `KEPT`, with the reason.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.house.test_house import OWN, ROOT, place, text_of, tracked

TO_CLEAN: tuple[str, ...] = ()
"""Packages that still have such phrases: empty this once they are cleaned."""

DIALECT = {
    # words of the old dialect
    r"\banew\b": "again",
    r"\bmend(s|ed|ing)?\b": "fix",
    r"\btold\b": "shown, reported, given, notified",
    r"\bbeats\b|\bbeat\(": "poll, run once; heartbeat",
    r"\bpapers\b": "reports and model card",
    r"\bgone\b": "deleted, missing, expired",
    r"\brubbish\b": "unreadable, invalid",
    r"\bof old\b|\bof then\b": "former, of that time",
    # "is no X": a native engineer negates the verb
    r"(?<![Tt]here )(?<![Hh]ere )\b(is|are|was|were) no (?!longer\b|more\b|less\b|better\b|one\b|way\b)[a-z]": "is not a …",
    r"\b(is|are|was|were) none of (its|the|their|ours)\b": "does not belong to …",
    # "of its own" for separate
    r"\b(of|in) (its|their|his|her) own\b(?! [a-z])": "separate, its own X",
    r"\bof (its|their|one's) own choice\b": "generated, chosen",
    # the world, the picture, the house
    r"\b(the|old|one|a) worlds?\b(?! of\b)(?! test)": "the registry, the state, the demo, the scenario",
    r"\b(old|last|one|a) picture\b|\bpictures? of (the )?(data|releases?)\b": "snapshot, view",
    # passive reports
    r"\b(is|are|was|were) said\b|\bthat is said\b": "is reported, is stated",
    r"\bwas missed in\b": "deleted in",
    r"\bnobody (foresaw|clicks|said|reads)\b": "unexpected, background, unknown",
    r"\bmay not stand\b|\bstands? twice\b": "is not allowed, is duplicated",
    r"\bmakes no sense\b": "cannot be read, is invalid",
    # bypassing
    r"\bround the (portal|gate)\b|\bgo(es|ne)? round\b": "bypassing, outside Countersign",
    # wording of pages (see the tables of rewordings)
    r"\b[Tt]ake (a|the) filter away\b|\b[Tt]ake it away\b": "Remove a filter, Export",
    r"\b(Asks|Waits for) you\b": "Questions for you, Waiting for your review",
    r"\b[Cc]hance of luck\b|\bbeyond chance\b": "adjusted p-value, significant",
    r"\b[Ss]mallest difference that\b": "minimum detectable difference",
    r"\bwhat is live and not governed\b": "live models without governance",
    r"\bis to take the place of\b": "would replace",
    r"\b[Cc]ollect evidence and ask\b": "Collect evidence and submit",
    r"\b[Ww]hat was noticed\b": "findings",
    r"\bgap of shares\b": "difference in share",
    r"\b[Ww]hat answers\b": "the version served",
    r"\b[Ww]ho mends\b": "owner",
    r"\b[Ss]eals? again\b": "reseal",
    r"\b[Pp]ut it off\b|\b[Ll]ook at it later\b": "snooze",
    r"\b[Ll]et somebody sign for me\b": "delegate",
    r"\b[Nn]obody says\b": "not recorded",
    r"\bnone of ours\b": "not ours",
    r"\b[Mm]oved round\b": "changed outside Countersign",
}
KEPT: dict[str, str] = {
    'catalogue.py: "gone"': "database column",
    "nearly every row has a value of its own": "sealed comparisons repeat it, and `evidence verify` compares the text",
    "{what}: it is no property of the row and no slice.": "sealed comparisons repeat it",
    "each counts as a group of its own.": "sealed comparisons repeat it",
}
"""A piece of `file: line` that keeps such a phrase, with its reason."""

OTHERS = {
    "docs/images": "pictures",
    "tools/verify_ledger.py": "handed out with exports; auditors pin its digest",
}


@cache
def dialect() -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in DIALECT))


def words_of(path: Path) -> Iterator[tuple[int, str]]:
    """Lines that people read: all of a document or setting; comments and strings of code."""
    if path.suffix != ".py":
        yield from enumerate(text_of(path).splitlines(), 1)
        return
    strings = {tokenize.COMMENT, tokenize.STRING, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(text_of(path)).readline):
        if token.type in strings:
            yield from enumerate(token.string.splitlines(), token.start[0])


def is_read_by_people(path: Path) -> bool:
    where = path.relative_to(ROOT)
    room = where.parts[0]
    if room in {*TO_CLEAN, "tests", "findings"} or any(place(path).startswith(other) for other in OTHERS):
        return False
    if path.suffix == ".py":
        return room in OWN and "migrations" not in where.parts
    return path.suffix in {".md", ".yml", ".yaml", ".env"} or path.name in {"Makefile", "Dockerfile", "run"}


def found_in(path: Path) -> list[str]:
    return [
        f"{place(path, line)}: {match.group()!r} in {text.strip()[:90]}"
        for line, text in words_of(path)
        for match in dialect().finditer(text)
        if not any(piece in f"{place(path)}: {text}" for piece in KEPT)
    ]


def test_text__that_people_read__is_plain_english() -> None:
    found = [line for path in tracked() if is_read_by_people(path) for line in found_in(path)]
    assert found == [], "DIALECT in this file has the better wording"


def test_text__that_is_read__comes_from_every_kind_of_file() -> None:
    """The check above would pass on an empty list."""
    read = [path for path in tracked() if is_read_by_people(path)]
    assert {path.suffix for path in read} >= {".py", ".md", ".yml", ".yaml", ".env", ""}
    assert {path.relative_to(ROOT).parts[0] for path in read} >= {"docs", "pipelines", "demo", "examples", "deploy"}


def test_kept__every_entry__still_names_a_line() -> None:
    lines = [f"{place(path)}: {text}" for path in tracked() if is_read_by_people(path) for _, text in words_of(path)]
    assert [piece for piece in KEPT if not any(piece in line for line in lines)] == []


@pytest.mark.parametrize(
    "sentence",
    [
        "It is told anew.", "The file is no report.", "Mend the setting.", "It runs in a process of its own.",
        "The class counts as probability 0, and that is said.", "what went round the portal", "Look at it later",
        "Waits for you", "the witness that is gone", "This is an old picture.", "v7 is to take the place of v4",
    ],
)  # fmt: skip
def test_word_list__sentence_in_dialect__is_found(sentence: str) -> None:
    assert dialect().search(sentence) or dialect().search(sentence.lower())


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no request.", "It is no longer live.", "The heartbeat failed.", "with its own approvers",
        "There are no tests.", "a world of difference",
    ],
)  # fmt: skip
def test_word_list__plain_sentence__passes(sentence: str) -> None:
    assert not dialect().search(sentence)
