"""Findings of the evidence engine, in words that a reviewer understands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a finding does to the recommendation."""

    INFO = "info"
    """Said, and nothing more."""
    WARNING = "warning"
    """To be weighed by the reviewer; does not stop a promotion by itself."""
    BLOCKING = "blocking"
    """No promotion is recommended while the finding exists."""


LOST_SHARE = 0.01
"""More rows than this without a partner, or lost for another reason, block: what is left may be another population."""


@dataclass(frozen=True)
class Finding:
    """One thing that a reviewer must know about the comparison."""

    kind: str
    severity: Severity
    subject: str
    """What it is about: candidate, current, both, training data, or `column=value` of a slice."""
    sentence: str


def owner(subject: str) -> str:
    """The subject at the begin of a sentence: The candidate, The current version."""
    return "The current version" if subject == "current" else f"The {subject}"


HARMS = frozenset({"slice_harm", "calibration_harm"})
"""Kinds that show harm: they reject. Other blocking kinds say that the evidence is not usable: they hold."""


def lost_rows(kind: str, subject: str, lost: int, rows: int, sentence: str) -> Finding:
    """A finding about rows that are left out: it blocks when they are too many to ignore."""
    severity = Severity.BLOCKING if lost > LOST_SHARE * rows else Severity.WARNING
    return Finding(kind, severity, subject, sentence)
