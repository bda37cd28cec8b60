"""Why did the model predict this? One sentence from the inference log, the ledger and the registry's copy.

Each part is known, unknown or contradicted, with its source. The version has two sources, the row of the log and what
was live at that moment by the ledger; where they differ, both are shown and neither is preferred. MLflow is not
queried: deletions there change no answer. Every look-up is recorded in the ledger before the answer is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.catalogue.browse import CatalogueBrowser
from services.database.unit import Unit, Units
from services.domain.catalogue import VersionDetail
from services.domain.examined import LeftOut
from services.domain.identity.people import Actor, Permission
from services.domain.lineage import Certainty, Claim, Fact, settle
from services.domain.promotions.promotion import Deployment
from services.domain.registry import VersionKey
from services.domain.why.live_history import Ground, Spell, Timeline
from services.domain.why.predictions import (
    Found,
    PredictionQuery,
    PredictionRecord,
    left_out_of,
    masked,
    without_inputs,
)
from services.errors import InvalidInputError, NotAllowedError, NotFoundError, UpstreamUnavailableError
from services.ledger.actions import Action
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import Subject
from services.ports.predictions import DateRange, InferenceLog
from services.why.answers import WhyAnswer
from services.why.lineage import Origin, caveats, lineage_facts
from services.why.promotions import Promotion, read_promotion
from services.why.standing import standing_facts
from services.why.timeline import AsOf, read_timeline
from services.why.versions import Answered, who_answered
from services.why.words import sentence

ID_LIMIT = 200


@dataclass(frozen=True)
class Examined:
    """A prediction with everything known about it, before anything is hidden from the reader."""

    record: PredictionRecord
    answered: Answered
    origins: tuple[Origin, ...]
    deployment: Deployment | None
    left_out: tuple[LeftOut, ...] = ()
    """What the look-up in the log did not read."""

    @property
    def origin(self) -> Origin | None:
        """The version that answered, where there is no doubt."""
        is_known = self.answered.fact.certainty is Certainty.KNOWN
        return self.origins[0] if is_known and self.origins else None


class WhyDesk:
    """Implements `services.portal.Why`."""

    def __init__(
        self,
        units: Units,
        catalogue: CatalogueBrowser,
        inference_log: InferenceLog | None,
        *,
        masked_inputs: Sequence[str] = (),
    ) -> None:
        self._units = units
        self._catalogue = catalogue
        self._log = inference_log
        self._masked = tuple(masked_inputs)
        self._as_of = AsOf(units)

    def recent(self, actor: Actor) -> Sequence[PredictionRecord]:
        """The newest predictions, for the picker."""
        if self._log is None or not actor.may(Permission.LOOK_UP_PREDICTION):
            return ()
        found = self._log.recent()
        return Found(tuple(self.shown_to(actor, record) for record in found), left_out_of(found))

    def search(self, actor: Actor, wanted: PredictionQuery) -> Sequence[PredictionRecord]:
        """Predictions by model, time window and inputs; the search itself is recorded in the ledger."""
        demand_look_up(actor)
        if wanted.inputs:
            _demand(actor, Permission.SEE_INPUTS, "Your role cannot see inputs, so it cannot search by them.")
        hidden = sorted(set(wanted.inputs) & set(self._masked))
        if hidden:
            raise NotAllowedError(f"{', '.join(hidden)} is masked; nobody can search by it here.")
        if wanted.until <= wanted.since:
            raise InvalidInputError("The time window ends before it begins.", hint="Swap the two times.")
        told: dict[str, Json] = {
            "since": wanted.since.isoformat(),
            "until": wanted.until.isoformat(),
            "by": list[Json](sorted(wanted.inputs)),
        }
        with self._units.begin() as unit:
            subject = Subject("prediction_search", wanted.model or "any model")
            # what was searched by is about a person: commitments in the entry, the values erasable beside it
            values = {f"input {name}": value for name, value in wanted.inputs.items()}
            unit.ledger.append(actor, Action.PREDICTION_LOOKED_UP, subject, after=told, personal=values)
        found = self.log.search(wanted)
        return Found(tuple(self.shown_to(actor, record) for record in found), left_out_of(found))

    def timeline(self, model: str = "") -> Timeline:
        """What was live where and when, from the ledger alone."""
        return self._as_of.timeline(model)

    def live_at(self, model: str, environment: str, at: datetime) -> Sequence[Spell]:
        """What was live at a moment, most certain first, from the ledger alone."""
        return self._as_of.live_at(at, model=model, environment=environment)

    def answer(self, actor: Actor, prediction_id: str, *, days: DateRange | None = None) -> WhyAnswer:
        """The answer; the look-up is recorded in the ledger."""
        demand_look_up(actor)
        found = self.found(prediction_id, days=days)
        record = found[0]
        with self._units.begin() as unit:
            unit.ledger.append(actor, Action.PREDICTION_LOOKED_UP, Subject("prediction", record.request_id))
        return self.answer_of(actor, replace(self.examine(record), left_out=left_out_of(found)))

    def answer_of(self, actor: Actor, examined: Examined) -> WhyAnswer:
        """The answer as this person may see it; nothing is recorded."""
        record, answered = self.shown_to(actor, examined.record), examined.answered
        facts = _facts(examined)
        origin = examined.origin
        is_placed = origin is not None and len(answered.places_of(origin.key)) <= 1
        promotion = origin.promotion if origin and is_placed else None
        return WhyAnswer(
            record=record,
            sentence=sentence(facts, record),
            facts=facts,
            deployment=examined.deployment if origin and is_placed else None,
            request=promotion.request if promotion else None,
            caveats=(
                *answered.caveats,
                *caveats(examined.origins),
                *(f"In the prediction log, {item.sentence()}" for item in examined.left_out),
            ),
            candidates=answered.candidates,
            inputs_note=self._inputs_note(actor, examined.record),
        )

    def examine(self, record: PredictionRecord) -> Examined:
        """Everything around a prediction, from ledger, sealed documents and the registry's copy."""
        with self._units.read() as unit:
            timeline = read_timeline(unit.archive, record.model or "")
            answered = who_answered(record, timeline)
            promotions = {key: _promotion(unit, key, answered, timeline) for key in answered.candidates}
            first = answered.candidates[0] if answered.candidates else None
            deployment = _deployment(unit, promotions.get(first) if first else None)
        origins = tuple(Origin(key, self._detail(key), promotions[key]) for key in answered.candidates)
        return Examined(record, answered, origins, deployment)

    def find(self, prediction_id: str, *, days: DateRange | None = None) -> PredictionRecord:
        """The one record with this id. Raises NotFoundError, InvalidInputError (ambiguous, or one of several rows)."""
        return self.found(prediction_id, days=days)[0]

    def found(self, prediction_id: str, *, days: DateRange | None = None) -> Sequence[PredictionRecord]:
        """The one record, with what was not examined."""
        wanted = _clean(prediction_id)
        found = self.log.find(wanted, days=days)
        if not found:
            unread = " ".join(f"Not certain: {item.sentence()}" for item in left_out_of(found))
            raise NotFoundError(
                f"No prediction {wanted} is in the part of the log that was read."
                if unread
                else f"No prediction {wanted} is in the log.",
                hint=unread or "Check the id; how soon a new row shows up depends on the writer of the log.",
            )
        demand_one_request(found, wanted)
        if len(found) > 1:
            raise InvalidInputError(
                f"{len(found)} predictions share the id {wanted}.",
                hint="The log is ambiguous here: find out which writer used the id twice.",
                code="ambiguous",
            )
        return found

    @property
    def log(self) -> InferenceLog:
        """The prediction log. Raises UpstreamUnavailableError when none is set."""
        if self._log is None:
            raise UpstreamUnavailableError(
                "No prediction log is set.", system="inference_log", hint="Set COUNTERSIGN_PREDICTIONS_PATH."
            )
        return self._log

    @property
    def masked_inputs(self) -> tuple[str, ...]:
        """Inputs that are hidden from everyone here."""
        return self._masked

    def shown_to(self, actor: Actor, record: PredictionRecord) -> PredictionRecord:
        """The record as this person may see it."""
        return masked(record, self._masked) if actor.may(Permission.SEE_INPUTS) else without_inputs(record)

    def _inputs_note(self, actor: Actor, record: PredictionRecord) -> str:
        if not record.inputs:
            return "The inputs are not in the log."
        if not actor.may(Permission.SEE_INPUTS):
            return "Your role cannot see inputs."
        if self._masked and not (record.has_names and record.is_understood):
            return "All inputs are masked: the log has no input names, and some inputs are masked by name."
        hidden = [name for name in record.inputs if name in self._masked]
        return f"Masked by the settings: {', '.join(hidden)}." if hidden else ""

    def _detail(self, key: VersionKey) -> VersionDetail | None:
        try:
            return self._catalogue.detail(key)
        except NotFoundError:
            return None


def demand_look_up(actor: Actor) -> None:
    """Raises NotAllowedError for a role without the right to look up predictions."""
    _demand(actor, Permission.LOOK_UP_PREDICTION, "Your role cannot look up predictions.")


def demand_one_request(found: Sequence[PredictionRecord], wanted: str) -> None:
    """Refuses a request with several rows: each is a prediction. Raises InvalidInputError (code several_rows)."""
    requests = {record.of_request for record in found}
    if len(found) > 1 and len(requests) == 1 and requests != {""} and len({r.request_id for r in found}) == len(found):
        first, last = found[0].request_id, found[-1].request_id
        raise InvalidInputError(
            f"The request {wanted} held {len(found)} rows; each is a prediction.",
            hint=f"Ask for one of them: {first} to {last}.",
            code="several_rows",
        )


def _demand(actor: Actor, permission: Permission, message: str) -> None:
    if not actor.may(permission):
        raise NotAllowedError(message, hint="Ask an auditor or a reviewer.")


def _clean(prediction_id: str) -> str:
    cleaned = prediction_id.strip()
    if not cleaned or len(cleaned) > ID_LIMIT or not cleaned.isprintable():
        raise InvalidInputError("This is not a prediction ID.", hint="Paste the request id that the endpoint returned.")
    return cleaned


def _promotion(unit: Unit, key: VersionKey, answered: Answered, timeline: Timeline) -> Promotion | None:
    """The promotion behind the live period that answered, else the last one that made this version live anywhere."""
    spell = answered.spell_of(key)
    if spell is None or not spell.request_id:
        known = [s for s in timeline.spells if s.key == key and s.ground is Ground.LIVE]
        spell = spell or (known[-1] if known else None)
    return read_promotion(unit, spell)


def _deployment(unit: Unit, promotion: Promotion | None) -> Deployment | None:
    if promotion is None or promotion.request is None:
        return None
    known = unit.deployments.of(model=promotion.request.key.model, version=promotion.request.key.version)
    return next((d for d in known if d.request_id == promotion.request_id), None)


def _facts(examined: Examined) -> tuple[Fact, ...]:
    answered = examined.answered
    disputed = answered.fact.certainty is Certainty.CONTRADICTED
    return (
        _time(examined.record),
        answered.fact,
        *lineage_facts(examined.origins, disputed=disputed, settled=answered.is_settled),
        *standing_facts(examined.origins, answered, examined.record, examined.deployment),
    )


def _time(record: PredictionRecord) -> Fact:
    when = f"{record.time:%Y-%m-%d %H:%M:%S.%f} UTC" if record.time else ""
    return settle("Time", [Claim(when, record.source or "prediction log")], hint="Log the time of each prediction.")
