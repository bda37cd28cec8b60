"""Reasons why a column's drift was not measured, or counts as large without a number, as kept in drift lines."""

from __future__ import annotations

SCHEMA = 2
"""Sealed beside the lines of drift; lines sealed without it come from an engine that omitted columns."""
GONE = "the column is missing from the newer data"
EMPTY = "every value is missing in the newer data"
NEW = "the reference has no such column"
FREE_TEXT = "nearly every value differs from all others in both tables"
NOT_THERE = "the newer data have no such column"
NO_VALUES = "neither table has a value"
