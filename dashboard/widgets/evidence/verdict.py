"""The comparison with the live version, as a reviewer reads it.

The verdict in words comes first, then who is harmed, then the average with its interval, then the findings.
"""

from __future__ import annotations

import math

import streamlit as st

from dashboard.text import html, sentence, shorten, words
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import Pair, badge, facts, show, table
from dashboard.widgets.version import grid as tables
from services.evidence.findings import Finding, Severity
from services.evidence.measures.estimates import Outcome
from services.evidence.record import Comparison, Gap, Recommendation, SliceLine

_VERDICTS = {
    Outcome.BETTER: ("good", "Better than {}"),
    Outcome.NOT_WORSE: ("good", "Not worse than {}"),
    Outcome.WORSE: ("bad", "Worse than {}"),
    Outcome.CANNOT_TELL: ("warn", "Inconclusive: neither better nor worse than {} can be shown"),
}
ADVICE = {Recommendation.PROMOTE: "good", Recommendation.HOLD: "warn", Recommendation.REJECT: "bad"}
_SEVERITY = {Severity.BLOCKING: "bad", Severity.WARNING: "warn", Severity.INFO: "mute"}
SURE = 0.05
_RANK = {Severity.BLOCKING: 0, Severity.WARNING: 1, Severity.INFO: 2}


def show_verdict(found: Comparison, *, against: str) -> None:
    """The verdict in words, then the numbers behind it, the worst slice before the average."""
    tone, title = headline(found, against=against)
    said = html("<strong>{}</strong>{}", title, found.reason)
    show(html('<div class="cs-verdict cs-{0} cs-dot-{0}">{1}</div>', tone, said))
    show(facts(_numbers(found)))


def headline(found: Comparison, *, against: str) -> tuple[str, str]:
    """Tone and title. Harm to a group outranks any average."""
    harmed = [finding.subject for finding in found.findings if _is_harm(finding)]
    if harmed:
        more = f" and {len(harmed) - 1} more" if len(harmed) > 1 else ""
        return "bad", f"Harm: worse for {shorten(harmed[0], 60)}{more} than {against}"
    tone, title = _VERDICTS[found.verdict]
    if found.verdict is Outcome.NOT_WORSE and _holds_zero(found.difference):
        title = "No significant difference from {}"
    return ADVICE[found.recommendation] if tone != "bad" else tone, title.format(against)


def _holds_zero(difference: Gap) -> bool:
    """True when the interval leaves open which of the two is better."""
    return difference.low is not None and difference.high is not None and difference.low <= 0 <= difference.high


def _is_harm(finding: Finding) -> bool:
    return finding.kind == "slice_harm" and finding.severity is Severity.BLOCKING


def has_blocking(found: Comparison) -> bool:
    """Whether there is a blocking finding."""
    return any(finding.severity is Severity.BLOCKING for finding in found.findings)


def harmed_slices(found: Comparison) -> int:
    """Number of slices whose loss is significant, exceeds the margin, and exceeds that of all rows."""
    return sum(_is_harm(finding) for finding in found.findings)


def _numbers(found: Comparison) -> list[Pair]:
    advice = badge(found.recommendation.value, ADVICE[found.recommendation])
    pairs: list[Pair] = [("Recommendation", advice)]
    worst = worst_slice(found)
    if worst:
        title = "Worst slice" if worst.harmed else "Worst slice, no harm shown"
        pairs.append((title, f"{slice_name(worst)}: {interval(worst.difference)}"))
    pairs.append((f"Overall {formats.metric_name(found.metric)}", interval(found.difference)))
    pairs.append(("Margin", margins(found.margin, found.slice_margin)))
    pairs.append(("Resampling", _wins(found)))
    pairs.append(("p-value", formats.p_value(found.p_value)))
    pairs.append(("Rows compared", formats.number(found.rows)))
    needed = found.power.detectable_difference
    if needed is not None:
        pairs.append(("Minimum detectable difference", formats.number(needed, 3)))
    return pairs


def margins(whole: float, part: float | None) -> str:
    """Which difference does not matter, for all rows and for a slice."""
    said = "none" if not whole else f"{whole:g}"
    return said if part is None else f"{said} for all rows, {part:.3g} for a slice"


def _wins(found: Comparison) -> str:
    required = formats.percent(found.published_rule.bar, 0)
    return f"Better in {formats.percent(found.win_rate)} of resamples ({required} required)"


def interval(difference: Gap) -> str:
    """The difference with its interval: value (95% CI low to high)."""
    value, low, high = bounds = gap_of(difference)
    show_number = formats.change if all(abs(x or 0) < 1 for x in bounds) else formats.signed
    if value is None or low is None or high is None:
        return show_number(value)
    return f"{show_number(value)} ({difference.level:.0%} CI {show_number(low)} to {show_number(high)})"


def slices_by_harm(found: Comparison) -> list[SliceLine]:
    """Slices, harmed ones first, then by the loss that is certain: the interval's good end."""
    sign = 1 if found.higher_is_better else -1
    return sorted(found.slices, key=lambda s: (not s.harmed, _good_end(s.difference, sign), sign * _value(s)))


def _good_end(difference: Gap, sign: int) -> float:
    end = difference.high if sign > 0 else difference.low
    return math.inf if end is None else sign * end


def worst_slice(found: Comparison) -> SliceLine | None:
    """The slice that loses most, if any loses."""
    sign = 1 if found.higher_is_better else -1
    first = next(iter(slices_by_harm(found)), None)
    return first if first is not None and sign * _value(first) < 0 else None


def _value(line: SliceLine) -> float:
    return math.inf if line.difference.value is None else line.difference.value


def gap_of(difference: Gap) -> tuple[float | None, float | None, float | None]:
    """Value, low and high."""
    return difference.value, difference.low, difference.high


def is_harmed(line: SliceLine) -> bool:
    """Whether a slice loses more than chance, margin and all rows together explain."""
    return line.harmed and not shares_the_loss(line)


def shares_the_loss(line: SliceLine) -> bool:
    """Whether a slice loses as all rows do: the verdict speaks of that loss."""
    return line.harmed and line.loses and not is_sure(line.p_beyond)


def is_sure(p_value: float | None) -> bool:
    """Whether a corrected p-value is significant."""
    return p_value is not None and p_value < SURE


def slice_name(line: SliceLine) -> str:
    """``sex=Female``."""
    return shorten(f"{line.column}={line.value}", 60)


def show_findings(comparison: Comparison, *, key: str) -> None:
    """The engine's findings, worst first."""
    found = sorted(comparison.findings, key=lambda finding: _RANK[finding.severity])
    if not found:
        return
    st.markdown("**Findings**")
    rows = [
        (
            badge(f.severity.value, _SEVERITY[f.severity]),
            sentence(words(f.kind)),
            html('<span class="cs-keep">{}</span>', shorten(f.subject, 36)),
            f.sentence,
        )
        for f in found
    ]
    show(table(("Severity", "Kind", "About", "In words"), rows, caption="Findings", classes="cs-stack"))
    plain = [(f.severity.value, f.kind, f.subject, f.sentence) for f in found]
    tables.download("Download findings", ("severity", "kind", "subject", "sentence"), plain, key=f"findings-{key}")
