"""Text from users is shown as text: names, comments, tags and descriptions never become markup.

Streamlit's Markdown has three layers, and a backslash stops only the first: the syntax itself; replacements in the
finished text (`:emoji:`, `:material/…:`, arrows); and addresses that become links by themselves. The latter two are
broken up with an invisible word joiner.

HTML that is ready is a `Markup`, text is a `str`: `html`, `join` and all pieces escape text and let `Markup` through.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import LiteralString

from markupsafe import Markup

JOINER = "\u2060"
_SYNTAX = re.compile(r"([!-/:-@\[-`{-~])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_REPLACED = re.compile(r"(?<=[:@])(?=\S)|(?<=[-<>~=])(?=[-=>])|(?<=www)(?=\.)", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


def plain(value: object) -> str:
    """One line without control characters or direction overrides."""
    return _SPACE.sub(" ", _CONTROL.sub("\ufffd", str(value))).strip()


def as_text(value: object) -> str:
    """For every Streamlit element that reads Markdown: exactly these characters, on one line."""
    return _SYNTAX.sub(r"\\\1", _REPLACED.sub(JOINER, plain(value)))


def as_html(value: object) -> Markup:
    """Exactly these characters, with their line breaks. `Markup` is escaped already and stays."""
    return value if isinstance(value, Markup) else Markup(escape(_CONTROL.sub("\ufffd", str(value))))  # noqa: S704 - escaped


def html(template: LiteralString, *values: object, **named: object) -> Markup:
    """The template with each value passed through `as_html`. The template must be a literal in the source."""
    escaped = {name: as_html(value) for name, value in named.items()}
    return Markup(template.format(*map(as_html, values), **escaped))  # noqa: S704 - values are escaped


def join(pieces: Iterable[object], between: LiteralString = "") -> Markup:
    """Pieces concatenated, each passed through `as_html`."""
    return as_html(between).join(map(as_html, pieces))


def as_label(value: object) -> str:
    """For Plotly, which reads some tags: exactly these characters."""
    return str(as_html(value))


def shorten(value: object, limit: int = 60) -> str:
    """One line of at most `limit` characters; the middle is cut, because both ends of a name distinguish it."""
    text = plain(value)
    if len(text) <= limit:
        return text
    head = (limit - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (limit - 1 - head) :]}"


def words(value: str) -> str:
    """An identifier as words: ``changes_requested`` becomes ``changes requested``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", value).replace("_", " ").lower()


def sentence(value: str) -> str:
    """With a capital at the start."""
    return value[:1].upper() + value[1:]
