"""The content of a dossier, independent of its format."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.domain.why.reasons import Reasons
from services.domain.why.replay import Replay
from services.why.answers import WhyAnswer
from services.why.desk import Examined
from services.why.predicted import in_words
from services.why.promotions import GivenReason


@dataclass(frozen=True)
class Gathered:
    """Everything that goes into a dossier; `problems` say why a part is missing."""

    answer: WhyAnswer
    examined: Examined
    made_at: str
    made_by: str
    replay: Replay | None
    reasons: Reasons | None
    problems: tuple[str, ...]
    card: str
    pack: Mapping[str, Any] | None
    sealed: Mapping[str, str]

    @property
    def predicted(self) -> tuple[str, ...]:
        """What was predicted, in words."""
        return in_words(self.answer.record, self.reasons, self.replay, self.examined.origin)

    @property
    def given_reasons(self) -> tuple[GivenReason, ...]:
        """Why the promotion behind the answer was requested and approved."""
        origin = self.examined.origin
        return origin.promotion.reasons if origin and origin.promotion else ()

    @property
    def why_no_reasons(self) -> str:
        """Why there are no reasons here; empty when there are some."""
        if self.given_reasons:
            return ""
        if len(self.answer.candidates) > 1:
            return "Which version answered is not certain, so there is no single request behind it."
        return "The ledger has no promotion request behind this prediction."
