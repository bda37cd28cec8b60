"""The stylesheet of the pieces in `markup`: rules from `assets/style.css`, colours in a light and a dark set."""

from __future__ import annotations

from pathlib import Path

import streamlit as st
from markupsafe import Markup

from dashboard.text import html
from dashboard.widgets.base.markup import show

_COLOURS = {
    "line": ("#DDD7C9", "#323D4B"),
    "soft": ("#56606B", "#A6B0BC"),
    "back": ("#FDFCF9", "#11161D"),
    "card": ("#FFFFFF", "#161C25"),
    "ink": ("#1F3A5F", "#9DC1F2"),
    "link": ("#1D4F91", "#9DC1F2"),
    "good": ("#17653A", "#93D6AC"),
    "good-b": ("#E2F1E6", "#16321F"),
    "bad": ("#A3211B", "#F5A9A2"),
    "bad-b": ("#F9E6E2", "#3C1E1D"),
    "warn": ("#7E4500", "#EFBD80"),
    "warn-b": ("#FAEBD3", "#3A2A14"),
    "info": ("#1D4F91", "#A9C9F5"),
    "info-b": ("#E4EDF7", "#182B45"),
    "mute": ("#505A65", "#B4BDC8"),
    "mute-b": ("#EEEBE3", "#252D38"),
    "violet": ("#6B3A86", "#D6B6EA"),
    "violet-b": ("#F1E8F5", "#2F2139"),
}
"""Name to the colour on light and on dark."""
_TONES = ("good", "bad", "warn", "info", "mute", "violet")

_RULES = (Path(__file__).resolve().parents[2] / "assets" / "style.css").read_text("utf-8")


def is_dark() -> bool:
    """True when this session shows the dark theme."""
    return str(st.context.theme.get("type") or "light") == "dark"


def secondary() -> str:
    """The colour of secondary text in this session's theme, for content that no stylesheet reaches."""
    return _COLOURS["soft"][is_dark()]


def stylesheet(*, dark: bool) -> str:
    """The whole stylesheet for a session that shows one of the two themes."""
    chosen = "".join(f"--cs-{name}:{pair[dark]};" for name, pair in _COLOURS.items())
    both = "".join(f"--cs-{name}:light-dark({light},{deep});" for name, (light, deep) in _COLOURS.items())
    tones = "".join(f".cs-{t}{{color:var(--cs-{t});background:var(--cs-{t}-b)}}" for t in _TONES)
    dots = "".join(f".cs-dot-{t}{{--cs-dot:var(--cs-{t});border-color:var(--cs-{t})}}" for t in _TONES)
    # Dialogs stand outside .stApp and take the theme of the last run; inside, the browser follows a switch by itself.
    return f":root{{{chosen}}}.stApp{{{both}}}{_RULES}{tones}{dots}"


def inject() -> None:
    """Put the stylesheet on the page."""
    rules = Markup(stylesheet(dark=is_dark()))  # noqa: S704 - our own file and colours
    show(html("<style>{}</style>", rules))
