"""Small pieces of HTML. A value that is a plain `str` is escaped here; only `Markup` goes in as it is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import streamlit as st
from markupsafe import Markup

from dashboard.text import as_html, html, join, shorten
from dashboard.widgets.base import formats
from services.domain.checks import Verdict
from services.domain.lineage import Certainty
from services.domain.promotions.requests import RequestState

TONES = ("good", "bad", "warn", "info", "mute", "violet")
"""Colour of a badge; the words always say it too."""
Pair = tuple[str, str]
"""Name and value; either may be `Markup`."""

_STATE_TONE = {
    RequestState.OPEN: "info",
    RequestState.CHANGES_REQUESTED: "warn",
    RequestState.APPROVED: "good",
    RequestState.ROLLING_OUT: "violet",
    RequestState.PROMOTED: "good",
    RequestState.FAILED: "bad",
    RequestState.ROLLED_BACK: "warn",
    RequestState.REJECTED: "bad",
    RequestState.VOID: "warn",
}
_VERDICT = {
    Verdict.PASS: ("good", "✓ pass"),
    Verdict.WARN: ("warn", "! warning"),
    Verdict.FAIL: ("bad", "✕ fail"),
    Verdict.UNKNOWN: ("mute", "? unknown"),
}
_CERTAINTY = {Certainty.KNOWN: "good", Certainty.UNKNOWN: "mute", Certainty.CONTRADICTED: "bad"}
_STAGE_TONE = {"production": "good", "staging": "info", "archived": "mute"}


def show(*pieces: Markup) -> None:
    """Render pieces on the page. Raises TypeError for text that is not escaped."""
    for piece in pieces:
        if not isinstance(piece, Markup):
            raise TypeError(f"not Markup: {shorten(piece)!r}; make it with html, as_html or a piece of this module")
    body = join(pieces)
    if body:  # Streamlit refuses an empty body
        st.html(body)


def badge(text: object, tone: str = "mute", *, limit: int = 40) -> Markup:
    """A small label; the full text is its title."""
    return html('<span class="cs-badge cs-{}" title="{}">{}</span>', tone, text, shorten(text, limit))


def row(pieces: Iterable[str]) -> Markup:
    """Pieces side by side, wrapping."""
    return html('<div class="cs-row">{}</div>', join(pieces))


def state_badge(state: RequestState) -> Markup:
    """State of a request."""
    return badge(state.value.replace("_", " "), _STATE_TONE.get(state, "mute"))


def verdict_badge(verdict: Verdict) -> Markup:
    """Outcome of a check, shown by icon, word and colour."""
    tone, text = _VERDICT[verdict]
    return badge(text, tone)


def certainty_badge(certainty: Certainty) -> Markup:
    """Known, unknown or contradicted."""
    return badge(certainty.value, _CERTAINTY[certainty])


def stage_badge(stage: str) -> Markup:
    """MLflow's stage; versions without one get none."""
    if not stage or stage == "None":
        return html("")
    return badge(stage, _STAGE_TONE.get(stage.lower(), "mute"))


def alias_badges(aliases: Iterable[str]) -> Markup:
    """MLflow's aliases."""
    return join(badge(f"@{alias}", "violet") for alias in aliases)


def live_badges(environments: Iterable[str]) -> Markup:
    """Where a version is live."""
    return join(badge(f"live in {name}", "good") for name in environments)


def time(value: object) -> Markup:
    """A time with its age."""
    from datetime import datetime

    if not isinstance(value, datetime):
        return soft(formats.UNKNOWN)
    said = formats.moment(value), formats.when(value)
    return html('<time datetime="{}" title="{}">{}</time>', value.isoformat(), *said)


def soft(text: object) -> Markup:
    """Secondary text."""
    return html('<span class="cs-soft">{}</span>', text)


def code(text: object, *, limit: int = 60) -> Markup:
    """An id or digest; the whole one is its title."""
    return html('<code title="{}">{}</code>', text, shorten(text, limit))


def short(text: object, limit: int) -> Markup:
    """Shortened text; the whole one is its title."""
    return html('<span title="{}">{}</span>', text, shorten(text, limit))


def paragraphs(text: str) -> Markup:
    """Text that somebody wrote, with its line breaks, as text."""
    return html('<div class="cs-prose">{}</div>', text)


def external(label: str, link: str) -> Markup:
    """A link to another system; without a usable address only its label."""
    from dashboard.widgets.base.links import outside

    target = outside(link)
    return html('<a href="{}" target="_blank">{} ↗</a>', target, label) if target else as_html(label)


def facts(pairs: Sequence[Pair]) -> Markup:
    """Names and values."""
    items = join(html("<div><dt>{}</dt><dd>{}</dd></div>", name, value) for name, value in pairs)
    return html('<dl class="cs-facts">{}</dl>', items)


def bullets(lines: Iterable[str], *, ordered: bool = False) -> Markup:
    """A list of plain sentences."""
    items = join(html("<li>{}</li>", line) for line in lines)
    return html('<{0} class="cs-list">{1}</{0}>', "ol" if ordered else "ul", items)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str, classes: str = "") -> Markup:
    """A real table that scrolls by itself on small screens."""
    ths = join(html('<th scope="col">{}</th>', name) for name in head)
    return html(
        '<div class="cs-scroll" tabindex="0" role="region" aria-label="{caption}">'
        '<table class="cs-table {classes}"><caption>{caption}</caption>'
        "<thead><tr>{ths}</tr></thead><tbody>{body}</tbody></table></div>",
        caption=caption, classes=classes, ths=ths, body=join(_table_row(head, cells) for cells in rows),
    )  # fmt: skip


def _table_row(head: Sequence[str], cells: Sequence[str]) -> Markup:
    pairs = zip(head, cells, strict=True)
    return html("<tr>{}</tr>", join(_cell(name, cell) for name, cell in pairs))


_NUMBER = re.compile(r"[+\u2212-]?\d[\d,]*(\.\d+)?%?")


def _cell(name: str, cell: str) -> Markup:
    """Plain numbers are right-aligned, so that their digits line up."""
    if _NUMBER.fullmatch(cell):
        return html('<td data-label="{}" class="cs-num">{}</td>', name, cell)
    return html('<td data-label="{}">{}</td>', name, cell)


def empty(title: str, what_to_do: str = "") -> None:
    """An empty state: what it means and what to do."""
    show(html('<div class="cs-empty"><strong>{}</strong><span>{}</span></div>', title, what_to_do))
