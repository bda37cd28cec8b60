"""Reads `governance.yaml`: what is missing or wrong is an error with its line, never a default that passes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.domain.checks import Enforcement
from services.domain.people import Role
from services.domain.policy import (
    CheckRule,
    Environment,
    Governance,
    PipelineTarget,
    PromotionPolicy,
    RegistryOrder,
)
from services.errors import SettingsError
from services.ledger.retention import FLOOR

CheckKind = Literal[
    "artifact_digest",
    "comparison",
    "lineage_complete",
    "metric_floor",
    "model_card",
    "tests_passed",
]
Stage = Literal["Staging", "Production"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PipelineFile(_Strict):
    """The pipeline of an environment."""

    project: str = Field(min_length=1)
    id: int = Field(gt=0)
    branch: str = "refs/heads/main"
    parameters: dict[str, str] = {}


class EnvironmentFile(_Strict):
    """One environment: at least one of stage and alias."""

    stage: Stage | None = None
    alias: Annotated[str, Field(min_length=1, pattern=r"^[\w.-]+$")] | None = None
    pipeline: PipelineFile | None = None
    registry: RegistryOrder = RegistryOrder.BEFORE

    @model_validator(mode="after")
    def _has_target(self) -> EnvironmentFile:
        if self.stage is None and self.alias is None:
            raise ValueError("an environment needs a stage, an alias, or both")
        return self


class CheckFile(_Strict):
    """One check of a policy."""

    kind: CheckKind
    enforcement: Enforcement = Enforcement.BLOCK
    settings: dict[str, Any] = Field(default={}, alias="with")


class PolicyFile(_Strict):
    """The rules for a model pattern and an environment. Quorum has no default on purpose."""

    models: str = Field(min_length=1)
    environment: str
    quorum: int = Field(ge=1, le=20)
    expires_after_days: float = Field(gt=0, le=365)
    checks: tuple[CheckFile, ...] = ()
    witness_before_release: bool = False


class LedgerFile(_Strict):
    """What the ledger keeps. Entries stay for good; the floor is that of `services.ledger.retention`."""

    keep_personal_days: int | None = Field(default=None, ge=FLOOR.days, le=36_500)


class GovernanceFile(_Strict):
    """The whole file."""

    version: Literal[1]
    environments: dict[str, EnvironmentFile] = Field(min_length=1)
    roles: dict[Role, tuple[str, ...]] = {}
    policies: tuple[PolicyFile, ...] = Field(min_length=1)
    ledger: LedgerFile = LedgerFile()

    @model_validator(mode="after")
    def _names_fit(self) -> GovernanceFile:
        for policy in self.policies:
            if policy.environment not in self.environments:
                raise ValueError(f"policy for {policy.models!r} names the unknown environment {policy.environment!r}")
        return self


def load_governance(path: Path) -> Governance:
    """The governance file as domain objects. Raises SettingsError with line numbers."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SettingsError(
            f"The policy file {path} cannot be read ({error.strerror}).",
            hint="Set COUNTERSIGN_GOVERNANCE_FILE to your governance.yaml; nothing can be promoted without it.",
        ) from error
    return parse_governance(text, name=path.name)


def parse_governance(text: str, *, name: str = "governance.yaml") -> Governance:
    """As `load_governance`, from text."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SettingsError(f"{name} is not valid YAML: {error}") from error
    try:
        parsed = GovernanceFile.model_validate(data)
    except ValidationError as error:
        lines = [_problem(root, item) for item in error.errors(include_url=False, include_input=False)]
        raise SettingsError(f"{name}: " + "; ".join(lines) + ".", hint="Mend the lines named.") from None
    return _to_domain(parsed)


def _problem(root: yaml.Node | None, item: Any) -> str:
    path = item["loc"]
    where = ".".join(str(part) for part in path) or "file"
    return f"line {_line_of(root, path)}, {where}: {item['msg'].removeprefix('Value error, ')}"


def _line_of(node: yaml.Node | None, path: tuple[Any, ...]) -> int:
    """The line of the deepest node on the path that exists."""
    line = node.start_mark.line + 1 if node is not None else 1
    for part in path:
        child = _child(node, part)
        if child is None:
            return line
        node, line = child, child.start_mark.line + 1
    return line


def _child(node: yaml.Node | None, part: Any) -> yaml.Node | None:
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        found: yaml.Node = node.value[part]
        return found
    return None


def _to_domain(parsed: GovernanceFile) -> Governance:
    days = parsed.ledger.keep_personal_days
    return Governance(
        environments={name: _environment(name, env) for name, env in parsed.environments.items()},
        policies=tuple(_policy(policy) for policy in parsed.policies),
        groups={role.value: groups for role, groups in parsed.roles.items()},
        keep_personal=None if days is None else timedelta(days=days),
    )


def _environment(name: str, env: EnvironmentFile) -> Environment:
    pipeline = env.pipeline
    target = PipelineTarget(**pipeline.model_dump(exclude={"id"}), pipeline_id=pipeline.id) if pipeline else None
    return Environment(name, env.stage, env.alias, target, env.registry)


def _policy(policy: PolicyFile) -> PromotionPolicy:
    return PromotionPolicy(
        models=policy.models,
        environment=policy.environment,
        quorum=policy.quorum,
        expires_after=timedelta(days=policy.expires_after_days),
        checks=tuple(CheckRule(check.kind, check.enforcement, check.settings) for check in policy.checks),
        witness_before_release=policy.witness_before_release,
    )


def frozen_form(policy: PromotionPolicy, environment: Environment) -> dict[str, Any]:
    """Policy and environment as plain JSON: what a request freezes by digest."""
    form = {"policy": asdict(policy), "environment": asdict(environment)}
    form["policy"]["expires_after"] = policy.expires_after.total_seconds()
    return form


def policy_of(frozen: Mapping[str, Any]) -> PromotionPolicy:
    """The policy as it was frozen into a request."""
    rules = tuple(
        CheckRule(rule["kind"], Enforcement(rule["enforcement"]), rule["settings"]) for rule in frozen["checks"]
    )
    expires = timedelta(seconds=frozen["expires_after"])
    return PromotionPolicy(**{**frozen, "checks": rules, "expires_after": expires})


def in_words(policy: PromotionPolicy, environment: Environment) -> list[str]:
    """The policy in force, for people."""
    people = "1 reviewer signs" if policy.quorum == 1 else f"{policy.quorum} different reviewers sign"
    lines = [
        f"{people}; requester, author of the run and registrar never do.",
        f"An open request expires after {policy.expires_after.days} days and then counts as rejected.",
    ]
    lines += [f"{rule.kind.replace('_', ' ')}: {_EFFECT[rule.enforcement]}." for rule in policy.checks]
    order = "before" if environment.registry is RegistryOrder.BEFORE else "after"
    lines.append(f"The registry moves {order} the release runs.")
    if policy.witness_before_release:
        lines.append("Nothing moves before a witness outside the portal has seen the approval.")
    return lines


_EFFECT = {
    Enforcement.BLOCK: "blocks when it fails or is unknown",
    Enforcement.WARN: "warns when it fails or is unknown",
    Enforcement.OFF: "is off",
}
