"""The portal's own database as the use cases see it: one unit of work, with a store for each kind of record.

A unit of work is one transaction. Ledger entries are written through it, so a change and its entry commit
together or not at all. No network call belongs inside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, Unpack

from services.access.stores import ReadStore, SessionStore, TokenStore
from services.domain.catalogue import FilterValues, SourceHealth, TestReport, VersionQuery, VersionRow
from services.domain.hooks import CheckCall, HookEvent
from services.domain.oversight import Assignment, Finding, ReReview
from services.domain.people import Actor, Person
from services.domain.promotion import Deployment, Incident, PromotionRequest
from services.domain.registry import ModelVersion, RegisteredModel, Run, VersionKey
from services.domain.requests import Comment, Decision, RequestState
from services.domain.rollout import Rollout, RolloutState, RolloutStep, StepState
from services.ledger.actions import Action
from services.ledger.entry import Subject
from services.ledger.store import LedgerArchive
from services.ledger.witnessing import Ledger
from services.ledger.writer import AppendedEntry, EntryFields
from services.notices.stores import NoticeStore


@dataclass(frozen=True)
class RequestFilter:
    """Which requests to list; empty fields do not filter."""

    states: tuple[RequestState, ...] = ()
    model: str | None = None
    version: int | None = None
    environment: str | None = None
    requester_id: str | None = None
    text: str = ""
    """Words that must all be found, in model, environment, requester, reason or number; ``v7`` finds a version."""
    page: int = 1
    page_size: int = 25


@dataclass(frozen=True)
class Claim:
    """A rollout that this worker holds until the lease ends."""

    rollout_id: str
    request_id: str
    state: RolloutState
    fence: int
    attempts: int
    definition_version: int


@dataclass(frozen=True)
class JournalLine:
    """What the journal says of one step, with the data that later steps need."""

    state: StepState
    data: Mapping[str, Any]
    started: datetime


@dataclass(frozen=True)
class ReleaseSnapshot:
    """A release as it was last seen; the page shows it with its age when Azure DevOps is away."""

    project: str
    run_id: int
    pipeline_id: int
    body: str
    """JSON of a `ReleaseDetail`."""
    state: str
    result: str | None
    seen: datetime
    created: datetime | None = None
    request_id: str | None = None
    model: str | None = None
    version: int | None = None
    environment: str | None = None


class RequestStore(Protocol):
    """All statements about requests."""

    def insert(self, request: PromotionRequest) -> None:
        """Add a request. Raises ConflictError when one is live for the same version and environment."""

    def get(self, request_id: str) -> PromotionRequest:
        """One request. Raises NotFoundError."""

    def many(self, request_ids: Iterable[str]) -> Mapping[str, PromotionRequest]:
        """Many of them by id. Raises NotFoundError when one is missing."""

    def save(self, request: PromotionRequest) -> PromotionRequest:
        """Write a request over the revision that it was read at. Raises ConflictError when somebody was faster."""

    def find(self, wanted: RequestFilter) -> tuple[Sequence[PromotionRequest], int]:
        """A page of requests, newest change first, and how many there are."""

    def in_states(
        self, states: Sequence[RequestState], *, model: str | None = None, environment: str | None = None
    ) -> Sequence[PromotionRequest]:
        """All requests in these states, newest change first."""

    def counts(self) -> dict[str, int]:
        """Number of requests by state."""

    def expired(self, now: datetime, states: Sequence[RequestState]) -> Sequence[PromotionRequest]:
        """Waiting requests whose time is over."""

    def decisions(self, request_id: str) -> tuple[Decision, ...]:
        """All decisions in their order, void ones included."""

    def decisions_of(self, request_ids: Iterable[str]) -> Mapping[str, tuple[Decision, ...]]:
        """The same for many requests; those without any are left out."""

    def add_decision(self, request_id: str, made: Decision, *, idempotency_key: str) -> bool:
        """Add a decision; False when this key has been written before (the same click twice)."""

    def void_decisions(self, request_id: str, reason: str) -> int:
        """Void all standing signatures; returns how many."""

    def comments(self, request_id: str) -> tuple[Comment, ...]:
        """The discussion in its order."""

    def add_comment(self, request_id: str, said: Comment, *, idempotency_key: str) -> bool:
        """Add to the discussion; False when this key has been written before."""

    def unanswered(self, person_id: str, states: Sequence[RequestState]) -> Sequence[tuple[PromotionRequest, Comment]]:
        """Comments of others that name this person and that they did not answer, newest first."""

    def put_document(self, digest: str, kind: str, body: str, created: datetime) -> None:
        """Keep a document by its digest; the same document again changes nothing."""

    def document(self, digest: str) -> str:
        """A document's bytes as text. Raises NotFoundError."""

    def documents(self, digests: Iterable[str]) -> Mapping[str, str]:
        """Many of them by digest. Raises NotFoundError when one is missing."""


class OversightStore(Protocol):
    """All statements about findings, assignments and re-reviews."""

    def add_finding(self, found: Finding, *, idempotency_key: str) -> bool:
        """Open a finding; False when this key has been written before."""

    def finding(self, finding_id: str) -> Finding:
        """One finding. Raises NotFoundError."""

    def findings(self, *, model: str | None = None, open_only: bool = True) -> Sequence[Finding]:
        """Findings, the earliest date first."""

    def close_finding(self, finding_id: str, *, by: Person, at: datetime, resolution: str) -> None:
        """Close an open finding. Raises ConflictError when somebody was faster."""

    def add_assignment(self, request_id: str, made: Assignment, *, idempotency_key: str) -> bool:
        """Keep a step; False when this key has been written before."""

    def assignments(self, request_id: str) -> tuple[Assignment, ...]:
        """All steps of a request in their order."""

    def assignments_of(self, request_ids: Iterable[str]) -> Mapping[str, tuple[Assignment, ...]]:
        """The same for many requests; those without any are left out."""

    def add_review(self, made: ReReview, *, idempotency_key: str) -> bool:
        """Keep a re-review; False when this key has been written before."""

    def reviews(self, deployment_ids: Sequence[str]) -> Sequence[ReReview]:
        """Re-reviews of these deployments, oldest first."""


class RolloutStore(Protocol):
    """All statements about rollouts."""

    def start(self, rollout_id: str, request_id: str, now: datetime) -> None:
        """Begin a rollout in the transaction that reaches the quorum."""

    def claim(self, now: datetime, lease_until: datetime) -> Claim | None:
        """Take the rollout that has waited longest and that nobody holds; None when there is none."""

    def renew(self, claim: Claim, lease_until: datetime) -> None:
        """Hold on for another step. Raises ConflictError when the lease was lost."""

    def release(self, claim: Claim, *, not_before: datetime, attempts: int, error: str, now: datetime) -> None:
        """Let go until later."""

    def finish(self, claim: Claim, state: RolloutState, *, error: str, now: datetime) -> None:
        """Write the state that the rollout goes on or ends in."""

    def note_run(self, claim: Claim, *, project: str, pipeline_id: int, run_id: int) -> None:
        """Keep which pipeline run belongs to the rollout."""

    def journal(self, rollout_id: str) -> dict[RolloutStep, JournalLine]:
        """The steps that have been begun."""

    def write_step(
        self, claim: Claim, step: RolloutStep, state: StepState, *, now: datetime, detail: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        """Write a line of the journal; data is kept when None."""

    def lock_target(self, claim: Claim, model: str, environment: str, now: datetime) -> str | None:
        """Reserve the target; None when it is ours, otherwise the rollout that holds it."""

    def target_holder(self, model: str, environment: str) -> str | None:
        """The rollout that has reserved the target."""

    def unlock_target(self, rollout_id: str) -> None:
        """Give the target free."""

    def of_request(self, request_id: str) -> Rollout | None:
        """The rollout of a request with its journal, or None."""

    def get(self, rollout_id: str) -> Rollout:
        """One rollout. Raises NotFoundError."""

    def wake_run(self, run_number: int, now: datetime) -> bool:
        """Let rollouts that follow a run look at once; False when none does."""

    def counts(self) -> dict[str, int]:
        """Number of rollouts by state."""

    def with_runs(self, states: Sequence[RolloutState]) -> Sequence[Rollout]:
        """Rollouts in these states that have started a pipeline run."""


class HookStore(Protocol):
    """What Azure DevOps told and asked by itself."""

    def add_event(self, event: HookEvent) -> bool:
        """Keep an event; False when it is known."""

    def unhandled(self, limit: int) -> Sequence[HookEvent]:
        """Events that nobody has acted on, oldest first."""

    def mark_handled(self, ids: Sequence[str], now: datetime) -> None:
        """They were acted on; very old ones go."""

    def add_check(self, call: CheckCall) -> bool:
        """Keep a check's call; False when it is known."""

    def take_check(self, now: datetime, until: datetime) -> CheckCall | None:
        """The check that has waited longest, held until then for the caller; None when none is due."""

    def check(self, key: str) -> CheckCall | None:
        """One check."""

    def save_check(self, call: CheckCall) -> None:
        """Write a check as it is now."""

    def checks_of(self, build_id: int) -> Sequence[CheckCall]:
        """Checks of a run, oldest first."""


class DeploymentStore(Protocol):
    """All statements about what is and was live."""

    def begin(self, started: Deployment) -> None:
        """A version goes live: the one before it ends at the same moment."""

    def end_current(self, model: str, environment: str, at: datetime) -> None:
        """Nothing is live there any more."""

    def live_at(self, model: str, environment: str, at: datetime) -> Sequence[Deployment]:
        """What was live at a moment; several only if the data contradict each other."""

    def of(self, *, model: str | None = None, version: int | None = None, live_only: bool = False) -> list[Deployment]:
        """Deployments, newest first."""

    def put_release(self, seen: ReleaseSnapshot) -> None:
        """Keep the latest picture of a release; what ties it to a request is kept once known."""

    def release(self, project: str, run_id: int) -> ReleaseSnapshot | None:
        """One release as last seen."""

    def releases(self, *, page: int, page_size: int, text: str = "") -> tuple[Sequence[ReleaseSnapshot], int]:
        """A page of releases, newest first, and how many there are."""

    def releases_numbered(self, run_number: int) -> Sequence[ReleaseSnapshot]:
        """Releases of this number, in any project."""

    def unfinished(self, limit: int) -> Sequence[ReleaseSnapshot]:
        """Releases that were still running when last seen, longest unseen first."""

    def releases_of(self, model: str, version: int) -> Sequence[ReleaseSnapshot]:
        """Releases of one version, newest first."""

    def open_incident(self, found: Incident) -> bool:
        """Open an incident unless the same one is open; True when it is new."""

    def close_incident(self, incident_id: str, at: datetime) -> None:
        """Close an incident."""

    def incidents(self, *, open_only: bool = True) -> Sequence[Incident]:
        """Incidents, newest first."""


class CatalogueStore(Protocol):
    """All statements about the catalogue."""

    def put_models(self, models: Iterable[RegisteredModel]) -> None:
        """Insert or replace models."""

    def put_versions(self, versions: Iterable[ModelVersion], now: datetime) -> None:
        """Insert or replace versions with all that is derived from model and run."""

    def mark_gone(self, models: Sequence[str], present: Iterable[VersionKey], now: datetime) -> int:
        """After a complete read of these models: versions that MLflow no longer has are marked, never deleted."""

    def mark_models_gone(self, present: Iterable[str], now: datetime) -> Sequence[str]:
        """After a complete read of all models: those that MLflow no longer has; returns their names."""

    def put_run(self, run: Run, now: datetime) -> None:
        """Insert or replace a run; reports and card that were read stay."""

    def put_papers(self, run_id: str, reports: tuple[TestReport, ...], card: str | None) -> None:
        """Keep test reports and model card of a run."""

    def missing_runs(self, limit: int) -> Sequence[str]:
        """Run ids of versions whose run was never read, newest versions first."""

    def running_runs(self, limit: int, *, since: datetime) -> Sequence[str]:
        """Run ids of versions registered since then whose run had not ended when it was read, newest first."""

    def aged_runs(self, limit: int, *, before: datetime) -> Sequence[str]:
        """Run ids that were read before then, the one longest ago first."""

    def put_fetched(self, run_ids: Sequence[str], now: datetime) -> None:
        """These runs were asked for now, whether MLflow still had them or not."""

    def gone_models(self) -> Sequence[str]:
        """Names of the models that MLflow had and has no more."""

    def runs_without_papers(self, limit: int) -> Sequence[str]:
        """Run ids whose artifacts were not looked at yet, newest versions first."""

    def versions_of_runs(self, run_ids: Sequence[str]) -> Sequence[ModelVersion]:
        """Versions that belong to these runs."""

    def models(self, names: Sequence[str] | None = None) -> Sequence[RegisteredModel]:
        """Models by name, or all; those that are gone too."""

    def watched_models(self) -> Sequence[str]:
        """Models with a live request or a holder of stage or alias: their tags are read on every beat."""

    def search(self, query: VersionQuery) -> tuple[tuple[VersionRow, ...], int]:
        """A page of versions and how many match."""

    def version(self, key: VersionKey) -> tuple[ModelVersion, RegisteredModel, VersionRow, datetime | None] | None:
        """One version with its model, its line, and when it was deleted in MLflow if it was."""

    def versions(self, model: str) -> tuple[VersionRow, ...]:
        """All versions of a model, newest first."""

    def run(self, run_id: str) -> tuple[Run, tuple[TestReport, ...], str | None] | None:
        """A run with its reports and card."""

    def runs_of(self, model: str) -> Mapping[int, Run]:
        """Runs of a model's versions by version number."""

    def filter_values(self) -> FilterValues:
        """What the filters offer."""

    def put_health(self, health: SourceHealth, *, now: datetime, swept: bool = False) -> None:
        """What the worker last saw of an outside system."""

    def health(self) -> tuple[SourceHealth, ...]:
        """All outside systems as last seen."""

    def last_sweep(self, system: str) -> datetime | None:
        """When everything was last read."""


class MarkStore(Protocol):
    """Small facts that all processes share: what was told already, which policy is in force."""

    def get(self, key: str) -> str | None:
        """The value kept under the key."""

    def exchange(self, key: str, value: str, at: datetime, *, before: str | None) -> bool:
        """Write over the value that was read (None: there was none); False when somebody was faster."""


class LedgerWriter(Protocol):
    """Appends to the ledger in the unit's transaction."""

    def append(self, actor: Actor, action: Action, subject: Subject, **fields: Unpack[EntryFields]) -> AppendedEntry:
        """Write one entry. Take no other lock afterwards: the ledger's head is the last one."""


class Unit(Protocol):
    """One transaction."""

    @property
    def requests(self) -> RequestStore:
        """Requests, decisions, comments, documents."""

    @property
    def rollouts(self) -> RolloutStore:
        """Rollouts and their journal."""

    @property
    def oversight(self) -> OversightStore:
        """Findings, assignments, re-reviews."""

    @property
    def deployments(self) -> DeploymentStore:
        """What is live, releases, incidents."""

    @property
    def hooks(self) -> HookStore:
        """Service hooks' events and checks."""

    @property
    def catalogue(self) -> CatalogueStore:
        """The copy of the registry."""

    @property
    def sessions(self) -> SessionStore:
        """Sign-ins and people seen."""

    @property
    def notices(self) -> NoticeStore:
        """Notifications: cursor and outbox."""

    @property
    def evidence_reads(self) -> ReadStore:
        """Who read which evidence."""

    @property
    def marks(self) -> MarkStore:
        """Small facts."""

    @property
    def tokens(self) -> TokenStore:
        """Service tokens."""

    @property
    def log(self) -> Ledger:
        """Both sides of the ledger's storage, for witnessing."""

    @property
    def archive(self) -> LedgerArchive:
        """The ledger's reading side."""

    @property
    def ledger(self) -> LedgerWriter:
        """The ledger's writing side."""


class Units(Protocol):
    """Opens units of work."""

    def begin(self) -> AbstractContextManager[Unit]:
        """A writing transaction; leaving the block commits, an exception rolls back."""

    def read(self) -> AbstractContextManager[Unit]:
        """A reading transaction."""
