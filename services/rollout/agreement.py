"""Which single version alias, stage and release agree on. Only such a version can be accepted."""

from __future__ import annotations

from services.domain.policy import Environment
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.rollout import undo_mark
from services.domain.releases import RunResult, RunStart
from services.errors import NotFoundError, RefusedError
from services.ports.pipelines import ReleasePipelines
from services.ports.registry import RegistryReader
from services.rollout.context import replace_mark

_DEPLOYED = (RunResult.SUCCEEDED, RunResult.PARTIALLY_SUCCEEDED)


def agreed_version(
    reader: RegistryReader, request: PromotionRequest, environment: Environment, *, deployed: int | None
) -> int:
    """The version that holds alias and stage and is released. Raises RefusedError where they disagree, UpstreamError.

    `deployed` is None where nothing is released by a pipeline: then only the registry counts.
    """
    try:
        held = reader.holders(request.key.model, stage=environment.stage, alias=environment.alias)
    except NotFoundError as error:
        raise RefusedError("There is no version to accept: the model is deleted.") from error
    told = {f"v{version}" for version in held.in_stage} if environment.stage else set()
    told |= {_named(held.alias_version)} if environment.alias else set()
    told |= {_named(deployed)} if deployed is not None else set()
    versions = {*held.in_stage, *([held.alias_version] if environment.alias else [])}
    if len(told) != 1 or len(versions) != 1 or None in versions or (environment.stage and not held.in_stage):
        alias = f"the alias is at {_named(held.alias_version)}" if environment.alias else ""
        stage = f"{environment.stage} is held by {', '.join(f'v{v}' for v in held.in_stage) or 'no version'}"
        parts = [alias, stage if environment.stage else "", f"{_named(deployed)} is released" if deployed else ""]
        raise RefusedError(
            f"There is no single version to accept: {', '.join(part for part in parts if part)}.",
            hint="Choose undo, or correct it in MLflow first.", code="accept_disagrees",
        )  # fmt: skip
    return next(int(version) for version in versions if version is not None)


def deployed_version(pipelines: ReleasePipelines, start: RunStart, *, mine: int, before: int | None) -> int | None:
    """What the runs of a rollout have left released. Raises RefusedError while one is running, UpstreamError."""
    runs = pipelines.find_all_by_request(start)
    again = pipelines.find_all_by_request(replace_mark(start, undo_mark(start.request_id)))
    going = [run for run in (*runs, *again) if not run.is_finished]
    if going:
        raise RefusedError(f"Run {going[0].name} has not ended yet.", hint="Wait for its end.", code="run_goes_on")
    is_released = any(run.result in _DEPLOYED for run in runs)
    is_undone = any(run.result in _DEPLOYED for run in again)
    return mine if is_released and not is_undone else before


def _named(version: int | None) -> str:
    return "no version" if version is None else f"v{version}"
