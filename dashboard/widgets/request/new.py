"""The dialog that asks for a promotion."""

from __future__ import annotations

import streamlit as st

from dashboard import wiring
from dashboard.text import as_html, as_text
from dashboard.widgets.base import lists
from dashboard.widgets.base.markup import bullets, empty, show
from dashboard.widgets.request import asking
from services.domain.policy import Environment, RegistryOrder
from services.domain.registry import VersionKey


def launch_request(key: VersionKey) -> None:
    """Open the dialog."""
    asking.forget(_name(key))
    st.dialog("Request promotion", width="medium")(_body)(key)


def _name(key: VersionKey) -> str:
    return f"open:{key}"


def _body(key: VersionKey) -> None:
    places = list(wiring.portal().promotions.environments(key.model))
    if not places:
        empty(
            "No policy allows this model in any environment.",
            "Add a policy for it to governance.yaml; without one nothing is promoted.",
        )
        return
    st.markdown(f"**{as_text(lists.version_label(key))}**")
    names = [place.name for place in places]
    name = st.selectbox("Environment", names, key=f"env:{key}", help="Where the version should go live.")
    place = places[names.index(name)] if name in names else places[0]
    steps = bullets(what_happens(place, key.version), ordered=True)
    show(as_html("After approval, Countersign will:"), steps)
    asking.ask(
        _name(key),
        lambda actor, reason: wiring.portal().promotions.open(actor, key, place.name, reason=reason),
        label="Collect evidence and submit",
        done=f"Request opened: {as_text(lists.version_label(key, limit=40))} to {as_text(place.name)}",
        reason_label="Why should this version be promoted?",
    )


def what_happens(place: Environment, version: int) -> list[str]:
    """What a promotion into this environment will do, in order."""
    registry = []
    if place.alias:
        registry.append(f"move the alias {place.alias} to v{version}")
    if place.stage:
        registry.append(f"move v{version} to the stage {place.stage} and archive the version that is there now")
    pipeline = place.pipeline
    release = (
        [f"start pipeline {pipeline.pipeline_id} in {pipeline.project} and follow it to its end"] if pipeline else []
    )
    ordered = registry + release if place.registry is RegistryOrder.BEFORE else release + registry
    return [*ordered, f"mark v{version} as live in {place.name}; if a step fails, the version before is restored"]
