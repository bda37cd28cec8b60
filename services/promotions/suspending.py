"""A version goes live: other waiting requests for the same place were signed against the one before it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from services.database.unit import Unit
from services.domain.identity.people import SYSTEM
from services.domain.promotions.plan import Change
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import RequestState
from services.ledger.actions import Action
from services.ledger.subjects import version_subject
from services.promotions.sealed_request import plan_of

_WAITING = (RequestState.OPEN, RequestState.CHANGES_REQUESTED)


def suspend_others(unit: Unit, winner: PromotionRequest, now: datetime) -> int:
    """Void their signatures and say why, in the transaction that marks the winner live; returns how many."""
    rows = unit.requests.in_states(_WAITING, model=winner.key.model, environment=winner.environment)
    others = [request for request in rows if request.id != winner.id and not request.stale]
    for request in others:
        _suspend(unit, request, winner, now)
    return len(others)


def _suspend(unit: Unit, request: PromotionRequest, winner: PromotionRequest, now: datetime) -> None:
    before = plan_of(unit, request).current_version
    told = Change("current_version", before, winner.key.version).sentence()
    unit.requests.void_decisions(request.id, told)
    saved = unit.requests.save(replace(request, stale=(told,), updated=now))
    unit.ledger.append(
        SYSTEM,
        Action.REQUEST_SUSPENDED,
        version_subject(saved.key),
        after=[told, f"promoted by {winner.id}"],
        request_id=saved.id,
        plan_digest=saved.plan_digest,
    )
