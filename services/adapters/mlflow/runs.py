"""Reads runs by id, deleted ones included."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import Lock

from services.adapters.mlflow import entities, filters, parse
from services.adapters.mlflow.failures import AnswerTooLargeError
from services.adapters.mlflow.logged_models import LoggedModelReads, ReadRun
from services.adapters.mlflow.paging import pages
from services.adapters.mlflow.parse import Json
from services.adapters.mlflow.transport import Transport
from services.domain.registry import Run
from services.errors import NotFoundError

FEW = 2
"""Up to so many runs are asked for one by one: a search needs the list of experiments first."""
RUNS_A_SEARCH = 200
EXPERIMENTS_A_SEARCH = 5_000
"""SQLite takes at most 32,766 values in a statement."""
EXPERIMENTS_A_PAGE = 1_000
EXPERIMENTS_FRESH_FOR = 60.0
"""Seconds. A run in an experiment that is newer than the list is found by `runs/get`."""


class RunReads:
    """Keeps the list of experiments for a minute; thread-safe."""

    def __init__(self, transport: Transport, models: LoggedModelReads) -> None:
        self._transport = transport
        self._models = models
        self._lock = Lock()
        self._experiments: tuple[float, Sequence[str]] | None = None

    def runs(self, run_ids: Sequence[str]) -> Mapping[str, Run]:
        """Runs by id; ids that do not exist are absent. A search costs a seventh of a `runs/get` per run."""
        wanted = [run_id for run_id in dict.fromkeys(run_ids) if run_id]
        found: dict[str, ReadRun] = {}
        with self._transport.understanding():
            if len(wanted) > FEW:
                for group in _groups([w for w in wanted if filters.is_run_id(w)], RUNS_A_SEARCH):
                    found |= self._search_or_nothing(group)
            for run_id in wanted:
                if run_id not in found and (run := self._get(run_id)):
                    found[run_id] = run
            done: dict[str, Run] = {}
            for group in _groups(list(found), RUNS_A_SEARCH):
                done |= self._models.attach([found[run_id] for run_id in group])
        return done

    def tagged(self, experiment_ids: Sequence[str], tag: str) -> Sequence[Run]:
        """Runs of these experiments that have the tag, whatever its value; `tag` is a plain word."""
        found: list[Run] = []
        with self._transport.understanding():
            for experiments in _groups(experiment_ids, EXPERIMENTS_A_SEARCH):
                body = {
                    "experiment_ids": list(experiments),
                    "filter": f"tags.{tag} != ''",
                    "run_view_type": "ACTIVE_ONLY",
                    "max_results": RUNS_A_SEARCH,
                }
                found += [
                    entities.run(item) for answer in self._answers(body) for item in parse.objects(answer, "runs")
                ]
        return found

    def _get(self, run_id: str) -> ReadRun | None:
        try:
            answer = self._transport.get("runs/get", {"run_id": run_id})
        except NotFoundError:
            return None
        read = _read(parse.child(answer, "run"))
        return read if read.run.run_id == run_id else None

    def _search_or_nothing(self, run_ids: Sequence[str]) -> dict[str, ReadRun]:
        """Nothing when the answer was too large: each run is then asked for by itself."""
        try:
            return self._search(run_ids)
        except AnswerTooLargeError:
            return {}

    def _search(self, run_ids: Sequence[str]) -> dict[str, ReadRun]:
        found: dict[str, ReadRun] = {}
        for experiments in _groups(self._experiment_ids(), EXPERIMENTS_A_SEARCH):
            missing = [run_id for run_id in run_ids if run_id not in found]
            if not missing:
                break
            for answer in self._pages(experiments, missing):
                runs = (_read(item) for item in parse.objects(answer, "runs"))
                found |= {read.run.run_id: read for read in runs if read.run.run_id in missing}
        return found

    def _pages(self, experiments: Sequence[str], run_ids: Sequence[str]) -> Iterator[Json]:
        body = {
            "experiment_ids": list(experiments),
            "filter": filters.one_of("attributes.run_id", run_ids),
            "run_view_type": "ALL",
            "max_results": RUNS_A_SEARCH,
        }
        return self._answers(body)

    def _answers(self, body: Mapping[str, object]) -> Iterator[Json]:
        def fetch(token: str) -> Json:
            return self._transport.search("runs/search", {**body, **({"page_token": token} if token else {})})

        return pages(fetch)

    def _experiment_ids(self) -> Sequence[str]:
        now = self._transport.monotonic()
        with self._lock:
            known = self._experiments
        if known and now - known[0] < EXPERIMENTS_FRESH_FOR:
            return known[1]
        ids = self._read_experiment_ids()
        with self._lock:
            self._experiments = (now, ids)
        return ids

    def _read_experiment_ids(self) -> Sequence[str]:
        """All experiments: a search of runs wants them named, and takes none for none."""
        body = {"view_type": "ALL", "max_results": EXPERIMENTS_A_PAGE}

        def fetch(token: str) -> Json:
            return self._transport.search("experiments/search", body | ({"page_token": token} if token else {}))

        items = (item for answer in pages(fetch) for item in parse.objects(answer, "experiments"))
        return [parse.name(item, "experiment_id") for item in items]


def _read(item: Json) -> ReadRun:
    return ReadRun(entities.run(item), entities.steps_of_models(item))


def _groups(values: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
