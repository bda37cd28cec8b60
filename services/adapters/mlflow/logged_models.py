"""MLflow 3's logged models: the only place that says which metric is about which model and data set."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from services.adapters.mlflow import entities, parse
from services.adapters.mlflow.failures import AnswerTooLargeError, MissingEndpointError
from services.adapters.mlflow.filters import is_run_id, one_of
from services.adapters.mlflow.paging import pages
from services.adapters.mlflow.parse import Json
from services.adapters.mlflow.transport import Params, Transport
from services.domain.registry import MetricEntry, Run, RunModel
from services.errors import PortalError, UpstreamError, UpstreamRefusedError

MODELS_A_PAGE = 1_000
ZEROS_LOOKED_UP = 50
"""Histories read in one call to tell a zero from a NaN; the zeros beyond them count as unknown."""
NO_ENDPOINT = "MLflow has no logged models (it is older than 3)"


@dataclass(frozen=True)
class ReadRun:
    """A run with the steps at which it logged its models."""

    run: Run
    steps: Mapping[str, int]


class LoggedModelReads:
    """Stateless."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def attach(self, found: Sequence[ReadRun]) -> dict[str, Run]:
        """The runs with their logged models; why they could not be read stands in the run. Raises UpstreamError."""
        zeros = _Zeros(self.history, {read.run.run_id: read.run for read in found})
        done: dict[str, Run] = {}
        for experiment in dict.fromkeys(read.run.experiment_id for read in found):
            done |= self._of(experiment, [r for r in found if r.run.experiment_id == experiment], zeros)
        return done

    def history(self, run_id: str, name: str) -> Sequence[MetricEntry]:
        """All values of a metric of a run, NaN included. Raises NotFoundError, UpstreamError."""

        def fetch(token: str) -> Json:
            asked: Params = {"run_id": run_id, "metric_key": name, "max_results": 10_000}
            return self._transport.get("metrics/get-history", {**asked, **({"page_token": token} if token else {})})

        with self._transport.understanding():
            return [
                entities.metric_entry(item, run_id=run_id)
                for answer in pages(fetch)
                for item in parse.optional_objects(answer, "metrics")
            ]

    def _of(self, experiment: str, found: Sequence[ReadRun], zeros: _Zeros) -> dict[str, Run]:
        try:
            items = list(self._search(experiment, [read.run.run_id for read in found]))
        except MissingEndpointError:
            return {read.run.run_id: _without_models(read.run) for read in found}
        except AnswerTooLargeError as error:
            if len(found) == 1:
                return {found[0].run.run_id: replace(found[0].run, models_problem=error.message)}
            half = len(found) // 2
            return self._of(experiment, found[:half], zeros) | self._of(experiment, found[half:], zeros)
        except UpstreamRefusedError as error:
            return {read.run.run_id: replace(read.run, models_problem=error.message) for read in found}
        return {read.run.run_id: self._with_models(read, items, zeros) for read in found}

    def _search(self, experiment: str, run_ids: Sequence[str]) -> Iterator[Json]:
        wanted = [run_id for run_id in run_ids if is_run_id(run_id)]
        if not wanted or not experiment:
            return
        body = {"experiment_ids": [experiment], "filter": one_of("source_run_id", wanted), "max_results": MODELS_A_PAGE}

        def fetch(token: str) -> Json:
            return self._transport.search("logged-models/search", body | ({"page_token": token} if token else {}))

        for answer in pages(fetch):
            yield from parse.optional_objects(answer, "models")

    def _with_models(self, read: ReadRun, items: Sequence[Json], zeros: _Zeros) -> Run:
        models: list[RunModel] = []
        for item in items:
            if parse.text(parse.child(item, "info"), "source_run_id") != read.run.run_id:
                continue
            listed = parse.optional_objects(parse.optional_child(item, "data"), "metrics")
            metrics = [zeros.without_false(entities.metric_entry(metric)) for metric in listed]
            step = read.steps.get(parse.text(parse.child(item, "info"), "model_id"), 0)
            models.append(entities.run_model(item, metrics, step))
        return replace(read.run, models=tuple(models))


class _Zeros:
    """MLflow returns a NaN of a logged model as 0; the run that measured still tells the difference."""

    def __init__(self, history: Callable[[str, str], Sequence[MetricEntry]], runs: Mapping[str, Run]) -> None:
        self._history = history
        self._runs = runs
        self._known: dict[tuple[str, str], Sequence[MetricEntry]] = {}

    def without_false(self, entry: MetricEntry) -> MetricEntry:
        """The entry, its value None where it is not certain that a 0 is one."""
        if entry.value != 0 or self._is_true(entry):
            return entry
        return replace(entry, value=None)

    def _is_true(self, entry: MetricEntry) -> bool:
        run = self._runs.get(entry.run_id)
        if run is not None and run.metrics_at.get(entry.name) == (entry.step, entry.timestamp):
            return run.metrics.get(entry.name, math.nan) == 0
        asked = (entry.run_id, entry.name)
        if asked not in self._known:
            if len(self._known) >= ZEROS_LOOKED_UP:
                return False
            self._known[asked] = self._looked_up(*asked)
        at = (entry.step, entry.timestamp)
        return any(point.value == 0 and (point.step, point.timestamp) == at for point in self._known[asked])

    def _looked_up(self, run_id: str, name: str) -> Sequence[MetricEntry]:
        """Nothing when the run cannot be read any more."""
        try:
            return self._history(run_id, name)
        except UpstreamError as error:
            if error.retryable:
                raise
            return ()
        except PortalError:
            return ()


def _without_models(run: Run) -> Run:
    if run.model_ids:
        return replace(run, models_problem=NO_ENDPOINT)
    return replace(run, models=())
