"""Tags of classic releases."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from azure_devops_server.api.releases import release_of
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import release_invalid
from azure_devops_server.http.wire import Answer, Call, collection
from azure_devops_server.model.release import Release
from azure_devops_server.values import Host, unique_by_case

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_TAGS = "{project}/_apis/Release/releases/{releaseId}/tags"
_HOSTS: tuple[Host, ...] = ("release",)


@route("GET", _TAGS, hosts=_HOSTS)
def list_tags(org: Organization, call: Call) -> Answer:
    """All tags."""
    return collection(release_of(org, call).tags)


@route("PATCH", _TAGS + "/{tag}", hosts=_HOSTS)
def add_tag(org: Organization, call: Call) -> Answer:
    """Add one tag."""
    return _change(org, release_of(org, call), add=[call.route["tag"]])


@route("POST", _TAGS, hosts=_HOSTS)
def add_tags(org: Organization, call: Call) -> Answer:
    """Add a list of tags."""
    body = call.json()
    if not isinstance(body, list):
        raise release_invalid("A JSON array of tags is expected in the request body.")
    return _change(org, release_of(org, call), add=[str(tag) for tag in body])


@route("DELETE", _TAGS + "/{tag}", hosts=_HOSTS)
def delete_tag(org: Organization, call: Call) -> Answer:
    """Remove a tag."""
    return _change(org, release_of(org, call), remove=call.route["tag"])


def _change(org: Organization, release: Release, *, add: list[str] | None = None, remove: str = "") -> Answer:
    def edit(row: Release) -> Release:
        kept = [tag for tag in unique_by_case([*row.tags, *(add or [])]) if tag.casefold() != remove.casefold()]
        return replace(row, tags=tuple(kept))

    return collection(org.state.releases.change(release.id, edit).tags)
