"""Approvals of stages: who may decide, in which order, and how many it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from azure_devops_server.model.build import Build
from azure_devops_server.model.checks import Approval, ApprovalStatus, ApprovalStep, CheckConfiguration, CheckSuite
from azure_devops_server.resources import Resources


class DecisionRefusedError(Exception):
    """A decision is not allowed; `is_right` distinguishes a missing right from a wrong state."""

    def __init__(self, message: str, *, is_right: bool = False) -> None:
        super().__init__(message)
        self.is_right = is_right


@dataclass(frozen=True)
class Decision:
    """What a caller wants to do with an approval; `reassign_to` instead of a status hands a step on."""

    by: str
    status: ApprovalStatus | None = None
    comment: str = ""
    reassign_to: str | None = None
    assigned: str | None = None
    """The approver whose step is meant, where the caller is not an approver in person."""


class Approvals:
    """Opens and decides approvals."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources
        self._state = resources.state

    def open(self, approval_id: str, check: CheckConfiguration, *, suite: CheckSuite, build: Build | None) -> Approval:
        """Ask the approvers of a check."""
        settings, now = check.settings, self._resources.clock()
        approvers = [str(item.get("id", "")) for item in settings.get("approvers", [])]
        in_sequence = str(settings.get("executionOrder", "anyOrder")).casefold() in ("insequence", "2")
        steps = tuple(
            ApprovalStep(approver, "pending", position, initiated=now if position == 1 or not in_sequence else None)
            for position, approver in enumerate(approvers, start=1)
        )
        minimum = int(settings.get("minRequiredApprovers") or 0)
        approval = Approval(
            id=approval_id,
            project_id=check.project_id,
            check_id=check.id,
            suite_id=suite.id,
            build_id=build.id if build else None,
            status="pending",
            steps=steps,
            created=now,
            modified=now,
            minimum=min(minimum, len(steps)) if minimum else len(steps),
            in_sequence=in_sequence,
            instructions=str(settings.get("instructions") or ""),
            requester_blocked=_blocks_requester(settings),
        )
        return self._state.approvals.put(approval)

    def decide(self, approval_id: str, decision: Decision) -> Approval:
        """Approve, reject or hand on; DecisionRefusedError says why not."""
        with self._state.changed:
            approval = self._state.approvals.get(approval_id)
            if approval is None:
                raise LookupError(approval_id)
            after = self._decided(approval, decision)
            self._state.approvals.put(after)
            self._state.changed.notify_all()
        return after

    def cancel(self, approval_id: str) -> None:
        """Close an approval that nothing waits for any more."""
        self._close(approval_id, "canceled")

    def expire(self, approval_id: str) -> Approval:
        """Close an approval whose time is up."""
        return self._close(approval_id, "timedOut")

    def _close(self, approval_id: str, status: ApprovalStatus) -> Approval:
        now = self._resources.clock()

        def closed(row: Approval) -> Approval:
            if row.status != "pending":
                return row
            steps = tuple(replace(step, status=status) if step.status == "pending" else step for step in row.steps)
            return replace(row, status=status, steps=steps, modified=now)

        return self._state.approvals.change(approval_id, closed)

    def _decided(self, approval: Approval, decision: Decision) -> Approval:
        if approval.status != "pending":
            raise DecisionRefusedError(f"Approval {approval.id} is already {approval.status}.")
        step = self._step(approval, decision)
        if decision.reassign_to is not None:
            return self._with(approval, step, self._reassigned(step, decision))
        self._check_right(approval, decision)
        now, status = self._resources.clock(), decision.status or "approved"
        done = replace(
            step,
            status=status,
            comment=decision.comment,
            actual_id=decision.by,
            modified=now,
            modified_by=decision.by,
        )
        return self._with_status(self._with(approval, step, done))

    def _check_right(self, approval: Approval, decision: Decision) -> None:
        if not approval.requester_blocked or decision.status == "rejected" or approval.build_id is None:
            return
        if self._resources.build(approval.build_id).requested_by == decision.by:
            raise DecisionRefusedError("The requester of the run cannot approve it.", is_right=True)

    def _step(self, approval: Approval, decision: Decision) -> ApprovalStep:
        wanted = decision.assigned or decision.by
        own = [step for step in approval.steps if step.approver_id == wanted and step.status == "pending"]
        if not own or wanted != decision.by:
            name = self._resources.identities.get(decision.by).name
            raise DecisionRefusedError(
                f"{name} is not among the approvers whose decision approval {approval.id} waits for.", is_right=True
            )
        if own[0].initiated is None:
            raise DecisionRefusedError(f"Approval {approval.id} waits for another approver first.")
        return own[0]

    def _reassigned(self, step: ApprovalStep, decision: Decision) -> ApprovalStep:
        now = self._resources.clock()
        to = str(decision.reassign_to)
        entry = (to, now, decision.by, decision.comment)
        return replace(step, approver_id=to, modified=now, modified_by=decision.by, history=(*step.history, entry))

    def _with(self, approval: Approval, old: ApprovalStep, new: ApprovalStep) -> Approval:
        steps = tuple(new if step is old else step for step in approval.steps)
        return replace(approval, steps=steps, modified=self._resources.clock())

    def _with_status(self, approval: Approval) -> Approval:
        """The approval's own status from its steps: one rejection decides, otherwise the minimum counts."""
        steps = approval.steps
        if any(step.status == "rejected" for step in steps):
            return replace(approval, status="rejected", steps=_rest(steps, "skipped"))
        if sum(step.status == "approved" for step in steps) >= approval.minimum:
            return replace(approval, status="approved", steps=_rest(steps, "skipped"))
        if approval.in_sequence:
            waiting = next((step for step in steps if step.status == "pending"), None)
            now = self._resources.clock()
            steps = tuple(
                replace(step, initiated=now) if step is waiting and step.initiated is None else step for step in steps
            )
        return replace(approval, steps=steps)


def _rest(steps: tuple[ApprovalStep, ...], status: ApprovalStatus) -> tuple[ApprovalStep, ...]:
    return tuple(replace(step, status=status) if step.status == "pending" else step for step in steps)


def _blocks_requester(settings: Mapping[str, Any]) -> bool:
    value = settings.get("requesterCannotBeApprover", False)
    return value is True or str(value).casefold() == "true"
