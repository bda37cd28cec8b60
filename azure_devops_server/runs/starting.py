"""Start a run: find the commit, read and check the YAML, keep the build."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from azure_devops_server.engine.definition import PipelineError, PipelinePlan, expand, load_pipeline
from azure_devops_server.git import GitError, GitRepository
from azure_devops_server.model.build import Build, Pipeline, RunVariable
from azure_devops_server.model.run_order import RunOrder
from azure_devops_server.predefined import source_variables
from azure_devops_server.resources import Resources
from azure_devops_server.values import new_guid

_ALWAYS_SETTABLE = frozenset({"system.debug", "agent.diagnostic"})


class RunRefusedError(Exception):
    """A run cannot start; `messages` say why, one a problem."""

    def __init__(self, *messages: str) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


@dataclass(frozen=True)
class Prepared:
    """A plan together with where it was read from."""

    plan: PipelinePlan
    ref: str
    commit: str


class Starter:
    """Turns orders into builds."""

    def __init__(self, resources: Resources) -> None:
        self._resources = resources

    def prepare(self, order: RunOrder) -> Prepared:
        """Read and check everything without starting anything; RunRefusedError says what is wrong."""
        self._check_variables(order)
        repository, ref = self._resources.repository_of(order.pipeline), self._ref(order)
        git = self._resources.git(repository)
        commit = git.resolve(order.commit or ref)
        if commit is None:
            raise RunRefusedError(
                f"{order.pipeline.path}: Could not get the latest source version for repository {repository.name} "
                f"hosted on Azure Repos using ref {order.commit or ref}."
            )
        plan = self._plan(order, git, commit=commit, ref=ref)
        unknown = [name for name in order.stages_to_skip if name not in {stage.name for stage in plan.stages}]
        if unknown:
            raise RunRefusedError(f"Stages to skip do not exist in the pipeline: {', '.join(unknown)}.")
        return Prepared(plan, ref, commit)

    def start(self, order: RunOrder) -> Build:
        """Create the build; it is executed by the caller's `Executor`."""
        prepared = self.prepare(order)
        build = self._build(order, prepared)
        with self._resources.state.store.transaction():
            for name in prepared.plan.environments:
                self._resources.environments.ensure(build.project_id, name, order.requested_by)
            self._resources.state.builds.put(build)
        return build

    def plan_of(self, build: Build) -> PipelinePlan:
        """The plan of a build that exists, from its own commit and parameters."""
        pipeline = self._resources.pipeline(build.pipeline_id)
        order = RunOrder(
            pipeline,
            build.requested_by,
            build.ref,
            build.commit,
            build.parameters,
            self._resources.secrets.restore(build),
        )
        git = self._resources.git(self._resources.repository_of(pipeline))
        return self._plan(order, git, commit=build.commit, ref=build.ref)

    def _plan(self, order: RunOrder, git: GitRepository, *, commit: str, ref: str) -> PipelinePlan:
        pipeline = order.pipeline
        try:
            text = order.yaml_override or git.read(commit, pipeline.path)
        except GitError as error:
            raise RunRefusedError(
                f"File {pipeline.path} not found in repository {git.path.name} branch {ref} version {commit}."
            ) from error
        plain = {name: item.value or "" for name, item in self._variables(order).items() if not item.is_secret}
        predefined = source_variables(
            self._resources, pipeline, ref=ref, commit=commit, requested_by=order.requested_by
        )
        given = {name: value for name, value in order.parameters.items() if value is not None}
        try:
            definition = load_pipeline(text, read_template=_reader(git, commit), path=pipeline.path)
            return expand(definition, parameters=given, variables=plain, predefined=predefined)
        except PipelineError as error:
            raise RunRefusedError(*error.messages) from error

    def _build(self, order: RunOrder, prepared: Prepared) -> Build:
        resources, now = self._resources, self._resources.clock()
        build_id = resources.state.store.next_number("build")
        predefined = source_variables(
            resources, order.pipeline, ref=prepared.ref, commit=prepared.commit, requested_by=order.requested_by
        )
        revisions: list[int] = []
        number = prepared.plan.run_name(
            now=now,
            revision=lambda prefix: self._revision(order.pipeline, prefix, revisions),
            predefined={**predefined, "Build.BuildId": str(build_id)},
        )
        resources.secrets.keep(build_id, order)
        return Build(
            id=build_id,
            project_id=order.pipeline.project_id,
            pipeline_id=order.pipeline.id,
            pipeline_revision=order.pipeline.revision,
            number=number or str(build_id),
            number_revision=revisions[0] if revisions else 1,
            plan_id=new_guid(),
            ref=prepared.ref,
            commit=prepared.commit,
            requested_by=order.requested_by,
            queued=now,
            changed=now,
            reason=order.reason,
            parameters={key: _as_text(value) for key, value in order.parameters.items() if value is not None},
            variables={key: _without_secret(item) for key, item in order.variables.items()},
            tags=tuple(dict.fromkeys(order.tags)),
            stages_to_skip=order.stages_to_skip,
            final_yaml=prepared.plan.yaml(),
        )

    def _revision(self, pipeline: Pipeline, prefix: str, given: list[int]) -> int:
        if not given:
            given.append(self._resources.state.store.next_number(f"revision/{pipeline.id}/{prefix}"))
        return given[0]

    def _ref(self, order: RunOrder) -> str:
        ref = order.ref or self._resources.repository_of(order.pipeline).default_branch
        return ref if ref.startswith("refs/") else f"refs/heads/{ref}"

    def _variables(self, order: RunOrder) -> dict[str, RunVariable]:
        own = {name: RunVariable(item.value, item.is_secret) for name, item in order.pipeline.variables.items()}
        return {**own, **order.variables}

    def _check_variables(self, order: RunOrder) -> None:
        if not self._resources.config.limit_variables:
            return
        settable = {name.casefold() for name, item in order.pipeline.variables.items() if item.allow_override}
        refused = [name for name in order.variables if name.casefold() not in settable | _ALWAYS_SETTABLE]
        if refused:
            raise RunRefusedError(
                f"You can't set the following variables ({', '.join(refused)}). If you want to be able to set these "
                "variables, then edit the pipeline and select Settable at queue time on the variables tab of the "
                "pipeline editor."
            )


def _reader(git: GitRepository, commit: str) -> Any:
    def read(path: str) -> str:
        try:
            return git.read(commit, path)
        except GitError as error:
            raise OSError(str(error)) from error

    return read


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _without_secret(item: RunVariable) -> RunVariable:
    return RunVariable(None, is_secret=True) if item.is_secret else item
