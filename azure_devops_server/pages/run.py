"""The page about a run: state, stages, steps, logs, tests, artifacts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from markupsafe import Markup

from azure_devops_server.http.wire import Answer
from azure_devops_server.model.build import Artifact, Build, TimelineEntry
from azure_devops_server.pages.html import Part, duration, facts, join, link, page, state, table, tag, when

if TYPE_CHECKING:
    from azure_devops_server.resources import Resources

_DEPTH = {"Stage": "", "Checkpoint": "deep1", "Checkpoint.Approval": "deep2", "Checkpoint.TaskCheck": "deep2"}


def run_page(resources: Resources, build: Build) -> Answer:
    """Everything about a run on one page."""
    pipeline = resources.pipeline(build.pipeline_id)
    project = resources.project(build.project_id)
    trail: list[Part] = [
        link(project.name, f"{resources.links.base()}/{project.id}"),
        link(pipeline.name, resources.links.pipeline_page(project.id, pipeline.id)),
    ]
    return page(
        f"Run {build.number}",
        trail,
        tag("h1", f"Run {build.number}"),
        tag("p", state(run_state(build)), cls="soft"),
        _facts(resources, build),
        _timeline(resources, build),
        _tests(resources, build),
        _artifacts(resources, build),
        refresh=build.status != "completed",
    )


def run_state(build: Build) -> str:
    """The result once there is one, else the status."""
    return build.result or build.status if build.status == "completed" else build.status


def _facts(resources: Resources, build: Build) -> Markup:
    pairs: list[tuple[str, Part]] = [
        ("Requested by", resources.identities.get(build.requested_by).name),
        ("Source", f"{build.ref.removeprefix('refs/heads/')} at {build.commit[:8]}"),
        ("Queued", when(build.queued)),
        ("Took", duration(build.started, build.finished) or "-"),
    ]
    if build.attempt > 1:
        pairs.append(("Attempt", str(build.attempt)))
    if build.tags:
        pairs.append(("Tags", join(tag("span", name, cls="tag") for name in build.tags)))
    pairs += [(f"Parameter {name}", value) for name, value in build.parameters.items()]
    return facts(pairs)


def _timeline(resources: Resources, build: Build) -> Markup:
    entries = [entry for entry in resources.state.timeline.within(build.id) if entry.timeline_id is None]
    if not entries:
        return tag("p", "The run has not started yet.", cls="soft")
    stages = sorted((entry for entry in entries if entry.record.type == "Stage"), key=lambda entry: entry.record.order)
    return join([tag("h2", "Stages"), *(_stage(resources, build, stage, entries) for stage in stages)])


def _stage(resources: Resources, build: Build, stage: TimelineEntry, entries: list[TimelineEntry]) -> Markup:
    rows = [_row(resources, build, stage, depth="")]
    rows += [_row(resources, build, entry, depth=depth) for entry, depth in _below(stage.record.id, entries)]
    return table(("Step", "State", "Time", "Log"), rows)


def _below(parent: str, entries: list[TimelineEntry]) -> list[tuple[TimelineEntry, str]]:
    """Jobs, checks and steps below a record. Phases are left out: a job says the same."""
    found: list[tuple[TimelineEntry, str]] = []
    children = [entry for entry in entries if entry.record.parent_id == parent]
    for entry in sorted(children, key=lambda entry: (entry.record.order, entry.change_id)):
        kind = entry.record.type
        deeper = _below(entry.record.id, entries)
        if kind == "Phase" and deeper:
            found += deeper
        else:
            found.append((entry, "deep2" if kind == "Task" else _DEPTH.get(kind, "deep1")))
            found += deeper
    return found


def _row(resources: Resources, build: Build, entry: TimelineEntry, *, depth: str) -> Markup:
    record = entry.record
    name = tag("strong", record.name) if record.type == "Stage" else record.name
    issues = [tag("div", issue.message, cls="issue") for issue in record.issues]
    shown = f"{resources.links.base()}/{build.project_id}/_build/log?buildId={build.id}&logId={entry.log_id}"
    return tag(
        "tr",
        tag("td", name, *issues, cls=depth),
        tag("td", state(record.result or record.state)),
        tag("td", duration(record.started, record.finished), cls="num"),
        tag("td", link("Log", shown) if entry.log_id else ""),
    )


def _tests(resources: Resources, build: Build) -> Markup | None:
    runs = [row for row in resources.state.test_runs.within(build.project_id) if row.build_id == build.id]
    if not runs:
        return None
    rows = []
    for run in runs:
        counts = resources.testing.statistics(run.id)
        failed = sum(number for (_, outcome), number in counts.items() if outcome == "Failed")
        total = sum(counts.values())
        words = f"{failed} of {total} failed" if failed else f"all {total} passed or skipped"
        rows.append(
            tag("tr", tag("td", run.name), tag("td", words, cls="state failed" if failed else "state succeeded"))
        )
    return join([tag("h2", "Tests"), table(("Test run", "Results"), rows)])


def _artifacts(resources: Resources, build: Build) -> Markup | None:
    found = resources.state.artifacts.within(build.id)
    if not found:
        return None
    rows = [
        tag(
            "tr",
            tag("td", link(row.name, artifact_page(resources, build, row))),
            tag("td", f"{row.size / 1024:.1f} KB", cls="num"),
        )
        for row in found
    ]
    return join([tag("h2", "Artifacts"), table(("Artifact", "Size"), rows)])


def artifact_page(resources: Resources, build: Build, artifact: Artifact) -> str:
    """Where a browser gets an artifact: the API's own address would ask it for a token."""
    return f"{resources.links.base()}/{build.project_id}/_build/artifact?buildId={build.id}&artifactId={artifact.id}"
