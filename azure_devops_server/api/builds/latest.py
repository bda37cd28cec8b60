"""The Build API: the latest build of a pipeline, and the commits that came with a build."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from azure_devops_server.api.common import build_of, project_of
from azure_devops_server.api.routing import route
from azure_devops_server.git import Commit
from azure_devops_server.http.errors import no_definition, not_found
from azure_devops_server.http.wire import Answer, Call, collection
from azure_devops_server.model.build import Build
from azure_devops_server.model.core import Repository
from azure_devops_server.show.build import show_build
from azure_devops_server.values import unique_by_case, wire_time

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_MOST_CHANGES = 50


@route("GET", "{project}/_apis/build/latest/{definition}")
def latest_build(org: Organization, call: Call) -> Any:
    """The newest build of a pipeline, by its id or name; `branchName` without ``refs/heads/`` or with it."""
    project, wanted = project_of(org, call), call.route["definition"].casefold()
    pipelines = org.state.pipelines.within(project.id)
    pipeline = next((row for row in pipelines if wanted in (str(row.id), row.name.casefold())), None)
    if pipeline is None:
        raise no_definition(call.route["definition"])
    branch = call.query.get("branchname", "")
    ref = branch if branch.startswith("refs/") else f"refs/heads/{branch}"
    builds = [row for row in org.state.builds.within(project.id) if row.pipeline_id == pipeline.id]
    builds = [row for row in builds if not branch or row.ref == ref]
    if not builds:
        raise not_found(f"No builds were found for the definition {pipeline.name}.")
    return show_build(org, max(builds, key=lambda row: row.id))


@route("GET", "{project}/_apis/build/builds/{buildId}/changes")
def list_changes(org: Organization, call: Call) -> Answer:
    """Commits since the build before it of the same pipeline and branch; of the first build its own commit alone."""
    build = build_of(org, call)
    owner = org.pipeline(build.pipeline_id)
    repository = org.state.repositories.get(owner.repository_id)
    if repository is None:
        return collection([])
    top = min(call.number("$top", _MOST_CHANGES) or _MOST_CHANGES, _MOST_CHANGES)
    before = _before(org, build)
    span = f"{before.commit}..{build.commit}" if before else build.commit
    found = org.git(repository).commits(span, top=top if before else 1)
    return collection([_show(org, repository, commit) for commit in found])


@route("GET", "{project}/_apis/build/builds/{buildId}/workitems")
def list_work_items(org: Organization, call: Call) -> Answer:
    """Work items of a build: the local server has none."""
    build_of(org, call)
    return collection([])


@route("GET", "{project}/_apis/build/tags")
def list_project_tags(org: Organization, call: Call) -> Answer:
    """All tags of all builds of a project."""
    builds = org.state.builds.within(project_of(org, call).id)
    return collection(sorted(unique_by_case(tag for row in builds for tag in row.tags), key=str.casefold))


def _before(org: Organization, build: Build) -> Build | None:
    rows = org.state.builds.within(build.project_id)
    same = [row for row in rows if row.pipeline_id == build.pipeline_id and row.ref == build.ref and row.id < build.id]
    return max(same, key=lambda row: row.id, default=None)


def _show(org: Organization, repository: Repository, commit: Commit) -> dict[str, Any]:
    site = f"{org.links.base()}/{repository.project_id}/_git/{quote(repository.name)}/commit/{commit.id}"
    return {
        "id": commit.id,
        "message": commit.message,
        "type": "TfsGit",
        "author": {"displayName": commit.author},
        "timestamp": wire_time(commit.authored),
        "location": org.links.api(repository.project_id, f"git/repositories/{repository.id}/commits/{commit.id}"),
        "displayUri": site,
    }
