"""Model cards as people write them: metadata, headings of every kind, and what is only a template.

Metadata is the YAML between two lines ``---`` at the top. Headings are Markdown's (``#`` and underlined) and HTML's.
Comments, headings, empty tables and place-holders are not text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from services.policies import yaml_lines

CARD = "model_card.md"
"""The artifact of a run that holds it."""
CARD_LIMIT = 200_000
"""Bytes."""
_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_SHOWN = 60
"""Lines of metadata on a page; a card's evaluation results can be thousands."""


@dataclass(frozen=True)
class Card:
    """A parsed card. `problem` explains unreadable metadata; the text is always complete."""

    text: str
    metadata: tuple[tuple[str, str], ...] = ()
    more: int = 0
    """Lines of metadata beyond those in `metadata`."""
    problem: str = ""


UNREADABLE = "(The model card cannot be shown: "
"""Prefix of the text that the catalogue stores instead of an unreadable card; it is not a card."""


def is_card(source: str | None) -> bool:
    """True if there is a card with text."""
    return bool(source) and not str(source).startswith(UNREADABLE) and written(str(source)).has_text


def read_card(source: str) -> Card:
    """Metadata and text apart."""
    found = _FRONT.match(source)
    if found is None:
        return Card(source)
    text = source[found.end() :]
    try:
        root = yaml_lines.compose(found["yaml"])
        twice = sorted({name for _, name in yaml_lines.duplicates(root)})
        values = yaml_lines.data_of(root)
    except (yaml.YAMLError, RecursionError, ValueError):
        return Card(text, problem="The metadata at the top of the card is not YAML that can be read.")
    if values is None:
        return Card(text)
    if not isinstance(values, dict):
        return Card(text, problem="The metadata at the top of the card is not a list of names and values.")
    lines = tuple(_flat(values))
    problem = f"Named twice in the metadata, and only the last value is shown: {', '.join(twice)}." if twice else ""
    return Card(text, lines[:_SHOWN], max(len(lines) - _SHOWN, 0), problem)


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """``a.b`` and a text; a list of plain values is one line."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _flat(part, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(part, dict | list) for part in value):
        for place, part in enumerate(value, start=1):
            yield from _flat(part, f"{name} {place}")
    elif isinstance(value, list):
        yield name, ", ".join(str(part) for part in value)
    else:
        yield name, "" if value is None else str(value)


@dataclass(frozen=True)
class Written:
    """The content of a card: plain headings, headings with text below, and whether there is any text."""

    headings: frozenset[str]
    filled: frozenset[str]
    has_text: bool

    def missing(self, wanted: str) -> str:
        """The problem with a heading that the policy names; empty if there is text below it."""
        name = plain_heading(wanted)
        if name in self.filled:
            return ""
        return f"{wanted} (only a place-holder)" if name in self.headings else f"{wanted} (no such heading)"


def written(source: str) -> Written:
    """Headings and text of a card. A heading is filled by text below it or below a heading under it."""
    filled: set[str] = set()
    headings: set[str] = set()
    path: list[tuple[int, str]] = []
    has_text = False
    for depth, text in _parts(read_card(source).text):
        if depth:
            name = plain_heading(text)
            path = [(above, heading) for above, heading in path if above < depth] + [(depth, name)]
            headings.add(name)
        elif is_written(text):
            has_text = True
            filled.update(name for _, name in path)
    return Written(frozenset(headings), frozenset(filled), has_text)


_NUMBER = re.compile(
    r"^(?:(?:\d+|[a-z]|[ivx]+)(?:[.)]\d+)*[.):]|\d+(?:\.\d+)+|§\s*\d+|\d{1,2}(?:\s+[-\u2013\u2014])?)\s+"
)


def plain_heading(text: str) -> str:
    """A heading for comparison: lower case, without numbering, emoji, emphasis, anchor and colon."""
    text = re.sub(r"\{#[\w-]+\}\s*$|[\[(]optional[\])]\s*$", "", text, flags=re.IGNORECASE)
    text = re.sub(r":[a-z0-9_+-]+:(?=\s|$)", " ", unicodedata.normalize("NFC", text).casefold())
    text = "".join(letter if letter.isalnum() or letter in " .,;:()/&'+-§%!?\u2013\u2014" else " " for letter in text)
    text = re.sub(r"\s+", " ", text).strip(" .,;:!?-\u2013\u2014")
    return _NUMBER.sub("", f"{text} ").strip(" .,;:!?-\u2013\u2014")


_NOTHING = re.compile(
    r"\[?\s*(?:more information (?:is )?(?:needed|required)(?: for further recommendations)?|needs? more information"
    r"|information needed|to be (?:done|defined|determined|added|filled(?: in| out)?|completed|written)"
    r"|t\.?b\.?[dac]\.?"
    r"|to-?do|fix-?me|x{3,}|n\.?/?a\.?|not (?:available|applicable|provided|specified)|none|unknown|null|pending"
    r"|coming soon|place-?holder|lorem ipsum.*|fill (?:me|this) in|write (?:me|here)|insert .{0,40} here"
    r"|your .{0,40} here|work in progress|wip)\s*\]?",
    re.IGNORECASE,
)
_TEMPLATE = re.compile(
    r"users \(both direct and downstream\) should be made aware of|use the code below to get started"
    r"|carbon emissions can be estimated using the|this modelcard aims to be a base template"
    r"|it has been generated using \[?this raw template|this model card has been generated automatically",
    re.IGNORECASE,
)
"""Sentences that the templates of common tools hold themselves."""
_REMINDER = re.compile(r"(?:to-?do|t\.?b\.?[dac]\.?|fix-?me)\s*[:\u2013\u2014-]\s*[^\n]*$", re.IGNORECASE)
"""A note that something is to be written, such as `to-do: fill in`."""
_SLOT = re.compile(
    r"\{\{[^{}]{0,300}\}\}|\{%[^%]{0,300}%\}|<[a-z][\w -]{0,60}>"
    r"|\[(?:insert|add|describe|todo|tbd|your|fill)\b[^\]]{0,300}\]",
    re.IGNORECASE,
)
_LOOKED_AT = 2_000
"""Minimum characters that distinguish a sentence from a place-holder."""
_LABEL = re.compile(r"^[^:]{1,80}:\s*(?P<rest>.*)$", re.DOTALL)


def is_written(text: str) -> bool:
    """True if it is real text: not a place-holder, an empty label, a template's own sentence or a dash."""
    text = _SLOT.sub(" ", text.strip()[:_LOOKED_AT]).strip().strip("*_`\"'").strip()
    if _REMINDER.match(text):
        return False
    labelled = _LABEL.match(text)
    if labelled is not None and not text.lower().startswith(("http:", "https:")):
        text = labelled["rest"].strip().strip("*_`\"'").strip()
    bare = text.strip(" .,;:!?-\u2013\u2014\u2026|[]()*_#\\/~")
    if not any(letter.isalnum() for letter in bare) or _NOTHING.fullmatch(bare) or _NOTHING.fullmatch(text):
        return False
    return _TEMPLATE.search(text) is None


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """Depth and words of each heading, and 0 with each piece of text: a paragraph, an item, a cell, a line of code."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    depth, in_head = 0, False
    html = _Html()
    for token in tokens:
        if token.type == "heading_open":
            depth = int(token.tag[1])
        elif token.type == "heading_close":
            depth = 0
        elif token.type in {"thead_open", "thead_close"}:
            in_head = token.type == "thead_open"
        elif token.type == "html_block":
            yield from html.parts(token.content)
        elif token.type == "inline" and not in_head:
            yield from [(depth, _words(token))] if depth else html.parts(_with_html(token))
        elif token.type in {"fence", "code_block"}:
            yield from ((0, line) for line in token.content.splitlines())


def _words(token: Token) -> str:
    """The plain words of an inline token."""
    kept = [part.content for part in token.children or () if part.type in {"text", "code_inline", "image"}]
    return " ".join(part for part in kept if part.strip())


def _with_html(token: Token) -> str:
    """Words and HTML of an inline token; line breaks stay, because each line of a paragraph may be a place-holder."""
    kept = []
    for part in token.children or ():
        if part.type in {"softbreak", "hardbreak"}:
            kept.append("\n")
        elif part.type == "html_inline":
            kept.append(part.content)
        elif part.type in {"text", "code_inline", "image"}:
            kept.append(part.content.replace("&", "&amp;").replace("<", "&lt;"))
    return "".join(kept)


_HIDDEN = {"script", "style", "title", "th"}


class _Html(HTMLParser):
    """Headings and text of HTML; comments, scripts and a table's head are not text. One tag may span several tokens."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._found: list[tuple[int, str]] = []
        self._heading: tuple[int, list[str]] | None = None
        self._hidden = 0

    def parts(self, source: str) -> list[tuple[int, str]]:
        """What this piece adds."""
        self._found = []
        self.feed(source)
        if self.rawdata and not self.rawdata.startswith("<!--"):
            self.close()
            self.reset()
        return self._found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A heading begins, or something that is not shown."""
        del attrs
        if re.fullmatch(r"h[1-6]", tag):
            self._heading = (int(tag[1]), [])
        elif tag in _HIDDEN:
            self._hidden += 1

    def handle_endtag(self, tag: str) -> None:
        """A heading is complete."""
        if re.fullmatch(r"h[1-6]", tag) and self._heading is not None:
            depth, words = self._heading
            self._heading = None
            self._found.append((depth, " ".join(words)))
        elif tag in _HIDDEN and self._hidden:
            self._hidden -= 1

    def handle_data(self, data: str) -> None:
        """Words of a heading, or lines of text."""
        if self._hidden:
            return
        if self._heading is not None:
            self._heading[1].append(data.strip())
            return
        self._found += [(0, line) for line in data.splitlines() if line.strip()]
