"""When reminders of a date are sent: before it, after it has passed, and then weekly.

Only the latest step is sent: after an outage nobody receives every missed reminder.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

BEFORE_EXPIRY = (timedelta(days=3), timedelta(days=1))
BEFORE_REVIEW = (timedelta(days=14), timedelta(days=3))
BEFORE_FINDING = (timedelta(days=1),)
AGAIN = timedelta(days=7)


def step_reached(due: datetime, now: datetime, *, since: datetime, before: Sequence[timedelta]) -> str | None:
    """Name of the latest reminder that is due; None if none is.

    Reminders due before `since` (when the date was set) are skipped: setting the date already sent a notice.
    """
    if now >= due:
        return f"overdue {(now - due) // AGAIN + 1}"
    reached = [span for span in before if since < due - span <= now]
    return f"{min(reached) // timedelta(hours=1)} hours before" if reached else None
