"""When a promotion may take effect: open windows, and freezes that override them.

Times of windows are local to their zone, so "nine to four in Berlin" survives clock changes; freezes
are moments in UTC. All datetimes passed in and returned are UTC-aware.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HORIZON = timedelta(days=400)
"""How far ahead to search for an opening; a calendar closed for longer is an error."""


@dataclass(frozen=True)
class Window:
    """Open on these days between two local times; the end is excluded."""

    days: tuple[str, ...]
    opens: time
    closes: time
    zone: str = "UTC"

    def is_open(self, moment: datetime) -> bool:
        """True if the moment is inside the window."""
        local = moment.astimezone(ZoneInfo(self.zone))
        return DAYS[local.weekday()] in self.days and self.opens <= local.time() < self.closes

    def openings(self, after: datetime, until: datetime) -> Iterator[datetime]:
        """Starts of the window, from the day of `after`."""
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
    """A period in which nothing takes effect; the end is excluded."""

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
    """Windows and freezes. Without windows it is always open; freezes override windows."""

    windows: tuple[Window, ...] = ()
    freezes: tuple[Freeze, ...] = ()

    def why_closed(self, moment: datetime) -> str | None:
        """None while open; otherwise the reason in one sentence."""
        for freeze in self.freezes:
            if freeze.holds(moment):
                return f"Frozen until {freeze.end:%Y-%m-%d %H:%M} UTC: {freeze.reason}"
        if self.windows and not any(window.is_open(moment) for window in self.windows):
            return "Outside the promotion window: " + "; ".join(window.in_words() for window in self.windows)
        return None

    def next_opening(self, moment: datetime) -> datetime | None:
        """The first open moment at or after `moment`; None if there is none within 400 days."""
        if self.why_closed(moment) is None:
            return moment
        until = moment + HORIZON
        candidates = {freeze.end for freeze in self.freezes if freeze.end > moment}
        for window in self.windows:
            candidates.update(start for start in window.openings(moment, until) if start > moment)
        return next((start for start in sorted(candidates) if self.why_closed(start) is None), None)
