"""Fetches the held-out predictions of a run, by the documented convention, into a cache on disk.

Convention: the run artifact ``evaluation/predictions.parquet`` (or .csv, .json) with the columns ``row_id, label,
score`` and optionally ``prediction, weight``; every further column is a slice. `docs/evidence.md` has the details.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from services.errors import NotFoundError
from services.ports import Clock, RegistryReader

PATHS = (
    "evaluation/predictions.parquet",
    "evaluation/predictions.csv",
    "evaluation/predictions.json",
    "eval_results_table.json",
)
LIMIT = 500_000_000
"""Bytes; a larger table is refused with a message."""
FRESH_FOR = 300.0
"""Seconds for which a page takes the copy at hand; sealing always fetches."""


@dataclass(frozen=True)
class PredictionsFile:
    """A table on disk with the digest of its bytes."""

    path: Path
    digest: str
    artifact: str


class HeldOutPredictions:
    """The cache; files are named by their digest, so a replaced artifact is a new file."""

    def __init__(self, registry: RegistryReader, folder: Path, clock: Clock) -> None:
        self._registry = registry
        self._folder = folder
        self._clock = clock
        self._known: dict[str, tuple[float, PredictionsFile]] = {}
        self._lock = Lock()

    def fetch(self, run_id: str, *, fresh: bool) -> PredictionsFile:
        """The table of a run. Raises NotFoundError (none logged), InvalidInputError (too large), UpstreamError."""
        now = self._clock.now().timestamp()
        with self._lock:
            known = self._known.get(run_id)
        if known and not fresh and now - known[0] < FRESH_FOR and known[1].path.exists():
            return known[1]
        found = self._download(run_id)
        with self._lock:
            self._known[run_id] = (now, found)
        return found

    def _download(self, run_id: str) -> PredictionsFile:
        for artifact in PATHS:
            try:
                data = self._registry.read_artifact(run_id, artifact, limit=LIMIT)
            except NotFoundError:
                continue
            return self._keep(artifact, data)
        raise NotFoundError(
            "The run has no held-out predictions.",
            hint=f"Log a table as {PATHS[0]} with the columns row_id, label and score.",
        )

    def _keep(self, artifact: str, data: bytes) -> PredictionsFile:
        digest = hashlib.sha256(data).hexdigest()
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._folder / f"{digest}{Path(artifact).suffix}"
        if not path.exists():
            part = path.with_suffix(f"{path.suffix}.part")
            part.write_bytes(data)
            part.replace(path)
        return PredictionsFile(path, f"sha256:{digest}", artifact)
