"""Slices: for whom is the candidate better or worse? Worst first, with a guard that no mean can hide."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import numpy.typing as npt

from services.domain.examined import OTHER
from services.errors import InvalidInputError
from services.evidence.findings import Finding, Severity
from services.evidence.measures.estimates import NAN, Difference, harm_p_value, holm
from services.evidence.measures.metrics import Paired, Settings, paired_metrics
from services.evidence.record import Gap, SliceLine, finite, gap_of
from services.evidence.rows.alignment import Aligned
from services.evidence.rows.inputs import Task
from services.evidence.rows.labels import numbers
from services.evidence.rows.tables import Column, canonical_texts
from services.evidence.words import counted, inline, level, signed

LEVEL = 0.05
MIN_ROWS = 30
"""Smaller segments are listed, not judged."""
MIN_PER_CLASS = 10
MIN_GROUPS = 20
"""With fewer groups of rows (customers) in it a segment is listed, not judged."""
BRIER_HARM = 0.05
"""A segment's Brier score must rise by this share before shifted scores count as harm."""
LEAST_LOSS = 0.01
"""A segment without its own margin must lose this much: points of a share (AUC, …), or this part of an error."""
_MANY = 12
_SHOWN = 20
_SHOWN_ASKED = 200
"""Number of values of a requested column that are separate segments; rarer ones form one segment."""
_MISSING = "(missing)"
_COLUMNS_AT_MOST = 30
_NAMED_HARMS = 8
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Whole:
    """What all rows together say, and how much a segment may lose (`margin`, in the metric's unit)."""

    metric: str
    higher_is_better: bool
    difference: Difference
    margin: float

    @property
    def certain_loss(self) -> float:
        """The loss of all rows where it is significant, else 0; never negative."""
        gain, end = self.difference.value, self.difference.high
        if not self.higher_is_better:
            gain, end = -gain, -self.difference.low
        return max(0.0, -gain) if end < 0 else 0.0


@dataclass(frozen=True)
class _Judged:
    line: SliceLine
    p_rank: float
    p_beyond: float
    p_brier: float


def least_loss(metric: Paired, *, margin: float, own: float | None) -> float:
    """The margin of segments: their own where one is given, else the comparison's and at least a hundredth.

    A hundredth is in points for shares (AUC, accuracy, …) and of the current value for errors and losses. Segments are
    many and small: without a least size the trifles that every retrain moves would count as harm in large tables.
    """
    if own is not None:
        return own
    current = abs(metric.current.value)
    return max(margin, LEAST_LOSS if metric.higher_is_better else LEAST_LOSS * current if math.isfinite(current) else 0)


def segments(values: Column, *, bins: int = 4, asked: bool = False) -> list[tuple[str, Mask]]:
    """Segments of one column: each value, or quantile ranges when there are many numbers; rare values together."""
    most = _SHOWN_ASKED if asked else _SHOWN
    parsed, bad = numbers(values)
    texts = canonical_texts(values)
    names = [text for text in texts.tolist() if text is not None]
    if bad == 0 and len(set(names)) > _MANY:
        return _ranges(parsed, bins)
    kinds, counts = np.unique(np.asarray(names, dtype=str), return_counts=True)
    shown = [str(kind) for kind in kinds[np.argsort(-counts, kind="stable")][:most]]
    found = [(kind, np.asarray(texts == kind, dtype=bool)) for kind in shown]
    apart = set(shown)
    rest = np.asarray([text is not None and text not in apart for text in texts.tolist()], dtype=bool)
    missing = np.asarray([text is None for text in texts.tolist()], dtype=bool)
    found += [(OTHER, rest)] if rest.any() else []
    return [*found, *_missing(missing)]


def _ranges(values: npt.NDArray[np.float64], bins: int) -> list[tuple[str, Mask]]:
    known = np.isfinite(values)
    kinds, counts = np.unique(values[known], return_counts=True)
    frequent = float(kinds[np.argmax(counts)])
    if counts.max() > 0.5 * known.sum():
        rest = known & (values != frequent)
        others = _ranges(np.where(rest, values, np.nan), min(bins, 2)) if len(kinds) > 2 else [("other", rest)]
        inner = [(name, mask) for name, mask in others if name != _MISSING]
        return [(f"{frequent:g}", known & (values == frequent)), *inner, *_missing(~known)]
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, bins + 1)))
    found: list[tuple[str, Mask]] = []
    for place, (low, high) in enumerate(itertools.pairwise(edges)):
        last = place == len(edges) - 2
        mask = known & (values >= low) & ((values <= high) if last else (values < high))
        found.append((f"{low:g} to {'' if last else 'below '}{high:g}", mask))
    return [*found, *_missing(~known)]


def _missing(mask: Mask) -> list[tuple[str, Mask]]:
    return [(_MISSING, mask)] if mask.any() else []


def slice_columns(
    rows: Aligned, asked: tuple[str, ...] | None, *, skip: frozenset[str], role: str = "slice"
) -> dict[str, Column]:
    """The columns asked for, or all further ones that split the rows into few segments.

    Raises InvalidInputError when a column asked for is in neither table.
    """
    if asked is not None:
        for name in asked:
            if name not in rows.further:
                present = ", ".join(list(rows.further)[:20]) or "none"
                raise InvalidInputError(
                    f"Neither table has the {role} column {name!r}.", hint=f"Present: {present}.", code="column_missing"
                )
        return {name: rows.further[name] for name in asked}
    found = {name: values for name, values in rows.further.items() if name not in skip and _splits(values)}
    return dict(list(found.items())[:_COLUMNS_AT_MOST])


def unsliced(
    rows: Aligned, columns: dict[str, Column], *, asked: tuple[str, ...] | None, grouped_by: frozenset[str]
) -> tuple[str, ...]:
    """Further columns by which nothing is sliced, as ``name: reason``; empty where the columns were asked for."""
    if asked is not None:
        return ()
    return tuple(
        f"{name}: {_why_unsliced(name, values, rows, grouped_by)}"
        for name, values in rows.further.items()
        if name not in columns
    )


def _why_unsliced(name: str, values: Column, rows: Aligned, grouped_by: frozenset[str]) -> str:
    if name in grouped_by:
        return "it names the groups that rows belong to"
    if name in rows.disputed:
        return "the two tables differ in it"
    if not _splits(values):
        kinds = len(set(canonical_texts(values).tolist()))
        if kinds <= 1:
            return "every row has the same value"
        is_own = kinds > 0.5 * len(values)
        return "nearly every row has a value of its own" if is_own else f"it has {kinds:,} different texts; name it"
    return f"only the first {_COLUMNS_AT_MOST} columns are used; name those that matter"


def _splits(values: Column) -> bool:
    """Two to fifty kinds, or numbers that can be cut into ranges (whole numbers that never repeat are ids)."""
    kinds = set(canonical_texts(values).tolist())
    if len(kinds) <= 50:
        return len(kinds) > 1  # nothing there is a kind too: who gives no answer may be harmed
    kinds.discard(None)
    parsed, bad = numbers(values)
    whole = bool(np.all(parsed[np.isfinite(parsed)] % 1 == 0))
    return bad == 0 and not (whole and len(kinds) > 0.9 * len(values))


def is_categorical(values: Column) -> bool:
    """A handful of kinds, not ranges of numbers."""
    return len({text for text in canonical_texts(values).tolist() if text is not None}) <= _MANY


def slice_lines(
    rows: Aligned, columns: dict[str, Column], *, settings: Settings, whole: Whole, asked: bool = False
) -> tuple[SliceLine, ...]:
    """One line a segment, the harmed and the worst first.

    Harmed: the loss is significant (Holm over all segments and both guards) and larger than the segments' margin.
    """
    judged = [
        _judge(rows.take(mask), (name, value), settings=settings, whole=whole)
        for name, values in columns.items()
        for value, mask in segments(values, asked=asked)
        if mask.any()
    ]
    adjusted = holm([part.p_rank for part in judged] + [part.p_brier for part in judged])
    beyond = holm([part.p_beyond for part in judged])
    bar = _brier_bar(rows, settings)
    lines = [
        _flagged(part.line, (adjusted[place], beyond[place], adjusted[len(judged) + place]), bar, whole=whole)
        for place, part in enumerate(judged)
    ]
    return tuple(sorted(lines, key=partial(_harm_order, up=whole.higher_is_better)))


def _judge(rows: Aligned, which: tuple[str, str], *, settings: Settings, whole: Whole) -> _Judged:
    paired = paired_metrics(rows, settings, only=whole.metric)
    note = _too_small(rows)
    line = SliceLine(
        which[0], which[1], rows.rows, _positives(rows), whole.metric, None, None, Gap(None, None, None), None, None,
        note=note,
    )  # fmt: skip
    p_rank = p_beyond = NAN
    if paired:
        up = whole.higher_is_better
        difference = paired[0].difference(rows.labels, rows.groups)
        if not note:
            p_rank = harm_p_value(difference, margin=0.0, higher_is_better=up)
            p_beyond = harm_p_value(difference, margin=whole.certain_loss, higher_is_better=up)
        line = _with_metric(line, paired[0], difference, p_rank)
    line, p_brier = _with_brier(line, rows, settings, judged=not note or note == _ONE_SIDED)
    return _Judged(line, p_rank, p_beyond, p_brier)


_ONE_SIDED = "too few rows of one class"


def _too_small(rows: Aligned) -> str:
    if rows.rows < MIN_ROWS:
        return f"fewer than {MIN_ROWS} rows"
    if rows.groups is not None and len(np.unique(rows.groups)) < MIN_GROUPS:
        return f"fewer than {MIN_GROUPS} groups"
    if rows.task is Task.BINARY and min(rows.labels.sum(), (1 - rows.labels).sum()) < MIN_PER_CLASS:
        return _ONE_SIDED
    return ""


def _positives(rows: Aligned) -> int | None:
    return int(rows.labels.sum()) if rows.task is Task.BINARY else None


def _with_metric(line: SliceLine, paired: Paired, difference: Difference, p_value: float) -> SliceLine:
    return replace(
        line,
        candidate=finite(paired.candidate.value),
        current=finite(paired.current.value),
        difference=gap_of(difference),
        p_value=finite(p_value),
    )


def _with_brier(line: SliceLine, rows: Aligned, settings: Settings, *, judged: bool) -> tuple[SliceLine, float]:
    found = paired_metrics(rows, settings, only="brier") if rows.task is Task.BINARY else ()
    if not found:
        return line, NAN
    brier = found[0]
    line = replace(line, brier_candidate=finite(brier.candidate.value), brier_current=finite(brier.current.value))
    if not judged:
        return line, NAN
    difference = brier.difference(rows.labels, rows.groups)
    return line, harm_p_value(difference, margin=0.0, higher_is_better=False)


@dataclass(frozen=True)
class _BrierBar:
    """By how much a segment's Brier score must rise before its scores count as harmed."""

    least: float = 0.001
    share: float = BRIER_HARM


def _brier_bar(rows: Aligned, settings: Settings) -> _BrierBar:
    """Where all scores are off, a segment is named only when it is hit clearly harder than the whole."""
    found = paired_metrics(rows, settings, only="brier") if rows.task is Task.BINARY else ()
    if not found:
        return _BrierBar()
    rise = found[0].candidate.value - found[0].current.value
    usual = _BrierBar()
    return _BrierBar(max(usual.least, 1.5 * rise), max(usual.share, 2 * rise / max(found[0].current.value, 1e-12)))


def _flagged(line: SliceLine, p_values: tuple[float, float, float], bar: _BrierBar, *, whole: Whole) -> SliceLine:
    p_rank, p_beyond, p_brier = p_values
    loses = p_rank < LEVEL and _loss(line, whole) > whole.margin
    return replace(
        line,
        p_adjusted=finite(p_rank),
        p_beyond=finite(p_beyond),
        brier_p_adjusted=finite(p_brier),
        harmed=loses or (p_brier < LEVEL and _rises(line, bar)),
        loses=loses,
    )


def _loss(line: SliceLine, whole: Whole) -> float:
    value = line.difference.value or 0.0
    return -value if whole.higher_is_better else value


def _rises(line: SliceLine, bar: _BrierBar) -> bool:
    if line.brier_candidate is None or line.brier_current is None:
        return False
    return line.brier_candidate - line.brier_current > max(bar.share * line.brier_current, bar.least)


def _harm_order(line: SliceLine, *, up: bool) -> tuple[bool, float, float]:
    """Harmed first, then by the loss that is certain (the interval's good end), then by the loss seen; unknown last."""
    sign = 1 if up else -1
    good_end = line.difference.high if up else line.difference.low
    size = line.difference.value
    certain = math.inf if good_end is None else sign * good_end
    return not line.harmed, certain, math.inf if size is None else sign * size


def slice_findings(lines: tuple[SliceLine, ...]) -> list[Finding]:
    """`slice_harm` for segments that lose more than the whole does; beyond the worst few they are counted.

    A segment that only shares the certain loss of all rows is marked in its line, and the verdict speaks for it.
    """
    own = [line for line in lines if line.harmed and _beyond_the_whole(line)]
    found = [
        Finding("slice_harm", Severity.BLOCKING, f"{inline(line.column)}={inline(line.value)}", _harm_sentence(line))
        for line in own[:_NAMED_HARMS]
    ]
    if len(own) > _NAMED_HARMS:
        sentence = f"{len(own) - _NAMED_HARMS} more segments are harmed; the slice table names them."
        found.append(Finding("slice_harm", Severity.BLOCKING, "more segments", sentence))
    return found


def _beyond_the_whole(line: SliceLine) -> bool:
    """Harmed by its scores alone, or losing significantly (Holm) more than all rows certainly do."""
    return not line.loses or (line.p_beyond is not None and line.p_beyond < LEVEL)


def _three(value: float) -> str:
    return f"{value:.3f}" if 0.01 <= abs(value) < 1 else level(value)


def _harm_sentence(line: SliceLine) -> str:
    who = f"{inline(line.column)} = {inline(line.value)} ({counted(line.rows, 'rows')})"
    gap = line.difference
    if line.loses and gap.value is not None and line.current is not None and line.candidate is not None:
        scale = max(abs(line.current), abs(line.candidate))
        values = f"{line.metric} {_three(line.current)} to {_three(line.candidate)}"
        if gap.low is None or gap.high is None:
            return f"The candidate is worse for {who}: {values}."
        low, high = (f"{end:+.3f}" if 0.01 <= scale < 1 else signed(end, scale=scale) for end in (gap.low, gap.high))
        return f"The candidate is worse for {who}: {values} (95 % interval {low} to {high})."
    return (
        f"The candidate's scores are off for {who}: "
        f"Brier score {line.brier_current or 0:.3f} to {line.brier_candidate or 0:.3f}."
    )
