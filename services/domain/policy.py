"""The policy for a model and an environment. Anything not configured is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Any

from services.domain.calendar import Calendar
from services.domain.checks import Enforcement
from services.domain.identity.people import Circle
from services.domain.releases import RunKind


class RegistryOrder(StrEnum):
    """Whether the registry changes before or after the release runs."""

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
    kind: RunKind = RunKind.PIPELINE
    """A YAML pipeline, or a classic release definition (then the parameters are its variables)."""


@dataclass(frozen=True)
class Environment:
    """An environment in which versions go live: a stage, an alias or both, plus a pipeline."""

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


class Meaning(StrEnum):
    """The meaning of a signature (required by 21 CFR Part 11): only `approved` counts towards the quorum."""

    REVIEWED = "reviewed"
    APPROVED = "approved"


@dataclass(frozen=True)
class Slot:
    """A slot for signatures of one discipline, such as model risk."""

    discipline: str
    members: Circle
    count: int = 1
    meaning: Meaning = Meaning.APPROVED
    """The minimum meaning that fills the slot; an approval also fills a review slot."""


@dataclass(frozen=True)
class BreakGlass:
    """Who may promote without signatures in an emergency, for how long, and when a review is due."""

    who: Circle
    valid_for: timedelta
    review_within: timedelta


@dataclass(frozen=True)
class PromotionPolicy:
    """The rules for one model pattern and environment."""

    models: str
    environment: str
    quorum: int
    expires_after: timedelta
    checks: tuple[CheckRule, ...] = ()
    witness_before_release: bool = False
    tier: str = ""
    """The risk tier that supplied defaults; empty without one."""
    slots: tuple[Slot, ...] = ()
    in_order: bool = False
    """Slots must be signed one after another, in the order of the file."""
    requesters: Circle | None = None
    """Who may open requests, among the people whose role allows it; None: all of them."""
    calendar: Calendar = field(default_factory=Calendar)
    break_glass: BreakGlass | None = None
    """None: nobody may break glass."""
    card_fields: tuple[str, ...] = ()
    """Headings that the model card must have, with text below them."""
    review_every: timedelta | None = None
    """How long after going live a version is due for re-review."""
    reauthenticate: bool = False
    """Signing requires a fresh sign-in."""
    asks_by_tag: bool = False
    """A tag or alias in MLflow opens a request."""

    @property
    def signatures_needed(self) -> int:
        """The minimum number of different people who must sign."""
        return max(self.quorum, sum(slot.count for slot in self.slots))


@dataclass(frozen=True)
class Governance:
    """A whole governance file."""

    environments: Mapping[str, Environment]
    policies: tuple[PromotionPolicy, ...]
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Identity-provider groups by role name."""
    keep_personal: timedelta | None = None
    """How long values behind the ledger's commitments are kept; None means permanently."""

    def policy_for(self, model: str, environment: str) -> PromotionPolicy | None:
        """The first policy whose pattern matches; None means that promotions are not allowed."""
        for policy in self.policies:
            if policy.environment == environment and fnmatchcase(model, policy.models):
                return policy
        return None

    def named_groups(self) -> frozenset[str]:
        """Groups of the identity provider that give disciplines and rights."""
        circles = [slot.members for policy in self.policies for slot in policy.slots]
        circles += [policy.requesters for policy in self.policies if policy.requesters]
        circles += [policy.break_glass.who for policy in self.policies if policy.break_glass]
        return frozenset(group for circle in circles for group in circle.groups)
