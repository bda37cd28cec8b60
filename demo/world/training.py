"""Eight versions of the income model, really trained, with different quality.

v6 is a retrain that changes nothing, v7 saw men only, v8 does without the capital columns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss, f1_score, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # the package has no types

from demo.people import ANA, BEN, DemoPerson
from demo.world.adult import NUMBERS, WORDS, Adult, Split

SEED = 7
CAPITAL = ("capital-gain", "capital-loss")


@dataclass(frozen=True)
class Recipe:
    """How a version is made."""

    version: int
    title: str
    algorithm: str
    author: DemoPerson
    build: Callable[[], Pipeline]
    rows: Callable[[Split], Split]
    note: str


@dataclass(frozen=True)
class Trained:
    """A trained version with its scores on the evaluation rows."""

    recipe: Recipe
    model: Pipeline
    train: Split
    scores: np.ndarray
    metrics: dict[str, float]
    params: dict[str, str]


@dataclass(frozen=True)
class Fitted:
    """The result of training: the part of a trained version that a trainer process sends back."""

    model: Pipeline
    scores: np.ndarray
    metrics: dict[str, float]
    params: dict[str, str]

    def of(self, recipe: Recipe, rows: Split) -> Trained:
        """The version, with the rows that it was trained on."""
        return Trained(recipe, self.model, rows, self.scores, self.metrics, self.params)


def _encoded(numbers: tuple[str, ...], words: tuple[str, ...], *, scale: bool, ordinal: bool) -> ColumnTransformer:
    coder: Any = (
        OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1)
        if ordinal
        else OneHotEncoder(handle_unknown="ignore")
    )
    return ColumnTransformer(
        [("numbers", StandardScaler() if scale else "passthrough", list(numbers)), ("words", coder, list(words))]
    )


def _few_columns() -> Pipeline:
    columns = ColumnTransformer([("numbers", StandardScaler(), ["age", "education-num", "hours-per-week"])])
    return Pipeline([("columns", columns), ("model", LogisticRegression(max_iter=500))])


def _tree() -> Pipeline:
    tree = DecisionTreeClassifier(max_depth=6, min_samples_leaf=40, random_state=SEED)
    return Pipeline([("columns", _encoded(NUMBERS, WORDS, scale=False, ordinal=True)), ("model", tree)])


def _logistic() -> Pipeline:
    return Pipeline(
        [("columns", _encoded(NUMBERS, WORDS, scale=True, ordinal=False)), ("model", LogisticRegression(max_iter=400))]
    )


def _forest() -> Pipeline:
    forest = RandomForestClassifier(n_estimators=60, min_samples_leaf=4, random_state=SEED, n_jobs=1)
    return Pipeline([("columns", _encoded(NUMBERS, WORDS, scale=False, ordinal=True)), ("model", forest)])


def _boosting() -> Pipeline:
    return _boosting_on(NUMBERS)


def _boosting_on(numbers: tuple[str, ...]) -> Pipeline:
    boosting = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.1, random_state=SEED)
    return Pipeline([("columns", _encoded(numbers, WORDS, scale=False, ordinal=True)), ("model", boosting)])


def _boosting_without_capital() -> Pipeline:
    return _boosting_on(tuple(name for name in NUMBERS if name not in CAPITAL))


def _all_rows(split: Split) -> Split:
    return split


def _four_fifths(split: Split) -> Split:
    kept = np.sort(np.random.default_rng(SEED).permutation(len(split.label))[: int(0.8 * len(split.label))])
    return Split(split.features.iloc[kept], split.label.iloc[kept])


def _men_only(split: Split) -> Split:
    men = (split.features["sex"] == "Male").to_numpy()
    return Split(split.features[men], split.label[men])


RECIPES = (
    Recipe(1, "logistic regression on three columns", "LogisticRegression", ANA, _few_columns, _all_rows,
           "First baseline: age, education and hours only."),
    Recipe(2, "decision tree", "DecisionTreeClassifier", ANA, _tree, _all_rows, "All columns, one readable tree."),
    Recipe(3, "one-hot logistic regression", "LogisticRegression", ANA, _logistic, _all_rows,
           "All columns, one-hot encoded."),
    Recipe(4, "random forest", "RandomForestClassifier", ANA, _forest, _all_rows, "Sixty trees."),
    Recipe(5, "gradient boosting", "HistGradientBoostingClassifier", ANA, _boosting, _all_rows,
           "Histogram gradient boosting on all columns."),
    Recipe(6, "gradient boosting, monthly retrain", "HistGradientBoostingClassifier", BEN, _boosting, _four_fifths,
           "The same recipe on four fifths of the rows."),
    Recipe(7, "gradient boosting, filtered rows", "HistGradientBoostingClassifier", ANA, _boosting, _men_only,
           "Trained after a filter on the column sex; only men were left."),
    Recipe(8, "gradient boosting without capital", "HistGradientBoostingClassifier", ANA, _boosting_without_capital,
           _all_rows, "Without capital gain and loss, which arrive late."),
)  # fmt: skip


def train(recipe: Recipe, data: Adult) -> Trained:
    """Train one version and score the evaluation rows."""
    rows = recipe.rows(data.train)
    return fit(recipe, rows, data.evaluation).of(recipe, rows)


def fit(recipe: Recipe, rows: Split, evaluation: Split) -> Fitted:
    """Train on these rows and score the evaluation rows, on one thread: the same sums on every machine."""
    with threadpool_limits(1):
        model = recipe.build().fit(rows.features, rows.label)
        scores = model.predict_proba(evaluation.features)[:, 1]
    shown = model.named_steps["model"].get_params()
    params = {name: str(value) for name, value in sorted(shown.items()) if value is not None}
    params = {"algorithm": recipe.algorithm, "train_rows": str(len(rows.label)), **params}
    return Fitted(model, scores, measure(scores, evaluation), params)


def measure(scores: np.ndarray, evaluation: Split) -> dict[str, float]:
    """The metrics that a good team logs, on all rows and for women and men."""
    label, sex = evaluation.label.to_numpy(), evaluation.features["sex"].to_numpy()
    decided = (scores >= 0.5).astype(int)
    found = {
        "auc": roc_auc_score(label, scores),
        "log_loss": log_loss(label, np.clip(scores, 1e-7, 1 - 1e-7)),
        "brier": brier_score_loss(label, scores),
        "accuracy": accuracy_score(label, decided),
        "f1": f1_score(label, decided),
        "ece": calibration_error(label, scores),
        "auc_women": roc_auc_score(label[sex == "Female"], scores[sex == "Female"]),
        "auc_men": roc_auc_score(label[sex == "Male"], scores[sex == "Male"]),
    }
    return {name: float(value) for name, value in found.items()}


def calibration_error(label: np.ndarray, scores: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over bins of equal count."""
    parts = np.array_split(np.argsort(scores, kind="stable"), bins)
    return float(sum(len(p) * abs(label[p].mean() - scores[p].mean()) for p in parts) / len(label))


def held_out_table(trained: Trained, data: Adult) -> pd.DataFrame:
    """The held-out predictions by the portal's convention: row_id, label, score, and columns to slice by."""
    features = data.evaluation.features
    ages = pd.cut(features["age"], [0, 25, 35, 45, 55, 200], labels=["under 26", "26-35", "36-45", "46-55", "over 55"])
    native = np.where(features["native-country"] == "United-States", "yes", "no")
    return pd.DataFrame(
        {
            "row_id": features.index.to_numpy(),
            "label": data.evaluation.label.to_numpy(),
            "score": trained.scores,
            "prediction": (trained.scores >= 0.5).astype(int),
            "sex": features["sex"].to_numpy(),
            "race": features["race"].to_numpy(),
            "age_band": ages.astype(str).to_numpy(),
            "education": features["education"].to_numpy(),
            "native_us": native,
        }
    )
