"""Writing to Git repositories: new repositories, pushes over the API, branches."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

from azure_devops_server.api.common import project_of
from azure_devops_server.api.git.repositories import repository_of, show_commit, show_repository
from azure_devops_server.api.routing import route
from azure_devops_server.git import GitError, Note
from azure_devops_server.http.errors import bad_request, conflict, not_found
from azure_devops_server.http.wire import Answer, Call, Fields, chosen, collection
from azure_devops_server.model.core import Repository
from azure_devops_server.show.core import show_identity
from azure_devops_server.values import wire_time

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_REPOSITORIES = "{project}/_apis/git/repositories"
_ONE = _REPOSITORIES + "/{repositoryId}"
_ONE_BY_ID = "_apis/git/repositories/{repositoryId}"
_NOTHING = "0" * 40
_CHANGES = {1: "add", 2: "edit", 16: "delete"}
_CONTENTS = ("rawText", "base64Encoded")


@route("POST", _REPOSITORIES)
def create_repository(org: Organization, call: Call) -> Any:
    """An empty repository of a new name."""
    project, name = project_of(org, call), call.document().text("name").strip()
    if not name:
        raise bad_request("Value cannot be null. Parameter name: repository.Name")
    if any(row.name.casefold() == name.casefold() for row in org.state.repositories.within(project.id)):
        raise conflict(f"TF400948: A Git repository with the name {name} already exists.")
    return Answer(show_repository(org, org.create_repository(project.id, name)), status=201)


@route("POST", _ONE + "/pushes")
@route("POST", _ONE_BY_ID + "/pushes")
def create_push(org: Organization, call: Call) -> Any:
    """One commit with added, edited and deleted files on one branch, as the portal's editor pushes it."""
    row, body = repository_of(org, call), call.document()
    updates, commits = body.array("refUpdates"), body.array("commits")
    if len(updates) != 1 or len(commits) != 1:
        raise bad_request("The local server takes pushes with exactly one ref update and one commit.")
    update, commit = Fields(updates[0]), Fields(commits[0])
    branch, old = update.text("name"), update.text("oldObjectId", _NOTHING)
    if not branch.startswith("refs/heads/"):
        raise bad_request(f"The ref '{branch}' is not a branch; a push needs a name such as refs/heads/main.")
    _unmoved(org, row, branch, old)
    person = org.identities.get(call.caller.identity_id)
    author = commit.object("author")
    note = Note(
        commit.text("comment", "Push"),
        author.text("name", person.name),
        author.text("email", person.unique_name),
    )
    try:
        made = org.git(row).commit_changes(branch, _changes(commit), parent=None if old == _NOTHING else old, note=note)
    except GitError as error:
        raise bad_request(f"TF401027: The push was refused: {error}") from error
    return Answer(_show_push(org, call, row, branch=branch, ids=(old, made)), status=201)


@route("GET", _ONE + "/stats/branches")
@route("GET", _ONE_BY_ID + "/stats/branches")
def list_branches(org: Organization, call: Call) -> Any:
    """Branches with their last commit; with `name` that one."""
    row = repository_of(org, call)
    refs = {name: commit for name, commit in org.git(row).refs().items() if name.startswith("refs/heads/")}
    wanted = call.query.get("name", "").removeprefix("refs/heads/")
    rows = [_show_branch(org, row, name, commit) for name, commit in refs.items()]
    if not wanted:
        return collection(rows)
    found = next((shown for shown in rows if shown["name"] == wanted), None)
    if found is None:
        raise not_found(f"TF401175: The branch '{wanted}' does not exist in the repository '{row.name}'.")
    return found


def _unmoved(org: Organization, row: Repository, branch: str, old: str) -> None:
    if (org.git(row).resolve(branch) or _NOTHING) != old:
        raise conflict(
            f"TF401028: The reference '{branch}' has already been updated by another client, so you cannot update it. "
            "Please try again."
        )


def _changes(commit: Fields) -> dict[str, bytes | None]:
    changes = dict[str, bytes | None]()
    for item in commit.array("changes"):
        change = Fields(item)
        kind = chosen(change.get("changeType"), tuple(_CHANGES.values()), name="changeType", numbers=_CHANGES)
        changes[_path(change)] = None if kind == "delete" else _content(change.object("newContent"))
    if not changes:
        raise bad_request("The commit has no changes.")
    return changes


def _path(change: Fields) -> str:
    path = change.object("item").text("path").strip("/")
    if any(part.casefold() in ("", ".", "..", ".git") for part in path.split("/")):
        raise bad_request(f"The path '{path}' of a change cannot be a file of a repository.")
    return path


def _content(given: Fields) -> bytes:
    kind = chosen(given.get("contentType", "rawText"), _CONTENTS, name="contentType")
    text = given.text("content")
    if kind == "rawText":
        return text.encode()
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise bad_request("The content of a change is not valid base64.") from error


def _show_push(org: Organization, call: Call, row: Repository, *, branch: str, ids: tuple[str, str]) -> dict[str, Any]:
    git = org.git(row)
    number = git.count(ids[1])
    url = org.links.api(row.project_id, f"git/repositories/{row.id}/pushes/{number}")
    return {
        "commits": [show_commit(org, row, git.commits(ids[1], top=1)[0])],
        "refUpdates": [{"repositoryId": row.id, "name": branch, "oldObjectId": ids[0], "newObjectId": ids[1]}],
        "repository": show_repository(org, row),
        "pushedBy": show_identity(org, call.caller.identity_id),
        "pushId": number,
        "date": wire_time(org.clock()),
        "url": url,
        "_links": {"self": {"href": url}},
    }


def _show_branch(org: Organization, row: Repository, name: str, commit: str) -> dict[str, Any]:
    return {
        "commit": show_commit(org, row, org.git(row).commits(commit, top=1)[0]),
        "name": name.removeprefix("refs/heads/"),
        "aheadCount": 0,
        "behindCount": 0,
        "isBaseVersion": name == row.default_branch,
    }
