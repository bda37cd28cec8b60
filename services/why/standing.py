"""The state of the possible versions at that moment: live since when, by which release and with whose approval.

With several possible versions, each fact gives its value for each of them; the approval of one does not count for the
answer, and no version is left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from services.domain.lineage import Certainty, Claim, Fact, settle
from services.domain.promotions.promotion import Deployment
from services.domain.why.live_history import Ground, Spell
from services.domain.why.predictions import PredictionRecord
from services.why.lineage import Origin, merged
from services.why.promotions import Promotion
from services.why.versions import Answered

NAMES = ("Live", "Release", "Approved by", "Evidence")
NO_TIME = "The log has no time for this prediction, so the ledger cannot say."


def standing_facts(
    origins: Sequence[Origin], answered: Answered, record: PredictionRecord, deployment: Deployment | None
) -> list[Fact]:
    """Live, Release, Approved by and Evidence; `deployment` is that of the first version, for its link."""
    if not origins:
        return [Fact(name, Certainty.UNKNOWN, "unknown", hint="The version is unknown.") for name in NAMES]
    each = [_of_one(origin, answered, record, deployment) for origin in origins]
    if len(each) == 1 and answered.is_settled:
        return [each[0][name] for name in NAMES]
    disputed = answered.fact.certainty is Certainty.CONTRADICTED
    keys = [origin.key for origin in origins]
    settled = answered.is_settled
    return [merged(name, keys, [facts[name] for facts in each], disputed=disputed, settled=settled) for name in NAMES]


def _of_one(
    origin: Origin, answered: Answered, record: PredictionRecord, deployment: Deployment | None
) -> dict[str, Fact]:
    """A promotion counts only if it made this version live at that time, not at another time."""
    places = answered.places_of(origin.key)
    if len(places) > 1:
        return {name: _anywhere(name, places) for name in NAMES}
    spell = answered.spell_of(origin.key)
    was_promoted = spell is not None and spell.ground is not Ground.SEEN
    promotion = origin.promotion if was_promoted else None
    link = deployment.run_url if deployment and promotion and deployment.request_id == promotion.request_id else ""
    found = (
        _live(spell, record),
        _release(spell if was_promoted else None, record, link),
        _approvers(promotion),
        _evidence(promotion),
    )
    return {fact.name: fact for fact in found}


def _anywhere(name: str, places: Sequence[Spell]) -> Fact:
    """The row does not name which of several environments it came from."""
    told = " or ".join(_lived(spell) for spell in places) if name == "Live" else "unknown"
    sources = tuple(f"ledger entry {spell.seq}" for spell in places) if name == "Live" else ()
    environments = ", ".join(spell.environment for spell in places)
    hint = f"The row names no environment, and this version was live in {environments}."
    return Fact(name, Certainty.UNKNOWN, told, sources, hint=hint)


def _live(spell: Spell | None, record: PredictionRecord) -> Fact:
    claims = [Claim(_lived(spell), f"ledger entry {spell.seq}")] if spell else []
    hint = "The ledger has no such version live at that time: it was live before the portal, or outside it."
    return settle("Live", claims, hint=hint if record.time else NO_TIME)


def _lived(spell: Spell) -> str:
    end = spell.sure_until or spell.may_until
    until = f"to {end:%Y-%m-%d %H:%M:%S} UTC" if end else "until now"
    if spell.sure_from is None:
        return f"in {spell.environment} at most from {spell.may_from:%Y-%m-%d %H:%M:%S} UTC {until}, never certain"
    since = "seen from" if spell.ground is Ground.SEEN else "from"
    return f"in {spell.environment} {since} {spell.sure_from:%Y-%m-%d %H:%M:%S} UTC {until}"


def _release(spell: Spell | None, record: PredictionRecord, link: str) -> Fact:
    claims = (
        [Claim(f"{spell.release} (run {spell.run_id})", f"ledger entry {spell.seq}")] if spell and spell.run_id else []
    )
    hint = "The release had no pipeline run." if spell else "It went live before the portal, or outside it."
    return settle("Release", claims, hint=hint if record.time else NO_TIME, link=link)


def _approvers(promotion: Promotion | None) -> Fact:
    if promotion is None:
        return settle("Approved by", [], hint="No approval is recorded for its being live then.")
    entries = ", ".join(str(seq) for seq in promotion.approval_seqs)
    claims = [
        Claim(", ".join(promotion.approvers), f"ledger entry {entries}"),
        Claim(", ".join(promotion.approvers_in_table), f"request {promotion.request_id}"),
    ]
    link = f"/request?id={promotion.request_id}" if promotion.request else ""
    return settle("Approved by", claims, hint="No approval is recorded.", link=link)


def _evidence(promotion: Promotion | None) -> Fact:
    claims = []
    if promotion is not None:
        claims.append(Claim(promotion.evidence_digest, f"ledger entry {promotion.seal_seq}"))
        if promotion.request is not None:
            claims.append(Claim(promotion.request.evidence_digest, f"request {promotion.request_id}"))
    return settle("Evidence", claims, hint="No evidence was sealed for its being live then.")
