"""The comparison with what is live, as a reviewer reads it.

The verdict in words comes first, then who is harmed, then the average with its interval, and what was noticed.
Sealed JSON and the engine's own record are read alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import streamlit as st

from dashboard.text import as_html, sentence, shorten, words
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import Pair, badge, facts, show, table
from dashboard.widgets.version import grid as tables

Document = Mapping[str, Any]

_VERDICTS = {
    "better": ("good", "Better than {}"),
    "not_worse": ("good", "Not worse than {}"),
    "worse": ("bad", "Worse than {}"),
    "cannot_tell": ("warn", "Cannot tell whether it is better than {}"),
}
ADVICE = {"promote": "good", "hold": "warn", "reject": "bad"}
_SEVERITY = {"blocking": "bad", "warning": "warn", "info": "mute"}
SURE = 0.05
_RANK = {"blocking": 0, "warning": 1, "info": 2}


def as_document(comparison: Any) -> Document:
    """The comparison as JSON values, whatever form it comes in; empty when there is none."""
    if comparison is None or isinstance(comparison, Mapping):
        return comparison or {}
    to_json = getattr(comparison, "to_json", None)
    document = to_json() if to_json else {}
    return document if isinstance(document, Mapping) else {}


def listed(document: Document, name: str) -> list[Document]:
    """A list of records in a document; anything else there is left out."""
    value = document.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def figure(value: Any) -> float | None:
    """A finite number, or None."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def is_better_higher(document: Document) -> bool:
    """Whether more of the metric is better."""
    return document.get("higher_is_better") is not False


def show_verdict(document: Document, *, against: str) -> None:
    """The verdict in words, then the numbers behind it, the worst slice before the average."""
    tone, title = headline(document, against=against)
    reason = as_html(document.get("reason") or "")
    show(f'<div class="cs-verdict cs-{tone} cs-dot-{tone}"><strong>{as_html(title)}</strong>{reason}</div>')
    show(facts(_numbers(document)))


def headline(document: Document, *, against: str) -> tuple[str, str]:
    """Tone and title. Harm to some outranks any average."""
    harmed = [str(f.get("subject")) for f in listed(document, "findings") if _is_harm(f)]
    if harmed:
        more = f" and {len(harmed) - 1} more" if len(harmed) > 1 else ""
        return "bad", f"Harm: worse for {shorten(harmed[0], 60)}{more} than {against}"
    verdict = str(document.get("verdict", ""))
    tone, title = _VERDICTS.get(verdict, ("mute", "No verdict against {}"))
    if verdict == "not_worse" and _holds_zero(document.get("difference")):
        title = "No difference to {} is shown"
    advice = str(document.get("recommendation", ""))
    return ADVICE.get(advice, tone) if tone != "bad" else tone, title.format(against)


def _holds_zero(difference: Any) -> bool:
    """True when the interval leaves open which of the two is better."""
    _, low, high = gap_of(difference)
    return low is not None and high is not None and low <= 0 <= high


def _is_harm(finding: Document) -> bool:
    return finding.get("kind") == "slice_harm" and finding.get("severity") == "blocking"


def has_blocking(document: Document) -> bool:
    """Whether something was noticed that blocks."""
    return any(finding.get("severity") == "blocking" for finding in listed(document, "findings"))


def harmed_slices(document: Document) -> int:
    """How many slices lose beyond chance and margin, and more than all rows do."""
    return sum(_is_harm(finding) for finding in listed(document, "findings"))


def _numbers(document: Document) -> list[Pair]:
    advice, metric = str(document.get("recommendation", "")), str(document.get("metric") or "metric")
    pairs = [("Recommendation of the engine", badge(advice or formats.UNKNOWN, ADVICE.get(advice, "mute")))]
    worst = worst_slice(document)
    if worst:
        title = "Worst slice" if worst.get("harmed") else "Worst slice, no harm shown"
        pairs.append((title, as_html(f"{slice_name(worst)}: {interval(worst.get('difference'))}")))
    pairs.append((f"All rows together, {metric}", as_html(interval(document.get("difference")))))
    pairs.append(("Margin", as_html(margins(document))))
    pairs.append(("Wins on resamples", as_html(_wins(document))))
    p_value = figure(document.get("p_value"))
    pairs.append(
        ("p-value", as_html("below 0.0001" if p_value is not None and p_value < 1e-4 else formats.number(p_value, 3)))
    )
    pairs.append(("Rows compared", as_html(formats.number(figure(document.get("rows"))))))
    power = document.get("power")
    needed = figure(power.get("detectable_difference")) if isinstance(power, Mapping) else None
    if needed is not None:
        pairs.append(("Smallest difference that these rows can show", as_html(formats.number(needed, 3))))
    return pairs


def margins(document: Document) -> str:
    """Which difference does not matter, for all rows and for a slice."""
    whole, part = figure(document.get("margin")), figure(document.get("slice_margin"))
    said = "none" if not whole else f"{whole:g}"
    return said if part is None else f"{said} for all rows, {part:.3g} for a slice"


def _wins(document: Document) -> str:
    rate, rule = figure(document.get("win_rate")), document.get("published_rule")
    text = formats.percent(rate)
    if isinstance(rule, Mapping) and figure(rule.get("bar")) is not None:
        said = "passes" if rule.get("passes") else "does not pass"
        text += f"; the published rule (bar {formats.percent(figure(rule['bar']), 0)}) {said}"
    return text


def interval(difference: Any) -> str:
    """The difference with its interval: value (95 % interval low to high)."""
    if not isinstance(difference, Mapping):
        return formats.UNKNOWN
    value, low, high = gap_of(difference)
    show_number = formats.change if all(abs(x or 0) < 1 for x in (value, low, high)) else formats.signed
    if value is None or low is None or high is None:
        return show_number(value)
    level = figure(difference.get("level")) or 0.95
    return f"{show_number(value)} ({level * 100:.0f} % interval {show_number(low)} to {show_number(high)})"


def slices_by_harm(document: Document) -> list[Document]:
    """Slices, harmed ones first, then by the loss that is certain: the interval's good end."""
    sign = 1 if is_better_higher(document) else -1
    return sorted(listed(document, "slices"), key=lambda s: (not s.get("harmed"), _good_end(s, sign), sign * _value(s)))


def _good_end(entry: Document, sign: int) -> float:
    difference = entry.get("difference")
    found = figure(difference.get("high" if sign > 0 else "low")) if isinstance(difference, Mapping) else None
    return math.inf if found is None else sign * found


def worst_slice(document: Document) -> Document | None:
    """The slice that loses most, if any loses."""
    sign = 1 if is_better_higher(document) else -1
    first = next(iter(slices_by_harm(document)), None)
    return first if first is not None and sign * _value(first) < 0 else None


def _value(entry: Document) -> float:
    value, _, _ = gap_of(entry.get("difference"))
    return value if value is not None else math.inf


def gap_of(difference: Any) -> tuple[float | None, float | None, float | None]:
    """Value, low and high of a difference; None where it has none."""
    if not isinstance(difference, Mapping):
        return None, None, None
    return figure(difference.get("value")), figure(difference.get("low")), figure(difference.get("high"))


def is_harmed(entry: Document) -> bool:
    """Whether a slice loses more than chance, margin and all rows together explain."""
    return bool(entry.get("harmed")) and not shares_the_loss(entry)


def shares_the_loss(entry: Document) -> bool:
    """Whether a slice loses as all rows do: the verdict speaks of that loss."""
    return bool(entry.get("harmed") and entry.get("loses")) and not is_sure(entry.get("p_beyond"))


def is_sure(p_value: Any) -> bool:
    """Whether a corrected p-value is beyond chance."""
    found = figure(p_value)
    return found is not None and found < SURE


def slice_name(entry: Document) -> str:
    """``sex=Female``."""
    return shorten(f"{entry.get('column')}={entry.get('value')}", 60)


def show_findings(document: Document, *, key: str) -> None:
    """What the engine noticed, worst first."""
    found = sorted(listed(document, "findings"), key=lambda f: _RANK.get(str(f.get("severity")), 3))
    if not found:
        return
    st.markdown("**What was noticed**")
    rows = [
        (
            badge(str(f.get("severity", "info")), _SEVERITY.get(str(f.get("severity")), "mute")),
            as_html(sentence(words(str(f.get("kind", ""))))),
            f'<span class="cs-keep">{as_html(shorten(f.get("subject", ""), 36))}</span>',
            as_html(f.get("sentence", "")),
        )
        for f in found
    ]
    show(table(("Severity", "Kind", "About", "In words"), rows, caption="Findings", classes="cs-stack"))
    names = ("severity", "kind", "subject", "sentence")
    tables.download("Download findings", names, [[f.get(name) for name in names] for f in found], key=f"findings-{key}")
