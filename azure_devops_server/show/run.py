"""Pipelines and runs as the Pipelines API writes them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from azure_devops_server.model.build import Artifact, Build, LogFile, Pipeline
from azure_devops_server.resources import Resources
from azure_devops_server.values import wire_time

_STATES = {"notStarted": "inProgress", "inProgress": "inProgress", "cancelling": "canceling", "completed": "completed"}


def show_pipeline_reference(resources: Resources, pipeline: Pipeline) -> dict[str, Any]:
    """A PipelineReference."""
    return {
        "url": _pipeline_url(resources, pipeline),
        "id": pipeline.id,
        "revision": pipeline.revision,
        "name": pipeline.name,
        "folder": pipeline.folder,
    }


def show_pipeline(resources: Resources, pipeline: Pipeline, *, details: bool) -> dict[str, Any]:
    """A Pipeline; lists leave its configuration out."""
    url = _pipeline_url(resources, pipeline)
    document: dict[str, Any] = {
        "_links": {
            "self": {"href": url},
            "web": {"href": resources.links.pipeline_page(pipeline.project_id, pipeline.id)},
        }
    }
    if details:
        document["configuration"] = {
            "path": pipeline.path,
            "repository": {"id": pipeline.repository_id, "type": "azureReposGit"},
            "type": "yaml",
        }
    return document | show_pipeline_reference(resources, pipeline)


def show_run(resources: Resources, build: Build, *, in_list: bool = False) -> dict[str, Any]:
    """A Run. Lists leave out `templateParameters`, `variables` and `resources`."""
    pipeline = resources.pipeline(build.pipeline_id)
    url = _run_url(resources, build)
    document: dict[str, Any] = {"_links": _run_links(resources, build, pipeline)}
    if not in_list:
        document = {"yamlDetails": _yaml_details(resources, build, pipeline), **document}
        document["templateParameters"] = dict(build.parameters)
        if build.variables:
            document["variables"] = {name: _variable(item) for name, item in build.variables.items()}
    document["pipeline"] = show_pipeline_reference(resources, pipeline)
    document["state"] = _STATES[build.status]
    if build.status == "completed":
        document["result"] = "failed" if build.result == "partiallySucceeded" else build.result
    document["createdDate"] = wire_time(build.queued)
    if build.finished:
        document["finishedDate"] = wire_time(build.finished)
    document["url"] = url
    if not in_list:
        document["resources"] = _resources(resources, build)
        document["tags"] = list(build.tags)
    return document | {"id": build.id, "name": build.number}


def show_run_event(resources: Resources, build: Build) -> dict[str, Any]:
    """The run inside a service hook's event: as in lists, without template parameters."""
    return show_run(resources, build, in_list=True)


def show_preview(final_yaml: str) -> dict[str, Any]:
    """A PreviewRun."""
    return {"finalYaml": final_yaml}


def show_run_log(resources: Resources, build: Build, log: LogFile) -> dict[str, Any]:
    """A Log of the Pipelines API."""
    return {
        "createdOn": wire_time(log.created),
        "id": log.id,
        "lastChangedOn": wire_time(log.changed),
        "lineCount": log.lines,
        "url": f"{_run_url(resources, build)}/logs/{log.id}",
    }


def show_run_artifact(resources: Resources, build: Build, artifact: Artifact) -> dict[str, Any]:
    """An Artifact of the Pipelines API; the content's address needs the caller's own credentials here."""
    return {
        "signedContent": {
            "url": download_url(resources, build, artifact),
            "signatureExpires": wire_time(resources.clock()),
        },
        "name": artifact.name,
        "url": f"{_run_url(resources, build)}/artifacts?artifactName={quote(artifact.name)}",
    }


def download_url(resources: Resources, build: Build, artifact: Artifact) -> str:
    """Where an artifact's zip is."""
    return resources.links.build(
        build.project_id, build.id, f"/artifacts?artifactName={quote(artifact.name)}&api-version=7.1&%24format=zip"
    )


def _variable(item: Any) -> dict[str, Any]:
    return {"isSecret": True} if item.is_secret else {"value": item.value}


def _resources(resources: Resources, build: Build) -> dict[str, Any]:
    repository = resources.repository_of(resources.pipeline(build.pipeline_id))
    full_name = f"{resources.project(build.project_id).name}/{repository.name}"
    return {
        "repositories": {
            "self": {
                "repository": {"id": repository.id, "fullName": full_name, "type": "azureReposGit"},
                "refName": build.ref,
                "version": build.commit,
            }
        }
    }


def _yaml_details(resources: Resources, build: Build, pipeline: Pipeline) -> dict[str, Any]:
    return {
        "rootYamlFile": {"ref": build.ref, "yamlFile": pipeline.path.lstrip("/"), "repoAlias": "self"},
        "expandedYamlUrl": resources.links.build(build.project_id, build.id, "/logs/1"),
    }


def _run_links(resources: Resources, build: Build, pipeline: Pipeline) -> dict[str, Any]:
    return {
        "self": {"href": _run_url(resources, build)},
        "web": {"href": resources.links.run_page(build.project_id, build.id)},
        "pipeline.web": {"href": resources.links.pipeline_page(build.project_id, pipeline.id)},
        "pipeline": {"href": _pipeline_url(resources, pipeline)},
    }


def _pipeline_url(resources: Resources, pipeline: Pipeline) -> str:
    return resources.links.api(pipeline.project_id, f"pipelines/{pipeline.id}?revision={pipeline.revision}")


def _run_url(resources: Resources, build: Build) -> str:
    return resources.links.api(build.project_id, f"pipelines/{build.pipeline_id}/runs/{build.id}")
