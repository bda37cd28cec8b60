"""``git clone`` and ``git push`` at a repository's `remoteUrl`: the smart HTTP protocol, answered by Git itself."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from azure_devops_server.api.common import project_of
from azure_devops_server.api.routing import route
from azure_devops_server.http.errors import PlainError
from azure_devops_server.http.wire import Answer, Call
from azure_devops_server.model.core import Repository

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_REPOSITORY = "{project}/_git/{repository}"
_TIMEOUT = 120.0


@route("GET", _REPOSITORY + "/info/refs")
def advertise(org: Organization, call: Call) -> Answer:
    """The refs, for a fetch or a push."""
    return _backend(org, call, "info/refs")


@route("POST", _REPOSITORY + "/git-upload-pack")
def fetch(org: Organization, call: Call) -> Answer:
    """Send objects."""
    return _backend(org, call, "git-upload-pack")


@route("POST", _REPOSITORY + "/git-receive-pack")
def push(org: Organization, call: Call) -> Answer:
    """Take objects and move refs."""
    return _backend(org, call, "git-receive-pack")


def _backend(org: Organization, call: Call, service: str) -> Answer:
    """Run ``git http-backend`` as a CGI program."""
    folder = org.git(_repository(org, call)).path.resolve()
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "GIT_PROJECT_ROOT": str(folder.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_COUNT": "2",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": "*",
        "GIT_CONFIG_KEY_1": "core.hooksPath",
        "GIT_CONFIG_VALUE_1": os.devnull,
        "PATH_INFO": f"/{folder.name}/{service}",
        "REQUEST_METHOD": call.method,
        "QUERY_STRING": urlencode(call.query),
        "CONTENT_TYPE": call.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(call.body)),
        "HTTP_CONTENT_ENCODING": call.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": call.headers.get("git-protocol", ""),
        "REMOTE_USER": org.identities.get(call.caller.identity_id).unique_name,
        "REMOTE_ADDR": org.config.host,
    }
    try:
        done = subprocess.run(
            ["git", "http-backend"],
            cwd=folder, env=environment, input=call.body, capture_output=True, check=False, timeout=_TIMEOUT,
        )  # fmt: skip
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise PlainError(500, f"git http-backend failed: {type(error).__name__}") from error
    return _answer(done.stdout)


def _answer(output: bytes) -> Answer:
    """A CGI answer: header lines, an empty line, the body."""
    head, _, body = output.partition(b"\r\n\r\n")
    lines = [line.split(":", 1) for line in head.decode("latin-1").splitlines() if ":" in line]
    headers = {name.strip().lower(): value.strip() for name, value in lines}
    status = int(headers.pop("status", "200").split()[0])
    media_type = headers.pop("content-type", "text/plain")
    return Answer(status=status, content=body, media_type=media_type, headers=headers)


def _repository(org: Organization, call: Call) -> Repository:
    wanted = call.route["repository"].casefold().removesuffix(".git")
    for row in org.state.repositories.within(project_of(org, call).id):
        if wanted in (row.id, row.name.casefold()):
            return row
    raise PlainError(404, f"TF401019: The Git repository '{call.route['repository']}' does not exist.")
