"""When somebody is reminded: each step once, the latest only, none that came before the date was set."""

from __future__ import annotations

from datetime import timedelta

import pytest

from services.domain.reminders import BEFORE_EXPIRY, step_reached
from tests.simulators.basics import START

DUE = START + timedelta(days=14)


@pytest.mark.parametrize(
    ("days", "step"),
    [
        (0, None),
        (10.9, None),
        (11, "72 hours before"),
        (12.9, "72 hours before"),
        (13, "24 hours before"),
        (13.9, "24 hours before"),
        (14, "overdue 1"),
        (20.9, "overdue 1"),
        (21, "overdue 2"),
        (400, "overdue 56"),
    ],
)
def test_step__by_time__is_the_latest_reached(days: float, step: str | None) -> None:
    assert step_reached(DUE, START + timedelta(days=days), since=START, before=BEFORE_EXPIRY) == step


def test_step__date_set_shortly_before__is_not_told_at_once() -> None:
    due = START + timedelta(days=2)
    assert step_reached(due, START, since=START, before=BEFORE_EXPIRY) is None
    assert step_reached(due, START + timedelta(days=1), since=START, before=BEFORE_EXPIRY) == "24 hours before"
