"""The coverage of a fact: how much was examined, out of how much, and what was left out and why.

A fact with partial coverage is never reported as complete; see `services.domain.checks`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class LeftOut:
    """Something that was not examined."""

    what: str
    """Like ``5 of 25 test reports`` or ``group 80+ (29 rows)``."""
    why: str
    """Like ``only the first 20 are read``."""
    by_policy: bool = False
    """True if the policy excludes it, like groups below the minimum size: reported, but not a reason for doubt."""
    count: int = 1
    """How many of the fact's units were left out."""

    def sentence(self) -> str:
        """The sentence shown beside the fact."""
        return f"{self.what} not checked: {self.why.rstrip('.')}."


@dataclass(frozen=True)
class Examined:
    """The coverage of a fact. `WHOLE` if nothing was left out or replaced."""

    seen: int | None = None
    total: int | None = None
    unit: str = ""
    """Plural noun that `seen` and `total` count, like ``groups``."""
    left_out: tuple[LeftOut, ...] = ()
    stand_in: str = ""
    """What was used instead of the requested thing, like ``the live version``; empty if nothing was replaced."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Examined:
        """The inverse of `dataclasses.asdict`."""
        return cls(**{**value, "left_out": tuple(LeftOut(**item) for item in value["left_out"])})

    @property
    def is_whole(self) -> bool:
        """True if nothing that was not examined could worsen the verdict."""
        is_short = self.seen is not None and self.total is not None and self.seen + self._excluded < self.total
        return not self.stand_in and not is_short and all(item.by_policy for item in self.left_out)

    @property
    def _excluded(self) -> int:
        return sum(item.count for item in self.left_out if item.by_policy)

    @property
    def unexplained(self) -> LeftOut | None:
        """What is missing from `total` although nothing says why; None when the items left out account for it."""
        if self.seen is None or self.total is None:
            return None
        missing = self.total - self.seen - sum(item.count for item in self.left_out)
        if missing <= 0:
            return None
        return LeftOut(f"{missing:,} of {self.total:,} {self.unit or 'items'}", "not looked at", count=missing)

    def sentences(self) -> tuple[str, ...]:
        """Caveats shown beside the fact; empty if there are none."""
        caveats = [item.sentence() for item in self.left_out]
        if self.seen is not None and self.total is not None and (self.seen < self.total or self.left_out):
            caveats.insert(0, f"{self.seen:,} of {self.total:,} {self.unit or 'items'} checked.")
        if self.stand_in:
            caveats.append(f"Based on {self.stand_in}, not on what was requested.")
        return tuple(caveats)

    def but(self, *items: LeftOut) -> Examined:
        """The same coverage with more left out."""
        return Examined(self.seen, self.total, self.unit, (*self.left_out, *items), self.stand_in)


WHOLE = Examined()
OTHER = "(other)"
"""Name of the group that combines rarer values of a column, which are not examined individually."""


def together(parts: Iterable[Examined]) -> Examined:
    """The coverage of a fact based on several others: whole only if all of them are."""
    all_parts = tuple(parts)
    left = tuple(item for part in all_parts for item in part.left_out)
    short = tuple(found for part in all_parts if (found := part.unexplained) is not None)
    stand_ins = [part.stand_in for part in all_parts if part.stand_in]
    return Examined(left_out=(*left, *short), stand_in=" and ".join(dict.fromkeys(stand_ins)))
