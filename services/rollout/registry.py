"""Moves the target in the registry, one write per turn, and undoes the move the same way.

One reading shows how far the move is. A reading that this rollout never produces is foreign: going forward, the
rollout turns back; while undoing, nothing is touched and a person is asked.
"""

from __future__ import annotations

from typing import Any

from services.domain.promotions.rollout import StepState
from services.domain.promotions.target import RegistryMove, RegistryWrite, target_state
from services.domain.registry import RegistrySnapshot, VersionKey
from services.errors import NotFoundError, UpstreamRefusedError
from services.ledger.actions import Action
from services.ports.registry import RegistryWriter
from services.rollout import journal
from services.rollout.context import Context, Work
from services.rollout.outcomes import NeedsPersonError, SealDiffersError
from services.rollout.record import record
from services.rollout.seal import read_target


def move_registry(work: Work, context: Context) -> None:
    """Stage of the new version, old ones archived, alias; then what was read back goes into the ledger."""
    assert work.step is not None  # noqa: S101 - steps run as steps
    line = context.journal.get(work.step)
    if line is None or line.state is not StepState.INTENT:
        work.at("intent")
        journal.intend(work, context)
    while True:
        work.at("look")
        move, held, far = _look(work, context)
        if far is None:
            raise SealDiffersError(_foreign(context, move, held))
        if far == move.whole:
            _done(work, context, move, held)
            return
        _send(work, context, move.next_write(far))


def take_registry_back(work: Work, context: Context) -> None:
    """All or nothing: only a state that this rollout produced is undone."""
    while True:
        work.at("undo_look")
        move, held, far = _look(work, context)
        if far is None:
            raise NeedsPersonError(_foreign(context, move, held) + " Nothing was touched.")
        if far == 0:
            restored_to = _told(context, held)
            journal.undone(work, context, f"Read back as before: {restored_to}.", restored=_reading(context, held))
            return
        _send(work, context, move.undo_write(far), back=True)


def demand_whole(work: Work, context: Context) -> None:
    """The last reading before the version is marked live."""
    work.at("look")
    move, held, far = _look(work, context)
    if far != move.whole:
        raise SealDiffersError(_foreign(context, move, held))


def _look(work: Work, context: Context) -> tuple[RegistryMove, RegistrySnapshot, int | None]:
    work.lease.demand()
    try:
        held = read_target(work, context)
    except NotFoundError:  # the model itself is deleted
        held = RegistrySnapshot()
    move = context.move(held)
    return move, held, move.progress(held)


def _send(work: Work, context: Context, write: RegistryWrite, *, back: bool = False) -> None:
    work.at("test_token")
    work.lease.demand()
    work.at("undo_write" if back else "write")
    work.lease.demand_here()
    try:
        write_to_registry(work.tools.writer, context, write)
    except NotFoundError as error:  # refused like any other write: the next reading decides
        raise UpstreamRefusedError(error.message, system="mlflow", hint=error.hint) from error


def write_to_registry(writer: RegistryWriter, context: Context, write: RegistryWrite) -> None:
    """Send one write. Raises UpstreamRefusedError with what to do, UpstreamError, NotFoundError."""
    model, alias = context.key.model, str(context.environment.alias)
    if write.kind == "stage":
        writer.move_stage(VersionKey(model, int(write.version or 0)), write.stage)
    elif write.version is None:
        _delete_alias(writer, context)
    else:
        writer.set_alias(model, alias, write.version)


def _delete_alias(writer: RegistryWriter, context: Context) -> None:
    """MLflow may refuse this one: moving an alias takes EDIT there, deleting one MANAGE."""
    model, alias = context.key.model, str(context.environment.alias)
    try:
        writer.delete_alias(model, alias)
    except UpstreamRefusedError as error:
        hint = f"Give the portal's account MANAGE on {model}, or delete the alias {alias} in MLflow; then choose undo."
        raise UpstreamRefusedError(
            f"MLflow does not let the portal delete the alias {alias} of {model}.", system=error.system, hint=hint
        ) from error


def _done(work: Work, context: Context, move: RegistryMove, held: RegistrySnapshot) -> None:
    """The ledger records the reading, and names as archived only versions that were read in that stage."""
    before, new = context.plan.current_version, context.key.version
    with work.tools.units.begin() as unit:
        journal.done(work, context, f"Read back: {_told(context, held)}.", _reading(context, held), unit=unit)
        target = {"environment": context.environment.name, "alias": context.environment.alias}
        target |= {"stage": context.environment.stage}
        after = {**target, "version": new, "read_back": _reading(context, held)}
        record(unit, context.request, Action.VERSION_PROMOTED, before={"version": before}, after=after)
        for write in move.writes:
            if write.kind == "stage" and write.version != new:
                record(unit, context.request, Action.VERSION_ARCHIVED, after={"version": write.version})


def _reading(context: Context, held: RegistrySnapshot) -> dict[str, Any]:
    """What was read, as plain JSON; `version` is the holder of the target."""
    in_stage = max(held.in_stage) if held.in_stage else None
    version = held.alias_version if context.environment.alias else in_stage
    return {"version": version, "alias": held.alias_version, "in_stage": list(held.in_stage)}


def _told(context: Context, held: RegistrySnapshot) -> str:
    env = context.environment
    return target_state(held, context.key.version, stage=env.stage).sentence(stage=env.stage, alias=env.alias)


def _foreign(context: Context, move: RegistryMove, held: RegistrySnapshot) -> str:
    env = context.environment
    left = "; or ".join(dict.fromkeys(state.sentence(stage=env.stage, alias=env.alias) for state in move.states))
    return f"The registry is not as this rollout left it. Expected: {left}. Read: {_told(context, held)}."
