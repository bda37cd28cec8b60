"""Compares versions side by side: what the registry says of them, and their held-out predictions on the same rows."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeVar, cast

from services.access.admission import admit
from services.audit.evidence_reads import EvidenceReads
from services.comparisons.answers import CellRow, VersionComparison, VersionCurves
from services.comparisons.curves import curves_of
from services.comparisons.held_out import HeldOutPredictions, PredictionsFile
from services.comparisons.live_inputs import LiveDrift, LiveInputs
from services.database.unit import Units
from services.domain import datasets
from services.domain.catalogue import VersionRow
from services.domain.identity.people import Actor
from services.domain.model_metrics import MetricValue, known_metrics, metrics_of, unknown_metrics
from services.domain.policy import Governance
from services.domain.registry import Run, VersionKey
from services.errors import InvalidInputError, NotFoundError, PortalError
from services.ports.time import Clock
from services.runner.process import Progress

if TYPE_CHECKING:
    from services.evidence.comparison import Options
    from services.evidence.record import Comparison, DriftLine
    from services.evidence.rows.inputs import Predictions

_Made = TypeVar("_Made")
FEWEST, MOST = 2, 8
KEPT = 32
LIVE_FOR = 300
"""Seconds for which a page takes the live inputs at hand."""
OPTION_NAMES = (
    "metric", "slice_margin", "resamples", "seed", "bar", "accept_not_worse", "fairness", "stratified",
    "replay_reference",
)  # fmt: skip
TABLE_NAMES = ("margin", "task", "slices", "group", "baseline", "positive")
IGNORED_TAGS = ("mlflow.", "countersign.")


def compare_files(
    candidate: PredictionsFile, current: PredictionsFile | None, settings: Mapping[str, Any]
) -> Comparison:
    """The paired comparison of two tables. Raises InvalidInputError.

    Without a current version the candidate is compared with the threshold `baseline`, or with a constant.
    """
    from services.evidence.baseline import first_version
    from services.evidence.comparison import compare
    from services.evidence.rows.inputs import Task

    unknown = set(settings) - {*OPTION_NAMES, *TABLE_NAMES}
    if unknown:
        raise InvalidInputError(
            f"The comparison knows no setting {', '.join(sorted(unknown))}.",
            hint=f"Possible: {', '.join((*TABLE_NAMES, *OPTION_NAMES))}.",
        )
    settings = with_task(settings, candidate if current is None else current)
    task, options = Task(settings["task"]), options_of(settings)
    common: dict[str, Any] = {"task": task, "options": options, "positive": settings.get("positive")}
    first = predictions_of(candidate, "candidate", settings)
    if current is None:
        return first_version(first, threshold=settings.get("baseline"), **common)
    return compare(first, predictions_of(current, "current", settings), **common)


def with_task(settings: Mapping[str, Any], file: PredictionsFile) -> Mapping[str, Any]:
    """The settings with the task: as the policy says, else as the table shows it. No candidate chooses its own."""
    if "task" in settings:
        return settings
    from services.evidence.rows.inputs import task_of_table
    from services.evidence.rows.tables import mlflow_table, peek_table

    table = mlflow_table(peek_table(file.path, name="predictions"), target=file.target)
    return {**settings, "task": task_of_table(table).value}


def options_of(settings: Mapping[str, Any]) -> Options:
    """How to compare, as the policy's settings say."""
    from services.evidence.comparison import Options

    chosen = {name: _setting(settings[name]) for name in OPTION_NAMES if name in settings}
    return Options(slices=_setting(settings.get("slices") or None), margin=settings.get("margin") or 0.0, **chosen)


def _setting(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def predictions_of(file: PredictionsFile, name: str, settings: Mapping[str, Any]) -> Predictions:
    """A table, read as the comparison's settings say."""
    from services.evidence.rows.inputs import Columns, Task, predictions_from_table
    from services.evidence.rows.tables import mlflow_table, read_table

    table = mlflow_table(read_table(file.path, name=name, key="row_id"), target=file.target)
    columns = Columns(slices=_setting(settings.get("slices") or None), group=settings.get("group"))
    return predictions_from_table(table, columns, task=Task(str(settings.get("task", "binary"))))


def drift_files(reference: PredictionsFile, now: PredictionsFile) -> tuple[DriftLine, ...]:
    """Drift of a table against a reference, a line a column. Raises InvalidInputError."""
    from services.evidence.aspects.drift import drift_lines
    from services.evidence.rows.tables import read_table

    sides = [read_table(file.path, name=name) for name, file in (("reference", reference), ("training", now))]
    return drift_lines(*sides, skip=frozenset({"row_id"}))


def warm_up() -> None:
    """Load the engine and compile its loops, so that the first comparison does not wait for it."""
    from services.evidence import comparison
    from services.evidence.resampling.bootstrap import warm_up as compile_loops

    del comparison
    compile_loops()


class Memo:
    """The last results by what they were made from: a page that is drawn again computes nothing again."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: OrderedDict[tuple[str, ...], object] = OrderedDict()
        self._lock = Lock()

    def get(self, name: tuple[str, ...], make: Callable[[], _Made]) -> _Made:
        """The result of that name, made now where it is not at hand; errors are not kept."""
        with self._lock:
            if name in self._kept:
                self._kept.move_to_end(name)
                return cast("_Made", self._kept[name])
        made = make()
        with self._lock:
            self._kept[name] = made
            while len(self._kept) > self._size:
                self._kept.popitem(last=False)
        return made


def _comparison_of(
    candidate: PredictionsFile, baseline: PredictionsFile, settings: Mapping[str, Any]
) -> Callable[[], Comparison]:
    return lambda: compare_files(candidate, baseline, settings)


def policy_settings(governance: Governance | None, model: str) -> Mapping[str, Any]:
    """What the model's policy says of comparisons, so that a page judges as a request would; empty without one."""
    for environment in governance.environments if governance else ():
        policy = governance.policy_for(model, environment) if governance else None
        found = [rule.settings for rule in policy.checks if rule.kind == "comparison"] if policy else []
        if found:
            return found[0]
    return {}


class ComparisonDesk:
    """Implements `services.comparisons.answers.Comparisons`."""

    def __init__(
        self,
        units: Units,
        held_out: HeldOutPredictions,
        governance: Governance | None = None,
        *,
        clock: Clock,
        live: LiveInputs | None = None,
    ) -> None:
        self._reads = EvidenceReads(units, clock)
        self._governance = governance
        self._live = live
        self._units = units
        self._held_out = held_out
        self._memo = Memo(KEPT)

    def compare(
        self, actor: Actor, keys: Sequence[VersionKey], *, progress: Progress | None = None
    ) -> VersionComparison:
        """Two to eight versions; the first is the baseline. `progress` hears of a version that is being scored.

        That they were compared is recorded, once a person and day. Raises NotAllowedError, InvalidInputError.
        """
        admit(actor)
        wanted = list(dict.fromkeys(keys))
        if not FEWEST <= len(wanted) <= MOST:
            raise InvalidInputError(f"Choose {FEWEST} to {MOST} different versions.", hint="Select them on Models.")
        rows, runs, tags, metrics = self._read(wanted)
        files, problems = self._files(wanted, runs, progress)
        self._reads.note_comparison(actor, wanted, sorted(file.digest for file in files.values()))
        live, live_problem = self._live_drift(wanted, runs)
        evidence, more = _evidence(wanted, files, self._memo, policy_settings(self._governance, wanted[0].model))
        return VersionComparison(
            details=tuple(rows),
            metrics=_cells([known_metrics(of_version) for of_version in metrics]),
            parameters=_cells([run.params if run else {} for run in runs]),
            datasets=_cells([datasets.named(run.datasets) if run else {} for run in runs]),
            tags=_cells([{k: v for k, v in t.items() if not k.startswith(IGNORED_TAGS)} for t in tags]),
            curves=tuple(_curves(key, wanted[0], evidence, problems) for key in wanted),
            evidence=evidence,
            problems=tuple([f"{key}: {problem}" for key, problem in problems.items()] + more),
            drift=self._drift(wanted, runs),
            notes=tuple(f"{key}: {file.note}" for key, file in files.items() if file.note),
            metrics_unknown=tuple(
                f"{key}: {why}."
                for key, of_version in zip(wanted, metrics, strict=True)
                for why in unknown_metrics(of_version).values()
            ),
            live=live,
            live_problem=live_problem,
        )

    def _read(
        self, keys: list[VersionKey]
    ) -> tuple[list[VersionRow], list[Run | None], list[Mapping[str, str]], list[Mapping[str, MetricValue]]]:
        rows: list[VersionRow] = []
        runs: list[Run | None] = []
        tags: list[Mapping[str, str]] = []
        metrics: list[Mapping[str, MetricValue]] = []
        with self._units.read() as unit:
            for key in keys:
                found = unit.catalogue.version(key)
                if found is None:
                    raise NotFoundError(f"{key} is not in the catalogue.", hint="Check the name and the number.")
                version, _, row, _ = found
                kept = unit.catalogue.run(version.run_id) if version.run_id else None
                rows.append(row)
                runs.append(kept[0] if kept else None)
                tags.append(version.tags)
                metrics.append(metrics_of(version, runs[-1]))
        return rows, runs, tags, metrics

    def _drift(self, keys: list[VersionKey], runs: list[Run | None]) -> dict[VersionKey, tuple[DriftLine, ...]]:
        """Training data of each version against the baseline's, for those that kept a sample."""
        samples = self._samples(keys, runs)
        found = {}
        for key in keys[1:]:
            with suppress(PortalError):
                if key in samples and keys[0] in samples:
                    found[key] = self._memo.get(
                        ("drift", samples[keys[0]].digest, samples[key].digest),
                        partial(drift_files, samples[keys[0]], samples[key]),
                    )
        return found

    def _samples(self, keys: list[VersionKey], runs: list[Run | None]) -> dict[VersionKey, PredictionsFile]:
        samples = {}
        for key, run in zip(keys, runs, strict=True):
            with suppress(PortalError):
                if run is not None:
                    samples[key] = self._held_out.training_sample(run.run_id, fresh=False)
        return samples

    def _live_drift(self, keys: list[VersionKey], runs: list[Run | None]) -> tuple[dict[VersionKey, LiveDrift], str]:
        """The model's live inputs against each version's training sample, and why there are none."""
        found: dict[VersionKey, LiveDrift] = {}
        if self._live is None:
            return found, ""
        for key, sample in self._samples(keys, runs).items():
            name = ("live", key.model, sample.digest, f"{time.time() // LIVE_FOR:.0f}")
            try:
                found[key] = self._memo.get(name, partial(self._live.against, key.model, sample))
            except PortalError as error:
                return found, error.sentence()
        return found, "" if found else "No version kept a sample of its training data."

    def _files(
        self, keys: list[VersionKey], runs: list[Run | None], progress: Progress | None
    ) -> tuple[dict[VersionKey, PredictionsFile], dict[VersionKey, str]]:
        files: dict[VersionKey, PredictionsFile] = {}
        problems: dict[VersionKey, str] = {}
        for key, run in zip(keys, runs, strict=True):
            try:
                run_id = run.run_id if run else ""
                files[key] = self._held_out.of_version(key, run_id, fresh=False, progress=progress)
            except PortalError as error:
                problems[key] = error.sentence()
        return files, problems


def _evidence(
    keys: list[VersionKey], files: Mapping[VersionKey, PredictionsFile], memo: Memo, settings: Mapping[str, Any]
) -> tuple[dict[VersionKey, Comparison], list[str]]:
    baseline, evidence, problems = keys[0], {}, []
    if baseline not in files:
        return {}, []
    for key in keys[1:]:
        if key in files and key.model == baseline.model:
            try:
                sides = [f"{files[side].digest} {files[side].target}" for side in (key, baseline)]
                name = ("comparison", *sides, repr(sorted(settings.items())))
                evidence[key] = memo.get(name, _comparison_of(files[key], files[baseline], settings))
            except PortalError as error:
                problems.append(f"{key} with {baseline}: {error.sentence()}")
    return evidence, problems


def _cells(columns: Sequence[Mapping[str, Any]]) -> tuple[CellRow, ...]:
    names = sorted({name for column in columns for name in column})
    return tuple(_cell(name, tuple(column.get(name) for column in columns)) for name in names)


def _cell(name: str, values: tuple[Any, ...]) -> CellRow:
    return CellRow(name, values, differs=len(set(map(repr, values))) > 1)


def _curves(
    key: VersionKey, baseline: VersionKey, evidence: Mapping[VersionKey, Comparison], problems: Mapping[VersionKey, str]
) -> VersionCurves:
    found = next(iter(evidence.values()), None) if key == baseline else evidence.get(key)
    if found is None:
        return VersionCurves(key, problem=problems.get(key, "There is nothing to compare it with on the same rows."))
    return curves_of(key, found, "current" if key == baseline else "candidate")
