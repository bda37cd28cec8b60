"""Small pieces that the desks share: subjects, sealed forms, the person's place in a request, checked texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.database.unit import Unit
from services.domain.identity.people import Actor
from services.domain.policy import Meaning
from services.domain.promotions.mentions import Mentioned, mentioned
from services.domain.promotions.plan import Plan
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.requests import Comment, Decision, DecisionKind, Participants, RequestState
from services.domain.promotions.rights import RequestFacts, slots_open_to, waits_for_person
from services.errors import InvalidInputError, RefusedError
from services.ledger.tree.canonical import Json
from services.promotions.sealed.sealer import Sealed
from services.promotions.sealed_request import plan_of

REASON_LIMIT = 4000
SIGNS = {DecisionKind.APPROVE: Meaning.APPROVED, DecisionKind.REVIEW: Meaning.REVIEWED}


def participants_of(actor: Actor, sealed: Sealed) -> Participants:
    """Requester, author and registrar, as the registry tells them."""
    run = sealed.material.run
    registrar = sealed.material.version.tags.get("countersign.registered_by")
    return Participants(actor.person, (run.user or None) if run else None, registrar)


def sealed_form(request: PromotionRequest, sealed: Sealed) -> dict[str, Json]:
    """What the ledger says of a sealed request."""
    return {
        "environment": request.environment,
        "plan": sealed.plan_document.digest,
        "evidence": sealed.evidence_document.digest,
        "policy": sealed.policy_document.digest,
        "artifact": sealed.plan.artifact_digest,
    }


def resealed(request: PromotionRequest, sealed: Sealed, now: datetime) -> PromotionRequest:
    """The request on a new seal, open again."""
    return replace(
        request,
        state=RequestState.OPEN,
        plan_digest=sealed.plan_document.digest,
        evidence_digest=sealed.evidence_document.digest,
        policy_digest=sealed.policy_document.digest,
        stale=(),
        updated=now,
    )


def request_and_plan(unit: Unit, request_id: str) -> tuple[PromotionRequest, Plan]:
    """A request with the plan that its signatures cover. Raises NotFoundError."""
    request = unit.requests.get(request_id)
    return request, plan_of(unit, request)


def same_click(unit: Unit, request_id: str, actor: Actor, kind: DecisionKind, seen: str) -> Decision | None:
    """A decision that this person has made already: the same click again must not be an error."""
    for decision in unit.requests.decisions(request_id):
        if (decision.person.id, decision.kind, decision.plan_digest) == (actor.person.id, kind, seen):
            return decision
    return None


def slot_of(actor: Actor, facts: RequestFacts, decision: Decision) -> str:
    """The discipline that a signature is given for: the one chosen, or the first that is open to the person."""
    choices = slots_open_to(actor, facts, SIGNS[decision.kind])
    if decision.slot and decision.slot not in choices:
        raise RefusedError(f"You cannot sign for {decision.slot} now.", code="slot_closed")
    return decision.slot or next(iter(choices), "")


def next_in_turn(people: Sequence[Actor], before: RequestFacts, made: Decision, state: RequestState) -> Sequence[str]:
    """Ids of those whose turn a decision makes it: the next discipline, where the policy keeps an order."""
    if before.policy is None or not before.policy.in_order:
        return ()
    after = replace(before, decisions=(*before.decisions, made), state=state)
    waiting = (p for p in people if waits_for_person(p, after) and not waits_for_person(p, before))
    return sorted({person.person.id for person in waiting})


def decision_form(made: Decision, now_asked: Sequence[str]) -> dict[str, Json] | None:
    """What the ledger says of a decision besides its reason: the discipline, and whose turn it makes it."""
    form: dict[str, Json] = {"for": made.slot} if made.slot else {}
    return (form | ({"waits_for": list(now_asked)} if now_asked else {})) or None


def comment_form(said: Comment) -> dict[str, Json]:
    """What the ledger says of a comment: never its text."""
    form: dict[str, Json] = {"comment": said.id}
    if said.reply_to:
        form["reply_to"] = said.reply_to
    return form | ({"mentions": list(said.mentions)} if said.mentions else {})


def told_people(text: str, tell: Sequence[str], known: Sequence[Actor]) -> Mentioned:
    """People whom a comment names, and those chosen besides by id. Raises InvalidInputError for an unknown id."""
    found, by_id = mentioned(text, known), {actor.person.id: actor.person for actor in known}
    strange = [name for name in tell if name not in by_id]
    if strange:
        raise InvalidInputError(f"The portal does not know {strange[0]}.", hint="They must have signed in once.")
    people = {person.id: person for person in [*(by_id[name] for name in tell), *found.people]}
    return replace(found, people=tuple(people.values()))


def reason_of(text: str, hint: str) -> str:
    """A text that was typed, trimmed and within its limit. Raises InvalidInputError."""
    text = text.strip()
    if not text:
        raise InvalidInputError("The reason is empty.", hint=hint)
    if len(text) > REASON_LIMIT:
        raise InvalidInputError(f"The text is longer than {REASON_LIMIT} characters.", hint="Shorten it.")
    return text.replace("\x00", "")
