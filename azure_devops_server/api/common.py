"""Shared by the handlers: look up the objects that a path names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from azure_devops_server.http.errors import no_build, no_pipeline, no_project, no_run
from azure_devops_server.http.wire import Call
from azure_devops_server.model.build import Build, Pipeline
from azure_devops_server.model.core import Project

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization


def project_of(org: Organization, call: Call) -> Project:
    """The project of the path, by name or GUID."""
    name = call.route["project"]
    found = org.state.project(name)
    if found is None:
        raise no_project(name)
    return found


def build_of(org: Organization, call: Call) -> Build:
    """The build of the path, in the project of the path."""
    project, number = project_of(org, call), call.route["buildId"]
    found = org.state.builds.get(number)
    if found is None or found.project_id != project.id:
        raise no_build(number)
    return found


def pipeline_of(org: Organization, call: Call) -> Pipeline:
    """The pipeline of the path, in the project of the path."""
    project, number = project_of(org, call), call.route["pipelineId"]
    found = org.state.pipelines.get(number)
    if found is None or found.project_id != project.id:
        raise no_pipeline(number)
    return found


def run_of(org: Organization, call: Call) -> Build:
    """The run of the path, of the pipeline of the path."""
    pipeline, number = pipeline_of(org, call), call.route["runId"]
    found = org.state.builds.get(number)
    if found is None or found.pipeline_id != pipeline.id:
        raise no_run(number)
    return found
