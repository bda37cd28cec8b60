"""What a release consists of: commit, YAML with its templates, variables, service connections, environments.

The YAML is the one that Azure DevOps expands itself (a preview run, with fixed parameters), so its digest covers every
template, those of other repositories too. What cannot be read is named in `unsealed`; an outage raises.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import quote

from services.adapters.azure_devops.calls import Calls
from services.adapters.azure_devops.runs import as_parameter
from services.domain.releases import ReleaseDefinition, RunKind, RunStart
from services.errors import NotFoundError, UnknownOutcomeError, UpstreamRefusedError, UpstreamUnavailableError

T = TypeVar("T")
VERSION = {"api-version": "7.1"}
PREVIEW = {"api-version": "7.1-preview.1"}
_GROUP = re.compile(r"^\s*-?\s*group:\s*['\"]?([^'\"\n]+?)['\"]?\s*$", re.MULTILINE)
_ENVIRONMENT = re.compile(
    r"^\s*environment:\s*['\"]?([\w .-]+?)['\"]?\s*$|^\s*environment:\s*\n\s+name:\s*(.+?)\s*$", re.MULTILINE
)
_CLASSIC_PARTS = ("revision", "variables", "variableGroups", "environments", "artifacts")


class ReleaseDefinitions:
    """Reads definitions. Raises UpstreamUnavailableError, UpstreamInvalidError."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def read(self, start: RunStart) -> ReleaseDefinition:
        """At the commit of the start, or at the head of its branch."""
        if start.kind is RunKind.RELEASE:
            return self._classic(start)
        missing: list[str] = []
        commit = start.commit or self._part(missing, "the commit", lambda: self._head(start))
        final = self._part(missing, "the YAML", lambda: self._final_yaml(start, commit)) or ""
        variables = self._part(missing, "variables", lambda: self._variables(start, final)) or {}
        connections = self._part(missing, "service connections", lambda: self._connections(start, final)) or {}
        return ReleaseDefinition(
            commit=commit,
            yaml_digest=_digest(final) if final else None,
            variables=variables,
            connections=connections,
            environments=tuple(sorted({a or b for a, b in _ENVIRONMENT.findall(final)})),
            unsealed=tuple(missing),
        )

    def _part(self, missing: list[str], what: str, read: Callable[[], T]) -> T | None:
        """A part that this account or server does not show is named, with the reason."""
        try:
            return read()
        except (UpstreamRefusedError, NotFoundError) as error:
            missing.append(f"{what} ({error.message})")
            return None

    def _head(self, start: RunStart) -> str:
        pipeline = self._calls.get(start.project, f"pipelines/{start.pipeline_id}", **VERSION) or {}
        repository = (pipeline.get("configuration") or {}).get("repository") or {}
        if repository.get("type") != "azureReposGit":
            raise NotFoundError(f"the repository is of the type {repository.get('type') or 'unknown'}")
        branch = start.branch if start.branch.startswith("refs/") else f"refs/heads/{start.branch}"
        path = f"git/repositories/{quote(str(repository.get('id')), safe='')}/refs"
        found = self._calls.get(start.project, path, filter=branch.removeprefix("refs/"), **VERSION) or {}
        for ref in found.get("value") or []:
            if ref.get("name") == branch:
                return str(ref["objectId"])
        raise NotFoundError(f"there is no {branch}")

    def _final_yaml(self, start: RunStart, commit: str | None) -> str:
        own = {"refName": start.branch} | ({"version": commit} if commit else {})
        body = {
            "previewRun": True,
            "resources": {"repositories": {"self": own}},
            "templateParameters": {name: as_parameter(value) for name, value in start.parameters.items()},
        }
        path = f"pipelines/{start.pipeline_id}/preview"
        try:
            answer = self._calls.send("POST", start.project, path, body, **PREVIEW) or {}
        except UnknownOutcomeError as error:  # a preview changes nothing, so it may be asked for again
            raise UpstreamUnavailableError(error.message, system=error.system, hint="It is asked for again.") from error
        return str(answer["finalYaml"])

    def _variables(self, start: RunStart, final: str) -> Mapping[str, str]:
        definition = self._calls.get(start.project, f"build/definitions/{start.pipeline_id}", **VERSION) or {}
        found = _values(definition.get("variables") or {})
        for group in sorted(set(_GROUP.findall(final))):
            path = "distributedtask/variablegroups"
            rows = (self._calls.get(start.project, path, groupName=group, **VERSION) or {}).get("value") or []
            if not rows:
                raise NotFoundError(f"the variable group {group} is not shown")
            for row in rows:
                found |= {f"{group}/{name}": value for name, value in _values(row.get("variables") or {}).items()}
        return found

    def _connections(self, start: RunStart, final: str) -> Mapping[str, str]:
        """Those whose name stands in the YAML as a value."""
        rows = (self._calls.get(start.project, "serviceendpoint/endpoints", **VERSION) or {}).get("value") or []
        words = {line.partition(":")[2].strip().strip("'\"") for line in final.splitlines()}
        return {str(row["name"]): f"{row['id']} {row.get('url') or ''}" for row in rows if row["name"] in words}

    def _classic(self, start: RunStart) -> ReleaseDefinition:
        """A classic definition has no YAML: its stages, artifacts and variables stand in for it."""
        read = lambda client: client.get_release_definition(start.project, start.pipeline_id).as_dict()  # noqa: E731
        definition = self._calls.read("release", read)
        parts = {name: definition.get(name) for name in (*_CLASSIC_PARTS, "variable_groups")}
        digest = _digest(json.dumps(parts, sort_keys=True, default=str))
        unsealed = ("the commit (a classic release takes the newest artifacts)",)
        return ReleaseDefinition(None, digest, unsealed=unsealed)


def _values(variables: Mapping[str, Any]) -> dict[str, str]:
    """A secret's value is not shown, so only that there is one is sealed."""
    return {
        name: "(secret)" if (item or {}).get("isSecret") else str((item or {}).get("value") or "")
        for name, item in sorted(variables.items())
    }


def _digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()
