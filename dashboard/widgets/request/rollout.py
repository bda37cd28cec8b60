"""The rollout of a request, step by step."""

from __future__ import annotations

import streamlit as st
from markupsafe import Markup

from dashboard.text import as_text, html, join, sentence, words
from dashboard.widgets.base import formats, links
from dashboard.widgets.base.markup import badge, show, soft, time
from services.clock import SystemClock
from services.domain.promotions.rollout import (
    WORKER_GRACE,
    Rollout,
    RolloutState,
    RolloutStep,
    StepRecord,
    StepState,
    steps_for,
)
from services.promotions.answers import RequestDetail

_TONES = {
    RolloutState.SUCCEEDED: "good",
    RolloutState.FAILED: "bad",
    RolloutState.VOID: "bad",
    RolloutState.GIVEN_UP: "bad",
    RolloutState.ACCEPTED: "warn",
    RolloutState.NEEDS_HUMAN: "bad",
    RolloutState.COMPENSATING: "warn",
}
_MARKS = {
    StepState.DONE: ("good", "✓ done"),
    StepState.FAILED: ("bad", "✕ failed"),
    StepState.UNDONE: ("warn", "↶ undone"),
    StepState.INTENT: ("violet", "… working"),
}


def show_rollout(detail: RequestDetail) -> None:
    """Each step of the rollout, done or not."""
    rollout = detail.rollout
    if rollout is None:
        return
    st.subheader("Rollout")
    state = badge(words(rollout.state.value), _TONES.get(rollout.state, "violet"))
    show(join([state, soft(f"last step {formats.age(rollout.updated)}")], " "))
    _show_reasons(rollout)
    latest = {record.name: record for record in rollout.steps}
    items = join(_item(name, latest.get(name)) for name in steps_in_order(rollout, detail))
    show(html('<ol class="cs-time">{}</ol>', items))
    if detail.release:
        st.page_link(links.RELEASE, label="Follow the release", query_params=links.release_params(*detail.release))


def _show_reasons(rollout: Rollout) -> None:
    """The first cause stays the reason shown; what the worker reported last is below it."""
    if rollout.cause:
        st.error(as_text(rollout.cause), icon=":material/error:")
    if rollout.error != rollout.cause:
        _show_problem(rollout)
    waits = rollout.waits_for_worker_since
    if waits is not None and SystemClock().now() - waits > WORKER_GRACE:
        st.warning(f"Waiting for a worker since {formats.when(waits)}.", icon=":material/hourglass_disabled:")
    if rollout.state is RolloutState.NEEDS_HUMAN:
        text = "Countersign could neither finish nor undo this. An operator must decide how it ends."
        st.warning(text, icon=":material/support_agent:")


def _show_problem(rollout: Rollout) -> None:
    """The worker's last message. Only a rollout that ended badly is an error: one that waits for its release is fine.

    A pause without a failed attempt is waiting; with one, the other side did not answer and is asked again.
    """
    if not rollout.error:
        return
    said = as_text(rollout.error)
    if rollout.state in {RolloutState.FAILED, RolloutState.NEEDS_HUMAN}:
        st.error(said, icon=":material/error:")
    elif rollout.state is RolloutState.COMPENSATING:
        st.warning(f"{said} The rollout is being undone.", icon=":material/undo:")
    elif rollout.state is RolloutState.RUNNING and rollout.attempts:
        st.warning(f"{said} Countersign tries again by itself.", icon=":material/sync_problem:")
    elif rollout.state is RolloutState.RUNNING:
        st.info(said, icon=":material/hourglass_top:")


def steps_in_order(rollout: Rollout, detail: RequestDetail) -> list[RolloutStep]:
    """The steps that this rollout has: those of its order, and the witness where it was waited for."""
    waited = any(record.name is RolloutStep.WITNESS for record in rollout.steps)
    has_pipeline = detail.environment.pipeline is not None
    return list(steps_for(detail.environment.registry, has_pipeline=has_pipeline, witness=waited))


def _item(name: RolloutStep, record: StepRecord | None) -> Markup:
    tone, text = _MARKS[record.state] if record else ("mute", "not begun")
    meta = html(" {}", time(record.at)) if record else ""
    note = html("<br>{}", record.detail) if record and record.detail else ""
    title = sentence(words(name.value))
    return html('<li class="cs-dot-{}">{} {}{}{}</li>', tone, title, badge(text, tone), meta, note)
