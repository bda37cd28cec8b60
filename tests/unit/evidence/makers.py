"""Small predictions with known truth for the evidence tests."""

import numpy as np

from services.evidence.rows.inputs import Columns, Predictions, Task, predictions_from_table
from services.evidence.rows.tables import table_from_mapping


def sigmoid(values):
    return 1 / (1 + np.exp(-values))


def predictions(columns: Columns | None = None, *, task: Task = Task.BINARY, **values) -> Predictions:
    return predictions_from_table(table_from_mapping(values, name="given"), columns or Columns(), task=task)


class World:
    """Rows whose chance of a positive is known: `chance`; `scores(noise)` is a model of that quality."""

    def __init__(self, rows: int = 2000, seed: int = 0, base: float = -0.8) -> None:
        self.rng = np.random.default_rng(seed)
        self.rows = rows
        self.ids = np.arange(rows)
        self.logit = 1.5 * self.rng.normal(size=rows) + base
        self.chance = sigmoid(self.logit)
        self.labels = (self.rng.random(rows) < self.chance).astype(int)
        self.sex = self.rng.choice(["female", "male"], rows, p=[0.33, 0.67])

    def scores(self, noise: float) -> np.ndarray:
        return sigmoid(self.logit + noise * self.rng.normal(size=self.rows))

    def table(self, scores, **further) -> Predictions:
        return predictions(row_id=self.ids, label=self.labels, score=scores, **further)


def kinds(comparison) -> set[str]:
    return {finding.kind for finding in comparison.findings}
