"""A comparison as text for a terminal: the verdict first, then what it rests on."""

from __future__ import annotations

from collections.abc import Iterator

from services.evidence.record import Comparison, Gap, SliceLine
from services.evidence.words import printable

_SLICES_SHOWN = 15


def as_text(comparison: Comparison) -> str:
    """Lines for people; everything in it, and more, is in the JSON."""
    return "\n".join(printable(line) for line in _lines(comparison))


def _lines(found: Comparison) -> Iterator[str]:
    yield f"{found.recommendation.value.upper()}: {found.reason}"
    yield ""
    own = "" if found.slice_margin is None else f", for slices {found.slice_margin:.3g}"
    yield f"verdict       {found.verdict.value.replace('_', ' ')} (margin {found.margin:g}{own})"
    values = f"{_number(found.current)} -> {_number(found.candidate)}"
    yield f"{found.metric:<14}{values}, difference {_gap(found.difference)}"
    yield f"p-value       {_number(found.p_value)} ({found.difference.method or 'none'})"
    yield (
        f"resamples     {found.wins} won, {found.ties} level, {found.losses} lost, "
        f"{found.bootstrap.not_computable} not computable (seed {found.seed}, {found.bootstrap.engine}, "
        f"{found.bootstrap.unit})"
    )
    rule = found.published_rule
    said = "passes" if rule.passes else "fails"
    yield f"published rule {said}: at least as good on {rule.win_rate:.1%} of the resamples, bar {rule.bar:.0%}"
    if found.power.detectable_difference is not None:
        yield f"can detect    {found.power.detectable_difference:.4g} with 80 % probability on {found.rows} rows"
    if found.power.rows_needed is not None and found.power.target is not None:
        yield f"would need    {found.power.rows_needed} rows to see a difference of {found.power.target:.4g}"
    yield from _findings(found)
    yield from _metrics(found)
    yield from _slices(found.slices)
    yield ""
    yield f"inputs        {found.rows} rows, {found.inputs.digest}"


def _findings(found: Comparison) -> Iterator[str]:
    if found.findings:
        yield ""
        yield "findings"
    for finding in found.findings:
        yield f"  [{finding.severity.value}] {finding.kind}: {finding.sentence}"


def _metrics(found: Comparison) -> Iterator[str]:
    yield ""
    yield f"{'metric':<20}{'current':>10}{'candidate':>11}  difference (95 % interval)"
    for line in found.metrics:
        yield f"{line.name:<20}{_number(line.current):>10}{_number(line.candidate):>11}  {_gap(line.difference)}"


def _slices(lines: tuple[SliceLine, ...]) -> Iterator[str]:
    if not lines:
        return
    yield ""
    yield f"{'slice':<32}{'rows':>8}{'current':>10}{'candidate':>11}  difference (95 % interval)"
    for line in lines[:_SLICES_SHOWN]:
        name = f"{line.column} = {line.value}"
        mark = "  HARMED" if line.harmed else f"  ({line.note})" if line.note else ""
        figures = f"{_number(line.current):>10}{_number(line.candidate):>11}  {_gap(line.difference)}"
        yield f"{name[:31]:<32}{line.rows:>8}{figures}{mark}"
    if len(lines) > _SLICES_SHOWN:
        yield f"  and {len(lines) - _SLICES_SHOWN} more, see --json"


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4g}"


def _gap(gap: Gap) -> str:
    if gap.value is None:
        return "unknown"
    if gap.low is None or gap.high is None:
        return f"{gap.value:+.4g} (interval not estimable)"
    return f"{gap.value:+.4g} ({gap.low:+.4g} to {gap.high:+.4g})"
