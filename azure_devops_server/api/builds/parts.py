"""The Build API: tags, timeline, logs, artifacts, attachments of a build."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from azure_devops_server.api.common import build_of
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import bad_request, not_found
from azure_devops_server.http.wire import Answer, Call, collection, file_answer, no_content, text_answer
from azure_devops_server.model.build import Build
from azure_devops_server.runs.timeline import older_timeline
from azure_devops_server.show.build import show_artifact, show_log, show_timeline
from azure_devops_server.storage.files import zipped
from azure_devops_server.values import unique_by_case

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_BUILD = "{project}/_apis/build/builds/{buildId}"
_NO_LONGER = 400
"""Characters of the longest tag."""


@route("GET", _BUILD + "/tags")
def list_tags(org: Organization, call: Call) -> Answer:
    """All tags."""
    return collection(build_of(org, call).tags)


@route("PUT", _BUILD + "/tags/{*tag}")
def add_tag(org: Organization, call: Call) -> Answer:
    """Add one tag; a colon in it is refused by the path rule, the POST form takes it."""
    return _change(org, build_of(org, call), add=[call.route["tag"]])


@route("POST", _BUILD + "/tags")
def add_tags(org: Organization, call: Call) -> Answer:
    """Add a list of tags."""
    body = call.json()
    if not isinstance(body, list):
        raise bad_request("A JSON array of tags is expected in the request body.")
    return _change(org, build_of(org, call), add=[str(tag) for tag in body])


@route("PATCH", _BUILD + "/tags")
def update_tags(org: Organization, call: Call) -> Answer:
    """Add and remove tags in one step."""
    body = call.document()
    add, remove = body.array("tagsToAdd"), body.array("tagsToRemove")
    return _change(org, build_of(org, call), add=[str(tag) for tag in add], remove=[str(tag) for tag in remove])


@route("DELETE", _BUILD + "/tags/{*tag}")
def delete_tag(org: Organization, call: Call) -> Answer:
    """Remove a tag."""
    return _change(org, build_of(org, call), remove=[call.route["tag"]])


@route("GET", _BUILD + "/Timeline")
def get_timeline(org: Organization, call: Call) -> Any:
    """The current timeline; 204 while there is none (what the real service sends then is not settled)."""
    build = build_of(org, call)
    entries = [entry for entry in org.state.timeline.within(build.id) if entry.timeline_id is None]
    if not entries:
        return no_content()
    return show_timeline(org, build, build.plan_id, entries)


@route("GET", _BUILD + "/Timeline/{timelineId}")
def get_older_timeline(org: Organization, call: Call) -> Any:
    """The current timeline, or that of an earlier attempt, by id."""
    build, wanted = build_of(org, call), call.route["timelineId"].casefold()
    if wanted == build.plan_id:
        return get_timeline(org, call)
    entries = [entry for entry in org.state.timeline.within(build.id) if entry.timeline_id == wanted]
    if not entries and wanted not in {older_timeline(build, number) for number in range(1, build.attempt)}:
        raise not_found(f"The timeline {wanted} of build {build.id} could not be found.")
    return show_timeline(org, build, wanted, entries)


@route("GET", _BUILD + "/logs")
def list_logs(org: Organization, call: Call) -> Answer:
    """All logs, or a zip with their texts."""
    build = build_of(org, call)
    logs = org.state.logs.within(build.id)
    if call.accept == "application/zip":
        texts = {f"{log.id}.txt": org.files.read_log(log).encode() for log in logs}
        return file_answer(zipped(texts), name=f"logs_{build.id}.zip", media_type="application/zip")
    return collection([show_log(org, build, log) for log in logs])


@route("GET", _BUILD + "/logs/{logId}")
def get_log(org: Organization, call: Call) -> Answer:
    """A log: text by default, a JSON list of lines for `application/json`, or a zip."""
    build = build_of(org, call)
    log = org.state.logs.get(f"{build.id}/{call.route['logId']}")
    if log is None:
        raise not_found(f"The log {call.route['logId']} of build {build.id} could not be found.")
    text = org.files.read_log(log, call.number("startLine"), call.number("endLine"))
    if call.accept == "application/json":
        return collection(text.splitlines())
    if call.accept == "application/zip":
        return file_answer(zipped({f"{log.id}.txt": text.encode()}), name="log.zip", media_type="application/zip")
    return text_answer(text)


@route("GET", _BUILD + "/artifacts")
def list_artifacts(org: Organization, call: Call) -> Any:
    """All artifacts; with `artifactName` that one, or its content for a zip."""
    build, name = build_of(org, call), call.query.get("artifactname")
    rows = org.state.artifacts.within(build.id)
    if name is None:
        return collection([show_artifact(org, build, row) for row in rows])
    found = next((row for row in rows if row.name.casefold() == name.casefold()), None)
    if found is None:
        raise not_found(f"The artifact {name} of build {build.id} could not be found.")
    if call.accept == "application/zip":
        return file_answer(org.files.artifact_zip(found), name=f"{found.name}.zip", media_type="application/zip")
    return show_artifact(org, build, found)


@route("GET", _BUILD + "/attachments/{type}")
def list_attachments(org: Organization, call: Call) -> Answer:
    """Files that steps attached, of one type."""
    build, kind = build_of(org, call), call.route["type"]
    rows = [row for row in org.state.attachments.within(build.id) if row.kind.casefold() == kind.casefold()]
    base = org.links.build(build.project_id, build.id)
    return collection(
        [
            {
                "name": row.name,
                "_links": {
                    "self": {"href": f"{base}/{build.plan_id}/{row.record_id}/attachments/{row.kind}/{row.name}"}
                },
            }
            for row in rows
        ]
    )


@route("GET", _BUILD + "/{timelineId}/{recordId}/attachments/{type}/{name}")
def get_attachment(org: Organization, call: Call) -> Answer:
    """The content of an attached file."""
    build = build_of(org, call)
    key = f"{build.id}/{call.route['recordId']}/{call.route['type']}/{call.route['name']}"
    found = org.state.attachments.get(key)
    if found is None:
        raise not_found(f"The attachment {call.route['name']} of build {build.id} could not be found.")
    return file_answer(org.files.attachment_path(build.id, found.file).read_bytes(), name=found.name)


def _change(
    org: Organization, build: Build, *, add: list[str] | None = None, remove: list[str] | None = None
) -> Answer:
    added, removed = add or [], {tag.casefold() for tag in remove or []}
    for tag in added:
        if not tag.strip() or len(tag) > _NO_LONGER:
            raise bad_request(f"The tag '{tag}' is not valid.")

    def changed(row: Build) -> Build:
        tags = [tag for tag in unique_by_case([*row.tags, *added]) if tag.casefold() not in removed]
        return replace(row, tags=tuple(tags), changed=org.clock())

    return collection(org.state.builds.change(build.id, changed).tags)
