"""Whose metric it is, in every arrangement of a run's models; and nothing that is taken away makes a verdict greener."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from services.domain.checks import Enforcement, Verdict
from services.domain.datasets import blind_spots, content_tag, named, with_content_digests
from services.domain.model_metrics import (
    MetricValue,
    confirmed,
    known_metrics,
    metric_from_json,
    metric_to_json,
    metrics_of,
    unknown_metrics,
)
from services.domain.policy import CheckRule
from services.domain.registry import Dataset, MetricEntry, ModelVersion, RegistrySnapshot, Run, RunModel
from services.promotions.checks import KINDS, Compared
from services.promotions.material import Material

AT = datetime(2026, 1, 2, tzinfo=UTC)


def entry(value: float | None = 0.9, time: int = 15, **more: Any) -> MetricEntry:
    return MetricEntry("auc", value, more.pop("run_id", "r"), timestamp=time, **more)


def model(number: int, created: int, *entries: MetricEntry, **more: Any) -> RunModel:
    return RunModel(f"m-{number}", created, metrics=entries, **more)


def run(*models: RunModel, latest: float | None = None, at: tuple[int, int] | None = None, **more: Any) -> Run:
    values = {"auc": latest} if latest is not None else {}
    ids = more.pop("ids", tuple(m.model_id for m in models))
    moments = {"auc": at} if at else {}
    return Run("r", "1", metrics=values, metrics_at=moments, models=models, model_ids=ids, **more)


def version(source: str = "models:/m-1", **more: Any) -> ModelVersion:
    return ModelVersion("census", 1, AT, AT, run_id="r", source=source, **more)


def auc(found: Run, source: str = "models:/m-1") -> MetricValue:
    return metrics_of(version(source), found)["auc"]


def test_metric__measured_by_two_runs_that_differ__is_unknown() -> None:
    found = auc(run(model(1, 10, entry(0.9), entry(0.7, 99, run_id="later"))))
    assert (found.value, "2 runs" in found.why_unknown) == (None, True)
    assert auc(run(model(1, 10, entry(0.9), entry(0.9, 99, run_id="later")))).value == 0.9


def test_metric__steps__the_last_step_counts_not_the_last_time() -> None:
    assert auc(run(model(1, 10, entry(0.5, 20, step=5), entry(0.4, 30, step=2)))).value == 0.5


def test_metric__model_first_and_then_steps_of_the_run__is_unknown() -> None:
    found = auc(run(model(1, 10, entry(0.5, 20)), latest=0.7, at=(2, 40)))
    assert (found.value, "step 2" in found.why_unknown) == (None, True)


def test_metric__model_of_a_later_step__keeps_the_value_of_its_step() -> None:
    assert auc(run(model(1, 30, entry(0.8, 20, step=3), step=3), latest=0.6, at=(9, 90))).value == 0.8


def test_metric__run_and_model_differ_at_one_moment__is_unknown() -> None:
    assert auc(run(model(1, 10, entry(0.9, 20)), latest=0.95, at=(0, 20))).value is None


@pytest.mark.parametrize(
    ("source", "found", "word"),
    [
        ("models:/m-9", run(model(1, 10, entry()), latest=0.9), "deleted, or belongs"),
        ("runs:/r/model", run(model(1, 10), model(2, 20), latest=0.9), "made 2 models"),
        ("models:/m-1", replace(run(latest=0.9), models=None), "not read yet"),
        ("models:/m-1", replace(run(latest=0.9), models=None, models_problem="refused"), "refused"),
        ("runs:/r/a", run(latest=0.9, tags={"mlflow.log-model.history": '[{"artifact_path": "a"}, {"artifact_path": "b"}]'}), "2 models"),
        ("runs:/r/a", run(latest=0.9, tags={"mlflow.log-model.history": "{"}), "cannot be read"),
    ],
)  # fmt: skip
def test_metric__model_cannot_be_told__is_unknown_and_says_why(source: str, found: Run, word: str) -> None:
    got = auc(found, source)
    assert got.value is None
    assert word in got.why_unknown


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("runs:/r/model", run(latest=0.9)),
        ("runs:/r/model", run(latest=0.9, tags={"mlflow.log-model.history": '[{"artifact_path": "a"}, {"artifact_path": "a"}]'})),
        ("runs:/r/model", run(model(1, 30, entry(0.9, 20)), latest=0.9, at=(0, 20))),
        ("models:/census/7", run(model(1, 10, entry(), versions=("census/7",)), model(2, 20))),
        ("mlflow-artifacts:/1/models/m-1/artifacts", run(model(1, 10, entry()))),
    ],
)  # fmt: skip
def test_metric__only_one_model_can_be_meant__is_known(source: str, found: Run) -> None:
    assert auc(found, source).value == 0.9


def test_metric__clocks_differ__is_unknown_where_times_decide() -> None:
    models = (model(1, 10, entry(0.5, 15)), model(2, 20, entry(0.5, 15), entry(0.9, 25)))
    assert auc(run(*models, latest=0.9)).value == 0.5
    ahead = datetime.fromtimestamp(9, UTC)
    assert auc(run(*models, latest=0.9, started=ahead)).value is None


def test_confirmed__history_has_two_values_of_one_moment__is_unknown() -> None:
    found = run(latest=0.9, at=(0, 5))
    history = [entry(0.9, 5), entry(0.3, 5), entry(0.1, 4)]
    checked = confirmed(metrics_of(version("runs:/r/m"), found), found, lambda _run, _name: history)
    assert unknown_metrics(checked)["auc"].startswith("auc was logged several times")
    alone = confirmed(metrics_of(version("runs:/r/m"), found), found, lambda _run, _name: history[::2])
    assert known_metrics(alone) == {"auc": 0.9}


def test_confirmed__other_value_is_a_siblings__is_known() -> None:
    found = run(model(1, 1, entry(0.9, 5)), model(2, 2, entry(0.3, 5)), latest=0.9)
    history = [entry(0.9, 5), entry(0.3, 5)]
    checked = confirmed(metrics_of(version(), found), found, lambda _run, _name: history)
    assert checked["auc"].value == 0.9


def test_json__of_every_kind__comes_back_the_same() -> None:
    sets = [entry(0.9, dataset_name="d", dataset_digest="x"), entry(0.7, 16, dataset_name="d", dataset_digest="y")]
    for metric in (auc(run(model(1, 10, entry()))), auc(run(model(1, 10, *sets)))):
        assert metric_from_json(metric_to_json(metric)) == metric


# --- nothing taken away is greener

RANK = {Verdict.PASS: 2, Verdict.UNKNOWN: 1, Verdict.FAIL: 0, Verdict.WARN: 1}
VALUES = st.sampled_from([0.2, 0.9, None, float("inf")])
SETS = st.sampled_from([("", ""), ("dataset", "aa"), ("dataset", "bb")])


@st.composite
def entries(draw: st.DrawFn) -> MetricEntry:
    name, digest = draw(SETS)
    step, time = draw(st.integers(0, 2)), draw(st.integers(1, 40))
    return MetricEntry("auc", draw(VALUES), draw(st.sampled_from(["r", "q"])), step, time, name, digest)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """One to three models of a run as MLflow keeps them: later ones hold copies of what earlier ones had."""
    models: list[RunModel] = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        created = number * 10
        own = [e for e in draw(st.lists(entries(), max_size=3)) if e.timestamp >= created]
        copied = [e for m in models for e in m.metrics if e.run_id == "r" and e.step == 0 and e.timestamp < created]
        models.append(model(number, created, *dict.fromkeys([*copied, *own])))
    logged = [e for m in models for e in m.metrics if e.run_id == "r" and e.value is not None]
    last = max(logged, key=lambda e: (e.step, e.timestamp, e.value or 0), default=None)
    latest, at = (last.value, (last.step, last.timestamp)) if last else (None, None)
    return run(*models, latest=latest, at=at, datasets=(Dataset("d", "x", "training"), Dataset("e", "y", "eval")))


def verdict(found: Run, kind: str = "metric_floor", wanted: ModelVersion | None = None, **settings: Any) -> Verdict:
    wanted = wanted or version()
    of_version = metrics_of(wanted, found)
    given = Material(wanted, found, RegistrySnapshot(), None, "", (), None, None, "", of_version)
    return KINDS[kind](CheckRule(kind, Enforcement.BLOCK, settings), given, Compared(None)).verdict


def floor(found: Run) -> Verdict:
    return verdict(found, metric="auc", at_least=0.8)


@given(runs(), st.data())
def test_metric_floor__sibling_model_or_its_entries_removed__is_never_greener(found: Run, data: st.DataObject) -> None:
    assume(found.models is not None and len(found.models) > 1)
    assert found.models is not None
    sibling = data.draw(st.sampled_from(found.models[1:]))
    without = replace(found, models=tuple(m for m in found.models if m != sibling))
    assert RANK[floor(without)] <= max(RANK[floor(found)], RANK[Verdict.UNKNOWN])
    if floor(found) is not Verdict.PASS:
        assert floor(without) is not Verdict.PASS


@given(runs())
def test_metric_floor__everything_of_the_model_removed__never_passes(found: Run) -> None:
    assert found.models is not None
    empty = tuple(replace(m, metrics=()) if m.model_id == "m-1" else m for m in found.models)
    if len(found.models) > 1:
        assert floor(replace(found, models=empty)) is not Verdict.PASS
    assert floor(replace(found, models=())) is not Verdict.PASS
    assert floor(replace(found, models=None)) is not Verdict.PASS


@given(runs())
def test_metric_floor__passes__every_value_of_its_own_last_moment_is_good(found: Run) -> None:
    """A pass rests on an entry of the model, or of the run with this one model."""
    if floor(found) is Verdict.PASS:
        metric = auc(found)
        values = [part.value for part in metric.by_dataset] or [metric.value]
        assert all(value is not None and value >= 0.8 for value in values)
        assert found.models is not None
        assert {e.value for e in found.models[0].metrics} & set(values)


@given(runs(), st.sampled_from(["datasets", "tags", "user", "metrics"]))
def test_lineage_complete__something_removed__is_never_greener(found: Run, name: str) -> None:
    whole = replace(found, user="ana", tags={"mlflow.source.git.commit": "a" * 40})
    assert verdict(whole, "lineage_complete") is Verdict.PASS
    empty: Any = {"datasets": found.datasets[1:], "tags": {}, "user": "", "metrics": {}}[name]
    less = replace(whole, **{name: empty})
    assert verdict(less, "lineage_complete") is (Verdict.PASS if name == "metrics" else Verdict.FAIL)


# --- data sets


def test_named__several_of_one_name__are_kept_apart_by_digest() -> None:
    sets = (
        Dataset("dataset", "aa", "training"),
        Dataset("dataset", "bb", "training"),
        Dataset("dataset", "cc", "eval"),
    )
    assert named(sets) == {"dataset (training) aa": "aa", "dataset (training) bb": "bb", "dataset (eval)": "cc"}


def test_content_digest__tag_of_the_run__is_preferred_and_never_given_to_two() -> None:
    full = "sha256:" + "1" * 64
    one, two = Dataset("d", "aa", "training"), Dataset("d", "bb", "training")
    assert [d.best_digest for d in with_content_digests([one], {content_tag("d"): full})] == [full]
    assert [d.best_digest for d in with_content_digests([one, two], {content_tag("d"): full})] == ["aa", "bb"]
    assert [d.best_digest for d in with_content_digests([one, two], {content_tag("d", "bb"): full})] == ["aa", full]
    assert [d.best_digest for d in with_content_digests([one], {content_tag("d"): "rubbish"})] == ["aa"]


@pytest.mark.parametrize(
    ("dataset", "word"),
    [
        (Dataset("d", "aa", rows=20_000), "rows beyond 10,000 (it has 20,000)"),
        (Dataset("d", "aa"), "rows beyond 10,000"),
        (Dataset("d", "aa", rows=5), "booleans, dates"),
        (Dataset("d", "aa", source_type="delta_table"), "not the rows"),
        (Dataset("d", "aa", source_type="spark"), "not the rows"),
        (Dataset("d", ""), "no digest"),
    ],
)
def test_blind_spots__of_mlflows_digest__are_named_unless_the_content_has_one(dataset: Dataset, word: str) -> None:
    assert any(word in spot for spot in blind_spots(dataset))
    assert blind_spots(replace(dataset, content_digest="sha256:x")) == ()
