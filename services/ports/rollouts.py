"""Rollouts, their journal, leases and locks, in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.domain.rollout import Rollout, RolloutState, RolloutStep, StepState


@dataclass(frozen=True)
class Claim:
    """A rollout that this worker holds until the lease ends."""

    rollout_id: str
    request_id: str
    state: RolloutState
    fence: int
    attempts: int
    definition_version: int


@dataclass(frozen=True)
class JournalLine:
    """What the journal says of one step, with the data that later steps need."""

    state: StepState
    data: Mapping[str, Any]
    started: datetime


class RolloutStore(Protocol):
    """All statements about rollouts."""

    def start(self, rollout_id: str, request_id: str, now: datetime) -> None:
        """Begin a rollout in the transaction that reaches the quorum."""

    def claim(self, now: datetime, lease_until: datetime) -> Claim | None:
        """Take the rollout that has waited longest and that nobody holds; None when there is none."""

    def renew(self, claim: Claim, lease_until: datetime) -> None:
        """Hold on for another step. Raises ConflictError when the lease was lost."""

    def release(self, claim: Claim, *, not_before: datetime, attempts: int, error: str, now: datetime) -> None:
        """Let go until later."""

    def finish(self, claim: Claim, state: RolloutState, *, error: str, now: datetime) -> None:
        """Write the state that the rollout goes on or ends in."""

    def note_run(self, claim: Claim, *, project: str, pipeline_id: int, run_id: int) -> None:
        """Keep which pipeline run belongs to the rollout."""

    def journal(self, rollout_id: str) -> dict[RolloutStep, JournalLine]:
        """The steps that have been begun."""

    def write_step(
        self, claim: Claim, step: RolloutStep, state: StepState, *, now: datetime, detail: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Write a line of the journal; data is kept when None."""

    def lock_target(self, claim: Claim, model: str, environment: str, now: datetime) -> str | None:
        """Reserve the target; None when it is ours, otherwise the rollout that holds it."""

    def target_holder(self, model: str, environment: str) -> str | None:
        """The rollout that has reserved the target."""

    def unlock_target(self, rollout_id: str) -> None:
        """Give the target free."""

    def of_request(self, request_id: str) -> Rollout | None:
        """The rollout of a request with its journal, or None."""

    def get(self, rollout_id: str) -> Rollout:
        """One rollout. Raises NotFoundError."""

    def wake_run(self, run_number: int, now: datetime) -> bool:
        """Let rollouts that follow a run look at once; False when none does."""

    def counts(self) -> dict[str, int]:
        """Number of rollouts by state."""

    def with_runs(self, states: Sequence[RolloutState]) -> Sequence[Rollout]:
        """Rollouts in these states that have started a pipeline run."""
