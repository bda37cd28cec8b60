"""The Pipelines API: pipelines, runs, preview, a run's logs and artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure_devops_server.api.common import pipeline_of, project_of, run_of
from azure_devops_server.api.orders import run_order
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import bad_request, conflict, not_found, pipeline_invalid
from azure_devops_server.http.wire import Answer, Call, Fields, chosen, collection
from azure_devops_server.model.build import Pipeline, PipelineVariable
from azure_devops_server.model.core import Project
from azure_devops_server.runs.starting import RunRefusedError
from azure_devops_server.show.run import show_pipeline, show_preview, show_run, show_run_artifact, show_run_log

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_TYPES = ("unknown", "yaml", "designerJson", "justInTime", "designerHyphenJson")
_RUNS = "{project}/_apis/pipelines/{pipelineId}/runs"


@route("GET", "{project}/_apis/pipelines")
def list_pipelines(org: Organization, call: Call) -> Answer:
    """Pipelines by `orderBy` (a field, then `asc` or `desc`) and `$top`; the token counts pipelines."""
    rows = org.state.pipelines.within(project_of(org, call).id)
    field, _, direction = (call.query.get("orderby") or "name asc").partition(" ")
    known = {"name": lambda row: row.name.casefold(), "id": lambda row: row.id, "folder": lambda row: row.folder}
    if field.casefold() not in known:
        raise bad_request(f"The value '{field}' of the query parameter 'orderBy' is not valid.")
    rows = sorted(rows, key=known[field.casefold()], reverse=direction.strip().casefold() == "desc")
    start = int(call.query.get("continuationtoken") or 0) if call.query.get("continuationtoken", "0").isdigit() else 0
    top = call.number("$top", 10_000) or 10_000
    more = {"x-ms-continuationtoken": str(start + top)} if len(rows) > start + top else {}
    return collection([show_pipeline(org, row, details=False) for row in rows[start : start + top]], more)


@route("POST", "{project}/_apis/pipelines")
def create_pipeline(org: Organization, call: Call) -> Any:
    """A YAML pipeline from a file of a repository of the project."""
    project, body = project_of(org, call), call.document()
    configuration = body.object("configuration")
    kind = chosen(configuration.get("type", "unknown"), _TYPES, name="configuration.type")
    if kind != "yaml":
        raise bad_request(f"The local server creates pipelines of type yaml only, not '{kind}'.")
    name = body.text("name").strip()
    if not name:
        raise bad_request("Value cannot be null. Parameter name: inputParameters.Name")
    if any(row.name.casefold() == name.casefold() for row in org.state.pipelines.within(project.id)):
        raise conflict(f"The pipeline {name} already exists. Specify a unique pipeline name.")
    pipeline = Pipeline(
        id=org.state.store.next_number("pipeline"),
        project_id=project.id,
        name=name,
        folder=_folder(body.text("folder", "\\")),
        path="/" + configuration.text("path", "azure-pipelines.yml").lstrip("/"),
        repository_id=_repository(org, project, configuration.object("repository")),
        created=org.clock(),
        author_id=call.caller.identity_id,
        variables=_variables(configuration),
    )
    return show_pipeline(org, org.state.pipelines.put(pipeline), details=True)


@route("GET", "{project}/_apis/pipelines/{pipelineId}")
def get_pipeline(org: Organization, call: Call) -> Any:
    """One pipeline."""
    return show_pipeline(org, pipeline_of(org, call), details=True)


@route("GET", _RUNS)
def list_runs(org: Organization, call: Call) -> Answer:
    """The newest 10000 runs, without template parameters; there is no paging."""
    pipeline = pipeline_of(org, call)
    rows = [row for row in org.state.builds.within(pipeline.project_id) if row.pipeline_id == pipeline.id]
    rows.sort(key=lambda row: row.id, reverse=True)
    return collection([show_run(org, row, in_list=True) for row in rows[:10_000]])


@route("POST", _RUNS)
def start_run(org: Organization, call: Call) -> Any:
    """Start a run, or preview one with `previewRun`."""
    pipeline, body = pipeline_of(org, call), call.document()
    order = run_order(pipeline, body, by=call.caller.identity_id)
    try:
        if body.get("previewRun") is True:
            return show_preview(org.starter.prepare(order).plan.yaml())
        return show_run(org, org.start_run(order))
    except RunRefusedError as refused:
        raise pipeline_invalid(str(refused)) from refused


@route("POST", "{project}/_apis/pipelines/{pipelineId}/preview")
def preview(org: Organization, call: Call) -> Any:
    """The final YAML of a run that is not started."""
    pipeline = pipeline_of(org, call)
    body = Fields({**call.document().raw, "previewRun": True})
    try:
        order = run_order(pipeline, body, by=call.caller.identity_id)
        return show_preview(org.starter.prepare(order).plan.yaml())
    except RunRefusedError as refused:
        raise pipeline_invalid(str(refused)) from refused


@route("GET", _RUNS + "/{runId}")
def get_run(org: Organization, call: Call) -> Any:
    """One run."""
    return show_run(org, run_of(org, call))


@route("GET", _RUNS + "/{runId}/logs")
def list_logs(org: Organization, call: Call) -> Any:
    """A LogCollection."""
    build = run_of(org, call)
    url = org.links.api(build.project_id, f"pipelines/{build.pipeline_id}/runs/{build.id}/logs")
    return {"logs": [show_run_log(org, build, row) for row in org.state.logs.within(build.id)], "url": url}


@route("GET", _RUNS + "/{runId}/logs/{logId}")
def get_log(org: Organization, call: Call) -> Any:
    """One log; with `$expand=signedContent` also the address of its text."""
    build = run_of(org, call)
    log = org.state.logs.get(f"{build.id}/{call.route['logId']}")
    if log is None:
        raise not_found(f"Log {call.route['logId']} of run {build.id} was not found.")
    document = show_run_log(org, build, log)
    if call.query.get("$expand", "").casefold() in ("signedcontent", "1"):
        text = org.links.build(build.project_id, build.id, f"/logs/{log.id}")
        document["signedContent"] = {"url": text, "signatureExpires": document["lastChangedOn"]}
    return document


@route("GET", _RUNS + "/{runId}/artifacts")
def get_artifact(org: Organization, call: Call) -> Any:
    """One artifact by `artifactName`; with `$expand=signedContent` also the address of its content."""
    build, name = run_of(org, call), call.query.get("artifactname", "")
    found = next((row for row in org.state.artifacts.within(build.id) if row.name == name), None)
    if found is None:
        raise not_found(f"Artifact {name} was not found for run {build.id}.")
    document = show_run_artifact(org, build, found)
    if call.query.get("$expand", "").casefold() not in ("signedcontent", "1"):
        del document["signedContent"]
    return document


def _folder(text: str) -> str:
    inside = text.replace("/", "\\").strip("\\")
    return f"\\{inside}"


def _repository(org: Organization, project: Project, wanted: Fields) -> str:
    key = (wanted.text("id") or wanted.text("name")).casefold()
    rows = org.state.repositories.within(project.id)
    for row in rows:
        if key in (row.id, row.name.casefold()):
            return row.id
    if not key and len(rows) == 1:
        return rows[0].id
    raise bad_request(f"The repository '{key}' does not exist in project {project.name}.")


def _variables(configuration: Fields) -> dict[str, PipelineVariable]:
    variables = {}
    for name, item in configuration.object("variables").raw.items():
        fields = Fields(item if isinstance(item, dict) else {"value": item})
        variables[name] = PipelineVariable(
            value=fields.text("value"),
            is_secret=fields.get("isSecret") is True,
            allow_override=fields.get("allowOverride") is True,
        )
    return variables
