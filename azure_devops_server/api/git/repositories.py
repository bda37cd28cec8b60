"""Git repositories, as far as a portal reads them: repositories, refs, items, commits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from azure_devops_server.api.common import project_of
from azure_devops_server.api.routing import route
from azure_devops_server.git import Commit, GitError, Item
from azure_devops_server.http.errors import not_found
from azure_devops_server.http.wire import Answer, Call, collection, file_answer, text_answer
from azure_devops_server.model.core import Repository
from azure_devops_server.show.core import show_project
from azure_devops_server.values import wire_time

if TYPE_CHECKING:
    from azure_devops_server.organization import Organization

_REPOSITORIES = "{project}/_apis/git/repositories"
_ONE = _REPOSITORIES + "/{repositoryId}"
_EVERYWHERE = "_apis/git/repositories"
_ONE_BY_ID = _EVERYWHERE + "/{repositoryId}"
"""Without a project: all repositories, and each by its GUID."""


@route("GET", _REPOSITORIES)
@route("GET", _EVERYWHERE)
def list_repositories(org: Organization, call: Call) -> Answer:
    """Repositories of a project, or of all."""
    rows = org.state.repositories.all()
    if "project" in call.route:
        rows = org.state.repositories.within(project_of(org, call).id)
    return collection([show_repository(org, row) for row in sorted(rows, key=lambda row: row.name.casefold())])


@route("GET", _ONE)
@route("GET", _ONE_BY_ID)
def get_repository(org: Organization, call: Call) -> Any:
    """One repository, by name or GUID."""
    return show_repository(org, repository_of(org, call))


@route("GET", _ONE + "/refs")
@route("GET", _ONE_BY_ID + "/refs")
def list_refs(org: Organization, call: Call) -> Answer:
    """Refs, by `filter` (a prefix without ``refs/``)."""
    row, wanted = repository_of(org, call), f"refs/{call.query.get('filter', '')}"
    refs = [(name, commit) for name, commit in org.git(row).refs().items() if name.startswith(wanted)]
    base = _url(org, row)
    return collection(
        [
            {"name": name, "objectId": commit, "url": f"{base}/refs?filter={quote(name.removeprefix('refs/'))}"}
            for name, commit in refs
        ]
    )


@route("GET", _ONE + "/items")
@route("GET", _ONE_BY_ID + "/items")
def get_items(org: Organization, call: Call) -> Any:
    """One file (`path`): its text, its content as a download, or JSON; a folder (`scopePath`): its items."""
    row = repository_of(org, call)
    commit = _commit_of(org, row, call)
    path, scope = call.query.get("path"), call.query.get("scopepath")
    if path is None:
        recursive = call.query.get("recursionlevel", "none").casefold() in ("full", "120")
        return collection(
            [_show_item(org, row, item, commit) for item in _items(org, row, commit, scope or "/", recursive)]
        )
    found = next((item for item in _items(org, row, commit, path, recursive=False) if not item.is_folder), None)
    if found is None or found.path != "/" + path.strip("/"):
        raise _missing(path, row)
    return _content(org, call, row, found, commit)


@route("GET", _ONE + "/commits")
@route("GET", _ONE_BY_ID + "/commits")
def list_commits(org: Organization, call: Call) -> Answer:
    """History of the version asked for, newest first."""
    row = repository_of(org, call)
    commit = _commit_of(org, row, call, prefix="searchcriteria.itemversion")
    top = call.number("searchCriteria.$top") or call.number("$top") or 100
    skip = call.number("searchCriteria.$skip") or call.number("$skip") or 0
    path = call.query.get("searchcriteria.itempath", "")
    found = org.git(row).commits(commit, top=top, skip=skip, path=path)
    return collection([show_commit(org, row, item) for item in found])


@route("GET", _ONE + "/commits/{commitId}")
@route("GET", _ONE_BY_ID + "/commits/{commitId}")
def get_commit(org: Organization, call: Call) -> Any:
    """One commit."""
    row, wanted = repository_of(org, call), call.route["commitId"]
    commit = org.git(row).resolve(wanted)
    if commit is None:
        raise not_found(f"TF401175: The version descriptor <Commit: {wanted}> could not be resolved to a version.")
    return show_commit(org, row, org.git(row).commits(commit, top=1)[0])


def repository_of(org: Organization, call: Call) -> Repository:
    """The repository of the path: by name or GUID in a project, by GUID alone without one."""
    wanted = call.route["repositoryId"].casefold()
    if "project" not in call.route:
        found = org.state.repositories.get(wanted)
        rows = [found] if found else []
    else:
        rows = org.state.repositories.within(project_of(org, call).id)
    for row in rows:
        if wanted in (row.id, row.name.casefold()):
            return row
    raise not_found(
        f"TF401019: The Git repository with name or identifier {call.route['repositoryId']} does not exist or you do "
        "not have permissions for the operation you are attempting."
    )


def _commit_of(org: Organization, row: Repository, call: Call, *, prefix: str = "versiondescriptor") -> str:
    version = call.query.get(f"{prefix}.version") or ""
    kind = (call.query.get(f"{prefix}.versiontype") or "branch").casefold()
    ref = {"branch": f"refs/heads/{version}", "0": f"refs/heads/{version}", "tag": f"refs/tags/{version}"}.get(
        kind, version
    )
    ref = ref if version else row.default_branch
    commit = org.git(row).resolve(ref)
    if commit is None:
        raise not_found(
            f"TF401175: The version descriptor <{kind}: {version or ref}> could not be resolved to a version."
        )
    return commit


def _items(org: Organization, row: Repository, commit: str, folder: str, recursive: bool = False) -> list[Item]:  # noqa: FBT001, FBT002  (private)
    try:
        return org.git(row).items(commit, folder, recursive=recursive)
    except GitError:
        raise _missing(folder, row) from None


def _missing(path: str, row: Repository) -> Exception:
    return not_found(f"TF401174: The item '{path}' could not be found in the repository '{row.name}'.")


def _content(org: Organization, call: Call, row: Repository, item: Item, commit: str) -> Any:
    content = org.git(row).read_bytes(commit, item.path)
    if call.accept == "application/octet-stream" or call.flag("download"):
        return file_answer(content, name=item.path)
    if call.accept == "application/json":
        document = _show_item(org, row, item, commit)
        if call.flag("includeContent"):
            document["content"] = content.decode("utf-8", "replace")
        return document
    return text_answer(content.decode("utf-8", "replace"))


def show_repository(org: Organization, row: Repository) -> dict[str, Any]:
    """A GitRepository."""
    project = org.project(row.project_id)
    web = f"{org.links.base()}/{project.id}/_git/{quote(row.name)}"
    return {
        "id": row.id,
        "name": row.name,
        "url": _url(org, row),
        "project": show_project(org, project),
        "defaultBranch": row.default_branch,
        "size": 0,
        "remoteUrl": web,
        "webUrl": web,
        "isDisabled": False,
        "isInMaintenance": False,
    }


def _show_item(org: Organization, row: Repository, item: Item, commit: str) -> dict[str, Any]:
    document: dict[str, Any] = {
        "objectId": item.object_id,
        "gitObjectType": "tree" if item.is_folder else "blob",
        "commitId": commit,
        "path": item.path,
        "url": f"{_url(org, row)}/items{quote(item.path)}?versionType=Commit&version={commit}",
    }
    return document | ({"isFolder": True} if item.is_folder else {})


def show_commit(org: Organization, row: Repository, commit: Commit) -> dict[str, Any]:
    """A GitCommitRef."""
    return {
        "commitId": commit.id,
        "author": {"name": commit.author, "email": commit.author_email, "date": wire_time(commit.authored)},
        "committer": {"name": commit.committer, "email": commit.committer_email, "date": wire_time(commit.committed)},
        "comment": commit.message,
        "parents": list(commit.parents),
        "treeId": commit.tree,
        "url": f"{_url(org, row)}/commits/{commit.id}",
        "remoteUrl": f"{org.links.base()}/{row.project_id}/_git/{quote(row.name)}/commit/{commit.id}",
    }


def _url(org: Organization, row: Repository) -> str:
    return org.links.api(row.project_id, f"git/repositories/{row.id}")
