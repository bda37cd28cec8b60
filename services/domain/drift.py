"""Why a column's drift could not be measured, or counts as much without a figure: the words that lines carry."""

from __future__ import annotations

SCHEMA = 2
"""Sealed beside the lines of drift; lines sealed without it come from an engine that left columns out."""
GONE = "the column is missing from the newer data"
EMPTY = "every value is missing in the newer data"
NEW = "the reference has no such column"
FREE_TEXT = "nearly every value differs from all others in both tables"
NOT_THERE = "the newer data have no such column"
NO_VALUES = "neither table has a value"
