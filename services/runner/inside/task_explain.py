"""Task `explain`: how much each input moved one answer away from the mean answer over a background of rows.

Inputs: `columns`, `row` (the one to explain), `background` (rows), `seed`. The contributions are Shapley values of the
game in which the inputs that take part have the row's values and the others those of a background row (interventional:
Lundberg and Lee 2017, Janzing et al. 2020). By `shap.TreeExplainer` where the model is a tree ensemble and each of its
features is one input; else every coalition for few inputs; else antithetic permutations with their standard error. A
tree ensemble with a link (boosting) is explained in its sum, and each background row's shares are scaled to the
difference in probability: that is what shap does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from math import factorial
from typing import Any

import numpy as np
import pandas as pd

from services.runner.inside import outputs
from services.runner.inside.task_predict import frame_of, seen
from services.runner.inside.tasks import Context

EXACT_INPUTS = 8
MOST_ORDERS, FEWEST_ORDERS = 32, 6
"""Random orders, each walked in both directions. With few, an input may by chance never meet a partner half-way."""
ROWS_ASKED = 400_000
CELLS_AT_ONCE = 5_000_000
"""40 MB of numbers: a wide row must not fill the memory that the model may use."""
TOLERANCE = 1e-4
Score = Callable[[pd.DataFrame], Any]


@dataclass(frozen=True)
class Found:
    """Contributions ``[d]`` with their standard errors (zero where they are exact) and the mean over the background."""

    method: str
    base: float
    moved: Any
    errors: Any


def run(model: Any, context: Context) -> dict[str, Any]:
    """Explain one row."""
    given = context.inputs
    frame = frame_of(
        {"columns": given["columns"], "rows": [given["row"], *given["background"]], "protocol": given.get("protocol")},
        model,
    )
    row, background = frame.iloc[[0]], frame.iloc[1:]
    score, target, predicted = _scorer(model, row)
    prediction = float(score(row)[0])
    context.progress(0, 1, "explaining")
    found, why_not = _by_tree(model, row, background, target=target, prediction=prediction)
    if found is None:
        exact = frame.shape[1] <= EXACT_INPUTS
        found = _exact(score, row, background) if exact else _permuted(score, row, background, seed=given["seed"])
    order = np.argsort(-np.abs(found.moved), kind="stable")
    names = list(frame.columns)
    return {
        "method": found.method,
        "why_not_tree": why_not,
        "target": "the answer" if target is None else f"the probability of {target[1]}",
        "predicted": predicted,
        "base": found.base,
        "prediction": prediction,
        "unexplained": prediction - found.base - float(np.sum(found.moved)),
        "background_rows": len(background),
        "seen": seen({"columns": given["columns"], "rows": [given["row"]]}, row),
        "inputs": [
            {"name": str(names[i]), "value": outputs.plain(row.iloc[0, i]), "moved": float(found.moved[i]),
             "error": float(found.errors[i])}
            for i in order
        ],
    }  # fmt: skip


def _scorer(model: Any, row: pd.DataFrame) -> tuple[Score, tuple[int, Any] | None, Any]:
    """What is explained: the probability of the class that the row was given, or the model's number."""
    found = outputs.probabilities(model, row)
    if found is None:
        answer = np.asarray(outputs.predict(model, row), dtype=np.float64).ravel()
        if answer.size != 1:
            raise ValueError("The model returns several numbers per row, so there is no single number to explain.")
        return lambda frame: np.asarray(outputs.predict(model, frame), dtype=np.float64).ravel(), None, float(answer[0])
    scores, classes = found
    place = len(classes) - 1 if len(classes) == 2 else int(np.argmax(scores[0]))
    predicted = classes[int(np.argmax(scores[0]))]

    def score(frame: pd.DataFrame) -> Any:
        again = outputs.probabilities(model, frame)
        if again is None:
            raise ValueError("The model returned probabilities once and then none.")
        return again[0][:, place]

    return score, (place, classes[place]), predicted


def _by_tree(
    model: Any, row: pd.DataFrame, background: pd.DataFrame, *, target: tuple[int, Any] | None, prediction: float
) -> tuple[Found | None, str]:
    """TreeExplainer's answer if it applies and adds up, else the reason."""
    try:
        native = outputs.native_model(model)
        inside, features, order = _unwrapped(model, native, row, background)
        import shap  # type: ignore[import-untyped]  # it has no types

        output = "raw" if target is None else "probability"
        explainer = shap.TreeExplainer(
            inside, data=features[1:], feature_perturbation="interventional", model_output=output
        )
        values = np.asarray(explainer.shap_values(features[:1], check_additivity=False), dtype=np.float64)
        base = np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64))
    except Exception as error:  # noqa: BLE001 - shap raises many kinds of errors for unsupported models
        return None, f"{type(error).__name__}: {str(error)[:200]}"
    place = 0 if target is None else target[0]
    one = values[0, :, place] if values.ndim == 3 else values[0]
    start = float(base[place] if base.size > 1 else base[0])
    if abs(start + float(one.sum()) - prediction) > TOLERANCE:
        return None, "its contributions do not add up to the prediction"
    moved = np.zeros(row.shape[1])
    moved[order] = one
    return Found("tree", start, moved, np.zeros(row.shape[1])), ""


def _unwrapped(model: Any, native: Any, row: pd.DataFrame, background: pd.DataFrame) -> tuple[Any, Any, Sequence[int]]:
    """The tree ensemble, its features for row and background, and which input each feature is. Raises ValueError."""
    frame = outputs.enforced(model, pd.concat([row, background], ignore_index=True))
    if not hasattr(native, "steps"):
        return native, np.asarray(frame, dtype=np.float64), range(frame.shape[1])
    before, inside = native[:-1], native.steps[-1][1]
    names = [str(name).rpartition("__")[2] for name in before.get_feature_names_out()]
    columns = list(frame.columns)
    if len(set(names)) != len(names) or not set(names) <= set(columns):
        raise ValueError("the pipeline makes several features of one input")
    features = before.transform(frame)
    dense = features.toarray() if hasattr(features, "toarray") else features
    return inside, np.asarray(dense, dtype=np.float64), [columns.index(name) for name in names]


def _exact(score: Score, row: pd.DataFrame, background: pd.DataFrame) -> Found:
    """All 2^d coalitions."""
    size = row.shape[1]
    coalitions = np.array(list(product([False, True], repeat=size)))
    means = _means(score, row, background, coalitions)
    known = {tuple(coalition): mean for coalition, mean in zip(coalitions.tolist(), means, strict=True)}
    values = np.zeros(size)
    for coalition, mean in known.items():
        members = sum(coalition)
        for place in range(size):
            if not coalition[place]:
                joined = (*coalition[:place], True, *coalition[place + 1 :])
                weight = factorial(members) * factorial(size - members - 1) / factorial(size)
                values[place] += weight * (known[joined] - mean)
    return Found("exact", float(known[(False,) * size]), values, np.zeros(size))


def _permuted(score: Score, row: pd.DataFrame, background: pd.DataFrame, *, seed: int) -> Found:
    """Random orders and their reverses; each distinct coalition is evaluated once, many per call of the model."""
    size, chance = row.shape[1], np.random.default_rng(seed)
    count = max(FEWEST_ORDERS, min(MOST_ORDERS, ROWS_ASKED // (2 * (size + 1) * len(background))))
    orders = [chance.permutation(size) for _ in range(count)]
    walks = [[*_walk(order), *_walk(order[::-1])] for order in orders]
    distinct = sorted({coalition for walk in walks for coalition in walk})
    means = dict(zip(distinct, _means(score, row, background, np.array(distinct)), strict=True))
    each = np.zeros((count, size))
    for number, order in enumerate(orders):
        for direction in (order, order[::-1]):
            steps = _walk(direction)
            for place, (early, late) in zip(direction, pairwise(steps), strict=True):
                each[number, place] += (means[late] - means[early]) / 2
    errors = each.std(axis=0, ddof=1) / np.sqrt(count)
    return Found("permutation", float(means[(False,) * size]), each.mean(axis=0), errors)


def _walk(order: Any) -> list[tuple[bool, ...]]:
    """Coalitions from empty to complete, joined in this order."""
    inside = [False] * len(order)
    steps = [tuple(inside)]
    for place in order:
        inside[place] = True
        steps.append(tuple(inside))
    return steps


def _means(score: Score, row: pd.DataFrame, background: pd.DataFrame, coalitions: Any) -> list[float]:
    """Mean answer of each coalition ``[c, d]`` over the background."""
    step = max(1, CELLS_AT_ONCE // (len(background) * row.shape[1]))
    pieces = [coalitions[first : first + step] for first in range(0, len(coalitions), step)]
    return [mean for piece in pieces for mean in _means_at_once(score, row, background, piece)]


def _means_at_once(score: Score, row: pd.DataFrame, background: pd.DataFrame, coalitions: Any) -> list[float]:
    count, rows = len(coalitions), len(background)
    asked = pd.concat([background] * count, ignore_index=True)
    for place, name in enumerate(row.columns):
        takes_part = np.repeat(coalitions[:, place], rows)
        asked[name] = asked[name].mask(takes_part, row.iloc[0, place])
    return [float(part.mean()) for part in np.split(np.asarray(score(asked), dtype=np.float64), count)]
