"""Classic releases: create them, move their environments, decide their approvals."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from azure_devops_server.http.errors import forbidden, release_invalid
from azure_devops_server.http.wire import Fields
from azure_devops_server.model.release import (
    Release,
    ReleaseApproval,
    ReleaseDefinition,
    ReleaseDeployment,
    ReleaseEnvironment,
    definition_environment,
)
from azure_devops_server.releases.definitions import conditions
from azure_devops_server.resources import Resources
from azure_devops_server.values import new_guid

RUNNING = ("queued", "inProgress", "scheduled")


@dataclass(frozen=True)
class ReleaseOrder:
    """What a release is asked to be."""

    definition: ReleaseDefinition
    created_by: str
    artifacts: Sequence[Mapping[str, Any]] = ()
    description: str = ""
    reason: str = "manual"
    manual_environments: frozenset[str] = frozenset()
    variables: Mapping[str, Any] = field(default_factory=dict)
    properties: Mapping[str, Any] = field(default_factory=dict)
    is_draft: bool = False


class Releases:
    """All changes of releases; what runs is left to the `Deployer`."""

    def __init__(self, resources: Resources, *, submit: Callable[[ReleaseDeployment], None]) -> None:
        self._resources = resources
        self._submit = submit
        self._state = resources.state

    def create(self, order: ReleaseOrder) -> Release:
        """A new release; environments that start with it are queued."""
        number = self._state.store.next_number("release")
        now, body = self._resources.clock(), order.definition.body
        environments = tuple(
            ReleaseEnvironment(
                id=self._state.store.next_number("release-environment"),
                definition_environment_id=item["id"],
                name=item["name"],
                rank=item["rank"],
                status="notStarted",
                created=now,
                modified=now,
                variables=item.get("variables") or {},
                is_manual=item["name"].casefold() in order.manual_environments,
            )
            for item in sorted(body["environments"], key=lambda item: item["rank"])
        )
        release = Release(
            id=number,
            project_id=order.definition.project_id,
            definition_id=order.definition.id,
            name=f"Release-{self._state.store.next_number(f'release-name/{order.definition.id}')}",
            created_by=order.created_by,
            created=now,
            modified=now,
            environments=environments,
            snapshot=body,
            status="draft" if order.is_draft else "active",
            description=order.description,
            reason=order.reason,
            artifacts=tuple(order.artifacts),
            variables=_variables(body.get("variables"), order.variables),
            properties=order.properties,
        )
        self._state.releases.put(release)
        if not order.is_draft:
            self._start_all(release, by=order.created_by)
        return self.get(number)

    def get(self, release_id: int) -> Release:
        """A release that is known to exist."""
        found = self._state.releases.get(release_id)
        if found is None:
            raise LookupError(f"release {release_id} does not exist")
        return found

    def activate(self, release: Release, *, by: str) -> Release:
        """Turn a draft into an active release."""
        self._state.releases.change(release.id, lambda row: replace(row, status="active"))
        self._start_all(self.get(release.id), by=by)
        return self.get(release.id)

    def abandon(self, release: Release) -> Release:
        """Abandon a release: nothing of it may start any more; what runs is cancelled."""
        now = self._resources.clock()
        self._state.releases.change(release.id, lambda row: replace(row, status="abandoned", modified=now))
        for environment in release.environments:
            if environment.status in RUNNING:
                self.cancel(release, environment)
        return self.get(release.id)

    def deploy(self, release: Release, environment: ReleaseEnvironment, *, by: str, reason: str) -> Release:
        """Queue a deployment; 400 while one is on its way or the release is not active."""
        with self._state.store.transaction():
            release = self.get(release.id)
            environment = environment_of(release, environment.id)
            if release.status != "active":
                raise release_invalid(f"VS402885: Release {release.name} is {release.status}; nothing can be deployed.")
            if environment.status in RUNNING:
                raise release_invalid(f"VS402886: A deployment to {environment.name} is already {environment.status}.")
            deployment = self._deployment(release, environment, by=by, reason=reason)
            self._state.release_deployments.put(deployment)
            trigger = "Manual" if reason == "manual" else "Environment state changed"
            self.set_environment(release.id, environment.id, status="queued", trigger_reason=trigger)
            self._ask(release, environment, deployment)
        self._submit(deployment)
        return self.get(release.id)

    def cancel(self, release: Release, environment: ReleaseEnvironment) -> Release:
        """Cancel the deployment of an environment that waits or runs."""
        if environment.status not in RUNNING:
            raise release_invalid(f"VS402887: The deployment to {environment.name} is {environment.status}.")
        self.set_environment(release.id, environment.id, status="canceled")
        self._close_approvals(release.id, environment.id, "canceled")
        self._state.notify()
        return self.get(release.id)

    def decide(self, approval: ReleaseApproval, *, status: str, comments: str, by: str) -> ReleaseApproval:
        """Approve or reject; 403 for who is not asked, 400 where it is no longer pending."""
        with self._state.changed:
            approval = self._state.release_approvals.get(approval.id) or approval
            if approval.status != "pending":
                raise release_invalid(f"VS402904: Approval {approval.id} is already {approval.status}.")
            if approval.approver_id != by:
                raise forbidden(
                    f"VS402905: {self._resources.identities.get(by).name} is not the approver of {approval.id}."
                )
            self._check_creator(approval, by, status)
            done = replace(
                approval,
                status="approved" if status == "approved" else "rejected",
                comments=comments,
                approved_by=by,
                modified=self._resources.clock(),
                revision=approval.revision + 1,
            )
            self._state.release_approvals.put(done)
            self._state.changed.notify_all()
        return done

    def set_environment(self, release_id: int, environment_id: int, **changes: Any) -> Release:
        """Change one environment of a release."""
        now = self._resources.clock()

        def changed(row: Release) -> Release:
            environments = tuple(
                replace(item, modified=now, **changes) if item.id == environment_id else item
                for item in row.environments
            )
            return replace(row, environments=environments, modified=now)

        return self._state.releases.change(release_id, changed)

    def ask_side(self, release: Release, environment: ReleaseEnvironment, attempt: int, *, before: bool) -> None:
        """Open the approvals of one side of a deployment."""
        side = "preDeployApprovals" if before else "postDeployApprovals"
        for item in definition_environment(release, environment)[side]["approvals"]:
            step, now = Fields(item), self._resources.clock()
            automated = step.get("isAutomated") is True
            approver = None if automated else step.object("approver").text("id")
            self._state.release_approvals.put(
                ReleaseApproval(
                    id=self._state.store.next_number("release-approval"),
                    release_id=release.id,
                    environment_id=environment.id,
                    kind="preDeploy" if before else "postDeploy",
                    approver_id=approver,
                    attempt=attempt,
                    rank=step.number("rank") or 1,
                    created=now,
                    modified=now,
                    status="approved" if automated else "pending",
                )
            )

    def start_next(self, release_id: int, *, by: str) -> None:
        """Queue environments whose conditions the present state fulfils."""
        release = self.get(release_id)
        good = {item.name.casefold() for item in release.environments if item.status == "succeeded"}
        for environment in release.environments:
            _, after = conditions(definition_environment(release, environment))
            ready = bool(after) and all(name.casefold() in good for name in after)
            if ready and environment.status == "notStarted" and not environment.is_manual:
                self.deploy(release, environment, by=by, reason="automated")

    def close_interrupted(self) -> None:
        """At the start: deployments that the last process left on their way have failed."""
        now = self._resources.clock()
        text = "The local server ended while this deployment was in progress. Deploy again."
        with self._state.store.transaction():
            for deployment in self._state.release_deployments.all():
                if deployment.completed is None:
                    self._state.release_deployments.put(
                        replace(
                            deployment,
                            status="failed",
                            operation="phaseFailed",
                            completed=now,
                            issues=(text,),
                            modified=now,
                        )
                    )
                    self.set_environment(deployment.release_id, deployment.environment_id, status="rejected")
                    self._close_approvals(deployment.release_id, deployment.environment_id, "canceled")

    def _start_all(self, release: Release, *, by: str) -> None:
        for environment in release.environments:
            started, after = conditions(definition_environment(release, environment))
            if started and not after and not environment.is_manual:
                self.deploy(release, environment, by=by, reason="automated")

    def _deployment(
        self, release: Release, environment: ReleaseEnvironment, *, by: str, reason: str
    ) -> ReleaseDeployment:
        before = [
            row for row in self._state.release_deployments.within(release.id) if row.environment_id == environment.id
        ]
        return ReleaseDeployment(
            id=self._state.store.next_number("release-deployment"),
            release_id=release.id,
            environment_id=environment.id,
            attempt=len(before) + 1,
            requested_by=by,
            queued=self._resources.clock(),
            modified=self._resources.clock(),
            plan_id=new_guid(),
            reason=reason,
        )

    def _ask(self, release: Release, environment: ReleaseEnvironment, deployment: ReleaseDeployment) -> None:
        self.ask_side(release, environment, deployment.attempt, before=True)

    def _check_creator(self, approval: ReleaseApproval, by: str, status: str) -> None:
        release = self.get(approval.release_id)
        environment = environment_of(release, approval.environment_id)
        side = "preDeployApprovals" if approval.kind == "preDeploy" else "postDeployApprovals"
        options = Fields(definition_environment(release, environment)[side]).object("approvalOptions")
        if (
            options.get("releaseCreatorCanBeApprover", True) is False
            and by == release.created_by
            and status == "approved"
        ):
            raise forbidden("VS402906: Who created the release cannot approve it.")

    def _close_approvals(self, release_id: int, environment_id: int, status: Any) -> None:
        now = self._resources.clock()
        for row in self._state.release_approvals.within(release_id):
            if row.environment_id == environment_id and row.status == "pending":
                self._state.release_approvals.put(replace(row, status=status, modified=now, revision=row.revision + 1))


def environment_of(release: Release, environment_id: int) -> ReleaseEnvironment:
    """An environment of a release; LookupError if there is none."""
    for environment in release.environments:
        if environment.id == environment_id:
            return environment
    raise LookupError(f"environment {environment_id} does not exist in release {release.id}")


def _variables(own: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    document = {name: dict(value) for name, value in (own or {}).items()}
    for name, value in given.items():
        document[name] = {**document.get(name, {}), **(value if isinstance(value, dict) else {"value": str(value)})}
    return document
