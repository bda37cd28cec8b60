"""A promotion request as a record, and the deployments that it leads to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.domain.promotions.requests import FINAL, Participants, RequestState
from services.domain.registry import VersionKey


@dataclass(frozen=True)
class PromotionRequest:
    """One request. Plan, evidence and policy are documents kept by digest."""

    id: str
    key: VersionKey
    environment: str
    state: RequestState
    revision: int
    participants: Participants
    reason: str
    plan_digest: str
    evidence_digest: str
    policy_digest: str
    created: datetime
    updated: datetime
    expires: datetime
    stale: tuple[str, ...] = ()
    """What no longer is as it was sealed, as sentences; empty while the seal holds."""

    @property
    def is_final(self) -> bool:
        """True when nothing waits for anybody."""
        return self.state in FINAL

    @property
    def live_slot(self) -> str | None:
        """One live request a version and environment."""
        return None if self.is_final else f"{self.key.model}\n{self.key.version}\n{self.environment}"


@dataclass(frozen=True)
class Deployment:
    """A version was live in an environment from then until then."""

    id: str
    key: VersionKey
    environment: str
    live_from: datetime
    live_until: datetime | None = None
    request_id: str | None = None
    run_project: str | None = None
    run_id: int | None = None
    run_name: str = ""
    run_url: str = ""
    version_created: str | None = None
    """Creation time of the version in MLflow (ISO): a version that is deleted and made again is another one."""


@dataclass(frozen=True)
class Incident:
    """Something that went round the portal, or that a person must look at."""

    id: str
    kind: str
    model: str
    subject: str
    before: str
    after: str
    sentence: str
    opened: datetime
    closed: datetime | None = None
