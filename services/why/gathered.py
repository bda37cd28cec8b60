"""What a dossier is made of, whatever form it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from services.domain.why.reasons import Reasons
from services.domain.why.replay import Replay
from services.why.answers import WhyAnswer
from services.why.desk import Examined


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
