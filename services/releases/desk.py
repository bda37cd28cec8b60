"""Releases: pipeline runs from Azure DevOps, with a stored snapshot for when it is unavailable."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from services.database.stores.deployments import ReleaseSnapshot
from services.database.unit import Unit, Units
from services.domain import test_results
from services.domain.catalogue import TestCase, TestReport
from services.domain.hooks import CheckAnswer
from services.domain.identity.people import Actor, Permission
from services.domain.promotions.promotion import PromotionRequest
from services.domain.promotions.rights import why_party
from services.domain.registry import VersionKey
from services.domain.releases import (
    DeploymentRecord,
    ReleaseDetail,
    ReleaseRun,
    RunRef,
    RunResult,
    RunState,
    RunTests,
    TimelineItem,
)
from services.errors import AzureDevOpsNotSetError, NotAllowedError, NotFoundError, PortalError
from services.ledger.actions import Action
from services.ledger.tree.entry import Subject
from services.ports.pipelines import ReleasePipelines
from services.ports.time import Clock
from services.releases.answers import ReleasePage, ReleaseRow, ReleaseView

PAGE_SIZE = 25
DEPLOYMENTS = 15
"""Number of deployments that the page of a release shows."""
FRESH = timedelta(seconds=2)
"""A snapshot younger than this is shown without a new read: many people may view the same release."""
ASK_AGAIN = timedelta(seconds=5)
"""A read that failed is not repeated sooner: a page that refreshes every few seconds would never show why it is old."""
_DETAIL = TypeAdapter(ReleaseDetail)
_OUTCOMES = {
    "Passed": test_results.PASSED, "Failed": test_results.FAILED, "Timeout": test_results.FAILED,
    "Error": test_results.ERROR, "Aborted": test_results.ERROR, "NotExecuted": test_results.SKIPPED,
    "NotApplicable": test_results.SKIPPED, "NotImpacted": test_results.SKIPPED,
}  # fmt: skip


def read_release(
    pipelines: ReleasePipelines, ref: RunRef, *, run: ReleaseRun | None = None, known: ReleaseDetail | None = None
) -> ReleaseDetail:
    """A run with stages, tests, artifacts and approvals. Raises UpstreamError, NotFoundError.

    `run` saves a call if it was just read; `known` is an earlier snapshot: its tests, artifacts and
    approvals stay valid while no step has changed, so reading a quiet run takes two calls instead of five.
    """
    run, timeline = run or pipelines.get(ref), tuple(pipelines.timeline(ref))
    if known is not None and _nothing_moved(known, run, timeline):
        waits = any(approval.status == "pending" for approval in known.approvals)
        return replace(
            known, run=run, approvals=tuple(pipelines.approvals(ref, timeline)) if waits else known.approvals
        )
    return ReleaseDetail(
        run=run,
        timeline=timeline,
        tests=tuple(pipelines.tests(ref)),
        artifacts=tuple(pipelines.artifacts(ref)),
        approvals=tuple(pipelines.approvals(ref, timeline)),
    )


def _nothing_moved(known: ReleaseDetail, run: ReleaseRun, timeline: tuple[TimelineItem, ...]) -> bool:
    return known.timeline == timeline and bool(timeline) and known.run.state is run.state


def keep_release(units: Units, detail: ReleaseDetail, *, request: PromotionRequest | None, now: datetime) -> None:
    """Store the snapshot of a run in a separate transaction."""
    run = detail.run
    snapshot = ReleaseSnapshot(
        project=run.ref.project,
        run_id=run.ref.number,
        pipeline_id=run.ref.pipeline_id,
        body=_DETAIL.dump_json(detail).decode(),
        state=run.state.value,
        result=run.result.value if run.result else None,
        seen=now,
        created=run.created,
        request_id=request.id if request else None,
        model=request.key.model if request else run.parameters.get("modelName"),
        version=request.key.version if request else None,
        environment=request.environment if request else None,
    )
    with units.begin() as unit:
        unit.deployments.put_release(snapshot)


def refresh_release(
    pipelines: ReleasePipelines | None, units: Units, kept: ReleaseSnapshot, *, now: datetime
) -> ReleaseDetail:
    """Read a stored release again, whatever its state. Raises UpstreamError, NotFoundError."""
    known = _DETAIL.validate_json(kept.body)
    detail = read_release(demand_azure(pipelines), known.run.ref, known=known)
    keep_release(units, detail, request=None, now=now)
    return detail


def end_gone_release(units: Units, kept: ReleaseSnapshot) -> None:
    """The release was deleted in Azure DevOps: it has ended, and its result stays unknown."""
    detail = _DETAIL.validate_json(kept.body)
    gone = replace(detail.run, state=RunState.COMPLETED, result=RunResult.UNKNOWN)
    keep_release(units, replace(detail, run=gone), request=None, now=kept.seen)


def demand_azure(pipelines: ReleasePipelines | None) -> ReleasePipelines:
    """Azure DevOps, if set. Raises AzureDevOpsNotSetError."""
    if pipelines is None:
        raise AzureDevOpsNotSetError
    return pipelines


class ReleaseDesk:
    """Implements `services.releases.answers.Releases`."""

    def __init__(self, units: Units, pipelines: ReleasePipelines | None, clock: Clock) -> None:
        self._units = units
        self._pipelines = pipelines
        self._clock = clock
        self._failed: dict[tuple[str, int], tuple[datetime, str]] = {}
        """By project and run: when the last read failed, and why."""

    def find(self, *, text: str = "", page: int = 1) -> ReleasePage:
        """Releases, newest first."""
        page = max(1, page)
        with self._units.read() as unit:
            rows, total = unit.deployments.releases(page=page, page_size=PAGE_SIZE, text=text)
        return ReleasePage(tuple(row_of(kept) for kept in rows), total, page, PAGE_SIZE)

    def view(self, project: str, run_id: int) -> ReleaseView:
        """One release, live if possible."""
        kept = self._kept(project, run_id)
        detail = _DETAIL.validate_json(kept.body)
        now = self._clock.now()
        if detail.run.is_finished or timedelta() <= now - kept.seen < FRESH:
            return ReleaseView(row_of(kept), detail, is_live=True, checks=self._checks(run_id))
        failed = self._failed.get((project, run_id))
        if failed is None or not timedelta() <= now - failed[0] < ASK_AGAIN:
            failed = None
            try:
                detail = read_release(self._azure(), detail.run.ref, known=detail)
            except PortalError as error:
                failed = self._failed[project, run_id] = (self._clock.now(), error.sentence())
        if failed is not None:
            return ReleaseView(row_of(kept), detail, is_live=False, problem=failed[1], checks=self._checks(run_id))
        self._failed.pop((project, run_id), None)
        keep_release(self._units, detail, request=None, now=now)
        return ReleaseView(row_of(self._kept(project, run_id)), detail, is_live=True, checks=self._checks(run_id))

    def _checks(self, run_id: int) -> tuple[CheckAnswer, ...]:
        with self._units.read() as unit:
            calls = unit.hooks.checks_of(run_id)
        return tuple(
            CheckAnswer(call.environment, call.state, call.allowed, call.answer, call.received, call.error)
            for call in calls
        )

    def log_tail(self, project: str, run_id: int, log_id: int, *, lines: int = 200) -> str:
        """The end of a log."""
        kept = self._kept(project, run_id)
        return self._azure().log(RunRef.of(project, kept.pipeline_id, run_id), log_id, last_lines=lines)

    def cancel(self, actor: Actor, project: str, run_id: int) -> None:
        """Cancel the run; the ledger records this before it is sent."""
        kept = self._permitted(actor, project, run_id, "cancel")
        self._azure().cancel(RunRef.of(project, kept.pipeline_id, run_id))
        self._look_again(kept)

    def retry_stage(self, actor: Actor, project: str, run_id: int, stage: str) -> None:
        """Retry a failed stage."""
        kept = self._permitted(actor, project, run_id, f"retry stage {stage}")
        self._azure().retry_stage(RunRef.of(project, kept.pipeline_id, run_id), stage)
        self._look_again(kept)

    def decide_approval(
        self, actor: Actor, project: str, run_id: int, approval_id: str, *, is_approved: bool, reason: str
    ) -> None:
        """Approve or reject in Azure DevOps with the portal's account; the four-eyes rule applies as for requests."""
        word = "approve" if is_approved else "reject"
        _demand_operator(actor)
        self._demand_four_eyes(actor, self._kept(project, run_id))
        kept = self._permitted(actor, project, run_id, f"{word} approval {approval_id} in Azure DevOps: {reason}")
        comment = f"{actor.person.name} in Countersign: {reason or 'no reason given'}"
        ref = RunRef.of(project, kept.pipeline_id, run_id)
        self._azure().decide(ref, approval_id, is_approved=is_approved, comment=comment)
        self._look_again(kept)

    def deployments(self, project: str, run_id: int) -> Sequence[DeploymentRecord]:
        """The last deployments to the environment of this release, newest first, as recorded by Azure DevOps.

        Empty if the release names no environment, and for classic releases, whose environments are their stages.
        """
        kept = self._kept(project, run_id)
        if not kept.environment or run_id < 0:
            return ()
        return self._azure().deployments(project, kept.environment, limit=DEPLOYMENTS)

    def _demand_four_eyes(self, actor: Actor, kept: ReleaseSnapshot) -> None:
        if kept.request_id is None:
            return
        with self._units.read() as unit:
            participants = unit.requests.get(kept.request_id).participants
        if reason := why_party(actor, participants):
            raise NotAllowedError(reason, hint="Ask another operator.")

    def _look_again(self, kept: ReleaseSnapshot) -> None:
        """Refresh the snapshot after a command; if that fails, the next poll does it."""
        with contextlib.suppress(PortalError):
            refresh_release(self._pipelines, self._units, kept, now=self._clock.now())

    def _permitted(self, actor: Actor, project: str, run_id: int, wish: str) -> ReleaseSnapshot:
        _demand_operator(actor)
        kept = self._kept(project, run_id)
        with self._units.begin() as unit:
            unit.ledger.append(
                actor,
                Action.RELEASE_OPERATED,
                Subject("release", f"{project}/{run_id}"),
                after=wish,
                request_id=kept.request_id,
            )
        return kept

    def _kept(self, project: str, run_id: int) -> ReleaseSnapshot:
        with self._units.read() as unit:
            kept = unit.deployments.release(project, run_id)
        if kept is None:
            raise NotFoundError(f"There is no release {run_id} in {project}.", hint="See the list of releases.")
        return kept

    def _azure(self) -> ReleasePipelines:
        return demand_azure(self._pipelines)


def _demand_operator(actor: Actor) -> None:
    if not actor.may(Permission.OPERATE_RELEASE):
        raise NotAllowedError("Your role cannot operate releases.", hint="Ask an operator.")


def of_version(unit: Unit, key: VersionKey) -> Sequence[ReleaseSnapshot]:
    """Releases of one version, newest first."""
    return unit.deployments.releases_of(key.model, key.version)


def tests_of(releases: Sequence[ReleaseSnapshot]) -> tuple[TestReport, ...]:
    """Test results of pipeline runs as reports, in addition to those of training."""
    return tuple(_report(kept, tests) for kept in releases for tests in _DETAIL.validate_json(kept.body).tests)


def _report(kept: ReleaseSnapshot, tests: RunTests) -> TestReport:
    cases = tuple(
        TestCase(c.name, _OUTCOMES.get(c.outcome, test_results.NOT_RUN), _seconds(c.duration_ms), c.message)
        for c in tests.cases
    )
    others = max(0, tests.total - tests.passed - tests.failed)
    skipped = others if tests.skipped is None else min(others, tests.skipped)
    source = f"{'pipeline run' if kept.run_id > 0 else 'release'} {abs(kept.run_id)}"
    return TestReport(
        tests.title, source, tests.web_url, tests.passed, tests.failed, skipped, cases, not_run=others - skipped,
        unlisted=max(0, tests.total - len(cases)),
    )  # fmt: skip


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def row_of(kept: ReleaseSnapshot) -> ReleaseRow:
    """One line of the list of releases."""
    detail = _DETAIL.validate_json(kept.body)
    return ReleaseRow(
        project=kept.project,
        run_id=kept.run_id,
        name=detail.run.name,
        state=kept.state,
        result=kept.result,
        model=kept.model,
        version=kept.version,
        environment=kept.environment,
        request_id=kept.request_id,
        created=kept.created,
        seen=kept.seen,
    )
