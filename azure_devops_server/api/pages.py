"""HTML pages: the targets of the API's `web` links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure_devops_server.api.common import project_of
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import PlainError
from azure_devops_server.http.wire import Answer, Call, file_answer, text_answer
from azure_devops_server.model.build import Build
from azure_devops_server.pages.lists import (
    environment_page,
    organization_page,
    pipeline_page,
    project_page,
    release_page,
)
from azure_devops_server.pages.run import run_page

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization


@route("GET", "{project}/_build/results")
def results(org: Organization, call: Call) -> Answer:
    """A run."""
    return run_page(org, _build(org, call))


@route("GET", "{project}/_build/log")
def build_log(org: Organization, call: Call) -> Answer:
    """A log of a run, as text."""
    build = _build(org, call)
    log = org.state.logs.get(f"{build.id}/{call.number('logId')}")
    if log is None:
        raise _missing("log")
    return text_answer(org.files.read_log(log))


@route("GET", "{project}/_build/artifact")
def build_artifact(org: Organization, call: Call) -> Answer:
    """An artifact of a run, as a zip."""
    build = _build(org, call)
    found = org.state.artifacts.get(f"{build.id}/{call.number('artifactId')}")
    if found is None:
        raise _missing("artifact")
    return file_answer(org.files.artifact_zip(found), name=f"{found.name}.zip", media_type="application/zip")


@route("GET", "{project}/_build/definition")
def definition(org: Organization, call: Call) -> Answer:
    """A pipeline."""
    project = project_of(org, call)
    found = org.state.pipelines.get(call.number("definitionId") or 0)
    if found is None or found.project_id != project.id:
        raise _missing("pipeline")
    return pipeline_page(org, found)


@route("GET", "{project}/_release")
def release(org: Organization, call: Call) -> Answer:
    """A classic release; without one, the project."""
    project, number = project_of(org, call), call.number("releaseId")
    if number is None:
        return project_page(org, project)
    found = org.state.releases.get(number)
    if found is None or found.project_id != project.id:
        raise _missing("release")
    return release_page(org, found)


@route("GET", "{project}/_release/log")
def release_log(org: Organization, call: Call) -> Answer:
    """A log of a release's step, as text."""
    project = project_of(org, call)
    deployment = org.state.release_deployments.get(call.number("deploymentId") or 0)
    if deployment is None or org.releases.get(deployment.release_id).project_id != project.id:
        raise _missing("log")
    log = org.state.logs.get(f"deployment-{deployment.id}/{call.number('taskId')}")
    if log is None:
        raise _missing("log")
    return text_answer(org.files.read_log(log))


@route("GET", "{project}/_environments/{environmentId}")
def environment(org: Organization, call: Call) -> Answer:
    """An environment."""
    project = project_of(org, call)
    found = org.state.environments.get(call.route["environmentId"])
    if found is None or found.project_id != project.id:
        raise _missing("environment")
    return environment_page(org, found)


@route("GET", "{project}/_build")
def build_list(org: Organization, call: Call) -> Answer:
    """A project's pipelines and runs."""
    return project_page(org, project_of(org, call))


@route("GET", "{project}")
def project(org: Organization, call: Call) -> Answer:
    """A project."""
    return project_page(org, project_of(org, call))


@route("GET", "")
def home(org: Organization, call: Call) -> Answer:
    """The organization."""
    del call
    return organization_page(org)


def _build(org: Organization, call: Call) -> Build:
    owner = project_of(org, call)
    found = org.state.builds.get(call.number("buildId") or 0)
    if found is None or found.project_id != owner.id:
        raise _missing("run")
    return found


def _missing(what: str) -> PlainError:
    return PlainError(404, f"This {what} does not exist, or it belongs to another project.")
