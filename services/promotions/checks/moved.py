"""The check on drift: which columns moved, and which could not be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from services.domain.checks import Check
from services.domain.drift import EMPTY, FREE_TEXT, GONE, NEW, NO_VALUES, NOT_THERE
from services.domain.examined import Examined, LeftOut
from services.domain.policy import CheckRule
from services.evidence.record import DriftLine
from services.promotions.checks.facts import COMPARE, RUN, Compared, Line, number, objects, texts
from services.promotions.material import Material

Words = tuple[str, str, str]


def drift(rule: CheckRule, _: Material, compared: Compared) -> Check:
    """Data have not moved far: `max_psi` (fails), `warn_psi`, `columns`, `against` training (default) or live.

    Training: the candidate's against the current version's. Live: the prediction log's inputs against the candidate's.
    """
    most = number(rule.settings, "max_psi")
    wanted = f"PSI at most {most:g}" if most is not None else ""
    if rule.settings.get("against") == "live":
        line = Line(rule, "Drift of live inputs", "prediction log", COMPARE, wanted)
        lines = None if compared.live is None else _of_inputs(compared.live.lines, compared)
        problem = f"Drift of live inputs could not be measured. {compared.live_problem}"
        return _drifted(line, lines, problem, words=_LIVE, beside=compared.live.left_out if compared.live else ())
    line = Line(rule, "Drift of the training data", "training samples", RUN, wanted)
    return _drifted(line, compared.drift, f"Drift could not be measured. {compared.drift_problem}", words=_TRAINING)


def _of_inputs(lines: Sequence[DriftLine], compared: Compared) -> list[DriftLine]:
    """A column that the log lacks counts as missing where the signature names it, and not where it does not."""
    signature = compared.model.signature if compared.model else None
    inputs = {str(spec["name"]) for spec in objects(signature, "inputs") if "name" in spec}
    if not inputs:
        return list(lines)
    gone = [replace(entry, note=GONE) for entry in lines if entry.note == NOT_THERE and entry.column in inputs]
    kept = [entry for entry in lines if entry.note != NOT_THERE]
    return [*gone, *(entry for entry in kept if entry.note != NEW or entry.column in inputs)]


def _drifted(
    line: Line, measured: Sequence[DriftLine] | None, problem: str, *, words: Words, beside: tuple[LeftOut, ...] = ()
) -> Check:
    most, some = number(line.rule.settings, "max_psi"), number(line.rule.settings, "warn_psi")
    if most is None:
        return line.unknown("The policy requires a drift check but sets no max_psi (0.1 is small, 0.25 is large).")
    if measured is None:
        return line.unknown(problem.strip())
    columns = texts(line.rule.settings, "columns")
    lines = [entry for entry in measured if not columns or entry.column in columns]
    missing = sorted(set(columns) - {entry.column for entry in lines})
    if missing or not lines:
        return line.unknown(f"The samples have no column {', '.join(missing) or 'in common'}.")
    return _moved(line, lines, (most, some), words=words, beside=beside)


_TRAINING = (
    "The distribution of {} differs slightly from the current version's training data.",
    "The distribution of {} differs strongly from the current version's training data.",
    "The training data is similar to the current version's.",
)
_LIVE = (
    "The live distribution of {} differs slightly from the candidate's training data.",
    "The live distribution of {} differs strongly from the candidate's training data.",
    "Live inputs are similar to the candidate's training data.",
)


def _beyond_noise(entry: DriftLine) -> float:
    """The PSI beyond what samples of this size have by chance; without bound for a column that disappeared."""
    if entry.note in {GONE, EMPTY}:
        return float("inf")
    return float("-inf") if entry.psi is None else entry.psi - entry.noise


def _moved(
    line: Line, lines: list[DriftLine], bounds: tuple[float, float | None], *, words: Words, beside: tuple[LeftOut, ...]
) -> Check:
    """The column that moved most, against the bounds: fails above the first, warns above the second."""
    most, some = bounds
    left_out = [item for entry in lines if (item := left_out_of(entry, most)) is not None]
    judged = [entry for entry in lines if left_out_of(entry, most) is None]
    worst = max(judged or lines, key=_beyond_noise)
    moved, column = _beyond_noise(worst), worst.column
    value = f"PSI {worst.psi:.2f} for {column}" if worst.psi is not None else f"{column} {worst.note}"
    if judged and moved > most:
        why = f" ({worst.note})" if worst.note else ""
        return line.judged(False, words[1].format(column + why), value)
    examined = Examined(len(lines) - len(left_out), len(lines), "columns", (*left_out, *beside))
    if len(left_out) == len(lines):
        return line.unknown("No column could be judged.", examined=examined)
    if some is not None and moved > some:
        return line.warned(words[0].format(column), value, examined=examined)
    return line.judged(True, words[2], value, examined=examined)


_BY_POLICY = {FREE_TEXT, NO_VALUES}
"""Nothing can be measured there, and nothing can have moved unseen: free text in both, or no value in either."""


_CHANCE = {"numeric": (2.5, 9.0), "categorical": (6.0, 20.0)}
"""PSI of samples of one source, as a multiple of its mean, that fewer than one in a hundred exceeds (chi-squared).

Of ten cells, and of two. The second figure is for so few rows that cells are empty by chance, each of which counts as
one row in ten thousand; measured on samples of 10 to 200 rows.
"""
_FEW = 0.05
"""Mean PSI by chance from which cells are empty by chance."""


def _may_be_chance(entry: DriftLine, most: float) -> bool:
    """Beyond the bound, and no further than samples of so few rows get by chance."""
    psi, usual = entry.psi or 0.0, _CHANCE.get(entry.kind, _CHANCE["categorical"])
    return psi - entry.noise > most and psi <= usual[entry.noise >= _FEW] * entry.noise


def left_out_of(entry: DriftLine, most: float) -> LeftOut | None:
    """Why a column was not judged; None where it was."""
    note, column = entry.note, f"column {entry.column}"
    if note in {GONE, EMPTY}:
        return None
    if entry.psi is None:
        why = note + ("" if note in _BY_POLICY else "; name the columns to judge in the policy")
        return LeftOut(column, why, by_policy=note in _BY_POLICY)
    if entry.noise > 0 and (entry.noise >= most or _may_be_chance(entry, most)):
        return LeftOut(column, f"so few rows differ by a PSI of {entry.noise:.2f} by chance alone")
    return None
