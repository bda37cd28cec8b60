"""Banners: what is out of order, and how old the data shown are."""

from __future__ import annotations

import streamlit as st

from dashboard.text import as_text
from dashboard.widgets.base import formats
from services.domain.catalogue import SourceHealth
from services.domain.promotions.promotion import Incident
from services.health.answers import Health

NAMES = {"mlflow": "MLflow", "azure_devops": "Azure DevOps"}
"""As people call them."""


def show(health: Health) -> None:
    """One banner for each system that is away, one for all open incidents."""
    for source in health.sources():
        if not source.is_reachable:
            st.warning(outage(source), icon=":material/cloud_off:")
    incidents = health.incidents()
    if incidents:
        st.error(incident_line(list(incidents)), icon=":material/report:")


def outage(source: SourceHealth) -> str:
    """What is missing and how old the picture is."""
    name = as_text(NAMES.get(source.system, source.system))
    if source.last_success is None:
        old = "It has not answered since the portal started; its data are missing."
    else:
        old = f"What you see is as of {formats.when(source.last_success)}."
    parts = [f"**{name} cannot be reached.** {old} Decisions wait; nothing is lost."]
    parts += [as_text(text) for text in (source.problem, source.hint) if text]
    return " ".join(parts)


def incident_line(incidents: list[Incident]) -> str:
    """All open incidents in one line: the first in words."""
    first = as_text(incidents[0].sentence)
    more = f" And {len(incidents) - 1} more." if len(incidents) > 1 else ""
    count = "1 open incident" if len(incidents) == 1 else f"{len(incidents)} open incidents"
    return f"**{count}.** {first}{more}"
