"""The steps of a rollout: each with `intent` (what must be known before), `probe`, `do` and `undo`.

`probe` asks the outside world whether the effect is there already, so a step that died half-way is finished, not
repeated. `undo` puts back only what is still as the rollout left it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol

from services.domain.promotions.plan import differences
from services.domain.promotions.requests import glass_broken, why_not_released
from services.domain.promotions.rollout import RolloutStep
from services.domain.registry import RegistrySnapshot, VersionKey
from services.domain.releases import ReleaseRun, RunRef, RunResult
from services.errors import ConflictError, NotFoundError, UpstreamRefusedError, UpstreamUnavailableError
from services.releases.following import LOOK_EVERY
from services.rollout.context import Context, Done, RolloutFailedError, Tools, Wait

LONGEST_LOOK = timedelta(minutes=5)
"""A rollout that waits for a window is looked at that often, so that nobody depends on one far-off timer."""
ARCHIVED, NO_STAGE = "Archived", "None"


class Step(Protocol):
    """One step; all calls may happen again after a crash."""

    def intent(self, tools: Tools, context: Context) -> Mapping[str, Any]:
        """What must be kept before the effect, so that it can be undone."""

    def probe(self, tools: Tools, context: Context) -> Done | None:
        """The outcome when the effect is there already."""

    def do(self, tools: Tools, context: Context) -> Done:
        """Have the effect. Raises Wait, RolloutFailedError, UpstreamError."""

    def undo(self, tools: Tools, context: Context) -> str:
        """Take the effect back; says what was done."""


class _NothingToUndo:
    def intent(self, tools: Tools, context: Context) -> Mapping[str, Any]:
        del tools, context
        return {}

    def probe(self, tools: Tools, context: Context) -> Done | None:
        del tools, context
        return None

    def undo(self, tools: Tools, context: Context) -> str:
        del tools, context
        return "nothing to undo"


class RecheckPlan(_NothingToUndo):
    """The signatures must still stand, and the world must be as it was signed."""

    def do(self, tools: Tools, context: Context) -> Done:
        """Compare once more, just before the first effect."""
        with tools.units.read() as unit:
            decisions = unit.requests.decisions(context.request.id)
        now = tools.clock.now()
        reason = why_not_released(decisions, context.request.plan_digest, context.policy, now)
        if reason is not None:
            raise RolloutFailedError(reason)
        if glass_broken(decisions, context.request.plan_digest) is None:
            _wait_for_window(context, now)
        changes = differences(context.plan, tools.sealer.plan_now(context.plan))
        if changes:
            told = "; ".join(change.sentence() for change in changes)
            raise RolloutFailedError(f"The world changed after the approval: {told}.", code="seal_broken")
        return Done("The plan is as it was signed.")


def _wait_for_window(context: Context, now: datetime) -> None:
    """Windows and freezes hold for everything but an emergency."""
    closed = context.policy.calendar.why_closed(now)
    if closed is None:
        return
    opening = context.policy.calendar.next_opening(now)
    if opening is None:
        raise RolloutFailedError(f"{closed} It does not open within 400 days.", code="never_open")
    raise Wait(f"{closed} It goes on {opening:%Y-%m-%d %H:%M} UTC.", min(opening - now, LONGEST_LOOK))


class WaitForWitness(_NothingToUndo):
    """Nothing irreversible before somebody outside has seen the approval."""

    def do(self, tools: Tools, context: Context) -> Done:
        """Wait until the witness has it."""
        if not tools.witness.has_seen(context.request.id):
            raise Wait("Waiting for the witness to see the approval.")
        return Done("The witness has seen the approval.")


class ReserveTarget(_NothingToUndo):
    """One rollout at a time into one model's environment."""

    def do(self, tools: Tools, context: Context) -> Done:
        """Take the lock, or wait for whoever holds it."""
        with tools.units.begin() as unit:
            holder = unit.rollouts.lock_target(
                context.claim, context.key.model, context.environment.name, tools.clock.now()
            )
        if holder is not None:
            raise Wait(f"Waiting for rollout {holder} into the same target.")
        return Done("The target is reserved.")

    def undo(self, tools: Tools, context: Context) -> str:
        """Give the target free."""
        with tools.units.begin() as unit:
            unit.rollouts.unlock_target(context.claim.rollout_id)
        return "The target is free again."


class MoveRegistry:
    """Alias and stage to the new version; whoever was there is archived."""

    def intent(self, tools: Tools, context: Context) -> Mapping[str, Any]:
        """Who holds the target before, for the way back."""
        held = self._held(tools, context)
        stages = {str(v): context.environment.stage for v in held.in_stage}
        mine = tools.reader.version(context.key).stage
        return {"alias": held.alias_version, "stages": {**stages, str(context.key.version): mine}}

    def probe(self, tools: Tools, context: Context) -> Done | None:
        """Done when the registry says so."""
        return self._outcome(context) if self._is_there(self._held(tools, context), context) else None

    def do(self, tools: Tools, context: Context) -> Done:
        """Move, then read back: MLflow has no compare-and-swap."""
        stage, alias, key = context.environment.stage, context.environment.alias, context.key
        held = self._held(tools, context)
        if held.alias_version not in {self._before(context), key.version}:
            raise RolloutFailedError(f"The alias {alias} was moved to v{held.alias_version} by somebody else.")
        if alias:
            tools.writer.set_alias(key.model, alias, key.version)
        if stage:
            tools.writer.move_stage(key, stage)
            for version in held.in_stage:
                if version != key.version:
                    tools.writer.move_stage(VersionKey(key.model, version), ARCHIVED)
        if not self._is_there(self._held(tools, context), context):
            raise RolloutFailedError("The registry did not keep the move: somebody else moved it at the same time.")
        return self._outcome(context)

    def undo(self, tools: Tools, context: Context) -> str:
        """Put alias and stages back where they still are as this rollout left them."""
        before = context.data(RolloutStep.MOVE_REGISTRY)
        if context.environment.stage:
            self._restore_stages(tools, context, before["stages"])
        self._restore_alias(tools, context, before["alias"])
        return f"Alias and stage are back at {_name(before['alias'])}."

    def _restore_alias(self, tools: Tools, context: Context, before: int | str | None) -> None:
        """Last, because MLflow may refuse it: moving an alias takes EDIT there, deleting one MANAGE."""
        alias, key = context.environment.alias, context.key
        if not alias or self._held(tools, context).alias_version != key.version or before == key.version:
            return
        if before is not None:
            tools.writer.set_alias(key.model, alias, int(before))
            return
        try:
            tools.writer.delete_alias(key.model, alias)
        except UpstreamRefusedError as error:
            stage = " The stage is back." if context.environment.stage else ""
            raise UpstreamRefusedError(
                f"The alias {alias} of {key.model} still names v{key.version}: MLflow does not let the portal delete "
                f"it.{stage}",
                system=error.system,
                hint=f"Delete the alias {alias} in MLflow. Give the portal's account MANAGE on {key.model}: EDIT moves "
                "an alias and may not delete it.",
            ) from error

    def _restore_stages(self, tools: Tools, context: Context, stages: Mapping[str, str]) -> None:
        for version, stage in stages.items():
            key = VersionKey(context.key.model, int(version))
            try:
                now = tools.reader.version(key).stage
            except NotFoundError:
                continue
            left_by_us = {context.environment.stage, ARCHIVED}
            if now in left_by_us and now != stage:
                tools.writer.move_stage(key, stage)

    def _held(self, tools: Tools, context: Context) -> RegistrySnapshot:
        env = context.environment
        return tools.reader.holders(context.key.model, stage=env.stage, alias=env.alias)

    def _before(self, context: Context) -> int | None:
        before = context.data(RolloutStep.MOVE_REGISTRY).get("alias")
        return int(before) if before is not None else None

    def _is_there(self, held: RegistrySnapshot, context: Context) -> bool:
        mine, env = context.key.version, context.environment
        return (env.alias is None or held.alias_version == mine) and (env.stage is None or held.in_stage == (mine,))

    def _outcome(self, context: Context) -> Done:
        env = context.environment
        where = [f"alias {env.alias}"] if env.alias else []
        where += [f"stage {env.stage}"] if env.stage else []
        old = context.plan.current_version
        archived = f"; v{old} is archived" if old is not None and env.stage else ""
        return Done(f"v{context.key.version} has {' and '.join(where)}{archived}.")


class StartRun:
    """Exactly one pipeline run: looked for before it is started, started without retry."""

    def intent(self, tools: Tools, context: Context) -> Mapping[str, Any]:
        """The time of the first attempt bounds the search for it."""
        del context
        return {"asked_at": tools.clock.now().isoformat()}

    def probe(self, tools: Tools, context: Context) -> Done | None:
        """An earlier start by the request's id; None only once it would have shown up."""
        run = _pipelines(tools).find_by_request(context.run_start())
        if run is not None:
            return self._found(tools, context, run)
        if tools.clock.now() < context.asked_at + tools.settle:
            raise Wait("Looking for a start whose answer was lost.", timedelta(seconds=3))
        return None

    def do(self, tools: Tools, context: Context) -> Done:
        """Start."""
        return self._found(tools, context, _pipelines(tools).start(context.run_start()))

    def undo(self, tools: Tools, context: Context) -> str:
        """Stop the run where it still runs."""
        run = _pipelines(tools).find_by_request(context.run_start())
        if run is None or run.is_finished:
            return "No run is under way."
        _pipelines(tools).cancel(run.ref)
        return f"Run {run.ref.run_id} was asked to stop."

    def _found(self, tools: Tools, context: Context, run: ReleaseRun) -> Done:
        with tools.units.begin() as unit:
            unit.rollouts.note_run(
                context.claim, project=run.ref.project, pipeline_id=run.ref.pipeline_id, run_id=run.ref.number
            )
        data = {"project": run.ref.project, "pipeline": run.ref.pipeline_id, "run": run.ref.number}
        return Done(f"Run {run.name} ({run.ref.run_id}) is started.", {**data, "name": run.name, "url": run.web_url})


class FollowRun(_NothingToUndo):
    """Follow the run to its end."""

    def do(self, tools: Tools, context: Context) -> Done:
        """Look once; wait while it runs. A refused look is no failed release: the run goes on without us."""
        try:
            run = tools.follower.look(run_ref(context), context.request)
        except UpstreamRefusedError as error:
            self._demand_time(tools, context)
            raise Wait(error.sentence(), timedelta(seconds=30)) from error
        if run.is_finished:
            return self._ended(run)
        self._demand_time(tools, context)
        raise Wait(f"Run {run.name} is {run.state.value}.", LOOK_EVERY)

    def _demand_time(self, tools: Tools, context: Context) -> None:
        if tools.clock.now() > context.asked_at + tools.deadline:
            raise RolloutFailedError(f"The release did not end within {tools.deadline}.", code="release_too_slow")

    def _ended(self, run: ReleaseRun) -> Done:
        if run.result is RunResult.SUCCEEDED:
            return Done(f"Run {run.name} succeeded.")
        result = run.result.value if run.result else "without result"
        raise RolloutFailedError(f"Run {run.name} ended {result}.", hint=run.web_url, code="release_failed")


def run_ref(context: Context) -> RunRef:
    """The run that this rollout started. Raises ConflictError when there is none."""
    data = context.data(RolloutStep.START_RUN)
    if "run" not in data:
        raise ConflictError("The rollout has no pipeline run.")
    return RunRef.of(str(data["project"]), int(data["pipeline"]), int(data["run"]))


def _pipelines(tools: Tools) -> Any:
    if tools.pipelines is None:
        raise UpstreamUnavailableError(
            "No Azure DevOps organization is set.", system="azure_devops", hint="Set COUNTERSIGN_AZURE_DEVOPS_URL."
        )
    return tools.pipelines


def _name(version: Any) -> str:
    return "no version" if version is None else f"v{version}"


STEPS: dict[RolloutStep, Step] = {
    RolloutStep.RECHECK: RecheckPlan(),
    RolloutStep.WITNESS: WaitForWitness(),
    RolloutStep.RESERVE: ReserveTarget(),
    RolloutStep.MOVE_REGISTRY: MoveRegistry(),
    RolloutStep.START_RUN: StartRun(),
    RolloutStep.FOLLOW_RUN: FollowRun(),
}
