from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from dashboard.widgets.base import formats

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "unknown"), (math.nan, "unknown"), (math.inf, "∞"), (0.0, "0"), (16281, "16,281"), (0.92634567, "0.9263"),
        (-0.00099999999, "\u22120.0010"), (0.5, "0.5000"), (12.3456, "12.35"), (1234567.891, "1,234,568"), (2.1e-5, "2.1e\u221205"), (-3, "\u22123"),
    ],
)  # fmt: skip
def test_number__has_sensible_digits_and_unknown_is_never_zero(value: float | None, shown: str) -> None:
    assert formats.number(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ([0.4559613539786031, 0.5440386460213968], "[0.4560, 0.5440]"), ([1.0, 0.0], "[1, 0]"), ("a [0.123456]", "a [0.123456]"),
        ({"label": "yes", "score": 0.123456}, "label: yes, score: 0.1235"), (7, "7"), (True, "True"),
    ],
)  # fmt: skip
def test_rounded__shortens_the_numbers_of_an_output_and_nothing_else(value: object, shown: str) -> None:
    assert formats.rounded(value) == shown


def test_signed__shows_the_direction() -> None:
    assert [formats.signed(v) for v in (0.01, -0.01, 0.0, None)] == ["+0.0100", "\u22120.0100", "0", "unknown"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "unknown"), (0.0123, "12 ms"), (3.21, "3.2 s"), (59.4, "59 s"), (61, "1 min 1 s"), (3600, "1 h"), (90_000, "1 d 1 h"), (-1, "unknown")],
)  # fmt: skip
def test_duration__two_largest_units(value: float | None, shown: str) -> None:
    assert formats.duration(value) == shown


@pytest.mark.parametrize(
    ("ago", "shown"),
    [(timedelta(seconds=1), "just now"), (timedelta(minutes=5), "5 min ago"), (timedelta(days=40), "1 month ago"),
     (-timedelta(days=89, hours=23), "in 3 months"), (-timedelta(days=13, hours=23), "in 14 d"),
     (timedelta(days=800), "2 y ago"), (-timedelta(hours=3), "in 3 h")],
)  # fmt: skip
def test_age__largest_unit_and_direction(ago: timedelta, shown: str) -> None:
    assert formats.age(NOW - ago, NOW) == shown


def test_moment__is_utc_whatever_comes_in() -> None:
    from datetime import timezone

    assert formats.moment(NOW.astimezone(timezone(timedelta(hours=5)))) == "2026-11-21 12:00 UTC"
    assert formats.moment(None) == "unknown"


@pytest.mark.parametrize(("value", "shown"), [(None, "unknown"), (0, "0 B"), (123_456, "123 kB"), (5.2e9, "5.2 GB")])
def test_size__in_bytes(value: float | None, shown: str) -> None:
    assert formats.size(value) == shown
