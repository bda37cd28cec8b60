"""When somebody is reminded of a date: before it, when it has passed, and then every week.

Only the latest step that was reached is told: after an outage nobody gets all that was missed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

BEFORE_EXPIRY = (timedelta(days=3), timedelta(days=1))
BEFORE_REVIEW = (timedelta(days=14), timedelta(days=3))
BEFORE_FINDING = (timedelta(days=1),)
AGAIN = timedelta(days=7)


def step_reached(due: datetime, now: datetime, *, since: datetime, before: Sequence[timedelta]) -> str | None:
    """Name of the latest reminder that is due; None while there is none.

    A reminder from before `since` (when the date was set) is left out: setting the date told it already.
    """
    if now >= due:
        return f"overdue {(now - due) // AGAIN + 1}"
    reached = [span for span in before if since < due - span <= now]
    return f"{min(reached) // timedelta(hours=1)} hours before" if reached else None
