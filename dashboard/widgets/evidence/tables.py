"""Slices, metrics and calibration of a comparison, and the curves that were sealed with it."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from dashboard.text import as_html, shorten, words
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import badge, show, soft, table
from dashboard.widgets.evidence import curves as curve_tabs
from dashboard.widgets.evidence import slices as slice_plot
from dashboard.widgets.evidence import verdict as evidence
from dashboard.widgets.evidence.verdict import Document, figure, interval, listed
from dashboard.widgets.version import grid as tables
from services.comparisons.answers import Curve, ErrorShares, ScoreShares, VersionCurves
from services.domain.registry import VersionKey

FIRST = 6
"""Slices shown at once; the rest is one press away."""
_AXES = {"roc": ("false_positive_rate", "true_positive_rate"), "precision_recall": ("recall", "precision")}


def show_slices(document: Document, *, against: str, key: str) -> None:
    """Slices sorted by harm, drawn and as a table; the average never hides them."""
    slices = evidence.slices_by_harm(document)
    if not slices:
        st.caption("The rows have no columns to slice by. Log them beside the scores to see who gains and who loses.")
        return
    slice_plot.show_differences(document, against=against, key=key)
    head = ("Slice", "Rows", "Now", "Candidate", "Difference", "Finding")
    show(table(head, [_slice(s, document) for s in slices[:FIRST]], caption="Slices, worst first", classes="cs-stack"))
    if len(slices) > FIRST:
        with st.expander(f"{len(slices) - FIRST} more slices"):
            show(table(head, [_slice(s, document) for s in slices[FIRST:]], caption="More slices", classes="cs-stack"))
    margin = figure(document.get("slice_margin"))
    if margin is not None:
        st.caption(
            f"Harmed: the loss is beyond chance, corrected for all {len(slices)} slices, "
            f"and larger than the slices' margin of {margin:.3g}."
        )
    names = ("column", "value", "rows", "current", "candidate", "p_adjusted", "harmed")
    rows = [[*(s.get(name) for name in names), *evidence.gap_of(s.get("difference"))] for s in slices]
    tables.download("Download slices", (*names, "difference", "low", "high"), rows, key=f"slices-{key}")


def _slice(entry: Document, document: Document) -> tuple[str, ...]:
    name = evidence.slice_name(entry)
    return (
        f'<span class="cs-keep" title="{as_html(name)}">{as_html(shorten(name, 28))}</span>',
        as_html(formats.number(figure(entry.get("rows")))),
        as_html(formats.number(figure(entry.get("current")))),
        as_html(formats.number(figure(entry.get("candidate")))),
        as_html(interval(entry.get("difference"))),
        _finding(entry, document),
    )


def _finding(entry: Document, document: Document) -> str:
    if entry.get("harmed"):
        shares = evidence.shares_the_loss(entry)
        return badge("loses as all rows do", "warn") if shares else badge("harmed", "bad")
    if entry.get("note"):
        return soft(shorten(entry["note"], 80))
    _, low, high = evidence.gap_of(entry.get("difference"))
    if low is None or high is None:
        return soft("cannot tell")
    sign = 1 if evidence.is_better_higher(document) else -1
    if min(sign * low, sign * high) > 0:
        return badge("better", "good")
    if max(sign * low, sign * high) > 0:
        return soft("no harm shown")
    return soft(
        "worse, within the margin" if evidence.is_sure(entry.get("p_adjusted")) else "worse, but could be chance"
    )


def show_metrics(document: Document, *, key: str) -> None:
    """All metrics on the same rows, and calibration."""
    lines = [*listed(document, "metrics"), *_calibration_error(document)]
    if not lines:
        return
    rows = [
        (
            as_html(words(str(line.get("name"))) + ("" if line.get("higher_is_better") else " (less is better)")),
            as_html(formats.number(figure(line.get("current")))),
            as_html(formats.number(figure(line.get("candidate")))),
            as_html(interval(line.get("difference"))),
        )
        for line in lines
    ]
    show(table(("Metric", "Now", "Candidate", "Difference"), rows, caption="Metrics", classes="cs-stack"))
    names = ("name", "higher_is_better", "current", "candidate", "p_value")
    plain = [[*(line.get(name) for name in names), *evidence.gap_of(line.get("difference"))] for line in lines]
    tables.download(
        "Download metrics on the same rows", (*names, "difference", "low", "high"), plain, key=f"metrics-{key}"
    )


def _calibration_error(document: Document) -> list[Document]:
    """The expected calibration error as one more metric; it has no interval."""
    calibration = document.get("calibration")
    if not isinstance(calibration, Mapping):
        return []
    now, new = figure(calibration.get("current_ece")), figure(calibration.get("candidate_ece"))
    change = {"value": new - now} if now is not None and new is not None else None
    return [
        {"name": "expected_calibration_error", "higher_is_better": False, "current": now, "candidate": new,
         "difference": change}
    ]  # fmt: skip


def has_curves(document: Document) -> bool:
    """Whether points of any curve were sealed."""
    return bool(document.get("curves") or document.get("calibration"))


def show_curves(document: Document, candidate: VersionKey, current: VersionKey | None) -> None:
    """The curves as they were sealed."""
    sides = [(key, side) for key, side in ((current, "current"), (candidate, "candidate")) if key is not None]
    curves = [_curves(document, key, side) for key, side in sides]
    curve_tabs.show_all(curves)


def _curves(document: Document, key: VersionKey, side: str) -> VersionCurves:
    calibration = document.get("calibration")
    bins = listed(calibration, f"{side}_curve") if isinstance(calibration, Mapping) else []
    return VersionCurves(
        key,
        roc=_curve(document, "roc", side),
        precision_recall=_curve(document, "precision_recall", side),
        calibration=Curve(tuple(b["mean_score"] for b in bins), tuple(b["observed"] for b in bins)) if bins else None,
        scores=_scores(document, side),
        errors=_errors(document, side),
    )


def _scores(document: Document, side: str) -> ScoreShares | None:
    found = _drawn(document, "scores", side)
    if found is None:
        return None
    return ScoreShares(tuple(found["edges"]), tuple(found["positive"]), tuple(found["negative"]))


def _errors(document: Document, side: str) -> ErrorShares | None:
    found = _drawn(document, "errors", side)
    return None if found is None else ErrorShares(tuple(found["edges"]), tuple(found["rows"]))


def _curve(document: Document, kind: str, side: str) -> Curve | None:
    points = _drawn(document, kind, side)
    x, y = _AXES[kind]
    return None if points is None else Curve(tuple(points[x]), tuple(points[y]))


def _drawn(document: Document, kind: str, side: str) -> Document | None:
    """What was kept of one curve of one side; None where it was not."""
    curves = document.get("curves")
    found = curves.get(kind, {}).get(side) if isinstance(curves, Mapping) else None
    return found if isinstance(found, Mapping) else None
