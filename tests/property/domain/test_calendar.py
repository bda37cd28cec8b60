"""Windows and freezes: local hours hold over the change of clocks, and a freeze closes everything."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.domain.calendar import DAYS, Calendar, Freeze, Window

BERLIN = Window(("mon", "tue", "wed", "thu"), time(9), time(16), "Europe/Berlin")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc]  # year to minute


def test_window__summer_and_winter__is_local_time() -> None:
    assert BERLIN.is_open(utc(2026, 7, 6, 7, 30))
    assert not BERLIN.is_open(utc(2026, 1, 5, 7, 30))


def test_calendar__closed_on_friday__opens_on_monday_at_nine() -> None:
    friday = utc(2026, 11, 20, 12)
    assert Calendar((BERLIN,)).why_closed(friday) is not None
    assert Calendar((BERLIN,)).next_opening(friday) == utc(2026, 11, 23, 8)


def test_calendar__freeze__ends_inside_a_window() -> None:
    freeze = Freeze(utc(2026, 11, 20), utc(2026, 11, 24, 10), "Audit")
    assert Calendar((BERLIN,), (freeze,)).next_opening(utc(2026, 11, 22)) == utc(2026, 11, 24, 10)
    assert "Audit" in (Calendar((), (freeze,)).why_closed(utc(2026, 11, 23)) or "")


def test_calendar__no_window__is_open() -> None:
    assert Calendar().why_closed(utc(2026, 1, 1)) is None


@given(
    st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True), st.integers(0, 22), st.integers(1, 23),
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),  # noqa: DTZ001 - made aware below
)  # fmt: skip
def test_calendar__next_opening__is_open_and_nothing_before_it_is(
    days: list[str], opens: int, hours: int, at: datetime
) -> None:
    window = Window(tuple(days), time(opens), time(min(23, opens + hours), 59), "America/New_York")
    moment = at.replace(tzinfo=UTC)
    found = Calendar((window,)).next_opening(moment)
    assert found is not None
    assert window.is_open(found)
    assert found - moment <= timedelta(days=8)
    steps = int((found - moment) / timedelta(minutes=20))
    assert not any(window.is_open(moment + timedelta(minutes=20) * n) for n in range(min(steps, 50)))
