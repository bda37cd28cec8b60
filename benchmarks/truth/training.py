"""Data sets of runs: only what was logged as training data is training data."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.truth.case import Answer, Case, Truth
from benchmarks.truth.gate import ask
from services.domain import datasets
from services.domain.registry import Dataset, Run

OTHERS = ("eval", "evaluation", "validation", "test", "", "inference", "pretraining", "not training")
COMMIT = {"mlflow.source.git.commit": "a" * 40}


def _lineage(name: str, truth: Truth, run: Run | None) -> Case:
    return Case("training data", name, truth, lambda: ask("lineage_complete", {}, run=run))


def _named(name: str, run: Run, truths: frozenset[str]) -> Case:
    """The data sets that the product tells as training data are those that were made so, by digest."""

    def told() -> Answer:
        digests = {dataset.digest for dataset in run.training_data}
        kept = set(datasets.named(run.datasets).values())
        is_whole = kept >= {dataset.best_digest for dataset in run.datasets}
        if digests == truths and is_whole:
            return Answer.GREEN
        return Answer.FALSE if digests - truths or not is_whole else Answer.UNKNOWN

    return Case("training data", name, Truth.GOOD, told)


def make(chance: random.Random) -> Sequence[Case]:
    """A run with one or several training sets beside others; then its context, digest, author or commit removed."""
    same_name = chance.random() < 0.5
    training = [
        Dataset("dataset" if same_name else f"census-{at}", f"t{at}", chance.choice(["training", "train", "Training"]))
        for at in range(chance.randint(1, 3))
    ]
    others = [Dataset("dataset", f"o{at}", chance.choice(OTHERS)) for at in range(chance.randint(0, 3))]
    both = [*training, *others]
    chance.shuffle(both)
    whole = Run("r", "1", user="ana", tags=COMMIT, datasets=tuple(both))
    changes: dict[str, Any] = {"author": {"user": ""}, "commit": {"tags": {}}, "data sets": {"datasets": ()}}
    relabelled = tuple(replace(d, context=chance.choice(OTHERS)) if d.is_training else d for d in both)
    unhashed = tuple(replace(d, digest="") if d is training[0] else d for d in both)
    wanted = frozenset(d.digest for d in training)
    return (
        _lineage("complete", Truth.GOOD, whole),
        _named("named by digest", whole, wanted),
        _named("named after other contexts", replace(whole, datasets=relabelled), frozenset()),
        _lineage("other contexts", Truth.BAD, replace(whole, datasets=relabelled)),
        _lineage("a digest removed", Truth.BAD, replace(whole, datasets=unhashed)),
        *(_lineage(f"{what} removed", Truth.BAD, replace(whole, **change)) for what, change in changes.items()),
        _lineage("run removed", Truth.BAD, None),
    )
