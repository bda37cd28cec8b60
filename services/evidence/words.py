"""Numbers and names inside sentences: no exponents where people read them, no zero where something is not zero.

Names of columns and values come from strangers' tables: nothing in them steers a terminal or turns the text around.
"""

from __future__ import annotations

import unicodedata

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Unicode's categories of what is not seen: control, format and direction signs, line and paragraph separators."""
_LARGE, _HUGE = 1e4, 1e15


def level(value: float) -> str:
    """A value of a metric: 0.9275, 2.014, 18,260; very small and huge ones with an exponent."""
    return f"{value:,.0f}" if _LARGE <= abs(value) < _HUGE else f"{value:.4g}"


def signed(value: float, *, scale: float = 1.0) -> str:
    """A difference with its sign; `scale`: how large the metric itself is, tiny ones need other digits."""
    size = abs(value)
    if size < 1:
        return f"{value:+.4f}" if scale >= 0.01 else f"{value:+.3g}"
    return f"{value:+,.0f}" if _LARGE <= size < _HUGE else f"{value:+.4g}"


def counted(count: int, what: str) -> str:
    """``1 row of the positive class``, ``2,400 rows of the positive class``; `what` begins with its noun's plural."""
    noun, *rest = what.split(" ", 1)
    return " ".join([f"{count:,}", noun.removesuffix("s") if count == 1 else noun, *rest])


def printable(text: str) -> str:
    """The same with a mark in place of each sign that is not seen."""
    return "".join("\ufffd" if unicodedata.category(sign) in _UNSEEN else sign for sign in text)


def inline(text: str, limit: int = 60) -> str:
    """A name for the middle of a sentence: one line, nothing unseen, both ends of a long one."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= limit else f"{line[: limit * 2 // 3]}…{line[-(limit // 3 - 1) :]}"
