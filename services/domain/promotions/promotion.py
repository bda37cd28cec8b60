"""Records of promotion requests and their deployments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.domain.promotions.requests import FINAL, Participants, RequestState
from services.domain.registry import VersionKey


@dataclass(frozen=True)
class PromotionRequest:
    """One request. Plan, evidence and policy are documents stored by digest."""

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
    """What changed since it was sealed, as sentences; empty while the seal holds."""

    @property
    def is_final(self) -> bool:
        """True in a final state."""
        return self.state in FINAL

    @property
    def live_slot(self) -> str | None:
        """One live request per version and environment."""
        return None if self.is_final else f"{self.key.model}\n{self.key.version}\n{self.environment}"


@dataclass(frozen=True)
class Deployment:
    """A period in which a version was live in an environment."""

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
    """A change outside Countersign, or anything that needs a person."""

    id: str
    kind: str
    model: str
    subject: str
    before: str
    after: str
    sentence: str
    opened: datetime
    closed: datetime | None = None
