"""Runs with one or several logged models, their metrics kept as MLflow 3.17.2 keeps them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchmarks.truth.case import Answer, Case, Truth
from benchmarks.truth.gate import VERSION, ask
from services.domain.model_metrics import MODEL_HISTORY_TAG, confirmed, metrics_of
from services.domain.registry import MetricEntry, ModelVersion, Run, RunModel

FLOOR = 0.8
SETTINGS = {"metric": "auc", "at_least": FLOOR}
TWO_PATHS = '[{"artifact_path": "one"}, {"artifact_path": "two"}]'
SETS = (("dataset", "aa"), ("dataset", "bb"))


@dataclass
class Tracking:
    """What MLflow keeps of a run: a second model gets what the run logged before, and the run shows the last value."""

    clock: int = 1000
    models: list[RunModel] = field(default_factory=list)
    history: list[MetricEntry] = field(default_factory=list)

    def log_model(self) -> str:
        """A model of step 0; the run's entries of that step are copied to it."""
        self.clock += 10
        copied = tuple(entry for entry in self.history if entry.step == 0)
        self.models.append(RunModel(f"m-{len(self.models) + 1}", self.clock, metrics=copied))
        return self.models[-1].model_id

    def log_metric(
        self, value: float, model_id: str, *, step: int = 0, dataset: tuple[str, str] = ("", "")
    ) -> Tracking:
        """A value of the model, as `log_metric(…, model_id=…)` writes it to run and model; NaN comes back as None."""
        self.clock += 10
        kept = None if math.isnan(value) else value
        entry = MetricEntry("auc", kept, "r", step, self.clock, *dataset)
        self.history.append(entry)
        self.models = [
            replace(model, metrics=(*model.metrics, entry)) if model.model_id == model_id else model
            for model in self.models
        ]
        return self

    def run(self, **more: Any) -> Run:
        """The run as it is read."""
        last = max(self.history, key=lambda e: (e.step, e.timestamp), default=None)
        values = {"auc": math.nan if last.value is None else last.value} if last else {}
        moments = {"auc": (last.step, last.timestamp)} if last else {}
        ids = tuple(model.model_id for model in self.models)
        read: dict[str, Any] = {"models": tuple(self.models), "model_ids": ids, **more}
        return Run("r", "1", metrics=values, metrics_at=moments, **read)


def _case(
    name: str, truth: Truth, run: Run, version: ModelVersion, history: Sequence[MetricEntry], **more: Any
) -> Case:
    def answer() -> Answer:
        metrics = confirmed(metrics_of(version, run), run, lambda _run, _name: history)
        return ask("metric_floor", SETTINGS | more, version=version, run=run, metrics=metrics)

    return Case("runs and metrics", name, truth, answer)


def _truth(value: float) -> Truth:
    return Truth.GOOD if value >= FLOOR else Truth.BAD


def _values(chance: random.Random) -> list[float]:
    """One of each model; the version's is on the other side of the floor than another's."""
    low, high = chance.uniform(0.5, 0.75), chance.uniform(0.85, 0.99)
    values = [low, high, chance.choice([low, high]) + 0.001][: chance.randint(2, 3)]
    chance.shuffle(values)
    return values


def _logged(values: Sequence[float | None], chance: random.Random, *, models_first: bool) -> Tracking:
    """Each model with its own value, in turns or all models first; None logs nothing for that model."""
    made = Tracking()
    ids = [made.log_model() for _ in values] if models_first else []
    for at, value in enumerate(values):
        model_id = ids[at] if models_first else made.log_model()
        for step in range(chance.randint(1, 3) if value is not None else 0):
            made.log_metric(FLOOR, model_id, step=step)
        if value is not None:
            made.log_metric(value, model_id, step=3)
            made.log_metric(value, model_id, step=3)
    return made


def _single(values: Sequence[float | None], *, models_first: bool) -> Tracking:
    """As `_logged`, with one value of step 0 for each model: the step that MLflow copies."""
    made = Tracking()
    ids = [made.log_model() for _ in values] if models_first else []
    for at, value in enumerate(values):
        model_id = ids[at] if models_first else made.log_model()
        if value is not None:
            made.log_metric(value, model_id)
    return made


def make(chance: random.Random) -> Sequence[Case]:
    """A run whose models differ; then the value, the models or what tells them apart removed."""
    values = _values(chance)
    at, first = chance.randrange(len(values)), chance.random() < 0.5
    version = replace(VERSION, source=f"models:/m-{at + 1}")
    truth = _truth(values[at])
    made = _single(values, models_first=first)
    run, told = made.run(), made.history
    nameless = replace(version, source="runs:/r/model")
    listed = tuple(replace(m, versions=("loans/5",)) if m.model_id == f"m-{at + 1}" else m for m in made.models)
    left = tuple(m for m in made.models if m.model_id != f"m-{at + 1}")
    steps = _logged(values, chance, models_first=first)
    without = _single([None if place == at else v for place, v in enumerate(values)], models_first=first)
    return (
        _case(f"{len(values)} models of one run", truth, run, version, told),
        _case("several steps", truth, steps.run(), version, steps.history),
        _case(
            "source names a version", truth, made.run(models=listed), replace(version, source="models:/loans/5"), told
        ),
        _case("its value removed", Truth.OPEN, without.run(), version, without.history),
        _case("its source removed", Truth.OPEN, run, nameless, told),
        _case("its model removed", Truth.OPEN, made.run(models=left), version, told),
        _case("models not read", Truth.OPEN, made.run(models=None), version, told),
        _case("models refused", Truth.OPEN, made.run(models=None, models_problem="403"), version, told),
        _case("no run", Truth.OPEN, Run("r", "1"), version, ()),
        *_of_one_model(chance),
    )


def _of_one_model(chance: random.Random) -> list[Case]:
    """A run with a single model: its value replaced, doubled, or measured on several data sets."""
    value, other = chance.choice([(0.9, 0.6), (0.6, 0.9), (0.95, 0.7)])
    version = replace(VERSION, source="models:/m-1")
    plain, before_3 = _of(lambda t: t.log_metric(value, "m-1")), Run("r", "1", metrics={"auc": value}, models=())
    greater = _max(plain, other)
    twice = [replace(plain.history[0], value=kept) for kept in (value, other)]
    last = _of(lambda t: t.log_metric(other, "m-1").log_metric(value, "m-1", step=1))
    broken = _of(lambda t: t.log_metric(value, "m-1").log_metric(math.nan, "m-1", step=1))
    sets = _of(lambda t: t.log_metric(value, "m-1", dataset=SETS[0]).log_metric(other, "m-1", dataset=SETS[1]))
    old = replace(version, source="runs:/r/one")
    two = replace(before_3, tags={MODEL_HISTORY_TAG: TWO_PATHS})
    return [
        _case("one model", _truth(value), plain.run(), version, plain.history),
        _case("MLflow 2, one model", _truth(value), before_3, old, ()),
        _case("MLflow 2, two models", Truth.OPEN, two, old, ()),
        _case("the last of two steps", _truth(value), last.run(), version, last.history),
        _case("a later NaN", Truth.OPEN, broken.run(), version, broken.history),
        _case("two values of one moment", Truth.OPEN, greater.run(), version, twice),
        _case("two data sets that differ", Truth.OPEN, sets.run(), version, sets.history),
        _case("the data set that is named", _truth(value), sets.run(), version, sets.history, dataset="aa"),
        _case("a data set that is not there", Truth.OPEN, sets.run(), version, sets.history, dataset="cc"),
        _case("another metric only", Truth.OPEN, plain.run(), version, plain.history, metric="recall"),
    ]  # fmt: skip


def _of(log: Callable[[Tracking], Any]) -> Tracking:
    made = Tracking()
    made.log_model()
    log(made)
    return made


def _max(plain: Tracking, other: float) -> Tracking:
    """MLflow shows the greater of two values of one moment."""
    (entry,) = plain.history
    greater = replace(entry, value=max(entry.value or 0.0, other))
    models = [replace(model, metrics=(greater,)) for model in plain.models]
    return Tracking(plain.clock, models, [greater])
