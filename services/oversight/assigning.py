"""Reassign a review, delegate a signature, or snooze a request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from services.database.unit import Unit, Units
from services.domain.identity.people import Actor, Person
from services.domain.promotions.oversight import Assignment, AssignmentKind
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import Participants
from services.domain.promotions.rights import UserAction, slots_open_to, why_not_decide
from services.errors import InvalidInputError, RefusedError
from services.ledger.actions import Action
from services.ledger.tree.canonical import Json
from services.ports.time import Clock, Ids
from services.promotions.desk import PromotionDesk
from services.promotions.forms import reason_of
from services.promotions.sealed_request import facts_of

PeopleKnown = Callable[[], Sequence[Actor]]
"""Everybody who has signed in, with their last known roles."""
_ACTION_OF = {
    AssignmentKind.REASSIGN: (UserAction.REASSIGN, Action.REQUEST_REASSIGNED),
    AssignmentKind.DELEGATE: (UserAction.DELEGATE, Action.REQUEST_DELEGATED),
    AssignmentKind.DEFER: (UserAction.DEFER, Action.REQUEST_DEFERRED),
}


class AssigningDesk:
    """Changes to a person's part in a request; each is stored and recorded in the ledger."""

    def __init__(self, units: Units, desk: PromotionDesk, people: PeopleKnown, *, clock: Clock, ids: Ids) -> None:
        self._units = units
        self._desk = desk
        self._people = people
        self._clock = clock
        self._ids = ids

    def colleagues(self, actor: Actor, request_id: str) -> Sequence[Person]:
        """People who could decide on this request instead of the actor."""
        with self._units.read() as unit:
            made_by = unit.requests.get(request_id).participants
        able = [p for p in self._people() if why_not_decide(p, made_by) is None and p.person.id != actor.person.id]
        return sorted({p.person for p in able}, key=lambda person: person.name)

    def reassign(
        self, actor: Actor, request_id: str, *, to: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Reassign to another reviewer."""
        return self._step(actor, request_id, AssignmentKind.REASSIGN, to=to, reason=reason, key=idempotency_key)

    def delegate(
        self, actor: Actor, request_id: str, *, to: str, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Delegate: another reviewer signs for the actor's discipline."""
        return self._step(actor, request_id, AssignmentKind.DELEGATE, to=to, reason=reason, key=idempotency_key)

    def defer(
        self, actor: Actor, request_id: str, *, until: datetime, reason: str, idempotency_key: str
    ) -> PromotionRequest:
        """Snooze the request for the actor; this neither blocks nor extends it."""
        with self._units.read() as unit:
            expires = unit.requests.get(request_id).expires
        if not self._clock.now() < until < expires:
            raise InvalidInputError(
                "The time must be between now and the expiry of the request.",
                hint=f"It expires {expires:%Y-%m-%d %H:%M} UTC.",
            )
        return self._step(
            actor, request_id, AssignmentKind.DEFER, to=actor.person.id, reason=reason, key=idempotency_key, until=until
        )

    def _step(
        self,
        actor: Actor,
        request_id: str,
        kind: AssignmentKind,
        *,
        to: str,
        reason: str,
        key: str,
        until: datetime | None = None,
    ) -> PromotionRequest:
        reason = reason_of(reason, "Give a reason.")
        action, told_as = _ACTION_OF[kind]
        with self._units.begin() as unit:
            request = unit.requests.get(request_id)
            self._desk.demand(unit, actor, request, action)
            person = actor.person if kind is AssignmentKind.DEFER else self._reviewer(to, actor, request.participants)
            slot = self._slot(unit, actor, request) if kind is AssignmentKind.DELEGATE else ""
            made = Assignment(self._ids.new("asg"), kind, actor.person, person, reason, self._clock.now(), slot, until)
            if unit.oversight.add_assignment(request_id, made, idempotency_key=key):
                self._desk.record(unit, actor, told_as, request, after=_form(made), reason=reason)
        return request

    def _slot(self, unit: Unit, actor: Actor, request: PromotionRequest) -> str:
        return slots_open_to(actor, facts_of(unit, request, self._clock.now()))[0]

    def _reviewer(self, to: str, actor: Actor, made_by: Participants) -> Person:
        found = next((p for p in self._people() if p.is_known_as(to)), None)
        if found is None:
            raise InvalidInputError(f"The portal does not know {to}.", hint="They must sign in once first.")
        if found.person.id == actor.person.id:
            raise InvalidInputError("You cannot choose yourself.", hint="Choose another person.")
        closed = why_not_decide(found, made_by)
        if closed is not None:
            wanted = "a reviewer other than the requester, author and registrar"
            raise RefusedError(f"{found.person.name} cannot decide on this request.", hint=f"Choose {wanted}.")
        return found.person


def _form(made: Assignment) -> dict[str, Json]:
    form: dict[str, Json] = {"to": made.to.id}
    if made.slot:
        form["for"] = made.slot
    if made.until is not None:
        form["until"] = made.until.isoformat()
    return form
