"""Training samples of two versions: drawn from one source, or with a column changed, emptied or lost."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.truth.case import Case, Truth
from benchmarks.truth.gate import ask
from services.evidence.aspects.drift import drift_lines
from services.evidence.rows.tables import table_from_mapping
from services.promotions.checks import Compared

Columns = dict[str, Any]
BOUNDS = {"max_psi": 0.25, "warn_psi": 0.2}
ENOUGH = 2000


def _sample(rng: np.random.Generator, rows: int, shift: float) -> Columns:
    """One source; `shift` is a property of the source, not of the sample."""
    return {
        "age": rng.integers(18, 80, rows).astype(float),
        "income": rng.lognormal(10 + shift, 0.5, rows),
        "job": rng.choice(["clerk", "driver", "nurse"], rows, p=[0.5, 0.3, 0.2]),
        "flag": np.array(["0"] * rows),
        "note": np.array([f"note {number}" for number in rng.integers(0, 10**9, rows)]),
    }


def _empty(values: Any) -> Any:
    return np.full(len(values), None, dtype=object)


def _holed(values: Any) -> Any:
    return np.array([None if at % 20 else value for at, value in enumerate(values.tolist())], dtype=object)


def _infinite(values: Any) -> Any:
    return np.where(np.arange(len(values)) % 2 == 0, np.inf, values)


def _in_words(values: Any) -> Any:
    return np.array([f"{value:.0f} units" for value in values], dtype=object)


Change = Callable[[Any], Any]
OF_NUMBERS: Mapping[str, Change] = {
    "another unit": lambda v: v * 12, "half infinite": _infinite, "texts": _in_words, "constant": lambda v: v * 0 + 1,
    "shifted": lambda v: v + 4 * v.std(), "nearly empty": _holed, "emptied": _empty, "all NaN": lambda v: v * np.nan,
}  # fmt: skip
OF_KINDS: Mapping[str, Change] = {
    "a kind more": lambda v: np.where(np.arange(len(v)) % 3 == 0, "pilot", v), "nearly empty": _holed,
    "emptied": _empty, "one kind only": lambda v: np.array(["clerk"] * len(v)),
}  # fmt: skip


def _case(name: str, truth: Truth, tables: tuple[Columns, Columns], columns: Sequence[str] = ()) -> Case:
    def answer() -> Any:
        before, now = (table_from_mapping(values, name="sample") for values in tables)
        settings = BOUNDS | ({"columns": list(columns)} if columns else {})
        return ask("drift", settings, Compared(None, drift=drift_lines(before, now)))

    return Case("drift", name, truth, answer)


def make(chance: random.Random) -> Sequence[Case]:
    """Two samples of one source; then one column of the newer changed, and either sample cut to a few rows."""
    rng, rows, shift = np.random.default_rng(chance.getrandbits(32)), ENOUGH, chance.uniform(-2, 2)
    before, now = _sample(rng, rows, shift), _sample(rng, rows, shift)
    number, change = chance.choice(["age", "income"]), chance.choice(list(OF_NUMBERS))
    kind = chance.choice(list(OF_KINDS))
    missing = chance.choice(["age", "income", "job", "flag"])
    more = {**now, "region": rng.choice(["n", "s"], rows)}
    count = chance.randint(8, 30)
    few = {name: values[:count] for name, values in now.items()}
    enough = chance.randint(200, 600)
    some = {name: values[:enough] for name, values in now.items()}
    return (
        _case("one source", Truth.GOOD, (before, now)),
        _case(f"{number}: {change}", Truth.BAD, (before, {**now, number: OF_NUMBERS[change](now[number])})),
        _case(f"job: {kind}", Truth.BAD, (before, {**now, "job": OF_KINDS[kind](now["job"])})),
        _case("flag: another constant", Truth.BAD, (before, {**now, "flag": np.array(["1"] * rows)})),
        _case(f"{missing} missing", Truth.BAD, (before, {n: v for n, v in now.items() if n != missing})),
        _case(f"{missing} missing, others named", Truth.GOOD, (before, {n: v for n, v in now.items() if n != missing}),
              [n for n in ("age", "income", "job", "flag") if n != missing]),
        _case("a column more", Truth.OPEN, (before, more)),
        _case("a column more, others named", Truth.GOOD, (before, more), ["age", "income", "job"]),
        _case("a named column that neither has", Truth.OPEN, (before, now), ["age", "height"]),
        _case(f"{count} rows", Truth.OPEN, (before, few)),
        _case("some hundred rows", Truth.GOOD, (before, some)),
        _case("order of columns and rows", Truth.GOOD, (before, {n: now[n][::-1] for n in reversed(now)})),
    )  # fmt: skip
