"""Starts the one pipeline run of a rollout, reads it back, records it for the gate, and follows it to its end."""

from __future__ import annotations

import contextlib
import logging
from datetime import datetime, timedelta
from typing import Any

from services.domain.policy import RegistryOrder
from services.domain.promotions.rollout import RolloutStep, StepState
from services.domain.releases import ReleaseRun, RunRef, RunResult, RunStart
from services.errors import ConflictError, PortalError, UpstreamRefusedError
from services.promotions.material import probe_start
from services.releases.following import LOOK_EVERY
from services.rollout import journal
from services.rollout.context import Context, Work
from services.rollout.outcomes import RolloutFailedError, SealDiffersError, TooSlowError, Wait
from services.rollout.seal import demand_seal

log = logging.getLogger(__name__)


def start_run(work: Work, context: Context) -> None:
    """Exactly one run: searched for before starting, started once, read back before the gate accepts it."""
    assert work.step is not None  # noqa: S101 - steps run as steps
    line = context.journal.get(work.step)
    if line is None or line.state is not StepState.INTENT:
        work.at("intent")
        journal.intend(work, context)
        context = journal.read_context(work)
    work.at("probe_run")
    run = work.tools.azure.find_by_request(context.run_start())
    if run is None:
        _demand_settled(work, context)
        run = _start(work, context)
    _note(work, run)


def _demand_settled(work: Work, context: Context) -> None:
    """A start whose answer was lost may still appear: it counts as not made only after a while."""
    sent = context.data(RolloutStep.START_RUN).get("sent")
    if sent is not None and context.now < datetime.fromisoformat(str(sent)) + work.tools.settle:
        raise Wait("Looking for a start whose answer was lost.", timedelta(seconds=3))


def _start(work: Work, context: Context) -> ReleaseRun:
    work.at("compare")
    work.lease.demand()
    demand_seal(work, context, moved=context.environment.registry is RegistryOrder.BEFORE)
    work.at("test_token")
    journal.note(work, context, sent=journal.read_context(work).now.isoformat())
    work.at("send_start")
    work.lease.demand_here()
    try:
        return work.tools.azure.start(context.run_start())
    except UpstreamRefusedError as error:
        raise RolloutFailedError(error.message, hint=error.hint, code=error.code) from error


def _note(work: Work, found: ReleaseRun) -> None:
    """Of several runs with this mark the oldest is recorded, whoever started it; the gate allows no other."""
    work.at("note_run")
    context = journal.read_context(work)
    oldest = work.tools.azure.find_by_request(context.run_start()) or found
    run = work.tools.azure.get(oldest.ref)
    demand_sealed_run(work, context, run)
    data = {"project": run.ref.project, "pipeline": run.ref.pipeline_id, "run": run.ref.number}
    told: dict[str, Any] = {**data, "name": run.name, "url": run.web_url, "commit": run.source_version}
    with work.tools.units.begin() as unit:
        unit.rollouts.note_run(
            work.lease.claim, project=run.ref.project, pipeline_id=run.ref.pipeline_id, run_id=run.ref.number
        )
        detail = f"Run {run.name} ({run.ref.run_id}) is started, read back and recorded."
        journal.done(work, context, detail, told, unit=unit)
    tag(work, context, run)


def demand_sealed_run(work: Work, context: Context, run: ReleaseRun) -> None:
    """The run that was started consists of what was signed. Raises SealDiffersError with both states."""
    wanted = context.run_start()
    wrong = [
        f"parameter {name}: {value} → {run.parameters.get(name, 'nothing')}"
        for name, value in _texts(wanted).items()
        if run.parameters and run.parameters.get(name, "") != value
    ]
    if wanted.commit and run.source_version and run.source_version != wanted.commit:
        wrong.append(f"commit: {wanted.commit} → {run.source_version}")
    sealed = (context.plan.release or {}).get("yaml_digest")
    if sealed is not None and not wrong:
        now = work.tools.azure.definition(probe_start(context.pipeline, wanted.commit), run.ref)
        wrong += [] if now.yaml_digest == sealed else [f"YAML with templates: {sealed} → {now.yaml_digest or 'unread'}"]
    if wrong:
        raise SealDiffersError(f"Run {run.name} is not what was signed: {'; '.join(wrong)}.")


def _texts(start: RunStart) -> dict[str, str]:
    """Parameters whose spelling survives a round trip through Azure DevOps."""
    return {name: value for name, value in start.parameters.items() if isinstance(value, str)}


def tag(work: Work, context: Context, run: ReleaseRun) -> None:
    """The request's id on the run, also where the answer of its start was lost; a convenience for people."""
    mark = f"req-{context.request.id}"
    if mark in run.tags:
        return
    with contextlib.suppress(PortalError):
        work.lease.demand()
        work.tools.azure.add_tags(run.ref, [mark])


def follow_run(work: Work, context: Context) -> None:
    """Poll once; wait while it runs. A refused poll is not a failed release: the run continues without us."""
    work.at("look_at_run")
    work.lease.demand()
    context = journal.read_context(work)
    ref = run_ref(context)
    try:
        run = work.tools.follower.look(ref, context.request)
    except UpstreamRefusedError as error:
        _demand_time(work, context)
        raise Wait(error.sentence(), timedelta(seconds=30)) from error
    tag(work, context, run)
    if not run.is_finished:
        _demand_time(work, context)
        raise Wait(f"Run {run.name} is {run.state.value}.", LOOK_EVERY)
    if run.result is not RunResult.SUCCEEDED:
        result = run.result.value if run.result else "without result"
        raise RolloutFailedError(f"Run {run.name} ended {result}.", hint=run.web_url, code="release_failed")
    journal.done(work, context, f"Run {run.name} succeeded.")


def _demand_time(work: Work, context: Context) -> None:
    retried = context.data(RolloutStep.START_RUN).get("since")
    since = datetime.fromisoformat(str(retried)) if retried else context.begun(RolloutStep.START_RUN)
    if context.now > since + work.tools.deadline:
        raise TooSlowError(f"The release did not end within {work.tools.deadline}.")


def run_ref(context: Context) -> RunRef:
    """The run that this rollout started. Raises ConflictError when there is none."""
    data = context.data(RolloutStep.START_RUN)
    if "run" not in data:
        raise ConflictError("The rollout has no pipeline run.")
    return RunRef.of(str(data["project"]), int(data["pipeline"]), int(data["run"]))
