"""The pages about a project, a pipeline, an environment and a release."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from azure_devops_server.http.wire import Answer
from azure_devops_server.model.build import Build, Pipeline
from azure_devops_server.model.checks import Environment
from azure_devops_server.model.core import Project
from azure_devops_server.model.release import Release, ReleaseDeployment, ReleaseEnvironment
from azure_devops_server.pages.html import Part, duration, facts, join, link, page, state, table, tag, when
from azure_devops_server.pages.run import run_state

if TYPE_CHECKING:
    from azure_devops_server.resources import Resources

_SHOWN = 50
_TASK_STATES = {"success": "succeeded", "failure": "failed"}


def organization_page(resources: Resources) -> Answer:
    """All projects."""
    rows = [
        tag("tr", tag("td", link(row.name, f"{resources.links.base()}/{row.id}")), tag("td", row.description))
        for row in sorted(resources.state.projects.all(), key=lambda row: row.name.casefold())
    ]
    name = resources.config.organization
    return page(name, [], tag("h1", name), table(("Project", "Description"), rows))


def project_page(resources: Resources, project: Project) -> Answer:
    """Pipelines, last runs, releases and environments of a project."""
    builds = sorted(resources.state.builds.within(project.id), key=lambda row: -row.id)[:_SHOWN]
    return page(
        project.name,
        [link(resources.config.organization, resources.links.base())],
        tag("h1", project.name),
        tag("p", project.description, cls="soft"),
        _pipelines(resources, project),
        tag("h2", "Runs"),
        runs_table(resources, builds),
        _releases(resources, project),
        _environments(resources, project),
    )


def pipeline_page(resources: Resources, pipeline: Pipeline) -> Answer:
    """The last runs of a pipeline."""
    project = resources.project(pipeline.project_id)
    rows = [row for row in resources.state.builds.within(project.id) if row.pipeline_id == pipeline.id]
    return page(
        pipeline.name,
        [link(project.name, f"{resources.links.base()}/{project.id}")],
        tag("h1", pipeline.name),
        tag("p", f"{pipeline.path} in {resources.repository_of(pipeline).name}", cls="soft"),
        runs_table(resources, sorted(rows, key=lambda row: -row.id)[:_SHOWN]),
    )


def runs_table(resources: Resources, builds: list[Build]) -> Markup:
    """Runs, one a row."""
    if not builds:
        return tag("p", "No runs yet.", cls="soft")
    rows = [
        tag(
            "tr",
            tag("td", link(row.number, resources.links.run_page(row.project_id, row.id))),
            tag("td", resources.pipeline(row.pipeline_id).name),
            tag("td", state(run_state(row))),
            tag("td", when(row.queued), cls="num"),
            tag("td", duration(row.started, row.finished), cls="num"),
        )
        for row in builds
    ]
    return table(("Run", "Pipeline", "State", "Queued", "Time"), rows)


def environment_page(resources: Resources, environment: Environment) -> Answer:
    """What was deployed to an environment."""
    project = resources.project(environment.project_id)
    records = sorted(resources.state.deployments.within(environment.id), key=lambda row: -row.id)[:_SHOWN]
    rows = []
    for row in records:
        build = resources.build(row.build_id)
        rows.append(
            tag(
                "tr",
                tag("td", link(build.number, resources.links.run_page(build.project_id, build.id))),
                tag("td", f"{row.stage} / {row.job}"),
                tag("td", state(row.result or "inProgress")),
                tag("td", when(row.started), cls="num"),
            )
        )
    content = table(("Run", "Stage", "State", "Started"), rows) if rows else tag("p", "No deployments yet.", cls="soft")
    return page(
        environment.name,
        [link(project.name, f"{resources.links.base()}/{project.id}")],
        tag("h1", environment.name),
        tag("p", environment.description, cls="soft"),
        tag("h2", "Deployments"),
        content,
    )


def release_page(resources: Resources, release: Release) -> Answer:
    """Environments of a classic release with their deployments and steps."""
    project = resources.project(release.project_id)
    running = any(row.status in ("queued", "inProgress") for row in release.environments)
    pairs: list[tuple[str, Part]] = [
        ("Definition", str(release.snapshot.get("name", ""))),
        ("Created by", resources.identities.get(release.created_by).name),
        ("Created", when(release.created)),
        ("Description", release.description or "-"),
    ]
    return page(
        release.name,
        [link(project.name, f"{resources.links.base()}/{project.id}")],
        tag("h1", release.name),
        facts(pairs),
        *(_environment(resources, release, row) for row in release.environments),
        refresh=running,
    )


def _environment(resources: Resources, release: Release, environment: ReleaseEnvironment) -> Markup:
    deployments = [
        row for row in resources.state.release_deployments.within(release.id) if row.environment_id == environment.id
    ]
    approvals = [
        tag(
            "p",
            f"{row.kind}: {resources.identities.get(row.approver_id).name} - {row.status} {row.comments}",
            cls="soft",
        )
        for row in resources.state.release_approvals.within(release.id)
        if row.environment_id == environment.id and row.approver_id
    ]
    head = tag("h2", environment.name, " ", state(environment.status))
    return join([head, *approvals, *(_deployment(resources, release, row) for row in deployments[-1:])])


def _deployment(resources: Resources, release: Release, row: ReleaseDeployment) -> Markup:
    base = f"{resources.links.base()}/{release.project_id}/_release/log?deploymentId={row.id}&taskId="
    rows = [
        tag(
            "tr",
            tag("td", task.name, *(tag("div", text, cls="issue") for _, text in task.issues)),
            tag("td", state(_TASK_STATES.get(task.status, task.status))),
            tag("td", duration(task.started, task.finished), cls="num"),
            tag("td", link("Log", f"{base}{task.id}")),
        )
        for task in row.tasks
    ]
    problems = [tag("p", text, cls="issue") for text in row.issues]
    return join([*problems, table(("Step", "State", "Time", "Log"), rows) if rows else None])


def _pipelines(resources: Resources, project: Project) -> Markup:
    found = sorted(resources.state.pipelines.within(project.id), key=lambda row: row.name.casefold())
    rows = [
        tag("tr", tag("td", link(row.name, resources.links.pipeline_page(project.id, row.id))), tag("td", row.path))
        for row in found
    ]
    content = table(("Pipeline", "File"), rows) if rows else tag("p", "No pipelines yet.", cls="soft")
    return join([tag("h2", "Pipelines"), content])


def _releases(resources: Resources, project: Project) -> Markup | None:
    found = sorted(resources.state.releases.within(project.id), key=lambda row: -row.id)[:_SHOWN]
    if not found:
        return None
    rows = [
        tag(
            "tr",
            tag("td", link(row.name, resources.links.release_page(project.id, row.id))),
            tag("td", str(row.snapshot.get("name", ""))),
            tag("td", join(item for env in row.environments for item in (f"{env.name}: ", state(env.status), " "))),
        )
        for row in found
    ]
    return join([tag("h2", "Releases"), table(("Release", "Definition", "Environments"), rows)])


def _environments(resources: Resources, project: Project) -> Markup | None:
    found = sorted(resources.state.environments.within(project.id), key=lambda row: row.name.casefold())
    if not found:
        return None
    rows = []
    for row in found:
        last = max(resources.state.deployments.within(row.id), key=lambda record: record.id, default=None)
        shown = state(last.result or "inProgress") if last else tag("span", "Never deployed", cls="soft")
        rows.append(
            tag("tr", tag("td", link(row.name, resources.links.environment_page(project.id, row.id))), tag("td", shown))
        )
    return join([tag("h2", "Environments"), table(("Environment", "Last deployment"), rows)])
