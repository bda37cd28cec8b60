"""Checks on what was measured: slices, fairness, calibration, drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from services.domain.checks import Check
from services.domain.policy import CheckRule
from services.promotions.checks.facts import COMPARE, RUN, Compared, Line, number, objects, texts
from services.promotions.material import Material

HELD_OUT = "held-out predictions"
MIN_ROWS = 100
SHOWN = 3


def slice_floor(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """Each segment with enough rows reaches a floor: `at_least`, optionally `columns` and `min_rows`."""
    floor, columns = number(rule.settings, "at_least"), texts(rule.settings, "columns")
    least = number(rule.settings, "min_rows") or MIN_ROWS
    line = Line(rule, "Every slice", HELD_OUT, COMPARE, f"at least {floor:g}" if floor is not None else "")
    if floor is None:
        return line.unknown("The policy asks for a floor in every slice and gives no at_least.")
    found = [s for s in objects(compared.result, "slices") if not columns or s["column"] in columns]
    missing = sorted(set(columns) - {str(s["column"]) for s in found})
    judged = [s for s in found if s["rows"] >= least and s["candidate"] is not None]
    if missing or not judged:
        what = f"for {', '.join(missing)}" if missing else f"of at least {least:g} rows"
        return line.unknown(f"There are no slices {what} in the comparison. {compared.problem}".strip())
    metric, up = str(judged[0]["metric"]), bool(compared.result and compared.result.get("higher_is_better"))
    judged.sort(key=lambda s: s["candidate"] if up else -s["candidate"])
    low = [s for s in judged if (s["candidate"] < floor if up else s["candidate"] > floor)]
    named = ", ".join(f"{s['column']} = {s['value']} ({s['candidate']:.3f})" for s in low[:SHOWN])
    more = f" and {len(low) - SHOWN} more" if len(low) > SHOWN else ""
    worst = judged[0]
    sentence = f"Below the floor: {named}{more}." if low else f"All {len(judged)} slices reach the floor."
    return line.judged(not low, sentence, f"{metric} {worst['candidate']:.3f} for {worst['column']} = {worst['value']}")


def fairness_bound(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """Groups of `column` differ in `rate` by at most `max_difference`, keep `min_ratio`, widen by `max_widening`."""
    column, rate = str(rule.settings.get("column", "")), str(rule.settings.get("rate", "selection rate"))
    bounds = {name: number(rule.settings, name) for name in ("max_difference", "min_ratio", "max_widening")}
    given = {name: bound for name, bound in bounds.items() if bound is not None}
    threshold = ", ".join(f"{name.replace('_', ' ')} {bound:g}" for name, bound in given.items())
    line = Line(rule, f"Fairness by {column or 'unknown'}", HELD_OUT, COMPARE, threshold)
    if not column or not given:
        return line.unknown("The policy names no column, or none of max_difference, min_ratio, max_widening.")
    gap = _gap(compared.result, column, rate)
    if gap is None or gap["candidate_difference"] is None:
        return line.unknown(f"The {rate} of the groups of {column} is not known. {compared.problem}".strip())
    broken = [text for name, bound in given.items() if (text := _broken(name, bound, gap))]
    value = f"{rate} differs by {gap['candidate_difference']:.1%}"
    kept = f"The {rate} of the groups of {column} is within the bounds."
    return line.judged(
        not broken, f"Between the groups of {column} the {rate} {'; '.join(broken)}." if broken else kept, value
    )


def _gap(result: Mapping[str, Any] | None, column: str, rate: str) -> Mapping[str, Any] | None:
    for entry in objects(result, "fairness"):
        if entry["column"] == column:
            return next((gap for gap in objects(entry, "gaps") if gap["rate"] == rate), None)
    return None


def _broken(name: str, bound: float, gap: Mapping[str, Any]) -> str:
    """What is wrong in words; an unknown part is wrong as well."""
    now, before = gap["candidate_difference"], gap["current_difference"]
    if name == "max_difference":
        return f"differs by {now:.1%}, more than {bound:.1%}" if now > bound else ""
    if name == "min_ratio":
        ratio = gap["candidate_ratio"]
        if ratio is None:
            return "has no ratio, because one group has none"
        return f"of the lowest group is {ratio:.2f} of the highest's, below {bound:g}" if ratio < bound else ""
    if before is None:
        return "cannot be compared with the current version's"
    return f"moves apart by {now - before:.1%}, more than {bound:.1%}" if now - before > bound else ""


def calibration(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """The scores mean what they say: `max_ece`, and `max_rise` against the current version."""
    most, rise = number(rule.settings, "max_ece"), number(rule.settings, "max_rise")
    parts = [f"at most {most:g}" if most is not None else "", f"rise at most {rise:g}" if rise is not None else ""]
    line = Line(rule, "Calibration", HELD_OUT, COMPARE, ", ".join(part for part in parts if part))
    if most is None and rise is None:
        return line.unknown("The policy asks for calibration and gives neither max_ece nor max_rise.")
    found = (compared.result or {}).get("calibration")
    if not isinstance(found, Mapping):
        return line.unknown(f"Calibration could not be measured. {compared.problem}".strip())
    now, before = float(found["candidate_ece"]), float(found["current_ece"])
    if rise is not None and compared.is_first and most is None:
        return line.unknown("Nothing is live, so there is no rise to measure: give max_ece as well.")
    is_good = (most is None or now <= most) and (rise is None or compared.is_first or now - before <= rise)
    sentence = f"On average a score is off by {now * 100:.1f} percentage points from what really happened"
    sentence += "." if compared.is_first else f"; the current version's by {before * 100:.1f}."
    return line.judged(is_good, sentence, f"ECE {now:.3f}")


def drift(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """Data have not moved far: `max_psi` (fails), `warn_psi`, `columns`, `against` training (default) or live.

    Training: the candidate's against the current version's. Live: the prediction log's inputs against the candidate's.
    """
    most = number(rule.settings, "max_psi")
    wanted = f"PSI at most {most:g}" if most else ""
    if rule.settings.get("against") == "live":
        line = Line(rule, "Drift of live inputs", "prediction log", COMPARE, wanted)
        lines = None if compared.live is None else objects(compared.live, "lines")
        return _drifted(
            line, lines, f"Drift of live inputs could not be measured. {compared.live_problem}", words=_LIVE
        )
    line = Line(rule, "Drift of the training data", "training samples", RUN, wanted)
    return _drifted(line, compared.drift, f"Drift could not be measured. {compared.drift_problem}", words=_TRAINING)


def _drifted(
    line: Line, measured: Sequence[Mapping[str, Any]] | None, problem: str, *, words: tuple[str, str, str]
) -> Check:
    most, some = number(line.rule.settings, "max_psi"), number(line.rule.settings, "warn_psi")
    if most is None:
        return line.unknown("The policy asks for drift and gives no max_psi (0.1 is some, 0.25 is much).")
    if measured is None:
        return line.unknown(problem.strip())
    columns = texts(line.rule.settings, "columns")
    lines = [entry for entry in measured if not columns or entry["column"] in columns]
    return _moved(line, lines, columns, (most, some), words=words)


_TRAINING = (
    "{} has moved somewhat from what the current version learnt.",
    "{} looks quite different from what the current version was trained on.",
    "The training data looks as before.",
)
_LIVE = (
    "Live, {} has moved somewhat from what the candidate was trained on.",
    "Live, {} looks quite different from what the candidate was trained on.",
    "Live inputs look as the candidate's training data.",
)


def _beyond_noise(entry: Mapping[str, Any]) -> float:
    """The PSI beyond what samples of this size have by chance."""
    return float(entry["psi"]) - float(entry.get("noise") or 0.0)


def _moved(
    line: Line,
    lines: list[Mapping[str, Any]],
    columns: tuple[str, ...],
    bounds: tuple[float, float | None],
    *,
    words: tuple[str, str, str],
) -> Check:
    """The column that moved most, against the bounds: fails above the first, warns above the second."""
    missing = sorted(set(columns) - {str(entry["column"]) for entry in lines})
    if missing or not lines:
        return line.unknown(f"The samples have no column {', '.join(missing) or 'in common'}.")
    most, some = bounds
    worst = max(lines, key=_beyond_noise)
    value, moved = f"PSI {worst['psi']:.2f} for {worst['column']}", _beyond_noise(worst)
    if moved <= most and some is not None and moved > some:
        return line.warned(words[0].format(worst["column"]), value)
    return line.judged(moved <= most, words[1].format(worst["column"]) if moved > most else words[2], value)
