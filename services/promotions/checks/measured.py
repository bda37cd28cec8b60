"""Checks on what was measured: slices, fairness, calibration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from services.domain.checks import Check
from services.domain.examined import Examined, LeftOut
from services.domain.policy import CheckRule
from services.evidence.record import Comparison, FairnessTable, GroupRates, SliceLine
from services.promotions.checks.coverage import lost_groups, lost_rows, pooled, too_small
from services.promotions.checks.coverage import unsliced as _unsliced
from services.promotions.checks.facts import COMPARE, Compared, Line, listed, number, texts
from services.promotions.checks.moved import drift
from services.promotions.material import Material

__all__ = ["calibration", "drift", "fairness_bound", "fairness_gap", "slice_floor"]
HELD_OUT = "held-out predictions"
MIN_ROWS = 100
MIN_GROUP = 30
"""Of slices and of groups, where the policy gives no min_rows."""
SHOWN = 3


def slice_floor(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """Each segment with enough rows reaches a floor: `at_least`, optionally `columns` and `min_rows`."""
    floor, columns = number(rule.settings, "at_least"), texts(rule.settings, "columns")
    line = Line(rule, "Every slice", HELD_OUT, COMPARE, f"at least {floor:g}" if floor is not None else "")
    if floor is None:
        return line.unknown("The policy requires a floor in every slice but sets no at_least.")
    least = smallest(rule, MIN_ROWS)
    result = compared.result
    found = [s for s in (result.slices if result else ()) if not columns or s.column in columns]
    missing = sorted(set(columns) - {s.column for s in found})
    large = [s for s in found if s.rows >= least]
    if result is None or missing or not large:
        what = f"for {', '.join(missing)}" if missing else f"of at least {least:g} rows"
        return line.unknown(f"There are no slices {what} in the comparison. {compared.problem}".strip())
    judged = [(s.candidate, s) for s in large if s.candidate is not None]
    examined = _of_slices(found, result, columns=columns, least=least)
    if not judged:
        return line.unknown("No slice could be judged.", examined=examined)
    up = result.higher_is_better
    judged.sort(key=lambda pair: pair[0] if up else -pair[0])
    low = [pair for pair in judged if (pair[0] < floor if up else pair[0] > floor)]
    lowest, worst = judged[0]
    named = listed([f"{s.column} = {s.value} ({value:.3f})" for value, s in low], SHOWN)
    sentence = (
        f"Below the floor: {named}." if low else f"All {len(judged)} slices of at least {least:g} rows reach the floor."
    )
    value = f"{worst.metric} {lowest:.3f} for {worst.column} = {worst.value}"
    return line.judged(not low, sentence, value, examined=examined)


def smallest(rule: CheckRule, usual: int) -> float:
    """Rows from which the policy judges a group: as it says, also 0, else the usual number."""
    given = number(rule.settings, "min_rows")
    return usual if given is None else given


def _of_slices(found: list[SliceLine], result: Comparison, *, columns: tuple[str, ...], least: float) -> Examined:
    small = [f"{s.column} = {s.value}" for s in found if s.rows < least]
    blank = [s for s in found if s.rows >= least and s.candidate is None]
    unknown = [LeftOut(f"{s.column} = {s.value} ({s.rows:,} rows)", _why_blank(s)) for s in blank]
    names = list(columns) or list(dict.fromkeys(s.column for s in found))
    seen = len(found) - len(small) - len(blank)
    together = [
        item
        for column in names
        for item in pooled([(s.value, s.rows) for s in found if s.column == column], column=column, least=least)
    ]
    more = (*together, *lost_rows(result), *lost_groups(result, names, least), *(() if columns else _unsliced(result)))
    return Examined(seen, len(found), "slices", (*too_small(small, least), *unknown, *more))


def _why_blank(line: SliceLine) -> str:
    one_sided = {0: "it has no positive rows", line.rows: "all its rows are positive"}
    nothing = "there is no figure for it"
    why = nothing if line.positives is None else one_sided.get(line.positives, nothing)
    return f"{line.metric} cannot be computed: {why}"


def fairness_bound(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """Groups of `column` differ in `rate` by at most `max_difference`, keep `min_ratio`, widen by `max_widening`.

    Groups with fewer rows than `min_rows` (30) are left out by the policy; one whose rate is not known is not judged.
    """
    column, rate = str(rule.settings.get("column", "")), str(rule.settings.get("rate", "selection rate"))
    bounds = {name: number(rule.settings, name) for name in ("max_difference", "min_ratio", "max_widening")}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    threshold = ", ".join(f"{name.replace('_', ' ')} {bound:g}" for name, bound in given.items())
    line = Line(rule, f"Fairness by {column or 'unknown'}", HELD_OUT, COMPARE, threshold)
    if not column or not given:
        return line.unknown("The policy names no column, or none of max_difference, min_ratio, max_widening.")
    tables = compared.result.fairness if compared.result else ()
    entry = next((entry for entry in tables if entry.column == column), None)
    gap = None if entry is None else fairness_gap(entry, rate, least=smallest(rule, MIN_GROUP))
    if entry is None or gap is None or gap.now is None:
        why = _why_no_gap(gap) or compared.problem
        examined = gap.examined if gap else Examined()
        return line.unknown(f"The {rate} of the groups of {column} is not known. {why}".strip(), examined=examined)
    examined = gap.examined.but(*lost_rows(compared.result))
    examined = examined.but(*lost_groups(compared.result, [column], smallest(rule, MIN_GROUP)))
    if compared.is_first and "max_widening" in given:
        del given["max_widening"]
        examined = examined.but(LeftOut("max_widening", "nothing is live that the gap could be wider than", True))
        if not given:
            return line.unknown("Nothing is live, so no gap can widen; also set max_difference or min_ratio.")
    broken = [text for name, bound in given.items() if (text := _broken(name, bound, gap))]
    value = f"{rate} differs by {gap.now:.1%}"
    kept = f"The {rate} of the groups of {column} is within the bounds."
    sentence = f"{rate.capitalize()} between {column} groups: {'; '.join(broken)}." if broken else kept
    return line.judged(not broken, sentence, value, examined=examined)


@dataclass(frozen=True)
class Gap:
    """Largest minus smallest rate over the groups that were judged; None where fewer than two have one."""

    now: float | None
    before: float | None
    ratio: float | None
    examined: Examined


Rates = Callable[[GroupRates], float | None]
_FIELDS: dict[str, tuple[Rates, Rates, str]] = {
    "selection rate": (lambda g: g.candidate_selected, lambda g: g.current_selected, "no decisions"),
    "true positive rate": (
        lambda g: g.candidate_true_positive, lambda g: g.current_true_positive, "no positive rows",
    ),
    "false positive rate": (
        lambda g: g.candidate_false_positive, lambda g: g.current_false_positive, "no negative rows",
    ),
}  # fmt: skip
"""Of a rate: the candidate's, the current version's, and what a group lacks that has none."""


def fairness_gap(entry: FairnessTable, rate: str, *, least: float) -> Gap | None:
    """The gap of a rate between the groups of a table, and which groups it rests on."""
    if not entry.groups:
        return _sealed_gap(entry, rate)
    if rate not in _FIELDS:
        return None
    candidate, current, lacks = _FIELDS[rate]
    large = [group for group in entry.groups if group.rows >= least]
    small = [f"{entry.column} = {group.group}" for group in entry.groups if group.rows < least]
    blank = [group for group in large if candidate(group) is None]
    left_out = [LeftOut(f"{entry.column} = {group.group} ({group.rows:,} rows)", f"it has {lacks}") for group in blank]
    left_out += pooled([(group.group, group.rows) for group in entry.groups], column=entry.column, least=least)
    examined = Examined(len(large) - len(blank), len(entry.groups), "groups", (*too_small(small, least), *left_out))
    now = [value for group in large if (value := candidate(group)) is not None]
    before = [value for group in large if (value := current(group)) is not None]
    if len(now) < 2:
        return Gap(None, None, None, examined)
    ratio = min(now) / max(now) if max(now) > 0 else None
    return Gap(max(now) - min(now), max(before) - min(before) if len(before) == len(now) else None, ratio, examined)


def _sealed_gap(entry: FairnessTable, rate: str) -> Gap | None:
    """Of a record that kept no groups: as it was."""
    found = next((gap for gap in entry.gaps if gap.rate == rate), None)
    if found is None:
        return None
    return Gap(found.candidate_difference, found.current_difference, found.candidate_ratio, Examined())


def _why_no_gap(gap: Gap | None) -> str:
    return "Fewer than two groups could be judged." if gap is not None else ""


def _broken(name: str, bound: float, gap: Gap) -> str:
    """What is wrong in words; an unknown part is wrong as well."""
    now = gap.now or 0.0
    if name == "max_difference":
        return f"the gap is {now:.1%} (limit: {bound:.1%})" if now > bound else ""
    if name == "min_ratio":
        if gap.ratio is None:
            return "there is no ratio, because it is zero in every group"
        return f"the lowest is {gap.ratio:.2f} of the highest (minimum: {bound:g})" if gap.ratio < bound else ""
    if gap.before is None:
        return "it cannot be compared with the current version's"
    return f"the gap grows by {now - gap.before:.1%} (limit: {bound:.1%})" if now - gap.before > bound else ""


def calibration(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """The scores mean what they say: `max_ece`, and `max_rise` against the current version."""
    most, rise = number(rule.settings, "max_ece"), number(rule.settings, "max_rise")
    parts = [f"at most {most:g}" if most is not None else "", f"rise at most {rise:g}" if rise is not None else ""]
    line = Line(rule, "Calibration", HELD_OUT, COMPARE, ", ".join(part for part in parts if part))
    if most is None and rise is None:
        return line.unknown("The policy requires calibration but sets neither max_ece nor max_rise.")
    found = None if compared.result is None else compared.result.calibration
    if found is None:
        return line.unknown(f"Calibration could not be measured. {compared.problem}".strip())
    now, before = found.candidate_ece, found.current_ece
    examined = Examined(left_out=lost_rows(compared.result))
    if rise is not None and compared.is_first and most is None:
        return line.unknown("Nothing is live, so there is no rise to measure; also set max_ece.")
    if rise is not None and compared.is_first:
        examined = examined.but(LeftOut("max_rise", "nothing is live that it could rise from", by_policy=True))
    is_good = (most is None or now <= most) and (rise is None or compared.is_first or now - before <= rise)
    sentence = f"On average a score is off by {now * 100:.1f} percentage points from what really happened"
    sentence += "." if compared.is_first else f"; the current version's by {before * 100:.1f}."
    return line.judged(is_good, sentence, f"ECE {now:.3f}", examined=examined)
