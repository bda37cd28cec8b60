"""Numbers inside sentences: no exponents where people read them, no zero where something is not zero."""

from __future__ import annotations

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
