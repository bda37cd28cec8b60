"""Checks: a value, a threshold and a verdict, with its source. An unknown value never passes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check ended."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Enforcement(StrEnum):
    """What a failed or unknown check does to the request."""

    BLOCK = "block"
    WARN = "warn"
    OFF = "off"


@dataclass(frozen=True)
class Check:
    """One line of evidence, for people and for the gate."""

    name: str
    verdict: Verdict
    sentence: str
    """One sentence that a non-statistician understands."""
    value: str = "unknown"
    threshold: str = ""
    source: str = ""
    link: str = ""
    enforcement: Enforcement = Enforcement.BLOCK

    @property
    def is_blocking(self) -> bool:
        """True when the request may not be approved because of it: missing evidence blocks like bad evidence."""
        return self.enforcement is Enforcement.BLOCK and self.verdict in {Verdict.FAIL, Verdict.UNKNOWN}


_ORDER = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1, Verdict.WARN: 2, Verdict.PASS: 3}


def worst_first(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """Failing checks first; the order within a verdict is kept."""
    return tuple(sorted(checks, key=lambda check: (not check.is_blocking, _ORDER[check.verdict])))
