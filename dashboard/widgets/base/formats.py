"""Numbers, times and sizes for people. Unknown values are ``unknown``, never 0."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

UNKNOWN = "unknown"


def number(value: float | None, digits: int = 4) -> str:
    """Sensible digits: whole numbers whole, others with `digits` significant ones."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"  # noqa: RUF001 - a true minus sign
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{value:,.0f}".replace("-", "−")  # noqa: RUF001 - as above
    text = f"{value:.{digits}g}" if abs(round(value, digits + 2)) < 1e-3 else _fixed(value, digits)
    return text.replace("-", "−")  # noqa: RUF001 - as above


def rounded(value: object) -> str:
    """An output in short: the numbers in it by `number`, names and order as they are."""
    if isinstance(value, float):
        return number(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(rounded(part) for part in value)}]"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {rounded(part)}" for name, part in value.items())
    return str(value)


def _fixed(value: float, digits: int) -> str:
    whole = max(1, math.floor(math.log10(abs(value))) + 1)
    return f"{value:,.{max(0, digits - whole) if whole > 1 or abs(value) >= 1 else digits}f}"


def count(value: int, one: str, many: str = "") -> str:
    """A number with its noun."""
    return f"{number(value)} {one if value == 1 else many or one + 's'}"


def signed(value: float | None, digits: int = 4) -> str:
    """A difference with its sign."""
    text = number(value, digits)
    return f"+{text}" if value is not None and value > 0 else text


def change(value: float | None, digits: int = 4) -> str:
    """A difference between numbers below 1: always the same digits, so that columns compare."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return f"{value:+.{digits}f}".replace("-", "−")  # noqa: RUF001 - a true minus sign


_METRICS = {
    "auc": "AUC", "roc_auc": "ROC AUC", "pr_auc": "PR AUC", "average_precision": "average precision", "ece": "ECE",
    "log_loss": "log loss", "brier": "Brier score", "f1": "F1", "rmse": "RMSE", "mae": "MAE", "mse": "MSE", "r2": "R²",
    "expected_calibration_error": "expected calibration error",
}  # fmt: skip


def metric_name(name: str) -> str:
    """The usual name of a metric; an unfamiliar one stays as logged."""
    return _METRICS.get(name, name)


def p_value(value: float | None) -> str:
    """A p-value, never as a percentage: it is not the probability that the result is due to chance."""
    if value is None or math.isnan(value):
        return UNKNOWN
    if value < 1e-4:
        return "<0.0001"
    return ">0.99" if value > 0.99 else f"{value:.2g}"


def percent(value: float | None, digits: int = 1) -> str:
    """A share of 1 as percent."""
    if value is None or math.isnan(value):
        return UNKNOWN
    return f"{value * 100:.{digits}f}%".replace("-", "−")  # noqa: RUF001 - a true minus sign


def size(value: float | None) -> str:
    """Bytes."""
    if value is None:
        return UNKNOWN
    if value < 1000:
        return f"{value:.0f} B"
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:.3g} {unit}"


def duration(value: timedelta | float | None) -> str:
    """A length of time, in its two largest units."""
    if value is None:
        return UNKNOWN
    seconds = value.total_seconds() if isinstance(value, timedelta) else float(value)
    if seconds < 0:
        return UNKNOWN
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return _two_units(round(seconds))


def _two_units(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    hours, rest = divmod(rest, 3600)
    minutes, rest = divmod(rest, 60)
    named = ((days, "d"), (hours, "h"), (minutes, "min"), (rest, "s"))
    first = next(i for i, (count, _) in enumerate(named) if count)
    return " ".join(f"{count} {unit}" for count, unit in named[first : first + 2] if count)


def now() -> datetime:
    """This moment; the only clock of the pages."""
    return datetime.now(UTC)


def moment(value: datetime | None) -> str:
    """A time in UTC, to the minute."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC") if value else UNKNOWN


def age(value: datetime | None, at: datetime | None = None) -> str:
    """How long ago, in its largest unit: ``5 min ago``; for the future ``in 5 min``."""
    if value is None:
        return UNKNOWN
    seconds = ((at or now()) - value).total_seconds()
    if abs(seconds) < 5:
        return "just now"
    text = _largest(abs(seconds))
    return f"{text} ago" if seconds > 0 else f"in {text}"


def _largest(seconds: float) -> str:
    units = ((86_400 * 365, "y"), (86_400 * 30, "months"), (86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))
    length, unit = next((pair for pair in units if seconds >= pair[0]), (1, "s"))
    count = round(seconds / length)
    return f"{count} {'month' if unit == 'months' and count == 1 else unit}"


def when(value: datetime | None) -> str:
    """Time and age together."""
    return f"{moment(value)} ({age(value)})" if value else UNKNOWN


def digest(value: str | None, length: int = 12) -> str:
    """The beginning of a digest or id; the whole one stands beside it where it matters."""
    if not value:
        return UNKNOWN
    return value if len(value) <= length + 1 else f"{value[:length]}…"
