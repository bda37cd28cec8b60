"""Where served predictions are logged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from services.domain.why.predictions import PredictionQuery, PredictionRecord


@dataclass(frozen=True)
class DateRange:
    """Days, including both ends."""

    first: date
    last: date


class InferenceLog(Protocol):
    """Finds prediction records. What a look-up leaves out stands beside its records (`predictions.left_out_of`)."""

    def find(self, request_id: str, *, days: DateRange | None = None) -> Sequence[PredictionRecord]:
        """None, one, or several: the rows of one request, or an ambiguous id (rows of at most ten requests)."""

    def search(self, wanted: PredictionQuery) -> Sequence[PredictionRecord]:
        """Records of a model in a window of time, newest first, at most `limit` and one more when there are more."""

    def recent(self, limit: int = 20) -> Sequence[PredictionRecord]:
        """The newest records, for a picker; may be empty."""

    def check(self) -> str:
        """What is there, in words. Raises SettingsError when a mapped column is missing, UpstreamError."""
