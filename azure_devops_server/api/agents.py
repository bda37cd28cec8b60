"""Agent pools and queues, the one that stands for this machine, and variable groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from azure_devops_server.api.common import project_of
from azure_devops_server.api.routing import route
from azure_devops_server.http.wire import Answer, Call, collection
from azure_devops_server.show.build import show_queue

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization


@route("GET", "{project}/_apis/distributedtask/queues")
def list_queues(org: Organization, call: Call) -> Answer:
    """The queue, unless `queueName` is another's."""
    row = {**show_queue(), "projectId": project_of(org, call).id}
    return collection([row] if _is_named(row, call.query.get("queuename")) else [])


@route("GET", "_apis/distributedtask/pools")
def list_pools(_: Organization, call: Call) -> Answer:
    """The pool, unless `poolName` is another's."""
    row = {**show_queue()["pool"], "poolType": "automation", "size": 1}
    return collection([row] if _is_named(row, call.query.get("poolname")) else [])


@route("GET", "{project}/_apis/distributedtask/variablegroups")
def list_variable_groups(org: Organization, call: Call) -> Answer:
    """Variable groups: the local server has none."""
    project_of(org, call)
    return collection([])


def _is_named(row: dict[str, Any], name: str | None) -> bool:
    return not name or row["name"].casefold() == name.casefold()
