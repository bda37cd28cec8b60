"""Slices, fairness, metrics and calibration of a comparison, and the curves that were sealed with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.widgets import evidence, formats, plots, tables
from dashboard.widgets.evidence import Document, figure, interval, listed
from dashboard.widgets.markup import badge, show, soft, table
from dashboard.widgets.text import as_html, sentence, shorten, words
from services.domain.registry import VersionKey
from services.portal import Curve, ScoreShares, VersionCurves

SURE = 0.05
FIRST = 6
"""Slices shown at once; the rest is one press away."""
_AXES = {"roc": ("false_positive_rate", "true_positive_rate"), "precision_recall": ("recall", "precision")}


def show_all(document: Document, *, against: str, key: str) -> None:
    """The whole comparison, the verdict first."""
    evidence.show_verdict(document, against=against)
    evidence.show_findings(document)
    show_slices(document, key=key)
    show_fairness(document)
    show_metrics(document)


def show_slices(document: Document, *, key: str) -> None:
    """Slices sorted by harm; the average never hides them."""
    slices = evidence.slices_by_harm(document)
    if not slices:
        return
    st.markdown("**Slices, worst first**")
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
    rows = [[*(s.get(name) for name in names), *_gap(s.get("difference"))] for s in slices]
    tables.download("Download slices", (*names, "difference", "low", "high"), rows, key=f"slices-{key}")


def _slice(entry: Document, document: Document) -> tuple[str, ...]:
    return (
        as_html(evidence.slice_name(entry)),
        as_html(formats.number(figure(entry.get("rows")))),
        as_html(formats.number(figure(entry.get("current")))),
        as_html(formats.number(figure(entry.get("candidate")))),
        as_html(interval(entry.get("difference"))),
        _finding(entry, document),
    )


def _finding(entry: Document, document: Document) -> str:
    if entry.get("harmed"):
        shares = entry.get("loses") and not _is_sure(entry.get("p_beyond"))
        return badge("loses as all rows do", "warn") if shares else badge("harmed", "bad")
    if entry.get("note"):
        return soft(shorten(entry["note"], 80))
    _, low, high = _gap(entry.get("difference"))
    if low is None or high is None:
        return soft("cannot tell")
    sign = 1 if evidence.is_better_higher(document) else -1
    if min(sign * low, sign * high) > 0:
        return badge("better", "good")
    if max(sign * low, sign * high) > 0:
        return soft("no harm shown")
    return soft("worse, within the margin" if _is_sure(entry.get("p_adjusted")) else "worse, but could be chance")


def _is_sure(p_value: Any) -> bool:
    found = figure(p_value)
    return found is not None and found < SURE


def _gap(difference: Any) -> tuple[float | None, float | None, float | None]:
    if not isinstance(difference, Mapping):
        return None, None, None
    return figure(difference.get("value")), figure(difference.get("low")), figure(difference.get("high"))


def show_fairness(document: Document) -> None:
    """How far the groups are apart, now and with the candidate."""
    rows = [(entry, gap) for entry in listed(document, "fairness") for gap in listed(entry, "gaps")]
    if not rows:
        return
    rows.sort(key=lambda row: -(_widening(row[1]) or 0.0))
    st.markdown("**Fairness: distance between the groups**")
    cells = [
        (
            as_html(shorten(entry.get("column", ""), 40)),
            as_html(sentence(words(str(gap.get("rate", ""))))),
            as_html(formats.percent(figure(gap.get("current_difference")))),
            as_html(formats.percent(figure(gap.get("candidate_difference")))),
            _wider(_widening(gap), is_found=_is_found(document, entry, gap)),
        )
        for entry, gap in rows
    ]
    head = ("Column", "Rate", "Now", "Candidate", "Change")
    show(table(head, cells[:FIRST], caption="Fairness", classes="cs-stack"))
    if len(cells) > FIRST:
        with st.expander(f"{len(cells) - FIRST} more rates"):
            show(table(head, cells[FIRST:], caption="More rates", classes="cs-stack"))


def _widening(gap: Document) -> float | None:
    """By how much the groups move apart."""
    now, candidate = figure(gap.get("current_difference")), figure(gap.get("candidate_difference"))
    return None if now is None or candidate is None else candidate - now


def _is_found(document: Document, entry: Document, gap: Document) -> bool:
    """True when the engine found this gap to grow beyond chance."""
    found = [f for f in listed(document, "findings") if f.get("kind") == "fairness_gap"]
    return any(
        f.get("subject") == entry.get("column") and str(gap.get("rate")) in str(f.get("sentence")) for f in found
    )


def _wider(widening: float | None, *, is_found: bool) -> str:
    if widening is None:
        return soft(formats.UNKNOWN)
    if abs(widening) < 0.0005:
        return soft("the same")
    text = f"{formats.change(widening * 100, 1)} points, {'wider' if widening > 0 else 'narrower'}"
    if is_found:
        return f"<strong>{as_html(text)}</strong>"
    return as_html(text) + (" " + soft("could be chance") if widening > 0.02 else "")


def show_metrics(document: Document) -> None:
    """All metrics on the same rows, and calibration."""
    rows = [
        (
            as_html(str(m.get("name")) + ("" if m.get("higher_is_better") else " (less is better)")),
            as_html(formats.number(figure(m.get("current")))),
            as_html(formats.number(figure(m.get("candidate")))),
            as_html(interval(m.get("difference"))),
        )
        for m in listed(document, "metrics")
    ]
    calibration = document.get("calibration")
    if isinstance(calibration, Mapping):
        now, new = figure(calibration.get("current_ece")), figure(calibration.get("candidate_ece"))
        change = formats.signed(new - now) if now is not None and new is not None else formats.UNKNOWN
        name = "expected calibration error (less is better)"
        rows.append((name, as_html(formats.number(now)), as_html(formats.number(new)), as_html(change)))
    if rows:
        with st.expander("All metrics on the same rows"):
            show(table(("Metric", "Now", "Candidate", "Difference"), rows, caption="Metrics", classes="cs-stack"))


def show_curves(document: Document, candidate: VersionKey, current: VersionKey | None) -> None:
    """The curves as they were sealed."""
    sides = [(key, side) for key, side in ((current, "current"), (candidate, "candidate")) if key is not None]
    curves = [_curves(document, key, side) for key, side in sides]
    if any(c.roc or c.precision_recall or c.calibration for c in curves):
        plots.show_all(curves)


def _curves(document: Document, key: VersionKey, side: str) -> VersionCurves:
    calibration = document.get("calibration")
    bins = listed(calibration, f"{side}_curve") if isinstance(calibration, Mapping) else []
    return VersionCurves(
        key,
        roc=_curve(document, "roc", side),
        precision_recall=_curve(document, "precision_recall", side),
        calibration=Curve(tuple(b["mean_score"] for b in bins), tuple(b["observed"] for b in bins)) if bins else None,
        scores=_scores(document, side),
    )


def _scores(document: Document, side: str) -> ScoreShares | None:
    curves = document.get("curves")
    found = curves.get("scores", {}).get(side) if isinstance(curves, Mapping) else None
    if not isinstance(found, Mapping):
        return None
    return ScoreShares(tuple(found["edges"]), tuple(found["positive"]), tuple(found["negative"]))


def _curve(document: Document, kind: str, side: str) -> Curve | None:
    curves = document.get("curves")
    points = curves.get(kind, {}).get(side) if isinstance(curves, Mapping) else None
    x, y = _AXES[kind]
    return Curve(tuple(points[x]), tuple(points[y])) if isinstance(points, Mapping) else None
