"""Model cards: Markdown that somebody wrote, rendered without anything that acts or loads.

Raw HTML shows as text, images become their description, links keep only http(s) addresses, and Streamlit's own
extensions (colours, icons, emoji codes, formulas) are not interpreted.
"""

from __future__ import annotations

import re

from dashboard.text import JOINER

LIMIT = 200_000
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u202a-\u202e\u2066-\u2069]")
_IMAGE = re.compile(r"!\[([^\]\n]*)\](?:\([^)\n]*\)|\[[^\]\n]*\])?")
_LINK = re.compile(r"\]\(\s*<?([^)\s>]*)>?[^)\n]*\)")
_DEFINITION = re.compile(r"^( {0,3}\[[^\]\n]+\]):\s*\S.*$", re.MULTILINE)
_HEADING = re.compile(r"^( {0,3})(#{1,4}[ \t])", re.MULTILINE)
"""A card's headings stand two levels below the page's own."""
_FENCE = re.compile(r"^( {0,3}(?:`{3,}|~{3,}))[ \t]*mermaid\b.*$", re.MULTILINE | re.IGNORECASE)


def safe_markdown(text: str) -> str:
    """The card as Markdown that Streamlit may render."""
    text = _CONTROL.sub("", text.replace("\r\n", "\n"))[:LIMIT]
    text = _HEADING.sub(r"\1##\2", text)
    text = _FENCE.sub(r"\1text", text)
    text = text.replace("<", "\\<").replace("$", "\\$")
    text = _IMAGE.sub(lambda m: f"(image: {m.group(1) or 'no description'})", text)
    text = _DEFINITION.sub(r"\1 (address removed)", text)
    text = _LINK.sub(_keep_http, text)
    return re.sub(r":(?=[a-zA-Z0-9_+/-]+[:\[])", f":{JOINER}", text)


def _keep_http(match: re.Match[str]) -> str:
    address = match.group(1)
    return f"]({address})" if re.match(r"https?://", address, re.IGNORECASE) else "] (address removed)"
