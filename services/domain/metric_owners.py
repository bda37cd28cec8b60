"""Which of a run's logged models a metric entry belongs to.

An entry that several models of a run hold belongs to the one that existed when it was logged: `log_model` copied it to
the later ones. Where none existed it was logged for the run; where several did, MLflow booked it on all of them. Times
decide, and they are of two clocks (metric: the client's; model: the server's): where those differ, nothing is decided.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.domain.registry import MetricEntry, Run, RunModel


def models_ever(run: Run) -> set[str]:
    """Ids of all models that the run made, deleted ones included."""
    return {*run.model_ids, *(model.model_id for model in run.models or ())}


def moment(entry: MetricEntry) -> tuple[int, int]:
    """Step, then time: MLflow's own order of values."""
    return entry.step, entry.timestamp


def owned(entries: Sequence[MetricEntry], model: RunModel, run: Run) -> tuple[list[MetricEntry], str]:
    """Entries that are the model's own, among several models of a run; or why they cannot be determined."""
    own: list[MetricEntry] = []
    for entry in entries:
        if entry.run_id != run.run_id:
            own.append(entry)
            continue
        is_own, why = _is_own(entry, model, run)
        if why:
            return [], why
        if is_own:
            own.append(entry)
    return own, ""


def _is_own(entry: MetricEntry, model: RunModel, run: Run) -> tuple[bool, str]:
    if entry.step != model.step:
        return True, ""  # MLflow copies and books by itself only what has the model's own step
    siblings = [other for other in run.models or () if other.model_id != model.model_id]
    lost = models_ever(run) - {model.model_id} - {other.model_id for other in siblings}
    was_there = model.created <= entry.timestamp
    if _clocks_differ(model, run):
        return False, "the clocks of MLflow and of the machine that trained differ, so its times say nothing"
    holders = [other for other in siblings if _holds(other, entry)]
    were_there = any(other.created <= entry.timestamp for other in holders)
    if lost and (was_there or not holders):
        return False, f"a model of the run was deleted since, so nobody can tell whose {entry.name} it is"
    if holders:
        return _of_several(entry, run, was_there=was_there, were_there=were_there)
    if was_there and _could_be_booked(entry, siblings):
        return False, (
            f"{entry.name} was logged once, after several models of the run, and MLflow books a metric "
            "without a model_id on one of them"
        )
    return was_there, ""


def _of_several(entry: MetricEntry, run: Run, *, was_there: bool, were_there: bool) -> tuple[bool, str]:
    """The entry is held by other models of the run too; which of them were there when it was logged decides."""
    if was_there != were_there:
        return was_there, ""
    count = len(models_ever(run))
    return False, f"{entry.name} was logged for the run, which made {count} models, not for one of them"


def _holds(model: RunModel, entry: MetricEntry) -> bool:
    return any(_same(other, entry) for other in model.metrics)


def _same(one: MetricEntry, other: MetricEntry) -> bool:
    return (one.name, one.run_id, one.step, one.timestamp, one.value) == (
        other.name, other.run_id, other.step, other.timestamp, other.value
    )  # fmt: skip


def _could_be_booked(entry: MetricEntry, siblings: Sequence[RunModel]) -> bool:
    """`log_metric` without a model_id goes to one model of the same step, whichever the run lists first."""
    rivals = [other for other in siblings if other.created <= entry.timestamp and other.step == entry.step]
    return bool(rivals) and not any(_has_of_its_own(other, entry) for other in rivals)


def _has_of_its_own(model: RunModel, entry: MetricEntry) -> bool:
    """The same metric was logged for another model as well: the logging code distinguished them."""
    return any(
        other.name == entry.name and other.run_id == entry.run_id and other.timestamp >= model.created
        for other in model.metrics
    )


def _clocks_differ(model: RunModel, run: Run) -> bool:
    """The run's times are the client's, the model's the server's: a model cannot be made outside its run."""
    starts = run.started is not None and run.started.timestamp() * 1000 > model.created + 1
    ends = run.ended is not None and run.ended.timestamp() * 1000 < model.created - 1
    return starts or ends
