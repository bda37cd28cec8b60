"""Where the model card of a version is kept."""

from __future__ import annotations

CARD = "model_card.md"

CARD_LIMIT = 200_000
