"""The policy in force for a model and an environment. What is not configured is refused, never passed."""

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
    kind: RunKind = RunKind.PIPELINE
    """A YAML pipeline, or a classic release definition (then the parameters are its variables)."""


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


class Meaning(StrEnum):
    """What a signature says (21 CFR Part 11 asks for it): only `approved` counts towards the quorum."""

    REVIEWED = "reviewed"
    APPROVED = "approved"


@dataclass(frozen=True)
class Slot:
    """A place for signatures of one discipline, such as model risk."""

    discipline: str
    members: Circle
    count: int = 1
    meaning: Meaning = Meaning.APPROVED
    """The least that a signature must say to fill it; an approval fills a place for reviewers too."""


@dataclass(frozen=True)
class BreakGlass:
    """Who may promote without signatures in an emergency, for how long, and when it must be looked at."""

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
    """The risk tier that it was filled up from; empty without tiers."""
    slots: tuple[Slot, ...] = ()
    in_order: bool = False
    """Slots are signed one after the other, in the order of the file."""
    requesters: Circle | None = None
    """Who may ask, among those whose role lets them ask at all; None: all of those."""
    calendar: Calendar = field(default_factory=Calendar)
    break_glass: BreakGlass | None = None
    """None: nobody may."""
    card_fields: tuple[str, ...] = ()
    """Headings that the model card must have, with text below them."""
    review_every: timedelta | None = None
    """How long after going live a version must be looked at again."""
    reauthenticate: bool = False
    """Sign only after a fresh sign-in."""
    asks_by_tag: bool = False
    """A tag or alias in MLflow opens a request."""

    @property
    def signatures_needed(self) -> int:
        """How many different people must sign at least."""
        return max(self.quorum, sum(slot.count for slot in self.slots))


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

    def named_groups(self) -> frozenset[str]:
        """Groups of the identity provider that disciplines and rights are given by."""
        circles = [slot.members for policy in self.policies for slot in policy.slots]
        circles += [policy.requesters for policy in self.policies if policy.requesters]
        circles += [policy.break_glass.who for policy in self.policies if policy.break_glass]
        return frozenset(group for circle in circles for group in circle.groups)
