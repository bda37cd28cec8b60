"""Parses answers of Azure DevOps into the domain's types. Missing values stay None."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from services.domain.releases import (
    DeploymentRecord,
    EnvironmentCheck,
    ReleaseRun,
    RunApproval,
    RunArtifact,
    RunRef,
    RunResult,
    RunState,
    RunTestCase,
    RunTests,
    TimelineItem,
)

_BUILD_STATES = {
    "completed": RunState.COMPLETED,
    "cancelling": RunState.CANCELING,
    "inProgress": RunState.IN_PROGRESS,
    "notStarted": RunState.IN_PROGRESS,
    "postponed": RunState.IN_PROGRESS,
}


def run_of(run: Any, project: str, pipeline_id: int) -> ReleaseRun:
    """A pipeline run (`azure.devops` model Run). Raises ValueError for an empty model: the SDK makes those."""
    if run is None or not getattr(run, "id", None):
        raise ValueError("an empty run")
    parameters = run.template_parameters or {}
    extra = getattr(run, "additional_properties", None) or {}
    return ReleaseRun(
        ref=RunRef(project, pipeline_id, int(run.id)),
        name=str(run.name or run.id),
        state=_enum(RunState, run.state, RunState.UNKNOWN),
        result=_enum(RunResult, run.result, None),
        created=aware(run.created_date),
        finished=aware(run.finished_date),
        web_url=web_link(run),
        pipeline_name=str(getattr(run.pipeline, "name", "") or ""),
        source_version=_commit(run),
        parameters={str(k): str(v) for k, v in dict(parameters).items()},
        tags=tuple(extra.get("tags") or ()),
    )


def run_of_build(build: Any, project: str) -> ReleaseRun:
    """The same run from the Build API, which has `partiallySucceeded` and may omit parameters."""
    if build is None or not getattr(build, "id", None) or build.definition is None:
        raise ValueError("an empty build")
    return ReleaseRun(
        ref=RunRef(project, int(build.definition.id), int(build.id)),
        name=str(build.build_number or build.id),
        state=_BUILD_STATES.get(str(build.status), RunState.UNKNOWN),
        result=_enum(RunResult, build.result, None),
        created=aware(build.queue_time),
        finished=aware(build.finish_time),
        web_url=web_link(build),
        pipeline_name=str(build.definition.name or ""),
        source_version=str(build.source_version or ""),
        parameters={str(k): str(v) for k, v in dict(build.template_parameters or {}).items()},
        tags=tuple(build.tags or ()),
    )


def item_of(record: Any) -> TimelineItem:
    """A record of the timeline."""
    return TimelineItem(
        id=str(record.id),
        parent_id=str(record.parent_id) if record.parent_id else None,
        type=str(getattr(record, "type", None) or getattr(record, "record_type", "")),
        name=str(record.name or ""),
        state=str(record.state or "pending"),
        result=str(record.result) if record.result else None,
        order=int(record.order or 0),
        attempt=int(record.attempt or 1),
        identifier=str(record.identifier or ""),
        started=aware(record.start_time),
        finished=aware(record.finish_time),
        log_id=int(record.log.id) if record.log and record.log.id is not None else None,
        issues=tuple(f"{i.type}: {i.message}" for i in record.issues or ()),
        percent=int(record.percent_complete) if record.percent_complete is not None else None,
    )


_FAILED_TESTS = {"failed", "error", "aborted", "timeout"}


def tests_of(run: Any, cases: Sequence[Any]) -> RunTests:
    """A test run with its results.

    `unanalyzedTests` omits failures that somebody has analyzed, so the counts by outcome are also read.
    """
    total = int(run.total_tests or len(cases))
    passed = int(run.passed_tests or 0)
    by_outcome = sum(
        int(row.count or 0) for row in run.run_statistics or () if str(row.outcome or "").lower() in _FAILED_TESTS
    )
    failed = max(int(run.unanalyzed_tests or 0), by_outcome)
    return RunTests(
        id=int(run.id),
        title=str(run.name or f"Test run {run.id}"),
        total=total,
        passed=passed,
        failed=failed,
        web_url=str(run.web_access_url or ""),
        cases=tuple(_case(case) for case in cases),
        skipped=int(run.not_applicable_tests or 0),
    )


def _case(case: Any) -> RunTestCase:
    return RunTestCase(
        name=str(case.test_case_title or case.automated_test_name or "unnamed"),
        outcome=str(case.outcome or "Unspecified"),
        duration_ms=float(case.duration_in_ms) if case.duration_in_ms is not None else None,
        message=str(case.error_message or "")[:2000],
    )


def artifact_of(artifact: Any) -> RunArtifact:
    """A published artifact."""
    resource = artifact.resource
    properties = (resource.properties if resource else None) or {}
    size = properties.get("artifactsize")
    return RunArtifact(
        name=str(artifact.name),
        download_url=str(resource.download_url or "") if resource else "",
        size=int(size) if size is not None and str(size).isdigit() else None,
    )


def approval_of(value: Mapping[str, Any], subject: str = "") -> RunApproval:
    """An approval of a YAML pipeline; the SDK has no model for it."""
    steps = value.get("steps") or []
    return RunApproval(
        id=str(value["id"]),
        status=str(value.get("status", "undefined")),
        assigned_to=tuple(_name(step.get("assignedApprover")) for step in steps),
        decided_by=tuple(_name(s.get("actualApprover")) for s in steps if s.get("actualApprover")),
        comment="; ".join(str(s["comment"]) for s in steps if s.get("comment")),
        created=_time(value.get("createdOn")),
        subject=subject,
    )


def check_of(value: Mapping[str, Any]) -> EnvironmentCheck:
    """A check of an environment; the SDK's model omits the settings."""
    kind = str((value.get("type") or {}).get("name") or "Check")
    settings = value.get("settings") or {}
    timeout = value.get("timeout")
    return EnvironmentCheck(
        id=int(value["id"]),
        kind=kind,
        name=str(settings.get("displayName") or kind),
        timeout_minutes=int(timeout) if timeout is not None else None,
    )


def record_of(record: Any) -> DeploymentRecord:
    """A deployment to an environment (`EnvironmentDeploymentExecutionRecord`)."""
    return DeploymentRecord(
        id=int(record.id),
        environment_id=int(record.environment_id),
        run_id=int(record.owner.id) if record.owner and record.owner.id else None,
        pipeline=str(record.definition.name or "") if record.definition else "",
        stage=str(record.stage_name or ""),
        job=str(record.job_name or ""),
        result=str(record.result) if record.result else None,
        queued=aware(record.queue_time),
        started=aware(record.start_time),
        finished=aware(record.finish_time),
    )


def person_of(identity: Any) -> str:
    """The name of a person (`IdentityRef` model)."""
    return str(getattr(identity, "display_name", None) or getattr(identity, "id", None) or "unknown")


def _name(identity: Any) -> str:
    return (
        str(identity.get("displayName") or identity.get("id") or "unknown") if isinstance(identity, dict) else "unknown"
    )


def aware(value: datetime | None) -> datetime | None:
    """The SDK returns naive times if the server omits the zone; all are UTC."""
    if value is None:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _time(text: Any) -> datetime | None:
    if not isinstance(text, str) or not text:
        return None
    whole, _, rest = text.rstrip("Z").partition(".")
    return aware(datetime.fromisoformat(f"{whole}.{rest[:6].ljust(6, '0')}" if rest else whole))


def web_link(run: Any) -> str:
    """The page for people; the SDK's model of links keeps it among what it does not know."""
    extra = getattr(run, "additional_properties", None) or {}
    links = getattr(run, "_links", None)
    for holder in (getattr(links, "additional_properties", None), extra.get("_links")):
        if isinstance(holder, Mapping):
            inner = holder.get("links", holder)
            web = inner.get("web") if isinstance(inner, Mapping) else None
            href = web.get("href") if isinstance(web, Mapping) else getattr(web, "href", None)
            if href:
                return str(href)
    return ""


def _commit(run: Any) -> str:
    resources = getattr(run, "resources", None)
    repositories = getattr(resources, "repositories", None) or {}
    own = repositories.get("self") if isinstance(repositories, Mapping) else None
    return str(getattr(own, "version", "") or "")


def _enum(kind: Any, value: Any, otherwise: Any) -> Any:
    try:
        return kind(str(value)) if value is not None else otherwise
    except ValueError:
        return otherwise
