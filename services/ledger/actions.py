"""The vocabulary of the ledger: all events of the portal, as ``source:subject:action``.

To extend it, add a member. A member that has ever been written is never renamed or removed: old entries must stay
readable. Filters take a prefix, so `promotion:` finds requests, decisions and comments together.
"""

from __future__ import annotations

import re
from enum import StrEnum, unique

_FORM = re.compile(r"[a-z_]+:[a-z_]+:[a-z_]+")


@unique
class Action(StrEnum):
    """The event that an entry records."""

    REQUEST_OPENED = "promotion:request:opened"
    REQUEST_UPDATED = "promotion:request:updated"
    REQUEST_SEALED = "promotion:request:sealed"
    REQUEST_APPROVED = "promotion:request:approved"
    REQUEST_REJECTED = "promotion:request:rejected"
    REQUEST_VOIDED = "promotion:request:voided"
    REQUEST_WITHDRAWN = "promotion:request:withdrawn"
    REQUEST_EXPIRED = "promotion:request:expired"
    REQUEST_SUSPENDED = "promotion:request:suspended"
    REQUEST_RESUMED = "promotion:request:resumed"
    REQUEST_PROMOTED = "promotion:request:promoted"
    REQUEST_FAILED = "promotion:request:failed"
    REQUEST_ROLLED_BACK = "promotion:request:rolled_back"
    REQUEST_EXPIRING = "promotion:request:expiring"
    DECISION_APPROVED = "promotion:decision:approved"
    DECISION_REVIEWED = "promotion:decision:reviewed"
    DECISION_REJECTED = "promotion:decision:rejected"
    DECISION_CHANGES_REQUESTED = "promotion:decision:changes_requested"
    DECISION_WITHDRAWN = "promotion:decision:withdrawn"
    REQUEST_REASSIGNED = "promotion:request:reassigned"
    REQUEST_DELEGATED = "promotion:request:delegated"
    REQUEST_DEFERRED = "promotion:request:deferred"
    COMMENT_ADDED = "promotion:comment:added"

    ROLLOUT_STARTED = "rollout:run:started"
    ROLLOUT_COMPENSATED = "rollout:run:compensated"
    ROLLOUT_FINISHED = "rollout:run:finished"
    ROLLOUT_FAILED = "rollout:run:failed"
    ROLLOUT_STOPPED = "rollout:run:stopped"
    ROLLOUT_VOIDED = "rollout:run:voided"
    ROLLOUT_RETRIED = "rollout:run:retried"
    ROLLOUT_UNDO_CHOSEN = "rollout:run:undo_chosen"
    ROLLOUT_ACCEPTED = "rollout:run:accepted"
    ROLLOUT_GIVEN_UP = "rollout:run:given_up"
    ROLLOUT_STEP_DONE = "rollout:step:done"
    ROLLOUT_STEP_FAILED = "rollout:step:failed"
    ROLLOUT_STEP_COMPENSATED = "rollout:step:compensated"

    RELEASE_OPERATED = "release:run:operated"
    GATE_ANSWERED = "release:check:answered"

    VERSION_PROMOTED = "registry:version:promoted"
    VERSION_ARCHIVED = "registry:version:archived"
    VERSION_RESTORED = "registry:version:restored"
    VERSION_LIVE = "registry:version:live"
    VERSION_REVIEWED = "registry:version:reviewed"
    VERSION_REVIEW_DUE = "registry:version:review_due"
    VERSION_RETIRED = "registry:version:retired"

    CANDIDATES_CLEARED = "registry:candidates:cleared"

    INCIDENT_OPENED = "watch:incident:opened"
    INCIDENT_CLOSED = "watch:incident:closed"
    FINDING_OPENED = "watch:finding:opened"
    FINDING_DUE = "watch:finding:due"
    FINDING_CLOSED = "watch:finding:closed"

    BREAK_GLASS_USED = "access:break_glass:used"
    TOKEN_ISSUED = "access:token:issued"  # noqa: S105 - the name of an event, not a secret
    TOKEN_REVOKED = "access:token:revoked"  # noqa: S105 - as above
    ROLE_GRANTED = "access:role:granted"
    ROLE_REVOKED = "access:role:revoked"
    SESSION_SIGNED_IN = "session:user:signed_in"
    SESSION_SIGNED_OUT = "session:user:signed_out"

    POLICY_CHANGED = "policy:file:changed"
    EVIDENCE_SEALED = "evidence:bundle:sealed"
    EVIDENCE_VIEWED = "evidence:bundle:viewed"
    VERSIONS_COMPARED = "evidence:versions:compared"
    CANDIDATES_RANKED = "evidence:candidates:ranked"
    PREDICTION_LOOKED_UP = "why:prediction:looked_up"
    PREDICTION_REPLAYED = "why:prediction:replayed"
    PREDICTION_EXPLAINED = "why:prediction:explained"
    EXPORT_MADE = "export:file:made"
    HOOK_RECEIVED = "hook:message:received"

    LEDGER_HEARTBEAT = "ledger:log:heartbeat"
    LEDGER_ORIGIN_OPENED = "ledger:origin:opened"
    LEDGER_KEY_ROTATED = "ledger:key:rotated"
    LEDGER_PERSONAL_ERASED = "ledger:personal:erased"
    LEDGER_HOLD_PLACED = "ledger:hold:placed"
    LEDGER_HOLD_LIFTED = "ledger:hold:lifted"
    RETENTION_APPLIED = "ledger:retention:applied"

    def __init__(self, value: str) -> None:
        if not _FORM.fullmatch(value):
            raise ValueError(f"{value!r} is not of the form source:subject:action")

    @property
    def source(self) -> str:
        """The part of the portal in which it happened."""
        return self.value.split(":")[0]
