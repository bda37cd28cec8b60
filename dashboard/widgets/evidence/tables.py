"""Slices, metrics and calibration of a comparison, and the curves that were sealed with it."""

from __future__ import annotations

import streamlit as st
from markupsafe import Markup

from dashboard.text import html, shorten, words
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import badge, show, soft, table
from dashboard.widgets.evidence import curves as curve_tabs
from dashboard.widgets.evidence import slices as slice_plot
from dashboard.widgets.evidence import verdict as evidence
from dashboard.widgets.evidence.verdict import interval
from dashboard.widgets.version import grid as tables
from services.comparisons.curves import curves_of
from services.domain.registry import VersionKey
from services.evidence.record import Comparison, Gap, MetricLine, SliceLine

FIRST = 6
"""Slices shown at once; the rest is one press away."""


def show_slices(found: Comparison, *, against: str, key: str) -> None:
    """Slices sorted by harm, drawn and as a table; the average never hides them."""
    slices = evidence.slices_by_harm(found)
    if not slices:
        st.caption("The rows have no columns to slice by. Log them with the scores to see who gains and who loses.")
        return
    slice_plot.show_differences(found, against=against, key=key)
    head = ("Slice", "Rows", "Live", "Candidate", "Difference", "Finding")
    show(table(head, [_slice(s, found) for s in slices[:FIRST]], caption="Slices, worst first", classes="cs-stack"))
    if len(slices) > FIRST:
        with st.expander(f"{len(slices) - FIRST} more slices"):
            show(table(head, [_slice(s, found) for s in slices[FIRST:]], caption="More slices", classes="cs-stack"))
    if found.slice_margin is not None:
        st.caption(
            f"Harmed: the loss is significant after correction for all {len(slices)} slices, "
            f"and larger than the slices' margin of {found.slice_margin:.3g}."
        )
    names = ("column", "value", "rows", "current", "candidate", "p_adjusted", "harmed")
    rows = [[*(getattr(s, name) for name in names), *evidence.gap_of(s.difference)] for s in slices]
    tables.download("Download slices", (*names, "difference", "low", "high"), rows, key=f"slices-{key}")


def _slice(line: SliceLine, found: Comparison) -> tuple[str, ...]:
    name = evidence.slice_name(line)
    return (
        html('<span class="cs-keep" title="{}">{}</span>', name, shorten(name, 28)),
        formats.number(line.rows),
        formats.number(line.current),
        formats.number(line.candidate),
        interval(line.difference),
        _finding(line, higher_is_better=found.higher_is_better),
    )


def _finding(line: SliceLine, *, higher_is_better: bool) -> Markup:
    if line.harmed:
        shares = evidence.shares_the_loss(line)
        return badge("worse, in line with the overall drop", "warn") if shares else badge("harmed", "bad")
    if line.note:
        return soft(shorten(line.note, 80))
    _, low, high = evidence.gap_of(line.difference)
    if low is None or high is None:
        return soft("inconclusive")
    sign = 1 if higher_is_better else -1
    if min(sign * low, sign * high) > 0:
        return badge("better", "good")
    if max(sign * low, sign * high) > 0:
        return soft("no harm shown")
    return soft("worse, within the margin" if evidence.is_sure(line.p_adjusted) else "worse, not significant")


def show_metrics(found: Comparison, *, key: str) -> None:
    """All metrics on the same rows, and calibration."""
    lines = [*found.metrics, *_calibration_error(found)]
    if not lines:
        return
    rows = [
        (
            words(line.name) + ("" if line.higher_is_better else " (lower is better)"),
            formats.number(line.current),
            formats.number(line.candidate),
            interval(line.difference),
        )
        for line in lines
    ]
    show(table(("Metric", "Live", "Candidate", "Difference"), rows, caption="Metrics", classes="cs-stack"))
    names = ("name", "higher_is_better", "current", "candidate", "p_value")
    plain = [[*(getattr(line, name) for name in names), *evidence.gap_of(line.difference)] for line in lines]
    tables.download(
        "Download metrics on the same rows", (*names, "difference", "low", "high"), plain, key=f"metrics-{key}"
    )


def _calibration_error(found: Comparison) -> list[MetricLine]:
    """The expected calibration error as one more metric; it has no interval."""
    if found.calibration is None:
        return []
    now, new = found.calibration.current_ece, found.calibration.candidate_ece
    return [MetricLine("expected_calibration_error", False, new, now, Gap(new - now, None, None), None)]


def has_curves(found: Comparison) -> bool:
    """Whether points of any curve were sealed."""
    return bool(found.curves or found.calibration)


def show_curves(found: Comparison, candidate: VersionKey, current: VersionKey | None) -> None:
    """The curves as they were sealed."""
    first = [] if current is None else [curves_of(current, found, "current")]
    curve_tabs.show_all([*first, curves_of(candidate, found, "candidate")])
