"""What is wrong with an expression."""

from __future__ import annotations


class ExpressionError(Exception):
    """An expression cannot be read or evaluated; the text is for people."""
