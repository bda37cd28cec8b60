"""Finds the held-out predictions of a version, by the documented convention, and keeps them on disk by digest.

In this order: a table artifact of the run (``evaluation/predictions.parquet``, .csv, .json, or MLflow's own
``eval_results_table.json``), with the columns ``row_id, label, score`` and optionally ``prediction, weight``, every
further column a slice; or an evaluation data set (the portal's own, ``<folder>/<model>.parquet``, or the run's
``evaluation/data.parquet``) that the model runner scores with this version. `docs/evidence.md` has the details.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from services.comparisons.evaluation_target import target_of
from services.domain.registry import VersionKey
from services.errors import InvalidInputError, NotFoundError
from services.ports.registry import RegistryReader
from services.ports.time import Clock
from services.runner.desk import ModelRunner, digest_of_file
from services.runner.process import Progress

PATHS = (
    "evaluation/predictions.parquet",
    "evaluation/predictions.csv",
    "evaluation/predictions.json",
    "eval_results_table.json",
)
MLFLOW_TABLE = PATHS[-1]
EVALUATION_DATA = "evaluation/data.parquet"
TRAINING_SAMPLES = ("training/sample.parquet", "training/sample.csv", "training/sample.json")
LIMIT = 500_000_000
"""Bytes; a larger table is refused with a message."""
FRESH_FOR = 300.0
"""Seconds for which a page takes the copy at hand; sealing always fetches."""
SCORED = "predictions.parquet"


@dataclass(frozen=True)
class PredictionsFile:
    """A table on disk with the digest of its bytes."""

    path: Path
    digest: str
    artifact: str
    run_id: str = ""
    note: str = ""
    """Its origin, if it is not an artifact of the run."""
    target: str = ""
    """The column of the true labels, if MLflow's evaluation renamed it."""


class HeldOutPredictions:
    """The cache; files are named by their digest, so a replaced artifact is a new file."""

    def __init__(
        self,
        registry: RegistryReader,
        folder: Path,
        clock: Clock,
        *,
        runner: ModelRunner | None = None,
        evaluation: Path | None = None,
    ) -> None:
        self._registry = registry
        self._folder = folder
        self._clock = clock
        self._runner = runner
        self._evaluation = evaluation
        self._known: dict[str, tuple[float, PredictionsFile]] = {}
        self._lock = Lock()

    def of_version(
        self, key: VersionKey, run_id: str, *, fresh: bool, progress: Progress | None = None
    ) -> PredictionsFile:
        """The predictions of a version, scored now where the run kept none.

        Raises NotFoundError (none, and nothing to score), InvalidInputError (too large), ModelRunError, UpstreamError.
        """
        try:
            return self._with_target(key, self.fetch(run_id, fresh=fresh))
        except NotFoundError:
            scored = self._scored(key, run_id, progress)
            if scored is None:
                raise
            return scored

    def fetch(self, run_id: str, *, fresh: bool) -> PredictionsFile:
        """The table of a run. Raises NotFoundError (none logged), InvalidInputError (too large), UpstreamError."""
        if not run_id:
            raise NotFoundError("The version has no run, so no held-out predictions.")
        hint = f"Log a table as {PATHS[0]} with the columns row_id, label and score."
        missing = NotFoundError("The run has no held-out predictions.", hint=hint)
        return self._cached(run_id, PATHS, missing, fresh=fresh)

    def training_sample(self, run_id: str, *, fresh: bool = True) -> PredictionsFile:
        """The run's sample of its training data. Raises as `fetch` does."""
        hint = f"Log some thousand training rows as {TRAINING_SAMPLES[0]}."
        missing = NotFoundError("The run has no sample of its training data.", hint=hint)
        return self._cached(run_id, TRAINING_SAMPLES, missing, fresh=fresh)

    def by_digest(self, digest: str, artifact: str) -> Path | None:
        """A table that was seen before, if its bytes are still those."""
        path = self._path(digest.removeprefix("sha256:"), artifact)
        return path if path.is_file() and f"sha256:{digest_of_file(path)}" == digest else None

    def _with_target(self, key: VersionKey, file: PredictionsFile) -> PredictionsFile:
        """MLflow's evaluation table with the name of its target, as far as run and model say which column that is."""
        if file.artifact != MLFLOW_TABLE or file.target:
            return file
        target = target_of(self._registry, key, file.run_id)
        return replace(file, target=target, note=f"Target column of the evaluation: {target}.") if target else file

    def _cached(self, run_id: str, paths: Sequence[str], missing: NotFoundError, *, fresh: bool) -> PredictionsFile:
        now, name = self._clock.now().timestamp(), f"{run_id}/{paths[0]}"
        with self._lock:
            known = self._known.get(name)
        if known and not fresh and now - known[0] < FRESH_FOR and known[1].path.exists():
            return known[1]
        found = self._download(run_id, paths)
        if found is None:
            raise missing
        with self._lock:
            self._known[name] = (now, found)
        return found

    def _download(self, run_id: str, paths: Sequence[str]) -> PredictionsFile | None:
        for artifact in paths:
            try:
                data = self._registry.read_artifact(run_id, artifact, limit=LIMIT)
            except NotFoundError:
                continue
            return self._keep(run_id, artifact, data)
        return None

    def _keep(self, run_id: str, artifact: str, data: bytes) -> PredictionsFile:
        digest = hashlib.sha256(data).hexdigest()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(digest, artifact)
        if not path.exists():
            part = path.with_suffix(f"{path.suffix}.part")
            part.write_bytes(data)
            part.replace(path)
        return PredictionsFile(path, f"sha256:{digest}", artifact, run_id)

    def _path(self, digest: str, artifact: str) -> Path:
        return self._folder / f"{digest}{Path(artifact).suffix}"

    def _scored(self, key: VersionKey, run_id: str, progress: Progress | None) -> PredictionsFile | None:
        """Score the evaluation data with this version; None where there is no data, or no runner."""
        table = self._evaluation_data(key, run_id) if self._runner is not None else None
        if self._runner is None or table is None:
            return None
        inputs = {"key": "row_id", "label": "label"}
        found = self._runner.run(key, "score", inputs, files={"table": table.path}, progress=progress)
        scored = found.files.get(SCORED)
        if scored is None:
            raise InvalidInputError(
                "The evaluation data has no rows.", hint="Give a table with row_id, label and inputs."
            )
        digest = digest_of_file(scored)
        path = self._path(digest, SCORED)
        if not path.exists():
            self._folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(scored, path)
        note = f"Scored by the portal on {table.artifact}. {found.isolation.sentence()}"
        return PredictionsFile(path, f"sha256:{digest}", SCORED, run_id, note)

    def _evaluation_data(self, key: VersionKey, run_id: str) -> PredictionsFile | None:
        """The portal's own data set first: no candidate can choose it."""
        own = self._evaluation / f"{quote(key.model, safe='')}.parquet" if self._evaluation else None
        if own is not None and own.is_file():
            return PredictionsFile(own, f"sha256:{digest_of_file(own)}", own.name)
        return self._download(run_id, (EVALUATION_DATA,)) if run_id else None
