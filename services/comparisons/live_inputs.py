"""Measures how far live inputs, from the prediction log, have moved from what a version was trained on.

The inputs are read, measured and forgotten: only the drift of each column is kept, because they may be about people.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from services.comparisons.held_out import PredictionsFile
from services.domain.why.predictions import PredictionQuery, PredictionRecord
from services.errors import PortalError, RefusedError
from services.ports.predictions import InferenceLog
from services.ports.time import Clock

WINDOWS = (timedelta(days=30), timedelta(days=7), timedelta(days=1))
"""The longest one that the log's limits allow is taken."""
MOST = 5_000
FEWEST = 100
"""Fewer inputs say nothing about a distribution in ten cells."""


@dataclass(frozen=True)
class LiveDrift:
    """Drift of live inputs against a training sample, largest first (`aspects.drift.DriftLine` as JSON)."""

    lines: tuple[Mapping[str, Any], ...]
    rows: int
    since: str
    until: str
    """Oldest and newest input, ISO 8601."""

    @property
    def sentence(self) -> str:
        """What was compared."""
        return f"{self.rows:,} live inputs from {self.since[:10]} to {self.until[:10]}."


class LiveInputs:
    """Reads a model's newest inputs; what it cannot say it says in words."""

    def __init__(self, log: InferenceLog | None, clock: Clock, *, masked: Sequence[str] = ()) -> None:
        self._log = log
        self._clock = clock
        self._masked = frozenset(masked)

    def against(self, model: str, reference: PredictionsFile) -> LiveDrift:
        """The model's live inputs, of all its versions, against a training sample.

        Raises RefusedError (no log, too few inputs), InvalidInputError (no table), UpstreamError.
        """
        records = self._records(model)
        if len(records) < FEWEST:
            raise RefusedError(
                f"The prediction log has {len(records)} inputs of {model} in {WINDOWS[0].days} days.",
                hint=f"{FEWEST} are needed for a comparison.",
            )
        times = sorted(record.time.isoformat() for record in records if record.time is not None)
        return LiveDrift(self._lines(records, reference), len(records), times[0], times[-1])

    def _records(self, model: str) -> list[PredictionRecord]:
        if self._log is None:
            raise RefusedError(
                "There is no prediction log, so no live inputs.", hint="Set COUNTERSIGN_PREDICTIONS_PATH or _TABLE."
            )
        now = self._clock.now()
        for window in WINDOWS:
            wanted = PredictionQuery(model, now - window, now, limit=MOST)
            try:
                found = [r for r in self._log.search(wanted) if r.inputs and r.time is not None]
            except PortalError:
                if window is WINDOWS[-1]:
                    raise
                continue
            return found[:MOST]
        return []

    def _lines(self, records: Sequence[PredictionRecord], reference: PredictionsFile) -> tuple[Mapping[str, Any], ...]:
        import numpy as np

        from services.evidence.aspects.drift import drift_lines
        from services.evidence.rows.tables import read_table, table_from_mapping

        names = sorted({name for record in records for name in record.inputs} - self._masked)
        columns = {name: np.array([_plain(r.inputs.get(name)) for r in records], dtype=object) for name in names}
        now = table_from_mapping(columns, name="live")
        before = read_table(reference.path, name="training")
        return tuple(asdict(line) for line in drift_lines(before, now, skip=frozenset({"row_id", *self._masked})))


def _plain(value: Any) -> Any:
    """Single values stay; what has parts becomes text."""
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def live_document(found: LiveDrift) -> dict[str, Any]:
    """As it is sealed."""
    return {**asdict(found), "lines": [dict(line) for line in found.lines], "sentence": found.sentence}
