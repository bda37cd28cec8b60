"""The Why interface of the portal: what pages and command line may ask about a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from services.domain.identity.people import Actor
from services.domain.lineage import Fact
from services.domain.promotions.promotion import Deployment, PromotionRequest
from services.domain.registry import VersionKey
from services.domain.why.live_history import Spell, Timeline
from services.domain.why.predictions import PredictionQuery, PredictionRecord
from services.domain.why.reasons import Reasons
from services.domain.why.replay import Replay
from services.ports.predictions import DateRange


@dataclass(frozen=True)
class WhyAnswer:
    """Why a prediction was made: one sentence, and each part with its source."""

    record: PredictionRecord
    sentence: str
    facts: tuple[Fact, ...]
    deployment: Deployment | None
    request: PromotionRequest | None
    caveats: tuple[str, ...] = ()
    """Caveats of the answer: gaps, doubts, and sources that could not be used."""
    candidates: tuple[VersionKey, ...] = ()
    """The versions that may have answered; one where there is no doubt."""
    inputs_note: str = ""
    """Why inputs are hidden or missing; empty when all are shown."""


class Why(Protocol):
    """Answers auditors. Every look-up is recorded in the ledger."""

    def recent(self, actor: Actor) -> Sequence[PredictionRecord]:
        """The newest predictions, for the picker; empty when there is no log."""

    def answer(self, actor: Actor, prediction_id: str, *, days: DateRange | None = None) -> WhyAnswer:
        """The answer; `days` where the id does not contain its time.

        Raises NotFoundError, InvalidInputError (ambiguous, or too much to look through), NotAllowedError,
        UpstreamError.
        """

    def replay(self, actor: Actor, prediction_id: str) -> Replay:
        """The logged input scored again by the version that answered, in a separate process.

        Raises RefusedError (version or inputs unknown), ModelRunError, NotFoundError, UpstreamError.
        """

    def reasons(self, actor: Actor, prediction_id: str) -> Reasons:
        """The contribution of each input, and the nearest known examples. Raises what `replay` raises."""

    def dossier(self, actor: Actor, prediction_id: str) -> Mapping[str, bytes]:
        """What documents and proves the answer, file name to bytes; recorded. Raises what `answer` raises."""

    def search(self, actor: Actor, wanted: PredictionQuery) -> Sequence[PredictionRecord]:
        """Predictions by model, window of time and inputs. Raises NotAllowedError, InvalidInputError, UpstreamError."""

    def timeline(self, model: str = "") -> Timeline:
        """What was live where and when, from the ledger alone."""

    def live_at(self, model: str, environment: str, at: datetime) -> Sequence[Spell]:
        """What was live at a moment, most certain first; several when only the prediction's row can decide."""
