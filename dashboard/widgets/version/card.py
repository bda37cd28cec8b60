"""Model cards: Markdown that somebody wrote, rendered without anything that acts or loads.

Raw HTML shows as text, images become their description, links keep only http(s) addresses, and Streamlit's own
extensions (colours, icons, emoji codes, formulas) are not interpreted.
"""

from __future__ import annotations

import re

import streamlit as st
from markdown_it import MarkdownIt

from dashboard.text import JOINER, as_text, shorten
from dashboard.widgets.base.markup import show, table
from services.catalogue.model_card import Card, read_card

LIMIT = 200_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_IMAGE = re.compile(r"!\[([^\]\n]*)\](?:\([^)\n]*\)|\[[^\]\n]*\])?")
_LINK = re.compile(r"\]\(\s*<?([^)\s>]*)>?[^)\n]*\)")
_DEFINITION = re.compile(r"^( {0,3}\[[^\]\n]+\]):\s*\S.*$", re.MULTILINE)
_HEADING = re.compile(r"^( {0,3})(#{1,4}[ \t])", re.MULTILINE)
"""A card's headings stand two levels below the page's own."""
_FENCE = re.compile(r"^( {0,3}(?:`{3,}|~{3,}))[ \t]*mermaid\b.*$", re.MULTILINE | re.IGNORECASE)


def show_card(source: str) -> None:
    """Metadata as a table, and the text below it."""
    card = read_card(source)
    with st.container(border=True):
        _show_metadata(card)
        st.markdown(safe_markdown(card.text))
        if len(card.text) > LIMIT:
            st.caption(f"Only the first {LIMIT:,} characters are shown.")


def _show_metadata(card: Card) -> None:
    if card.metadata:
        rows = [(shorten(name, 80), shorten(value, 300)) for name, value in card.metadata]
        show(table(("Metadata", "Value"), rows, caption="Metadata of the card", classes="cs-stack"))
    if card.more:
        st.caption(f"{card.more:,} more lines of metadata are not shown.")
    if card.problem:
        st.caption(as_text(card.problem))


def safe_markdown(text: str) -> str:
    """The card as Markdown that Streamlit may render."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n"))[:LIMIT]
    text = _HEADING.sub(r"\1##\2", _with_hashes(text))
    text = _FENCE.sub(r"\1text", text)
    text = text.replace("<", "\\<").replace("$", "\\$")
    text = _IMAGE.sub(lambda m: f"(image: {m.group(1) or 'no description'})", text)
    text = _DEFINITION.sub(r"\1 (address removed)", text)
    text = _LINK.sub(_keep_http, text)
    return re.sub(r":(?=[a-zA-Z0-9_+/-]+[:\[])", f":{JOINER}", text)


def _with_hashes(text: str) -> str:
    """Underlined headings written with ``#``: only those can be moved below the page's own."""
    lines = text.split("\n")
    for token in reversed(MarkdownIt("commonmark").parse(text)):
        if token.type == "heading_open" and token.markup in {"=", "-"} and token.map is not None and token.level == 0:
            first, last = token.map
            words = " ".join(line.strip() for line in lines[first : last - 1])
            lines[first:last] = [f"{'#' if token.markup == '=' else '##'} {words}"]
    return "\n".join(lines)


def _keep_http(match: re.Match[str]) -> str:
    address = match.group(1)
    return f"]({address})" if re.match(r"https?://", address, re.IGNORECASE) else "] (address removed)"
