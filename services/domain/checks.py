"""Checks: a value, a threshold and a verdict, with source and coverage. Incomplete coverage never passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from services.domain.examined import WHOLE, Examined


class Verdict(StrEnum):
    """Outcome of a check."""

    PASS = "pass"  # noqa: S105 - not a password
    WARN = "warn"
    FAIL = "fail"
    UNKNOWN = "unknown"


class Enforcement(StrEnum):
    """Effect of a failed or unknown check on the request."""

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
    examined: Examined = WHOLE
    """What the verdict is based on. With partial coverage a pass or warning becomes *unknown*, and it says so."""

    def __post_init__(self) -> None:
        """Apply the rule to every check, built in or custom."""
        if self.verdict in {Verdict.PASS, Verdict.WARN} and not self.examined.is_whole:
            # a warning also lets a request through, and the part that was not examined could have failed
            object.__setattr__(self, "verdict", Verdict.UNKNOWN)
        missing = [told for told in self.examined.sentences() if told not in self.sentence]
        if missing:
            object.__setattr__(self, "sentence", " ".join([self.sentence, *missing]).strip())

    @property
    def is_blocking(self) -> bool:
        """True if it prevents approval: missing evidence blocks like bad evidence."""
        return self.enforcement is Enforcement.BLOCK and self.verdict in {Verdict.FAIL, Verdict.UNKNOWN}


_ORDER = {Verdict.FAIL: 0, Verdict.UNKNOWN: 1, Verdict.WARN: 2, Verdict.PASS: 3}


def worst_first(checks: tuple[Check, ...]) -> tuple[Check, ...]:
    """Failing checks first; the order within a verdict is kept."""
    return tuple(sorted(checks, key=lambda check: (not check.is_blocking, _ORDER[check.verdict])))


def check_to_json(check: Check) -> dict[str, Any]:
    """A check in sealed form; complete coverage is omitted."""
    value = asdict(check)
    if check.examined == WHOLE:
        del value["examined"]
    return value


def check_from_json(value: Mapping[str, Any]) -> Check:
    """A sealed check. Checks sealed before coverage was recorded have none and are read unchanged."""
    kept = {name: text for name, text in value.items() if name not in {"verdict", "enforcement", "examined"}}
    return Check(
        **kept,
        verdict=Verdict(value["verdict"]),
        enforcement=Enforcement(value["enforcement"]),
        examined=Examined.from_json(value["examined"]) if value.get("examined") is not None else WHOLE,
    )
