"""Undoes a release: runs that have not passed the gate are stopped; deploying ones are waited for.

A version that is deployed cannot be taken back by stopping anything. A person is asked; when they choose to undo, the
version that was live before is released again by a separate run, which the gate allows once it is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.domain.promotions.promotion import Deployment
from services.domain.promotions.rollout import RolloutStep, undo_mark
from services.domain.releases import ReleaseRun, RunResult, RunStart, RunState
from services.promotions.sealed_request import plan_of
from services.rollout import journal
from services.rollout.context import Context, Work
from services.rollout.outcomes import NeedsPersonError, Wait

_DEPLOYED = (RunResult.SUCCEEDED, RunResult.PARTIALLY_SUCCEEDED)
_LOOK_AGAIN = timedelta(seconds=3)


@dataclass(frozen=True)
class _Before:
    """The version that was live before, with what its run is started with."""

    live: Deployment
    plan_digest: str
    artifact_digest: str


def take_release_back(work: Work, context: Context) -> None:
    """Cancel queued runs, wait for deploying ones; once deployed: a person, or the previous version released again."""
    while True:
        work.at("undo_look_at_run")
        work.lease.demand()
        runs = work.tools.azure.find_all_by_request(context.run_start())
        if _stop_first(work, runs):
            continue
        if not any(run.result in _DEPLOYED for run in runs):
            journal.undone(work, context, _told(runs))
            return
        if not work.lease.claim.undo_all:
            raise NeedsPersonError("The release has deployed and can no longer be stopped.")
        if _released_again(work, context):
            return


def _stop_first(work: Work, runs: Sequence[ReleaseRun]) -> bool:
    """Stop the first run that can still be stopped; True when there was one. Raises Wait while any is running."""
    under_way = [run for run in runs if not run.is_finished]
    if not under_way:
        return False
    with work.tools.units.read() as unit:
        noted, is_admitted = unit.rollouts.get(work.rollout_id).run_id, unit.rollouts.is_admitted(work.rollout_id)
    queued = [run for run in under_way if not (is_admitted and run.ref.number == noted)]
    if not queued:
        raise Wait(f"Run {under_way[0].name} is past the gate: waiting for its end.", _LOOK_AGAIN)
    if queued[0].state is RunState.CANCELING:
        raise Wait(f"Run {queued[0].name} is stopping.", _LOOK_AGAIN)
    work.at("test_token")
    work.lease.demand()
    work.at("undo_run")
    work.lease.demand_here()
    work.tools.azure.cancel(queued[0].ref)
    work.tools.follower.forget(queued[0].ref)
    return True


def _told(runs: Sequence[ReleaseRun]) -> str:
    if not runs:
        return "No run was started."
    ends = ", ".join(f"run {run.name} {run.result.value if run.result else 'ended'}" for run in runs)
    return f"Nothing is deployed: {ends}."


def _released_again(work: Work, context: Context) -> bool:
    """True once the run that releases the previous version has succeeded and the step is recorded as undone."""
    before = _before(work, context)
    start = _start_of(context, before)
    run = work.tools.azure.find_by_request(start)
    if run is None:
        _start(work, context, start)
        return False
    if not run.is_finished:
        with work.tools.units.begin() as unit:
            unit.rollouts.note_undo_run(work.lease.claim, run.ref.number)
        raise Wait(f"Run {run.name} releases v{before.live.key.version} again.", _LOOK_AGAIN)
    if run.result not in _DEPLOYED:
        raise NeedsPersonError(f"Run {run.name}, which should release v{before.live.key.version} again, failed.")
    journal.undone(work, context, f"Run {run.name} has released v{before.live.key.version} again.")
    return True


def _start(work: Work, context: Context, start: RunStart) -> None:
    sent = context.data(RolloutStep.START_RUN).get("undo_sent")
    if sent is not None and context.now < datetime.fromisoformat(str(sent)) + work.tools.settle:
        raise Wait("Looking for a start whose answer was lost.", _LOOK_AGAIN)
    work.at("test_token")
    with work.tools.units.read() as unit:
        now = unit.rollouts.now()
    line = context.journal[RolloutStep.START_RUN]
    with work.tools.units.begin() as unit:
        unit.rollouts.write_step(
            work.lease.claim, RolloutStep.START_RUN, line.state, data={**line.data, "undo_sent": now.isoformat()}
        )
    work.at("undo_run")
    work.lease.demand_here()
    work.tools.azure.start(start)


def _before(work: Work, context: Context) -> _Before:
    """What is live by the portal's own records. Raises NeedsPersonError where it cannot be released again."""
    with work.tools.units.read() as unit:
        live = unit.deployments.live_at(context.key.model, context.environment.name, context.now)
        if len(live) != 1:
            raise NeedsPersonError("The portal knows no version that was live before, so none can be released again.")
        if live[0].request_id is None:
            return _Before(live[0], context.request.plan_digest, "")
        request = unit.requests.get(live[0].request_id)
        return _Before(live[0], request.plan_digest, plan_of(unit, request).artifact_digest or "")


def _start_of(context: Context, before: _Before) -> RunStart:
    mark, first = undo_mark(context.request.id), context.run_start()
    own = {
        "modelVersion": str(before.live.key.version),
        "requestId": mark,
        "planDigest": before.plan_digest,
        "artifactDigest": before.artifact_digest,
    }
    return replace(first, request_id=mark, parameters={**first.parameters, **own})
