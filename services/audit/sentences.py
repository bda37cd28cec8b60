"""Ledger entries as sentences: ``{actor} {words}``. A test checks that every action has its words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from services.ledger.actions import Action
from services.ledger.tree.canonical import Json
from services.ledger.tree.entry import LedgerEntry

SENTENCES: Mapping[Action, str] = {
    Action.REQUEST_OPENED: "requested promotion of {subject}",
    Action.REQUEST_UPDATED: "changed the request to promote {subject}",
    Action.REQUEST_SEALED: "sealed the request to promote {subject} again",
    Action.REQUEST_APPROVED: "found the signatures complete: the promotion of {subject} is approved",
    Action.REQUEST_REJECTED: "closed the request to promote {subject} as rejected",
    Action.REQUEST_VOIDED: "declared the request to promote {subject} void",
    Action.REQUEST_WITHDRAWN: "withdrew the request to promote {subject}",
    Action.REQUEST_EXPIRED: "closed the request to promote {subject}: nobody decided in time",
    Action.REQUEST_SUSPENDED: "found the seal of {subject} out of date",
    Action.REQUEST_RESUMED: "found the seal of {subject} valid again",
    Action.REQUEST_PROMOTED: "closed the request to promote {subject}: promoted",
    Action.REQUEST_FAILED: "closed the request to promote {subject}: the rollout failed",
    Action.REQUEST_ROLLED_BACK: "closed the request to promote {subject}: rolled back",
    Action.REQUEST_EXPIRING: "reminded people that the request to promote {subject} expires",
    Action.DECISION_APPROVED: "signed for the promotion of {subject}",
    Action.DECISION_REVIEWED: "signed as reviewed the promotion of {subject}",
    Action.DECISION_REJECTED: "rejected the promotion of {subject}",
    Action.DECISION_CHANGES_REQUESTED: "requested changes before {subject} is promoted",
    Action.DECISION_WITHDRAWN: "took back the signature on the promotion of {subject}",
    Action.REQUEST_REASSIGNED: "reassigned the decision on {subject} to another reviewer",
    Action.REQUEST_DELEGATED: "delegated the signature for {subject} to another reviewer",
    Action.REQUEST_DEFERRED: "snoozed the request to promote {subject}",
    Action.COMMENT_ADDED: "commented on the request to promote {subject}",
    Action.ROLLOUT_STARTED: "began the rollout of {subject}",
    Action.ROLLOUT_COMPENSATED: "restored the version that was live before {subject}",
    Action.ROLLOUT_FINISHED: "finished the rollout of {subject}",
    Action.ROLLOUT_FAILED: "stopped the rollout of {subject} and began to undo it",
    Action.ROLLOUT_STOPPED: "stopped: the rollout of {subject} can neither continue nor be undone without a person",
    Action.ROLLOUT_VOIDED: "ended the rollout of {subject}: changed since the approval, nothing was done",
    Action.ROLLOUT_RETRIED: "chose to continue the rollout of {subject}",
    Action.ROLLOUT_UNDO_CHOSEN: "chose to undo the rollout of {subject}, including its release",
    Action.ROLLOUT_ACCEPTED: "accepted the state that the rollout of {subject} left",
    Action.ROLLOUT_GIVEN_UP: "gave up the rollout of {subject}; the problem stays an open incident",
    Action.ROLLOUT_STEP_DONE: "finished {step} in the rollout of {subject}",
    Action.ROLLOUT_STEP_FAILED: "failed at {step} in the rollout of {subject}",
    Action.ROLLOUT_STEP_COMPENSATED: "undid {step} in the rollout of {subject}",
    Action.RELEASE_OPERATED: "operated release {subject}",
    Action.GATE_ANSWERED: "answered the check of release {subject}",
    Action.VERSION_PROMOTED: "moved the registry to {subject}",
    Action.VERSION_ARCHIVED: "archived the version before {subject}",
    Action.VERSION_RESTORED: "put the registry back to the version before {subject}",
    Action.VERSION_LIVE: "marked {subject} as live",
    Action.VERSION_REVIEWED: "reviewed {subject} again, which is live",
    Action.VERSION_REVIEW_DUE: "reminded people that {subject}, which is live, must be reviewed again",
    Action.VERSION_RETIRED: "marked {subject} as no longer live",
    Action.CANDIDATES_CLEARED: "cleared the candidate tags of versions that {subject} outperformed",
    Action.INCIDENT_OPENED: "opened an incident about {subject}",
    Action.INCIDENT_CLOSED: "closed the incident about {subject}",
    Action.FINDING_OPENED: "raised a finding about {subject}",
    Action.FINDING_DUE: "reminded people of the finding about {subject}",
    Action.FINDING_CLOSED: "closed the finding about {subject}",
    Action.BREAK_GLASS_USED: "broke glass to promote {subject}",
    Action.TOKEN_ISSUED: "issued token {subject}",
    Action.TOKEN_REVOKED: "revoked token {subject}",
    Action.ROLE_GRANTED: "granted a role to {subject}",
    Action.ROLE_REVOKED: "revoked a role from {subject}",
    Action.SESSION_SIGNED_IN: "signed in",
    Action.SESSION_SIGNED_OUT: "signed out",
    Action.POLICY_CHANGED: "changed the policy in force",
    Action.EVIDENCE_SEALED: "sealed the evidence for {subject}",
    Action.EVIDENCE_VIEWED: "viewed the evidence for {subject}",
    Action.VERSIONS_COMPARED: "compared other versions with {subject}",
    Action.CANDIDATES_RANKED: "ranked the candidates against {subject}",
    Action.PREDICTION_LOOKED_UP: "looked up prediction {subject}",
    Action.PREDICTION_REPLAYED: "replayed prediction {subject}",
    Action.PREDICTION_EXPLAINED: "explained prediction {subject}",
    Action.EXPORT_MADE: "exported {subject}",
    Action.HOOK_RECEIVED: "received a message about {subject}",
    Action.LEDGER_HEARTBEAT: "wrote a heartbeat: there was no other activity",
    Action.LEDGER_ORIGIN_OPENED: "continued as {subject} after a backup was restored",
    Action.LEDGER_KEY_ROTATED: "changed the ledger's key to {subject}",
    Action.LEDGER_PERSONAL_ERASED: "erased personal values on request",
    Action.LEDGER_HOLD_PLACED: "placed a legal hold on {subject}",
    Action.LEDGER_HOLD_LIFTED: "lifted the legal hold on {subject}",
    Action.RETENTION_APPLIED: "deleted personal values past their retention period",
}


def words_of(entry: LedgerEntry) -> str:
    """What happened, without the actor and without a full stop; ends with the entry's own detail where it has one."""
    if entry.seq == 1 and entry.action is Action.LEDGER_HEARTBEAT:
        return "opened the ledger"
    pattern = SENTENCES.get(entry.action) or f"{entry.action.value.replace(':', ' ').replace('_', ' ')} {{subject}}"
    special = _SPECIAL.get((entry.action, entry.subject.type))
    if special is not None:
        return special(entry)
    after = entry.after if isinstance(entry.after, dict) else {}
    step = after.get("step")
    named = f"“{step.replace('_', ' ')}”" if isinstance(step, str) else "a step"
    said = pattern.replace("{step}", named).replace("{subject}", subject_words(entry)).strip()
    told = after.get("detail")
    detail = told.strip().rstrip(".") if isinstance(told, str) else ""
    return f"{said}: {detail}" if detail else said


def _search(entry: LedgerEntry) -> str:
    """A search by model, time and inputs names no prediction: its subject is the model."""
    after = entry.after if isinstance(entry.after, dict) else {}
    model = "" if entry.subject.id == "any model" else f" of {entry.subject.id}"
    window = [f"{word} {_moment(after[key])}" for word, key in (("from", "since"), ("to", "until")) if after.get(key)]
    by = after.get("by")
    inputs = f", by {', '.join(map(str, by))}" if isinstance(by, list) and by else ""
    return " ".join([f"searched for predictions{model}", *window]) + inputs


def _moment(value: Json) -> str:
    try:
        return f"{datetime.fromisoformat(str(value)):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return str(value)


def _evidence(entry: LedgerEntry) -> str:
    """The version where the entry names it; earlier entries name the request only."""
    after = entry.after if isinstance(entry.after, dict) else {}
    version = after.get("version")
    if isinstance(version, str):
        return f"viewed the evidence for {version}"
    return f"viewed the evidence of request {entry.request_id or 'unknown'}"


def _dossier(entry: LedgerEntry) -> str:
    return f"exported the dossier of prediction {entry.subject.id}"


_SPECIAL: Mapping[tuple[Action, str], Callable[[LedgerEntry], str]] = {
    (Action.PREDICTION_LOOKED_UP, "prediction_search"): _search,
    (Action.EVIDENCE_VIEWED, "evidence"): _evidence,
    (Action.EXPORT_MADE, "prediction"): _dossier,
}
"""Actions whose sentence depends on the kind of subject."""


def subject_words(entry: LedgerEntry) -> str:
    """The subject for people: ``census v3``, ``request req-1``, ``witness git``, otherwise its id."""
    kind, name = entry.subject.type, entry.subject.id
    if kind == "model_version":
        model, _, version = name.rpartition("/")
        return f"{model} v{version}" if model else name
    if kind == "promotion_request":
        return f"request {name}"
    if kind == "witness":
        return f"witness {name}"
    if (kind, name) == ("ledger", "everything"):
        return "everything"
    return f"the ledger {name}" if kind == "ledger" and entry.action is Action.EXPORT_MADE else name
