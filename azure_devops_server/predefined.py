"""Predefined variables that the server knows; the engine adds those of stage, job and folders."""

from __future__ import annotations

from azure_devops_server.model.build import Build, Pipeline
from azure_devops_server.resources import Resources


def source_variables(
    resources: Resources, pipeline: Pipeline, *, ref: str, commit: str, requested_by: str
) -> dict[str, str]:
    """Variables known before a run has an id."""
    project, repository = resources.project(pipeline.project_id), resources.repository_of(pipeline)
    person = resources.identities.get(requested_by)
    collection = f"{resources.links.base()}/"
    branch = ref.removeprefix("refs/heads/").removeprefix("refs/tags/")
    return {
        "Build.DefinitionName": pipeline.name,
        "Build.DefinitionVersion": str(pipeline.revision),
        "Build.QueuedBy": person.name,
        "Build.QueuedById": person.id,
        "Build.Reason": "Manual",
        "Build.Repository.ID": repository.id,
        "Build.Repository.Name": repository.name,
        "Build.Repository.Provider": "TfsGit",
        "Build.RequestedFor": person.name,
        "Build.RequestedForEmail": person.unique_name,
        "Build.RequestedForId": person.id,
        "Build.SourceBranch": ref,
        "Build.SourceBranchName": branch.rsplit("/", 1)[-1],
        "Build.SourceVersion": commit,
        "System.CollectionId": resources.id,
        "System.CollectionUri": collection,
        "System.DefinitionId": str(pipeline.id),
        "System.HostType": "build",
        "System.TeamFoundationCollectionUri": collection,
        "System.TeamFoundationServerUri": collection,
        "System.TeamProject": project.name,
        "System.TeamProjectId": project.id,
    }


def run_variables(resources: Resources, build: Build) -> dict[str, str]:
    """All predefined variables of a run."""
    pipeline = resources.pipeline(build.pipeline_id)
    known = source_variables(resources, pipeline, ref=build.ref, commit=build.commit, requested_by=build.requested_by)
    return known | {
        "Build.BuildId": str(build.id),
        "Build.BuildNumber": build.number,
        "Build.BuildUri": f"vstfs:///Build/Build/{build.id}",
        "Build.ContainerId": str(build.id),
        "System.JobParallelismTag": "Private",
        "System.PlanId": build.plan_id,
        "System.TimelineId": build.plan_id,
    }
