"""Measures how far live inputs, from the prediction log, have moved from what a version was trained on.

The inputs are read, measured and forgotten: only the drift of each column is kept, because they may be about people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

from services.comparisons.held_out import PredictionsFile
from services.domain.examined import LeftOut
from services.domain.why.predictions import PredictionQuery, PredictionRecord, left_out_of
from services.errors import PortalError, RefusedError
from services.evidence.record import DriftLine
from services.ports.predictions import InferenceLog
from services.ports.time import Clock

WINDOWS = (timedelta(days=30), timedelta(days=7), timedelta(days=1))
"""The longest one that the log's limits allow is taken."""
MOST = 5_000
FEWEST = 100
"""Fewer inputs say nothing about a distribution in ten cells."""
FEW_WITHOUT = 0.01
"""More predictions than this whose inputs were not kept, and those that were kept may be another population."""
CONVENTION = frozenset({"row_id", "label", "score", "prediction", "weight"})
"""Columns of a training sample that are not inputs."""


@dataclass(frozen=True)
class LiveDrift:
    """Drift of live inputs against a training sample, largest first ."""

    lines: tuple[DriftLine, ...]
    rows: int
    since: str
    until: str
    """Oldest and newest input, ISO 8601."""
    left_out: tuple[LeftOut, ...] = ()

    @property
    def sentence(self) -> str:
        """What was compared."""
        told = [f"{self.rows:,} live inputs from {self.since[:10]} to {self.until[:10]}."]
        return " ".join([*told, *(item.sentence() for item in self.left_out)])


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
        records, left_out = self._records(model)
        if len(records) < FEWEST:
            raise RefusedError(
                f"The prediction log has {len(records)} inputs of {model} in {WINDOWS[0].days} days.",
                hint=f"{FEWEST} are needed for a comparison.",
            )
        times = sorted(record.time.isoformat() for record in records if record.time is not None)
        lines = self._lines(records, reference)
        if self._masked:
            left_out += (LeftOut(f"columns {', '.join(sorted(self._masked))}", "this portal masks them", True),)
        return LiveDrift(lines, len(records), times[0], times[-1], left_out)

    def _records(self, model: str) -> tuple[list[PredictionRecord], tuple[LeftOut, ...]]:
        if self._log is None:
            raise RefusedError(
                "There is no prediction log, so no live inputs.", hint="Set COUNTERSIGN_PREDICTIONS_PATH or _TABLE."
            )
        now = self._clock.now()
        for window in WINDOWS:
            wanted = PredictionQuery(model, now - window, now, limit=MOST)
            try:
                found = self._log.search(wanted)
            except PortalError:
                if window is WINDOWS[-1]:
                    raise
                continue
            answered = [record for record in found if not record.failure]
            usable = [r for r in answered if r.inputs and r.time is not None and _is_usable(r)]
            left_out = (*left_out_of(found), *_failed(len(found) - len(answered)))
            return usable[:MOST], (*left_out, *_not_read(window, len(answered), len(usable)))
        return [], ()

    def _lines(self, records: Sequence[PredictionRecord], reference: PredictionsFile) -> tuple[DriftLine, ...]:
        import numpy as np

        from services.evidence.aspects.drift import drift_lines
        from services.evidence.rows.tables import read_table, table_from_mapping

        names = sorted({name for record in records for name in record.inputs} - self._masked)
        columns = {name: np.array([_plain(r.inputs.get(name)) for r in records], dtype=object) for name in names}
        now = table_from_mapping(columns, name="live")
        before = read_table(reference.path, name="training")
        skip = frozenset({"row_id", *self._masked, *(CONVENTION - set(names))})
        return drift_lines(before, now, skip=skip, must_stay=False)


def _not_read(window: timedelta, found: int, usable: int) -> tuple[LeftOut, ...]:
    """What of the log is not part of the measurement."""
    told = []
    if window is not WINDOWS[0]:
        why = f"the log allows no search over more than {window.days} days"
        told.append(LeftOut(f"inputs older than {window.days} days", why, by_policy=True))
    if found >= MOST:
        told.append(LeftOut("older inputs", f"only the newest {MOST:,} predictions are read", by_policy=True))
    lost = found - usable
    if lost:
        few = lost <= FEW_WITHOUT * found
        told.append(
            LeftOut(
                f"{lost:,} of {found:,} predictions",
                "they have no inputs, no names for them, or no time",
                by_policy=few,
            )
        )
    return tuple(told)


def _is_usable(record: PredictionRecord) -> bool:
    """True for inputs whose columns are known."""
    return record.has_names and record.is_understood


def _failed(count: int) -> tuple[LeftOut, ...]:
    """Requests that no model answered do not count as model inputs."""
    return (LeftOut(f"{count:,} requests", "they failed, so no model answered them", by_policy=True),) if count else ()


def _plain(value: Any) -> Any:
    """Single values stay; what has parts becomes text."""
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def live_document(found: LiveDrift) -> dict[str, Any]:
    """As it is sealed."""
    return {**asdict(found), "sentence": found.sentence}
