"""Read what a client wants to run, from the bodies of the Pipelines API and of the Build API."""

from __future__ import annotations

import json
from typing import Any

from azure_devops_server.http.errors import bad_request
from azure_devops_server.http.wire import Fields
from azure_devops_server.model.build import Pipeline, RunVariable
from azure_devops_server.model.run_order import RunOrder

REASONS = (
    "none", "manual", "individualCI", "batchedCI", "schedule", "scheduleForced", "userCreated", "validateShelveset",
    "checkInShelveset", "pullRequest", "buildCompletion", "resourceTrigger", "triggered", "all",
)  # fmt: skip
REASON_BITS = {
    0: "none", 1: "manual", 2: "individualCI", 4: "batchedCI", 8: "schedule", 16: "scheduleForced", 32: "userCreated",
    64: "validateShelveset", 128: "checkInShelveset", 256: "pullRequest", 512: "buildCompletion",
    1024: "resourceTrigger", 1967: "triggered", 2031: "all",
}  # fmt: skip


def run_order(pipeline: Pipeline, body: Fields, *, by: str) -> RunOrder:
    """RunPipelineParameters."""
    self_repository = body.object("resources").object("repositories").object("self")
    override = body.text("yamlOverride")
    if override and body.get("previewRun") is not True:
        raise bad_request("'yamlOverride' can be given for a preview run only.")
    return RunOrder(
        pipeline=pipeline,
        requested_by=by,
        ref=self_repository.text("refName") or None,
        commit=self_repository.text("version") or None,
        parameters=dict(body.object("templateParameters").raw),
        variables={name: _variable(name, item) for name, item in body.object("variables").raw.items()},
        stages_to_skip=tuple(str(name) for name in body.array("stagesToSkip")),
        yaml_override=override or None,
    )


def build_order(pipeline: Pipeline, body: Fields, *, by: str, reason: str) -> RunOrder:
    """A Build that is to be queued; `parameters` is a JSON text with variables.

    Tags given here are kept. Whether the real service does so is not settled.
    """
    return RunOrder(
        pipeline=pipeline,
        requested_by=by,
        ref=body.text("sourceBranch") or None,
        commit=body.text("sourceVersion") or None,
        parameters=dict(body.object("templateParameters").raw),
        variables={name: RunVariable(value) for name, value in _json_texts(body.get("parameters")).items()},
        tags=tuple(str(tag) for tag in body.array("tags")),
        reason=reason,
    )


def _variable(name: str, item: Any) -> RunVariable:
    if not isinstance(item, dict):
        raise bad_request(f"The variable '{name}' must be an object with 'value'.")
    fields = Fields(item)
    return RunVariable(fields.text("value"), is_secret=fields.get("isSecret") is True)


def _json_texts(text: Any) -> dict[str, str]:
    if not text:
        return {}
    try:
        document = json.loads(text)
    except (TypeError, ValueError) as error:
        raise bad_request(f"The property 'parameters' must be a JSON object as text: {error}") from error
    if not isinstance(document, dict):
        raise bad_request("The property 'parameters' must be a JSON object as text.")
    return {str(name): str(value) for name, value in document.items()}
