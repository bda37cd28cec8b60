"""When a promotion may take effect: windows that are open and freezes that close everything.

Times of windows are local to their zone, so that "nine to four in Berlin" holds over the change of clocks; freezes
are moments in UTC. All moments that come in and go out are UTC-aware.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON = timedelta(days=400)
"""How far ahead an opening is looked for; a calendar that stays closed for longer is a mistake."""


@dataclass(frozen=True)
class Window:
    """Open on these days between two local times; the end does not belong to it."""

    days: tuple[str, ...]
    opens: time
    closes: time
    zone: str = "UTC"

    def is_open(self, moment: datetime) -> bool:
        """True when the moment lies inside."""
        local = moment.astimezone(ZoneInfo(self.zone))
        return DAYS[local.weekday()] in self.days and self.opens <= local.time() < self.closes

    def openings(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Starts of the window from the day of `after` on."""
        day = after.astimezone(ZoneInfo(self.zone)).date()
        while True:
            start = datetime.combine(day, self.opens, ZoneInfo(self.zone)).astimezone(UTC)
            if start > until:
                return
            if DAYS[day.weekday()] in self.days:
                yield start
            day += timedelta(days=1)

    def in_words(self) -> str:
        """For people."""
        return f"{', '.join(self.days)} {self.opens:%H:%M} to {self.closes:%H:%M} {self.zone}"


@dataclass(frozen=True)
class Freeze:
    """Nothing takes effect from then until then; the end does not belong to it."""

    start: datetime
    end: datetime
    reason: str

    def holds(self, moment: datetime) -> bool:
        """True while frozen."""
        return self.start <= moment < self.end

    def in_words(self) -> str:
        """For people."""
        return f"{self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M} UTC: {self.reason}"


@dataclass(frozen=True)
class Calendar:
    """Windows and freezes together. No window means open at all times; freezes close always."""

    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    def why_closed(self, moment: datetime) -> str | None:
        """None while open, otherwise the reason in one sentence."""
        for freeze in self.freezes:
            if freeze.holds(moment):
                return f"Frozen until {freeze.end:%Y-%m-%d %H:%M} UTC: {freeze.reason}"
        if self.windows and not any(window.is_open(moment) for window in self.windows):
            return "Outside the promotion window: " + "; ".join(window.in_words() for window in self.windows)
        return None

    def next_opening(self, moment: datetime) -> datetime | None:
        """The first moment from `moment` on at which it is open; None when there is none within 400 days."""
        if self.why_closed(moment) is None:
            return moment
        until = moment + HORIZON
        candidates = {freeze.end for freeze in self.freezes if freeze.end > moment}
        for window in self.windows:
            candidates.update(start for start in window.openings(moment, until) if start > moment)
        return next((start for start in sorted(candidates) if self.why_closed(start) is None), None)
