"""Reasons of models that are no trees, held against the definition of Shapley values."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from services.runner.inside import task_explain
from services.runner.inside.tasks import Context

COLUMNS = [f"x{number}" for number in range(10)]
WEIGHTS = np.linspace(-2.0, 2.5, 10)


class NoSchema:
    def get_input_schema(self) -> None:
        return None


class Formula:
    """A model that is a formula; it counts how often it is asked."""

    metadata = NoSchema()

    def __init__(self, *, mixed: bool) -> None:
        self.mixed = mixed
        self.calls = 0

    def predict(self, frame: pd.DataFrame) -> Any:
        self.calls += 1
        table = frame[COLUMNS].to_numpy(dtype=float)
        return table @ WEIGHTS + (table[:, 0] * table[:, 1] * table[:, 9] if self.mixed else 0.0)


def rows(count: int) -> list[list[float]]:
    return np.random.default_rng(5).normal(size=(count, 10)).round(3).tolist()  # type: ignore[no-any-return]  # floats


def explained(model: Formula, tmp_path: Path, *, seed: int = 1) -> dict[str, Any]:
    row, *background = rows(31)
    inputs = {"columns": COLUMNS, "row": row, "background": background, "seed": seed}
    return task_explain.run(model, Context(tmp_path, inputs, {}, tmp_path, tmp_path / "progress"))


def by_name(found: dict[str, Any], value: str) -> Any:
    named = {entry["name"]: entry[value] for entry in found["inputs"]}
    return np.array([named[name] for name in COLUMNS])


def test_permutation__more_than_eight_inputs_of_a_sum__is_exact(tmp_path: Path) -> None:
    found = explained(Formula(mixed=False), tmp_path)
    row, *background = rows(31)
    assert found["method"] == "permutation"
    assert by_name(found, "moved") == pytest.approx(WEIGHTS * (np.array(row) - np.mean(background, axis=0)))
    assert by_name(found, "error") == pytest.approx(np.zeros(10), abs=1e-12)
    assert found["unexplained"] == pytest.approx(0, abs=1e-12)


def test_permutation__inputs_that_belong_together__lie_within_their_errors_and_add_up(tmp_path: Path) -> None:
    model = Formula(mixed=True)
    found = explained(model, tmp_path)
    asked = model.calls
    frame = pd.DataFrame(rows(31), columns=COLUMNS)
    exact = task_explain._exact(model.predict, frame.iloc[[0]], frame.iloc[1:])
    moved, errors = by_name(found, "moved"), by_name(found, "error")
    assert found["base"] + moved.sum() == pytest.approx(found["prediction"])
    assert found["base"] == pytest.approx(exact.base)
    assert np.all(np.abs(moved - exact.moved) <= 4 * errors + 1e-9)
    assert errors[[0, 1, 9]].min() > 0
    assert errors[2:9] == pytest.approx(np.zeros(7), abs=1e-9)  # they take part in nothing but the sum
    assert asked == 3  # two to know the answer, one for all coalitions


def test_permutation__more_than_fits_at_once__is_asked_in_pieces_with_the_same_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = explained(Formula(mixed=True), tmp_path)
    monkeypatch.setattr(task_explain, "CELLS_AT_ONCE", 3000)
    model = Formula(mixed=True)
    assert explained(model, tmp_path) == whole
    assert model.calls > 30


def test_permutation__asked_again__gives_the_same_numbers(tmp_path: Path) -> None:
    first, again = (explained(Formula(mixed=True), tmp_path) for _ in range(2))
    other = explained(Formula(mixed=True), tmp_path, seed=2)
    assert first == again
    assert other["inputs"] != first["inputs"]
