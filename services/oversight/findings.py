"""Findings, and the periodic re-reviews of live versions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from services.database.unit import Unit, Units
from services.domain.identity.people import Actor, Permission, Person
from services.domain.policy import PromotionPolicy
from services.domain.promotions.oversight import Finding, FindingKind, NewFinding, ReReview, ReviewDue, why_not_close
from services.domain.promotions.promotion import Deployment
from services.domain.registry import VersionKey
from services.errors import InvalidInputError, NotAllowedError, NotFoundError, RefusedError
from services.ledger.actions import Action
from services.ledger.subjects import version_subject
from services.oversight.emergency import INCIDENT
from services.ports.time import Clock, Ids
from services.promotions.forms import reason_of
from services.promotions.sealed_request import frozen_policies


class FindingDesk:
    """Opens and closes findings; records re-reviews."""

    def __init__(self, units: Units, people: Callable[[], Sequence[Actor]], *, clock: Clock, ids: Ids) -> None:
        self._units = units
        self._people = people
        self._clock = clock
        self._ids = ids

    def people(self) -> Sequence[Person]:
        """Who can own a finding: everybody whom the portal knows."""
        return sorted((p.person for p in self._people()), key=lambda person: person.name)

    def findings(self, *, model: str | None = None, open_only: bool = True) -> Sequence[Finding]:
        """Findings, earliest due date first."""
        with self._units.read() as unit:
            return unit.oversight.findings(model=model, open_only=open_only)

    def raise_finding(self, actor: Actor, key: VersionKey, wanted: NewFinding, *, idempotency_key: str) -> Finding:
        """Open a finding against a version; it blocks approval while open, unless its severity is low."""
        if not actor.may(Permission.COMMENT):
            raise NotAllowedError("Your role is read-only; it cannot open findings.")
        now = self._clock.now()
        if wanted.due <= now:
            raise InvalidInputError("The due date is in the past.", hint="Choose a future date.")
        found = Finding(
            id=self._ids.new("fnd"),
            kind=FindingKind.FINDING,
            model=key.model,
            version=key.version,
            environment=wanted.environment,
            severity=wanted.severity,
            title=reason_of(wanted.title, "Describe what was found."),
            owner=self._person(wanted.owner),
            due=wanted.due,
            opener=actor.person,
            opened=now,
            request_id=wanted.request_id,
        )
        with self._units.begin() as unit:
            if unit.oversight.add_finding(found, idempotency_key=idempotency_key):
                details = {"finding": found.id, "severity": found.severity.value, "owner": found.owner.id}
                unit.ledger.append(
                    actor, Action.FINDING_OPENED, version_subject(key), after={**details, "due": found.due.isoformat()},
                    request_id=found.request_id,
                )  # fmt: skip
        return found

    def close_finding(self, actor: Actor, finding_id: str, *, resolution: str) -> Finding:
        """Close a finding as fixed; its owner cannot do this. Raises RefusedError, NotFoundError."""
        resolution = reason_of(resolution, "Describe how it was fixed and how you verified it.")
        now = self._clock.now()
        with self._units.begin() as unit:
            found = unit.oversight.finding(finding_id)
            closed = why_not_close(actor, found)
            if closed is not None:
                raise RefusedError(closed, code="finding_not_closable")
            unit.oversight.close_finding(finding_id, by=actor.person, at=now, resolution=resolution)
            self._close_incident(unit, found, now)
            subject = version_subject(VersionKey(found.model, found.version)) if found.version else None
            if subject is None:
                subject = version_subject(unit.requests.get(str(found.request_id)).key)
            unit.ledger.append(
                actor, Action.FINDING_CLOSED, subject, after={"finding": found.id}, reason=resolution,
                request_id=found.request_id,
            )  # fmt: skip
            return unit.oversight.finding(finding_id)

    def _close_incident(self, unit: Unit, found: Finding, now: datetime) -> None:
        if found.kind is not FindingKind.BREAK_GLASS:
            return
        for incident in unit.deployments.incidents():
            if incident.kind == INCIDENT and incident.after == found.request_id:
                unit.deployments.close_incident(incident.id, now)

    def reviews_due(self) -> Sequence[ReviewDue]:
        """Live versions whose policy requires re-reviews, earliest due date first."""
        with self._units.read() as unit:
            live = [d for d in unit.deployments.of(live_only=True) if d.request_id]
            last = {review.deployment_id: review for review in unit.oversight.reviews([d.id for d in live])}
            requests = unit.requests.many({str(d.request_id) for d in live})
            policies = frozen_policies(unit, requests.values())
        rules = {request.id: policies[request.policy_digest] for request in requests.values()}
        found = [_due(deployment, rules[str(deployment.request_id)], last.get(deployment.id)) for deployment in live]
        return sorted((due for due in found if due is not None), key=lambda due: due.due)

    def record_review(self, actor: Actor, deployment_id: str, *, reason: str, idempotency_key: str) -> None:
        """Record a re-review of a live version, with its findings as text."""
        if actor.is_service or not actor.may(Permission.DECIDE):
            raise NotAllowedError("Only reviewers can re-review a live version.")
        reason = reason_of(reason, "Describe what you reviewed and what you found.")
        with self._units.begin() as unit:
            live = next((d for d in unit.deployments.of(live_only=True) if d.id == deployment_id), None)
            if live is None:
                raise NotFoundError("This version is no longer live.", hint="See the list of re-reviews.")
            if live.request_id and actor.is_known_as(unit.requests.get(live.request_id).participants.requester.id):
                raise RefusedError("You requested this promotion, so another person must review it.")
            made = ReReview(self._ids.new("rev"), deployment_id, actor.person, reason, self._clock.now())
            if unit.oversight.add_review(made, idempotency_key=idempotency_key):
                unit.ledger.append(
                    actor, Action.VERSION_REVIEWED, version_subject(live.key), after={"environment": live.environment},
                    reason=reason, request_id=live.request_id,
                )  # fmt: skip

    def _person(self, name: str) -> Person:
        found = next((p.person for p in self._people() if p.is_known_as(name)), None)
        if found is None:
            raise InvalidInputError(f"The portal does not know {name}.", hint="They must sign in once first.")
        return found


def _due(live: Deployment, policy: PromotionPolicy, last: ReReview | None) -> ReviewDue | None:
    if policy.review_every is None:
        return None
    return ReviewDue(live, (last.at if last else live.live_from) + policy.review_every, last)
