"""The comparison with what is live, as a reviewer reads it: the verdict in words, the difference with its interval,
what was found, slices sorted by harm. Works on the sealed JSON and on the engine's own objects alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from dashboard.widgets import formats
from dashboard.widgets.markup import badge, facts, show, soft, table
from dashboard.widgets.text import as_html, sentence, shorten, words

_VERDICTS = {
    "better": ("good", "The candidate is better"),
    "not_worse": ("good", "The candidate is not worse"),
    "worse": ("bad", "The candidate is worse"),
    "cannot_tell": ("warn", "Cannot tell: no difference is shown"),
}
_ADVICE = {"promote": ("good", "promote"), "hold": ("warn", "hold"), "reject": ("bad", "reject")}
_SEVERITY = {"blocking": "bad", "warning": "warn", "info": "mute"}
_RANK = {"blocking": 0, "warning": 1, "info": 2}


def as_document(comparison: Any) -> Mapping[str, Any]:
    """The comparison as JSON values, whatever form it comes in."""
    if comparison is None or isinstance(comparison, Mapping):
        return comparison or {}
    to_json = getattr(comparison, "to_json", None)
    document = to_json() if to_json else {}
    return document if isinstance(document, Mapping) else {}


def show_comparison(comparison: Any, *, against: str = "what is live") -> None:
    """Everything, the verdict first."""
    document = as_document(comparison)
    show_verdict(document, against=against)
    show_findings(document)
    show_slices(document)
    show_fairness(document)


def show_verdict(document: Mapping[str, Any], *, against: str = "what is live") -> None:
    """The verdict in words, then the numbers behind it."""
    verdict, advice = str(document.get("verdict", "")), str(document.get("recommendation", ""))
    tone, title = _VERDICTS.get(verdict, ("mute", "Not known"))
    advised = _ADVICE.get(advice)
    tone = advised[0] if advised else tone
    reason = as_html(document.get("reason") or "")
    show(
        f'<div class="cs-verdict cs-{tone} cs-dot-{tone}"><strong>{as_html(title)} than {as_html(against)}</strong>{reason}</div>'
        if verdict in {"better", "worse"}
        else f'<div class="cs-verdict cs-{tone} cs-dot-{tone}"><strong>{as_html(title)}</strong>{reason}</div>'
    )
    numbers = _numbers(document)
    if numbers:
        show(facts(numbers))


def _numbers(document: Mapping[str, Any]) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    advice = _ADVICE.get(str(document.get("recommendation", "")))
    if advice:
        pairs.append(("Recommendation of the engine", badge(advice[1], advice[0])))
    slices = sorted(_slices(document), key=_harm)
    if slices and _harm(slices[0]) < 0:
        worst = f"{shorten(slice_name(slices[0]), 60)}: {interval(slices[0].get('difference'))}"
        pairs.append(("Worst slice", as_html(worst)))
    metric = document.get("metric")
    if document.get("difference"):
        name = f"All rows together, difference in {metric}" if metric else "All rows together, difference"
        pairs.append((name, as_html(interval(document["difference"]))))
    if _number(document.get("win_rate")) is not None:
        pairs.append(("Wins on resamples", as_html(formats.percent(_number(document["win_rate"])))))
    if _number(document.get("p_value")) is not None:
        pairs.append(("p-value", as_html(formats.number(_number(document["p_value"]), 3))))
    rows = _number(document.get("rows"))
    if rows is not None:
        pairs.append(("Rows compared", as_html(formats.number(rows))))
    return pairs


def interval(difference: Any) -> str:
    """``−0.031 (95 % interval −0.036 to −0.025)``."""  # noqa: RUF002 - a true minus sign
    if not isinstance(difference, Mapping):
        return formats.UNKNOWN
    value = _number(difference.get("value", difference.get("estimate")))
    low, high = _number(difference.get("low")), _number(difference.get("high"))
    text = formats.signed(value)
    if low is None or high is None:
        return text
    level = _number(difference.get("level")) or 0.95
    return f"{text} ({level * 100:.0f} % interval {formats.signed(low)} to {formats.signed(high)})"


def show_findings(document: Mapping[str, Any]) -> None:
    """What the engine noticed, worst first."""
    found = [f for f in document.get("findings") or () if isinstance(f, Mapping)]
    if not found:
        return
    st.markdown("**What was noticed**")
    found.sort(key=lambda f: _RANK.get(str(f.get("severity")), 3))
    rows = [
        (
            badge(str(f.get("severity", "info")), _SEVERITY.get(str(f.get("severity")), "mute")),
            as_html(sentence(words(str(f.get("kind", ""))))),
            as_html(f.get("subject", "")),
            as_html(f.get("sentence", "")),
        )
        for f in found
    ]
    show(table(("Severity", "Kind", "About", "In words"), rows, caption="Findings", classes="cs-stack"))


def show_slices(document: Mapping[str, Any]) -> None:
    """Slices, the worst harmed first; the average never hides them."""
    slices = _slices(document)
    if not slices:
        return
    st.markdown("**Slices, worst first**")
    slices.sort(key=_harm)
    rows = [
        (
            as_html(shorten(slice_name(s), 60)),
            as_html(formats.number(_number(s.get("rows", s.get("support"))))),
            as_html(formats.number(_number(s.get("current")))),
            as_html(formats.number(_number(s.get("candidate")))),
            as_html(interval(s.get("difference"))),
            _verdict_badge(str(s.get("verdict", ""))),
        )
        for s in slices
    ]
    head = ("Slice", "Rows", "Now", "Candidate", "Difference", "Verdict")
    show(table(head, rows, caption="Slices, worst first", classes="cs-stack"))


def _slices(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [s for s in document.get("slices") or () if isinstance(s, Mapping)]


def slice_name(entry: Mapping[str, Any]) -> str:
    """``sex=Female``, from either way of writing it."""
    if entry.get("column") is not None:
        return f"{entry['column']}={entry.get('value')}"
    return str(entry.get("slice", entry.get("name", entry.get("subject", formats.UNKNOWN))))


def _harm(entry: Mapping[str, Any]) -> float:
    difference = entry.get("difference")
    value = _number(difference.get("value")) if isinstance(difference, Mapping) else _number(difference)
    return value if value is not None else math.inf


def _verdict_badge(verdict: str) -> str:
    tone = _VERDICTS.get(verdict, ("mute", ""))[0]
    return badge(words(verdict), tone) if verdict else soft(formats.UNKNOWN)


def show_fairness(document: Mapping[str, Any]) -> None:
    """Differences between groups, where they were asked for."""
    entries = (
        [f for f in document.get("fairness") or () if isinstance(f, Mapping)]
        if isinstance(document.get("fairness"), Sequence)
        else []
    )
    if not entries:
        return
    st.markdown("**Fairness**")
    rows = [
        (
            as_html(f.get("column", "")),
            as_html(sentence(words(str(f.get("measure", f.get("metric", "")))))),
            as_html(formats.number(_number(f.get("current")))),
            as_html(formats.number(_number(f.get("candidate")))),
        )
        for f in entries
    ]
    show(table(("Column", "Measure", "Now", "Candidate"), rows, caption="Fairness", classes="cs-stack"))


def _number(value: Any) -> float | None:
    return (
        float(value)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        else None
    )
