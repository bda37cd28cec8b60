"""Types that the recovery of rollouts returns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from services.domain.identity.people import Actor
from services.domain.promotions.rollout import RecoveryAction, Rollout


@dataclass(frozen=True)
class RecoveryOption:
    """One action, and why it is not available to this person now, if it is not."""

    action: RecoveryAction
    reason: str | None = None

    @property
    def is_open(self) -> bool:
        """True when the person may choose it now."""
        return self.reason is None


class Recovery(Protocol):
    """Ends the wait of a rollout that needs a person."""

    def options(self, actor: Actor, rollout: Rollout | None) -> Sequence[RecoveryOption]:
        """All actions for a rollout that needs a person; empty for any other. Asks no outside system."""

    def choose(self, actor: Actor, request_id: str, action: RecoveryAction, *, reason: str) -> Rollout:
        """Do it: the incident is closed and the ledger records who, what and why.

        Raises NotAllowedError, InvalidInputError (no reason), ConflictError (it no longer needs a person), RefusedError
        (accept while alias, stage and release disagree), UpstreamError.
        """
