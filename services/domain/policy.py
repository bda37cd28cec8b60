"""The policy in force for a model and an environment. What is not configured is refused, never passed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from services.domain.checks import Enforcement


class RegistryOrder(StrEnum):
    """Whether the registry moves before or after the release has run."""

    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True)
class PipelineTarget:
    """The Azure DevOps pipeline that releases into an environment."""

    project: str
    pipeline_id: int
    branch: str = "refs/heads/main"
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Fixed template parameters; modelName, modelVersion, requestId and planDigest are added by the rollout."""


@dataclass(frozen=True)
class Environment:
    """A place where versions go live: a stage and/or an alias, plus a pipeline."""

    name: str
    stage: str | None
    alias: str | None
    pipeline: PipelineTarget | None
    registry: RegistryOrder = RegistryOrder.BEFORE


@dataclass(frozen=True)
class CheckRule:
    """One configured check; `settings` depend on the kind."""

    kind: str
    enforcement: Enforcement
    settings: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PromotionPolicy:
    """The rules for one model pattern and environment."""

    models: str
    environment: str
    quorum: int
    expires_after: timedelta
    checks: tuple[CheckRule, ...] = ()
    witness_before_release: bool = False


@dataclass(frozen=True)
class Governance:
    """A whole governance file."""

    environments: Mapping[str, Environment]
    policies: tuple[PromotionPolicy, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Role name to identity-provider groups."""
    keep_personal: timedelta | None = None
    """How long values behind the ledger's commitments are kept; None means for good."""

    def policy_for(self, model: str, environment: str) -> PromotionPolicy | None:
        """The first policy whose pattern matches; None means that nothing may be promoted there."""
        for policy in self.policies:
            if policy.environment == environment and fnmatchcase(model, policy.models):
                return policy
        return None
