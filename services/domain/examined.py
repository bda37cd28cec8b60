"""What a fact rests on: what was looked at, out of what, and what was left out and why.

A fact that rests on a part is never told as if it rested on the whole; see `services.domain.checks`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class LeftOut:
    """Something that was not looked at."""

    what: str
    """Like ``5 of 25 test reports`` or ``group 80+ (29 rows)``."""
    why: str
    """Like ``only the first 20 are read``."""
    by_policy: bool = False
    """True where the policy itself excludes it, like groups below its smallest size: told, but no reason to doubt."""
    count: int = 1
    """How many of the fact's units it stands for."""

    def sentence(self) -> str:
        """What is told beside the fact."""
        return f"{self.what} not checked: {self.why.rstrip('.')}."


@dataclass(frozen=True)
class Examined:
    """The coverage of a fact. `WHOLE` when nothing was left out and nothing stands in for what was asked."""

    seen: int | None = None
    total: int | None = None
    unit: str = ""
    """Plural noun that `seen` and `total` count, like ``groups``."""
    left_out: tuple[LeftOut, ...] = ()
    stand_in: str = ""
    """What was used in place of what was asked for, like ``the live version``; empty when nothing was."""

    @property
    def is_whole(self) -> bool:
        """True when no verdict can be better because of what was not looked at."""
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
        """What a reader must know beside the fact; empty when there is nothing to tell."""
        told = [item.sentence() for item in self.left_out]
        if self.seen is not None and self.total is not None and (self.seen < self.total or self.left_out):
            told.insert(0, f"{self.seen:,} of {self.total:,} {self.unit or 'items'} checked.")
        if self.stand_in:
            told.append(f"Based on {self.stand_in}, not on what was asked for.")
        return tuple(told)

    def but(self, *items: LeftOut) -> Examined:
        """The same with more left out."""
        return Examined(self.seen, self.total, self.unit, (*self.left_out, *items), self.stand_in)


WHOLE = Examined()
OTHER = "(other)"
"""Name of the group that rarer values of a column are put into; each of them is not looked at by itself."""


def together(parts: Iterable[Examined]) -> Examined:
    """The coverage of a fact that rests on several others: whole only when all of them are."""
    all_parts = tuple(parts)
    left = tuple(item for part in all_parts for item in part.left_out)
    short = tuple(found for part in all_parts if (found := part.unexplained) is not None)
    stand_ins = [part.stand_in for part in all_parts if part.stand_in]
    return Examined(left_out=(*left, *short), stand_in=" and ".join(dict.fromkeys(stand_ins)))
