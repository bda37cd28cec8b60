"""The Why use case: everything that pages and command line may ask about a prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.domain.identity.people import Actor
from services.domain.why.live_history import Spell, Timeline
from services.domain.why.predictions import PredictionQuery, PredictionRecord
from services.domain.why.reasons import Reasons
from services.domain.why.replay import Replay
from services.ports.predictions import DateRange
from services.why.answers import WhyAnswer
from services.why.desk import WhyDesk
from services.why.dossier import DossierDesk
from services.why.scoring import ScoringDesk


class WhyRoom:
    """Implements `services.portal.Why` by delegating to the desks."""

    def __init__(self, desk: WhyDesk, scoring: ScoringDesk, dossiers: DossierDesk) -> None:
        self._desk = desk
        self._scoring = scoring
        self._dossiers = dossiers

    def recent(self, actor: Actor) -> Sequence[PredictionRecord]:
        """The newest predictions."""
        return self._desk.recent(actor)

    def search(self, actor: Actor, wanted: PredictionQuery) -> Sequence[PredictionRecord]:
        """Predictions whose id is not known."""
        return self._desk.search(actor, wanted)

    def answer(self, actor: Actor, prediction_id: str, *, days: DateRange | None = None) -> WhyAnswer:
        """The answer."""
        return self._desk.answer(actor, prediction_id, days=days)

    def replay(self, actor: Actor, prediction_id: str) -> Replay:
        """The logged input scored again."""
        return self._scoring.replay(actor, prediction_id)

    def reasons(self, actor: Actor, prediction_id: str) -> Reasons:
        """What each input moved."""
        return self._scoring.reasons(actor, prediction_id)

    def dossier(self, actor: Actor, prediction_id: str) -> Mapping[str, bytes]:
        """File name to bytes."""
        return self._dossiers.make(actor, prediction_id)

    def timeline(self, model: str = "") -> Timeline:
        """What was live where and when."""
        return self._desk.timeline(model)

    def live_at(self, model: str, environment: str, at: datetime) -> Sequence[Spell]:
        """What was live at a moment."""
        return self._desk.live_at(model, environment, at)
