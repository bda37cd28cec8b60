"""How often is the engine wrong? Simulated scenarios with known truth, compared repeatedly.

    python -m benchmarks.error_rates [--sets 300]

Prints one line per scenario: how often the verdict was `better` or `worse`, how often harm was reported, how often the
published rule passed, and how often the 95 % interval covered the truth. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from services.evidence.arrays import FloatArray
from services.evidence.comparison import Comparison, Options, compare
from services.evidence.rows.inputs import Columns, Predictions, Task, predictions_from_table
from services.evidence.rows.tables import table_from_mapping

QUICK = Options(resamples=100, with_curves=False)
HARMS = ("slice_harm", "calibration_harm")
World = Callable[[np.random.Generator], tuple[Comparison, float]]


@dataclass(frozen=True)
class Rates:
    """Shares of the comparisons, 0 to 1."""

    better: float
    worse: float
    promote: float
    slice_harm: float
    calibration_harm: float
    clustered: float
    published_rule: float
    coverage: float


def sigmoid(values: FloatArray) -> FloatArray:
    """Chance from log-odds."""
    chance: FloatArray = 1 / (1 + np.exp(-values))
    return chance


def binary(rows: int, *, noise: tuple[float, float] = (1.0, 1.0), base: float = -0.8, truth: float = 0.0) -> World:
    """Two models that see the log-odds with noise; three slice columns (16 segments) that mean nothing."""

    def make(rng: np.random.Generator) -> tuple[Comparison, float]:
        logit = 1.5 * rng.normal(size=rows) + base
        labels = (rng.random(rows) < sigmoid(logit)).astype(int)
        slices = {
            "sex": rng.choice(["f", "m"], rows, p=[1 / 3, 2 / 3]),
            "school": rng.choice(list("abcdefghij"), rows, p=np.arange(10, 0, -1) / 55),
            "age": rng.integers(18, 80, rows),
        }
        sides = [_table(label=labels, score=sigmoid(logit + one * rng.normal(size=rows)), **slices) for one in noise]
        return compare(*sides, options=QUICK), truth

    return make


def regression(rows: int) -> World:
    """Two models with errors of the same size."""

    def make(rng: np.random.Generator) -> tuple[Comparison, float]:
        signal = rng.normal(size=rows)
        labels, sex = signal + rng.normal(size=rows), rng.choice(["f", "m"], rows)
        sides = [
            _table(task=Task.REGRESSION, label=labels, score=signal + 0.5 * rng.normal(size=rows), sex=sex)
            for _ in range(2)
        ]
        return compare(*sides, task=Task.REGRESSION, options=QUICK), 0.0

    return make


def customers(count: int, per: int, *, named: bool) -> World:
    """`per` rows per customer who share label and error; the group is given, or only a column of the table."""

    def make(rng: np.random.Generator) -> tuple[Comparison, float]:
        who = np.repeat(np.arange(count), per)
        logit = (1.5 * rng.normal(size=count) - 0.5)[who]
        labels, order = (rng.random(count)[who] < sigmoid(logit)).astype(int), rng.permutation(len(who))
        columns = Columns(group="customer_id" if named else None)
        sides = []
        for _ in range(2):
            scores = sigmoid(logit + rng.normal(size=count)[who] + 0.2 * rng.normal(size=len(who)))
            sides.append(_table(columns, label=labels[order], score=scores[order], customer_id=who[order]))
        return compare(*sides, options=QUICK), 0.0

    return make


def _table(columns: Columns | None = None, *, task: Task = Task.BINARY, **values: object) -> Predictions:
    rows = len(np.asarray(values["label"]))
    table = table_from_mapping({"row_id": np.arange(rows), **values}, name="made")
    return predictions_from_table(table, columns or Columns(), task=task)


BETTER = 0.0316
"""AUC at noise 0.6 less AUC at noise 1.0, on two million rows."""
WORLDS: dict[str, World] = {
    "no difference, 1,000 rows": binary(1000),
    "no difference, 200 rows": binary(200),
    "no difference, 3 % positive": binary(2000, base=-4.2),
    "no difference, regression": regression(1000),
    "customers of 5 rows, grouped": customers(200, 5, named=True),
    "customers of 5 rows, no group": customers(200, 5, named=False),
    "truly better by 0.032 AUC": binary(2000, noise=(0.6, 1.0), truth=BETTER),
    "truly worse by 0.032 AUC": binary(2000, noise=(1.0, 0.6), truth=-BETTER),
}


def measure(world: World, sets: int) -> Rates:
    """Compare `sets` draws of the scenario, always the same ones."""
    said: Counter[str] = Counter()
    for seed in range(sets):
        found, truth = world(np.random.default_rng(1000 + seed))
        said[found.verdict.value] += 1
        said[found.recommendation.value] += 1
        said.update({finding.kind for finding in found.findings})
        said["published"] += found.published_rule.passes
        low, high = found.difference.low, found.difference.high
        said["held"] += low is not None and high is not None and low <= truth <= high
    names = ("better", "worse", "promote", *HARMS, "clustered_rows", "published", "held")
    return Rates(*(said[name] / sets for name in names))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--sets", type=int, default=300, help="data sets per scenario (default 300)")
    sets = parser.parse_args().sets
    head = ("better", "worse", "promote", "slice harm", "calibration", "clustered", "90 % rule", "covered")
    print(f"{sets} data sets per scenario, values in %")
    print(f"{'world':<32}" + "".join(f"{name:>12}" for name in head))
    answer = {}
    for name, world in WORLDS.items():
        rates = measure(world, sets)
        answer[name] = vars(rates)
        print(f"{name:<32}" + "".join(f"{100 * value:>12.1f}" for value in vars(rates).values()), flush=True)
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
