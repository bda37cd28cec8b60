"""Ledger entries about a rollout."""

from __future__ import annotations

from typing import Any

from services.database.unit import Unit
from services.domain.identity.people import SYSTEM, Actor
from services.domain.promotions.promotion import PromotionRequest
from services.ledger.actions import Action
from services.ledger.subjects import version_subject
from services.ledger.writer import EntryFields


def record(unit: Unit, request: PromotionRequest, action: Action, *, by: Actor = SYSTEM, **fields: Any) -> None:
    """Write an entry about the rollout of this request, by the portal itself unless somebody else is named."""
    known: EntryFields = {"request_id": request.id, "plan_digest": request.plan_digest, **fields}  # type: ignore[typeddict-item]  # callers pass fields of EntryFields
    unit.ledger.append(by, action, version_subject(request.key), **known)
