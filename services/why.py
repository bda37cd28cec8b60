"""Why did the model predict this? One sentence out of the inference log, the registry's copy and the ledger.

Each part is known, unknown or contradicted, with its source. The version is claimed twice, by the row of the log and
by what was live at that moment; where the two differ, both are shown and neither is preferred. Every look-up is
written into the ledger before the answer is given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from services.catalogue.browse import CatalogueBrowser
from services.domain.catalogue import VersionDetail
from services.domain.lineage import Certainty, Claim, Fact, settle
from services.domain.people import Actor, Permission
from services.domain.predictions import PredictionRecord
from services.domain.promotion import Deployment, PromotionRequest
from services.domain.registry import VersionKey
from services.domain.requests import standing_signatures
from services.errors import InvalidInputError, NotAllowedError, NotFoundError, UpstreamUnavailableError
from services.ledger.actions import Action
from services.ledger.entry import Subject
from services.portal import WhyAnswer
from services.ports import InferenceLog
from services.stores import Unit, Units

LINEAGE_FACTS = ("Training data", "Algorithm", "Author", "Git commit")
ID_LIMIT = 200


class WhyDesk:
    """Implements `services.portal.Why`."""

    def __init__(self, units: Units, catalogue: CatalogueBrowser, inference_log: InferenceLog | None) -> None:
        self._units = units
        self._catalogue = catalogue
        self._log = inference_log

    def recent(self, actor: Actor) -> Sequence[PredictionRecord]:
        """The newest predictions, for the picker."""
        if self._log is None or not actor.may(Permission.LOOK_UP_PREDICTION):
            return ()
        return self._log.recent()

    def live_at(self, model: str, environment: str, at: datetime) -> Sequence[Deployment]:
        """What was live at a moment."""
        with self._units.read() as unit:
            return unit.deployments.live_at(model, environment, at)

    def answer(self, actor: Actor, prediction_id: str) -> WhyAnswer:
        """The answer, and an entry in the ledger that it was asked for."""
        if not actor.may(Permission.LOOK_UP_PREDICTION):
            raise NotAllowedError("Your role cannot look up predictions.", hint="Ask an auditor or a reviewer.")
        record = self._find(_clean(prediction_id))
        self._note_look_up(actor, record)
        with self._units.read() as unit:
            deployments = _live(unit, record)
        key, version = _version(record, deployments)
        deployment = next((d for d in deployments if d.key == key), None)
        with self._units.read() as unit:
            request, approvers = _approval(unit, deployment)
        detail = self._detail(key)
        facts = (
            _prediction(record),
            version,
            *_lineage(detail, key),
            _release(deployment),
            _time_live(deployment, record),
            _approvers(approvers, request),
            _evidence(request),
        )
        return WhyAnswer(record, sentence(facts, record), facts, deployment, request)

    def _find(self, prediction_id: str) -> PredictionRecord:
        if self._log is None:
            raise UpstreamUnavailableError(
                "No prediction log is set.", system="inference_log", hint="Set COUNTERSIGN_PREDICTIONS_PATH."
            )
        found = self._log.find(prediction_id)
        if not found:
            raise NotFoundError(
                f"No prediction {prediction_id} is in the log.", hint="Check the id; a new row shows up within seconds."
            )
        if len(found) > 1:
            raise InvalidInputError(
                f"{len(found)} predictions share the id {prediction_id}.",
                hint="The log is ambiguous here: find out which writer gave the id twice.",
            )
        return found[0]

    def _detail(self, key: VersionKey | None) -> VersionDetail | None:
        if key is None:
            return None
        try:
            return self._catalogue.detail(key)
        except NotFoundError:
            return None

    def _note_look_up(self, actor: Actor, record: PredictionRecord) -> None:
        with self._units.begin() as unit:
            unit.ledger.append(actor, Action.PREDICTION_LOOKED_UP, Subject("prediction", record.request_id))


def _clean(prediction_id: str) -> str:
    cleaned = prediction_id.strip()
    if not cleaned or len(cleaned) > ID_LIMIT or not cleaned.isprintable():
        raise InvalidInputError("This is no prediction id.", hint="Paste the request id that the endpoint returned.")
    return cleaned


def _live(unit: Unit, record: PredictionRecord) -> Sequence[Deployment]:
    if record.model is None or record.time is None:
        return ()
    if record.environment is not None:
        return unit.deployments.live_at(record.model, record.environment, record.time)
    return [
        d
        for d in unit.deployments.of(model=record.model)
        if d.live_from <= record.time and (d.live_until is None or d.live_until > record.time)
    ]


def _version(record: PredictionRecord, deployments: Sequence[Deployment]) -> tuple[VersionKey | None, Fact]:
    claims = []
    if record.model is not None and record.version is not None:
        claims.append(Claim(str(VersionKey(record.model, record.version)), "prediction log"))
    claims += [Claim(str(d.key), f"ledger: live in {d.environment} at that time") for d in deployments]
    fact = settle("Version", claims, hint="Let the endpoint log the version that answered.")
    if record.model is not None and record.version is not None:
        return VersionKey(record.model, record.version), fact
    keys = {d.key for d in deployments}
    return (keys.pop() if len(keys) == 1 else None), fact


def _prediction(record: PredictionRecord) -> Fact:
    when = f"{record.time:%Y-%m-%d %H:%M:%S.%f} UTC" if record.time else ""
    return settle("Time", [Claim(when, record.source or "prediction log")], hint="Log the time of each prediction.")


def _lineage(detail: VersionDetail | None, key: VersionKey | None) -> list[Fact]:
    if detail is None:
        why = f"{key} is not in the registry's copy." if key else "The version is unknown."
        return [Fact(name, Certainty.UNKNOWN, "unknown", hint=why) for name in LINEAGE_FACTS]
    by_name: Mapping[str, Fact] = {fact.name: fact for fact in detail.facts}
    return [by_name[name] for name in LINEAGE_FACTS]


def _release(deployment: Deployment | None) -> Fact:
    name = f"{deployment.run_name} (run {deployment.run_id})" if deployment and deployment.run_id else ""
    source = f"ledger, request {deployment.request_id}" if deployment else ""
    hint = "It went live before the portal, or round it."
    return settle("Release", [Claim(name, source)], hint=hint, link=deployment.run_url if deployment else "")


def _time_live(deployment: Deployment | None, record: PredictionRecord) -> Fact:
    if deployment is None:
        hint = "The ledger has no such version live at that time: it was live before the portal, or round it."
        return Fact("Live", Certainty.UNKNOWN, "unknown", hint=hint)
    until = f" to {deployment.live_until:%Y-%m-%d %H:%M:%S} UTC" if deployment.live_until else " until now"
    value = f"in {deployment.environment} from {deployment.live_from:%Y-%m-%d %H:%M:%S} UTC{until}"
    del record
    return settle("Live", [Claim(value, f"ledger, request {deployment.request_id}")])


def _approval(unit: Unit, deployment: Deployment | None) -> tuple[PromotionRequest | None, list[str]]:
    if deployment is None or deployment.request_id is None:
        return None, []
    request = unit.requests.get(deployment.request_id)
    signed = standing_signatures(unit.requests.decisions(request.id), request.plan_digest)
    return request, [decision.person.name for decision in signed.values()]


def _approvers(names: list[str], request: PromotionRequest | None) -> Fact:
    source = f"ledger, request {request.id}" if request else ""
    link = f"/request?id={request.id}" if request else ""
    return settle("Approved by", [Claim(", ".join(names), source)], hint="No approval is recorded.", link=link)


def _evidence(request: PromotionRequest | None) -> Fact:
    digest = request.evidence_digest if request else ""
    return settle(
        "Evidence", [Claim(digest, f"request {request.id}" if request else "")], hint="No evidence was sealed."
    )


def sentence(facts: Sequence[Fact], record: PredictionRecord) -> str:
    """The answer in one sentence; what is not known is said to be unknown."""
    said = {fact.name: fact for fact in facts}
    return (
        f"{_subject(said['Version'])} answered this on {said['Time'].value}; it was trained on "
        f"{said['Training data'].value} with {said['Algorithm'].value} by {said['Author'].value} "
        f"at commit {_short(said['Git commit'].value)}, was live {_place(said['Live'], record)} through release "
        f"{said['Release'].value}, and was approved by {_approver_words(said['Approved by'])}."
    )


def _subject(version: Fact) -> str:
    if version.certainty is Certainty.UNKNOWN:
        return "An unknown version"
    if version.certainty is Certainty.CONTRADICTED:
        return f"{version.value} (the sources contradict each other)"
    return version.value


def _short(commit: str) -> str:
    is_hash = len(commit) == 40 and all(c in "0123456789abcdef" for c in commit)
    return commit[:10] if is_hash else commit


def _place(live: Fact, record: PredictionRecord) -> str:
    if live.certainty is Certainty.UNKNOWN:
        return f"in {record.environment or 'an unknown environment'} since an unknown time"
    return live.value


def _approver_words(fact: Fact) -> str:
    return fact.value if fact.certainty is Certainty.KNOWN else "nobody on record"
