"""Tables of predictions: a candidate that is truly better or worse, and rows, labels or columns that go missing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.truth.case import Answer, Case, Truth
from benchmarks.truth.gate import ask
from services.errors import InvalidInputError
from services.evidence.comparison import Options, compare
from services.evidence.rows.inputs import Columns as Meaning
from services.evidence.rows.inputs import Predictions, predictions_from_table
from services.evidence.rows.tables import mlflow_table, table_from_mapping
from services.promotions.checks import Compared

Columns = dict[str, Any]
RESAMPLES = 200
ROWS = 1200


def compared(candidate: Columns, current: Columns, *, metric: str | None = None, target: str = "") -> Compared:
    """The comparison of two tables, or why there is none, as the gate gets it."""
    try:
        sides = [_predictions(values, target) for values in (candidate, current)]
        options = Options(metric=metric, resamples=RESAMPLES, with_curves=False)
        return Compared(compare(sides[0], sides[1], options=options))
    except InvalidInputError as error:
        return Compared(None, problem=error.sentence())


def _predictions(values: Columns, target: str) -> Predictions:
    arrays = {
        name: np.asarray(column, dtype=object if None in list(column) else None) for name, column in values.items()
    }
    return predictions_from_table(mlflow_table(table_from_mapping(arrays, name="made"), target=target), Meaning())


def cut(columns: Columns, places: NDArray[Any] | Sequence[int]) -> Columns:
    """Only the rows at these places."""
    return {name: np.asarray(values)[np.asarray(places)].tolist() for name, values in columns.items()}


def _case(name: str, truth: Truth, candidate: Columns, current: Columns, **more: Any) -> Case:
    def answer() -> Answer:
        return ask("comparison", {}, compared(candidate, current, **more))

    return Case("predictions", name, truth, answer)


def _chance_of(logit: NDArray[Any]) -> NDArray[Any]:
    made: NDArray[Any] = 1 / (1 + np.exp(-logit))
    return made


def _sides(rng: np.random.Generator) -> tuple[Columns, Columns]:
    """Scores that see most of what decides, and scores that see little: about 0.87 and 0.66 AUC."""
    logit = 2.5 * rng.normal(size=ROWS) - 0.5
    label = (rng.random(ROWS) < _chance_of(logit)).astype(int).tolist()
    ids = [f"row-{number}" for number in range(ROWS)]
    clear, dim = (_chance_of(part) for part in (logit, 0.3 * logit + rng.normal(size=ROWS)))
    return (
        {"row_id": ids, "label": label, "score": clear.tolist()},
        {"row_id": ids, "label": label, "score": dim.tolist()},
    )


def _evaluated(side: Columns) -> Columns:
    """As `mlflow.models.evaluate(targets="defaulted")` keeps it: no ids, decisions, a target of its own name."""
    decided = [int(score > 0.5) for score in side["score"]]
    return {"age": list(range(len(decided))), "defaulted": side["label"], "outputs": decided}


def make(chance: random.Random) -> Sequence[Case]:
    """Better and worse; then rows, labels or a column removed, or replaced by others."""
    rng = np.random.default_rng(chance.getrandbits(32))
    better, worse = _sides(rng)
    kept = np.sort(rng.choice(ROWS, round(ROWS * chance.uniform(0.5, 0.9)), replace=False))
    nearly = np.sort(rng.choice(ROWS, ROWS - 5, replace=False))
    unlabelled = {**better, "label": [None if at % 3 == 0 else v for at, v in enumerate(better["label"])]}
    strangers = {**better, "row_id": [f"other-{number}" for number in range(ROWS)]}
    doubled = {name: [*values, *values[:400]] for name, values in better.items()}
    doubled["score"] = [*better["score"], *(1 - score for score in better["score"][:400])]
    one_class = [{**side, "label": [0] * ROWS} for side in (better, worse)]
    lost = chance.choice(["row_id", "score"])
    few = [*range(0, ROWS, ROWS // 12)]
    mapped = [_evaluated(side) for side in (better, worse)]
    return (
        _case("better", Truth.GOOD, better, worse),
        _case("worse", Truth.BAD, worse, better),
        _case("scores the other way round", Truth.BAD, {**better, "score": [1 - s for s in better["score"]]}, worse),
        _case("rows in another order", Truth.GOOD, cut(better, rng.permutation(ROWS)), worse),
        _case("5 rows lost", Truth.GOOD, cut(better, nearly), worse),
        _case(f"{ROWS - len(kept)} rows lost", Truth.OPEN, cut(better, kept), worse),
        _case(f"{ROWS - len(kept)} rows of the live one lost", Truth.OPEN, better, cut(worse, kept)),
        _case("worse, rows lost", Truth.BAD, cut(worse, kept), better),
        _case("a third of the labels lost", Truth.OPEN, unlabelled, {**worse, "label": unlabelled["label"]}),
        _case(f"column {lost} lost", Truth.OPEN, {n: v for n, v in better.items() if n != lost}, worse),
        _case("labels in one table only", Truth.GOOD, {n: v for n, v in better.items() if n != "label"}, worse),
        _case("a dozen rows in both", Truth.OPEN, cut(better, few), cut(worse, few)),
        _case("no row in common", Truth.OPEN, strangers, worse),
        _case("rows twice with other scores", Truth.OPEN, doubled, worse),
        _case("one class only", Truth.OPEN, one_class[0], one_class[1]),
        _case("labels of other rows", Truth.DOUBTFUL, {**better, "label": better["label"][::-1]}, worse),
        _case("MLflow's evaluation table", Truth.GOOD, mapped[0], mapped[1], target="defaulted"),
        _case("MLflow's evaluation table, target not said", Truth.OPEN, mapped[0], mapped[1]),
    )
