"""Small pieces of HTML for `st.html`. Every value is escaped here; nothing from outside is ever put in raw."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import streamlit as st

from dashboard.text import as_html, shorten
from dashboard.widgets.base import formats
from services.domain.checks import Verdict
from services.domain.lineage import Certainty
from services.domain.promotions.requests import RequestState

TONES = ("good", "bad", "warn", "info", "mute", "violet")
"""Colour of a badge; the words always say it too."""
Pair = tuple[str, str]

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


def show(*pieces: str) -> None:
    """Put pieces on the page."""
    body = "".join(pieces)
    if body:  # Streamlit refuses an empty body
        st.html(body)


def badge(text: object, tone: str = "mute", *, limit: int = 40) -> str:
    """A small label; the full text is its title."""
    return f'<span class="cs-badge cs-{tone}" title="{as_html(text)}">{as_html(shorten(text, limit))}</span>'


def row(pieces: Iterable[str]) -> str:
    """Pieces side by side, wrapping."""
    return f'<div class="cs-row">{"".join(pieces)}</div>'


def state_badge(state: RequestState) -> str:
    """State of a request."""
    return badge(state.value.replace("_", " "), _STATE_TONE.get(state, "mute"))


def verdict_badge(verdict: Verdict) -> str:
    """Outcome of a check, told by sign, word and colour."""
    tone, text = _VERDICT[verdict]
    return badge(text, tone)


def certainty_badge(certainty: Certainty) -> str:
    """Known, unknown or contradicted."""
    return badge(certainty.value, _CERTAINTY[certainty])


def stage_badge(stage: str) -> str:
    """MLflow's stage; versions without one get none."""
    if not stage or stage == "None":
        return ""
    return badge(stage, _STAGE_TONE.get(stage.lower(), "mute"))


def alias_badges(aliases: Iterable[str]) -> str:
    """MLflow's aliases."""
    return "".join(badge(f"@{alias}", "violet") for alias in aliases)


def live_badges(environments: Iterable[str]) -> str:
    """Where a version is live."""
    return "".join(badge(f"live in {name}", "good") for name in environments)


def time(value: object) -> str:
    """A time with its age."""
    from datetime import datetime

    if not isinstance(value, datetime):
        return f'<span class="cs-soft">{formats.UNKNOWN}</span>'
    return f'<time datetime="{value.isoformat()}" title="{formats.moment(value)}">{formats.when(value)}</time>'


def soft(text: object) -> str:
    """Secondary text."""
    return f'<span class="cs-soft">{as_html(text)}</span>'


def code(text: object, *, limit: int = 60) -> str:
    """An id or digest; the whole one is its title."""
    return f'<code title="{as_html(text)}">{as_html(shorten(text, limit))}</code>'


def paragraphs(text: str) -> str:
    """Text that somebody wrote, with its line breaks, as text."""
    return f'<div class="cs-prose">{as_html(text)}</div>'


def external(label: str, link: str) -> str:
    """A link to another system; without a usable address only its label."""
    from dashboard.widgets.base.links import outside

    target = outside(link)
    return f'<a href="{as_html(target)}" target="_blank">{as_html(label)} ↗</a>' if target else as_html(label)


def facts(pairs: Sequence[Pair]) -> str:
    """Names and values (the values are HTML already)."""
    items = "".join(f"<div><dt>{as_html(name)}</dt><dd>{value}</dd></div>" for name, value in pairs)
    return f'<dl class="cs-facts">{items}</dl>'


def bullets(lines: Iterable[str], *, ordered: bool = False) -> str:
    """A list of plain sentences."""
    tag = "ol" if ordered else "ul"
    return f'<{tag} class="cs-list">{"".join(f"<li>{as_html(line)}</li>" for line in lines)}</{tag}>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str, classes: str = "") -> str:
    """A real table that scrolls by itself on small screens. Cells are HTML already; heads are text."""
    ths = "".join(f'<th scope="col">{as_html(name)}</th>' for name in head)
    body = "".join(
        "<tr>" + "".join(f'<td data-label="{as_html(n)}">{c}</td>' for n, c in zip(head, cells, strict=True)) + "</tr>"
        for cells in rows
    )
    return (
        f'<div class="cs-scroll" tabindex="0" role="region" aria-label="{as_html(caption)}">'
        f'<table class="cs-table {classes}"><caption>{as_html(caption)}</caption>'
        f"<thead><tr>{ths}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def empty(title: str, what_to_do: str = "") -> None:
    """Nothing here: what that means and what to do."""
    st.html(f'<div class="cs-empty"><strong>{as_html(title)}</strong><span>{as_html(what_to_do)}</span></div>')
