"""A pipeline run by stage and step, with durations, as Azure DevOps reports it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from markupsafe import Markup

from dashboard.text import html, join, shorten, words
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import badge, show
from services.domain.releases import TimelineItem

_TONE = {
    "succeeded": "good",
    "failed": "bad",
    "canceled": "warn",
    "skipped": "mute",
    "succeededWithIssues": "warn",
    "abandoned": "warn",
}
_SIGN = {"succeeded": "✓", "failed": "✕", "canceled": "■", "skipped": "–", "succeededWithIssues": "!"}  # noqa: RUF001
_CHORES = {"Initialize job", "Finalize Job", "Checkout self", "Download artifacts of this run"}
_STEPS = {"Task", "Checkpoint.Approval", "Checkpoint.TaskCheck", "Checkpoint.Authorization"}


def show_stages(timeline: Sequence[TimelineItem], now: datetime) -> None:
    """One card per stage, with its steps."""
    show(html('<ol class="cs-stages">{}</ol>', join(_stage(item, timeline, now) for item in stages(timeline))))


def stages(timeline: Sequence[TimelineItem]) -> list[TimelineItem]:
    """The stages in their order; only the latest attempt of each. Without stages, the jobs."""
    found = [item for item in timeline if item.type == "Stage"] or [item for item in timeline if item.type == "Job"]
    latest: dict[str, TimelineItem] = {}
    for item in sorted(found, key=lambda i: i.attempt):
        latest[item.identifier or item.name] = item
    return sorted(latest.values(), key=lambda i: i.order)


def steps(stage: TimelineItem, timeline: Sequence[TimelineItem]) -> list[TimelineItem]:
    """Steps and checks below a stage, in the order of their jobs."""
    below: list[TimelineItem] = []
    for child in sorted((i for i in timeline if i.parent_id == stage.id), key=lambda i: i.order):
        below += [child] if child.type in _STEPS else steps(child, timeline)
    return below


def with_logs(timeline: Sequence[TimelineItem]) -> list[TimelineItem]:
    """What has a log: failed ones first, then running ones, then the latest; the agent's own steps last."""
    items = [item for item in timeline if item.log_id is not None]
    return sorted(
        items,
        key=lambda i: (i.result != "failed", i.state != "inProgress", i.name in _CHORES, -(i.log_id or 0)),
    )


def _stage(stage: TimelineItem, timeline: Sequence[TimelineItem], now: datetime) -> Markup:
    tone, text = _look(stage)
    lines = join(_step(step, now) for step in steps(stage, timeline))
    return html(
        '<li class="cs-dot-{}"><strong title="{}">{}</strong> {}<br><small class="cs-soft">{}</small><ul>{}</ul></li>',
        tone, stage.name, shorten(stage.name, 60), badge(text, tone), _length(stage, now), lines,
    )  # fmt: skip


def _step(step: TimelineItem, now: datetime) -> Markup:
    tone, text = _look(step)
    done = f" {step.percent} %" if step.percent is not None and step.state == "inProgress" else ""
    issues = join(_issue(issue) for issue in step.issues)
    return html(
        '<li><span title="{}">{} {}{}</span><span class="cs-soft">{}</span></li>{}',
        step.name, badge(text, tone), shorten(step.name, 60), done, _length(step, now), issues,
    )  # fmt: skip


def _issue(issue: str) -> Markup:
    kind = "cs-issue cs-soft" if issue.startswith("warning") else "cs-issue"
    return html('<li class="{}">{}</li>', kind, shorten(issue, 300))


def _look(item: TimelineItem) -> tuple[str, str]:
    if item.result:
        return _TONE.get(item.result, "mute"), f"{_SIGN.get(item.result, '?')} {words(item.result)}"
    if item.state == "inProgress":
        return "violet", "… waiting" if item.type == "Checkpoint.Approval" else "… running"
    return "mute", words(item.state)


def _length(item: TimelineItem, now: datetime) -> str:
    if item.started is None:
        return ""
    return formats.duration((item.finished or now) - item.started)
