"""Banners: open problems, and the age of the data shown."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.text import as_text
from dashboard.widgets.base import formats
from services.domain.catalogue import SourceHealth
from services.domain.promotions.promotion import Incident
from services.domain.promotions.rollout import Rollout
from services.health.answers import Health

NAMES = {"mlflow": "MLflow", "azure_devops": "Azure DevOps"}
"""As people call them."""


def show(health: Health) -> None:
    """One banner for each unavailable system, one for all open incidents."""
    for source in health.sources():
        if not source.is_reachable:
            st.warning(outage(source), icon=":material/cloud_off:")
    waiting = health.waiting_for_worker()
    if waiting:
        st.warning(no_worker(waiting), icon=":material/hourglass_disabled:")
    incidents = health.incidents()
    if incidents:
        st.error(incident_line(list(incidents)), icon=":material/report:")


def outage(source: SourceHealth) -> str:
    """What is unavailable and the age of the snapshot."""
    name = as_text(NAMES.get(source.system, source.system))
    if source.last_success is None:
        old = "It has not answered since the portal started; its data are missing."
    else:
        old = f"Showing data as of {formats.when(source.last_success)}."
    parts = [f"**{name} cannot be reached.** {old} Decisions are on hold; nothing is lost."]
    parts += [as_text(text) for text in (source.problem, source.hint) if text]
    return " ".join(parts)


def no_worker(waiting: Sequence[Rollout]) -> str:
    """Which rollout waits, and since when."""
    since = waiting[0].waits_for_worker_since
    when = f" since {formats.when(since)}" if since else ""
    first = f"{as_text(waiting[0].request_id)} waits for a worker{when}."
    more = f" So do {len(waiting) - 1} more." if len(waiting) > 1 else ""
    return f"**No worker takes rollouts.** {first}{more} An operator must start one: `countersign worker`."


def incident_line(incidents: list[Incident]) -> str:
    """All open incidents in one line: the first in words."""
    first = as_text(incidents[0].sentence)
    more = f" And {len(incidents) - 1} more." if len(incidents) > 1 else ""
    count = "1 open incident" if len(incidents) == 1 else f"{len(incidents)} open incidents"
    return f"**{count}.** {first}{more}"
