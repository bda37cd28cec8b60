"""The face that pages, API and command line talk to: one object, one member a use case.

`bootstrap.open_portal` builds it. The members are Protocols, so that pages can be tested against a small world.
Every command takes the actor and checks what the actor may do; a page never decides that by hiding a button.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from services.domain.catalogue import (
    FilterValues,
    MetricPoint,
    SourceHealth,
    VersionDetail,
    VersionPage,
    VersionQuery,
    VersionRow,
)
from services.domain.checks import Check
from services.domain.hooks import CheckAnswer
from services.domain.mentions import Mentioned
from services.domain.oversight import Assignment, Finding
from services.domain.people import Actor, Person
from services.domain.plan import Change, Plan
from services.domain.policy import Environment
from services.domain.promotion import Incident, PromotionRequest
from services.domain.registry import VersionKey
from services.domain.releases import DeploymentRecord, ReleaseDetail
from services.domain.requests import Comment, Decision, DecisionKind, RequestState
from services.domain.rights import ActionState
from services.domain.rollout import Rollout
from services.portal_candidates import Candidates
from services.portal_notices import Notices
from services.portal_oversight import Assigning, Coverage, Emergency, Findings
from services.portal_why import Why

if TYPE_CHECKING:
    from services.live_inputs import LiveDrift


class Catalogue(Protocol):
    """The searchable copy of the registry; no call here ever reaches MLflow."""

    def search(self, query: VersionQuery) -> VersionPage:
        """A page of versions."""

    def filter_values(self) -> FilterValues:
        """What the filters offer."""

    def detail(self, key: VersionKey) -> VersionDetail:
        """One version. Raises NotFoundError."""

    def versions(self, model: str) -> Sequence[VersionRow]:
        """All versions of a model, newest first."""

    def metric_names(self, model: str) -> Sequence[str]:
        """Metrics that any version of the model has."""

    def metric_over_versions(self, model: str, metric: str) -> Sequence[MetricPoint]:
        """One metric over the versions of a model, oldest first; versions without it are absent."""


@dataclass(frozen=True)
class Curve:
    """Points of one curve of one version; x and y have the same length, at most 500."""

    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class ScoreShares:
    """How many rows got which score, by what really happened: `edges` has one entry more than the counts."""

    edges: tuple[float, ...]
    positive: tuple[int, ...]
    negative: tuple[int, ...]


@dataclass(frozen=True)
class ErrorShares:
    """How many rows were missed by how much (prediction less truth): `edges` has one entry more than `rows`."""

    edges: tuple[float, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class VersionCurves:
    """Curves of one version on the held-out rows; `problem` says why there are none."""

    key: VersionKey
    roc: Curve | None = None
    precision_recall: Curve | None = None
    calibration: Curve | None = None
    scores: ScoreShares | None = None
    errors: ErrorShares | None = None
    """Of a regression, which has none of the others."""
    problem: str = ""


@dataclass(frozen=True)
class CellRow:
    """One metric or parameter over the versions compared; None is unknown."""

    name: str
    values: tuple[str | float | None, ...]
    differs: bool


@dataclass(frozen=True)
class VersionComparison:
    """Two or more versions side by side. The first is the baseline."""

    details: tuple[VersionRow, ...]
    metrics: tuple[CellRow, ...]
    parameters: tuple[CellRow, ...]
    datasets: tuple[CellRow, ...]
    tags: tuple[CellRow, ...]
    curves: tuple[VersionCurves, ...]
    evidence: Mapping[VersionKey, Any] = field(default_factory=dict)
    """Paired comparison with the baseline, by candidate (`services.evidence.comparison.Comparison`)."""
    problems: tuple[str, ...] = ()
    drift: Mapping[VersionKey, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)
    """Drift of the training data against the baseline's (`services.evidence.drift.DriftLine` as JSON)."""
    notes: tuple[str, ...] = ()
    """How predictions came to be that no run kept."""
    live: Mapping[VersionKey, LiveDrift] = field(default_factory=dict)
    """Live inputs of the model against each version's training data."""
    live_problem: str = ""


class Comparisons(Protocol):
    """Compares versions; predictions are fetched with a time limit and kept by digest."""

    def compare(
        self, actor: Actor, keys: Sequence[VersionKey], *, progress: Callable[[int, int, str], None] | None = None
    ) -> VersionComparison:
        """Two to eight versions; the look is recorded. Raises NotAllowedError, InvalidInputError."""


@dataclass(frozen=True)
class Since:
    """What is different from the plan that was approved last for the same place."""

    request_id: str
    version: int
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class RequestDetail:
    """Everything that the page of one request shows."""

    request: PromotionRequest
    plan: Plan
    checks: tuple[Check, ...]
    """Worst first."""
    evidence: Mapping[str, Any]
    """The sealed evidence document: `comparison`, `tests`, `lineage`, `policy_in_words`, …"""
    decisions: tuple[Decision, ...]
    comments: tuple[Comment, ...]
    actions: tuple[ActionState, ...]
    rollout: Rollout | None
    quorum: int
    signatures: int
    consequences: tuple[str, ...]
    """What approving will do, in words: ``moves champion from v5 to v7``."""
    environment: Environment
    release: tuple[str, int] | None = None
    """Project and run id of the release, once there is one."""
    missing: str = ""
    """Which signatures are missing, in words; empty once the quorum stands."""
    slots: tuple[str, ...] = ()
    """Disciplines that this person could sign for now."""
    findings: tuple[Finding, ...] = ()
    """Open findings that block it."""
    assignments: tuple[Assignment, ...] = ()
    since: Since | None = None
    """None when nothing was approved for the place before."""


@dataclass(frozen=True)
class RequestPage:
    """A page of requests."""

    rows: tuple[PromotionRequest, ...]
    total: int
    page: int
    page_size: int


class Promotions(Protocol):
    """Requests and decisions. Commands are idempotent by key: the same click twice is one effect."""

    def environments(self, model: str) -> Sequence[Environment]:
        """Where the model may be promoted to, by the policy."""

    def open(self, actor: Actor, key: VersionKey, environment: str, *, reason: str) -> PromotionRequest:
        """Collect the evidence, seal the plan and open a request. Raises RefusedError, ConflictError, UpstreamError."""

    def find(
        self, *, states: Sequence[RequestState] = (), requester: str = "", text: str = "", page: int = 1
    ) -> RequestPage:
        """Requests, newest change first; `requester` is a person's id, `text` words of what people know of them."""

    def waiting_for(self, actor: Actor) -> Sequence[PromotionRequest]:
        """Open requests whose turn it is this person's, all of them, the first to expire on top."""

    def detail(self, actor: Actor, request_id: str) -> RequestDetail:
        """One request as this person sees it. Raises NotFoundError."""

    def decide(
        self,
        actor: Actor,
        request_id: str,
        kind: DecisionKind,
        *,
        seen: str,
        reason: str,
        idempotency_key: str,
        slot: str = "",
    ) -> PromotionRequest:
        """Decide on the plan digest that was seen; `slot` where a person could sign for several disciplines.

        Raises RefusedError, NotAllowedError, ConflictError.
        """

    def reseal(self, actor: Actor, request_id: str) -> PromotionRequest:
        """Collect and seal again after a change; earlier signatures are void."""

    def withdraw(self, actor: Actor, request_id: str, *, reason: str) -> PromotionRequest:
        """Take the request back."""

    def comment(
        self,
        actor: Actor,
        request_id: str,
        text: str,
        *,
        idempotency_key: str,
        reply_to: str | None = None,
        tell: Sequence[str] = (),
    ) -> Mentioned:
        """Add to the discussion, or answer a comment; people named by ``@name``, or by id in `tell`, are told."""

    def mentions(self, actor: Actor) -> Sequence[tuple[PromotionRequest, Comment]]:
        """Comments in undecided requests that name this person and that they have not answered, newest first."""

    def people(self) -> Sequence[Person]:
        """Who can be told: everybody whom the portal knows."""


@dataclass(frozen=True)
class ReleaseRow:
    """One line of the list of releases."""

    project: str
    run_id: int
    name: str
    state: str
    result: str | None
    model: str | None
    version: int | None
    environment: str | None
    request_id: str | None
    created: datetime | None
    seen: datetime


@dataclass(frozen=True)
class ReleasePage:
    """A page of releases."""

    rows: tuple[ReleaseRow, ...]
    total: int
    page: int
    page_size: int


@dataclass(frozen=True)
class ReleaseView:
    """A release as last seen, and how old that picture is."""

    row: ReleaseRow
    detail: ReleaseDetail
    is_live: bool
    """False when Azure DevOps could not be asked and the picture is an old one."""
    problem: str = ""
    checks: tuple[CheckAnswer, ...] = ()
    """What the portal answered to checks of this run, oldest first."""


class Releases(Protocol):
    """Pipeline runs, as last seen and live."""

    def find(self, *, text: str = "", page: int = 1) -> ReleasePage:
        """Releases, newest first, from the portal's own database."""

    def view(self, project: str, run_id: int) -> ReleaseView:
        """One release; asks Azure DevOps with a short time-out and falls back to the picture kept. NotFoundError."""

    def log_tail(self, project: str, run_id: int, log_id: int, *, lines: int = 200) -> str:
        """The end of a log. Raises UpstreamError."""

    def cancel(self, actor: Actor, project: str, run_id: int) -> None:
        """Ask the run to stop. Raises NotAllowedError, UpstreamError."""

    def retry_stage(self, actor: Actor, project: str, run_id: int, stage: str) -> None:
        """Run a failed stage again. Raises NotAllowedError, UpstreamError."""

    def decide_approval(
        self, actor: Actor, project: str, run_id: int, approval_id: str, *, is_approved: bool, reason: str
    ) -> None:
        """Approve or reject in Azure DevOps with the portal's account. Raises NotAllowedError, UpstreamError."""

    def deployments(self, project: str, run_id: int) -> Sequence[DeploymentRecord]:
        """The last deployments into the release's environment, newest first. Raises UpstreamError, NotFoundError."""


@dataclass(frozen=True)
class LedgerLine:
    """One entry of the ledger, in words and raw."""

    seq: int
    at: datetime
    actor: str
    action: str
    sentence: str
    subject: str
    request_id: str | None
    raw: str
    """The bytes exactly as hashed."""


@dataclass(frozen=True)
class LedgerPage:
    """A page of ledger entries, newest first, with the latest checkpoint."""

    lines: tuple[LedgerLine, ...]
    total: int
    page: int
    page_size: int
    checkpoint: str
    """The signed note, as text; empty for an empty ledger."""


@dataclass(frozen=True)
class LedgerQuery:
    """Which entries to show; empty fields do not filter."""

    action: str = ""
    """The beginning of an action: ``promotion:`` finds requests, decisions and comments."""
    actor: str = ""
    """Part of a name or id."""
    subject: str = ""
    """Part of an id."""
    model: str = ""
    """Part of a model's name."""
    request_id: str = ""
    since: datetime | None = None
    until: datetime | None = None
    """Not included."""
    page: int = 1


@dataclass(frozen=True)
class LedgerVerdict:
    """What verifying the whole ledger found."""

    is_intact: bool
    size: int
    root: str
    sentence: str
    details: tuple[str, ...] = ()
    """Each witness's view and each finding, a sentence each."""


@dataclass(frozen=True)
class LedgerCheck:
    """A verification in the background: under way, or done."""

    started: datetime
    done: int = 0
    total: int = 0
    finished: datetime | None = None
    verdict: LedgerVerdict | None = None
    problem: str = ""
    """Why there is no verdict, once it is finished."""

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        return min(1.0, self.done / self.total) if self.total else 0.0


@dataclass(frozen=True)
class WitnessState:
    """How far one witness has seen."""

    name: str
    size: int
    """Entries that it has confirmed."""
    behind: int
    last_seen: datetime | None
    freshness: str
    """``fresh``, ``late`` or ``silent``."""
    problem: str = ""
    hint: str = ""


class LedgerBrowser(Protocol):
    """Reads the ledger."""

    def find(self, query: LedgerQuery) -> LedgerPage:
        """Entries, newest first."""

    def actions(self) -> Sequence[str]:
        """All actions that can stand in the ledger."""

    def witnesses(self) -> Sequence[WitnessState]:
        """What each witness has seen, from the receipts in the database: no network call."""

    def verify(self) -> LedgerVerdict:
        """Recompute everything, now."""

    def start_check(self) -> LedgerCheck:
        """Verify in the background; when that is under way already, it is the same one."""

    def last_check(self) -> LedgerCheck | None:
        """The check under way or done last in this process."""

    def export(self, actor: Actor) -> bytes:
        """The whole ledger as a zip file for an auditor; recorded. Raises NotAllowedError, RefusedError (too large)."""


@dataclass(frozen=True)
class Figures:
    """Counts for a monitoring system."""

    requests: Mapping[str, int]
    """By state."""
    rollouts: Mapping[str, int]
    """By state."""
    incidents: Mapping[str, int]
    """Open ones by kind."""
    notices: Mapping[str, int]
    """Deliveries by state."""
    live: Mapping[str, int]
    """Versions by environment."""
    entries: int
    """Of the ledger."""


class Health(Protocol):
    """How fresh what is shown is."""

    def sources(self) -> Sequence[SourceHealth]:
        """One line a system (MLflow, Azure DevOps), from what the worker last saw: no network call."""

    def incidents(self) -> Sequence[Incident]:
        """Open incidents."""

    def figures(self) -> Figures:
        """Counts of everything that somebody may want to be woken for: no network call."""


@dataclass(frozen=True)
class Portal:
    """All use cases."""

    catalogue: Catalogue
    comparisons: Comparisons
    candidates: Candidates
    promotions: Promotions
    releases: Releases
    ledger: LedgerBrowser
    why: Why
    health: Health
    assigning: Assigning
    emergency: Emergency
    findings: Findings
    coverage: Coverage
    notices: Notices
