"""One release: the pipeline run by stage and step, live, with logs, tests, artifacts and approvals."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from dashboard import errors, identity, wiring
from dashboard.errors import boundary
from dashboard.text import as_text, html, shorten
from dashboard.widgets.base import formats, links, lists
from dashboard.widgets.base.commands import launch
from dashboard.widgets.base.markup import badge, empty, external, row, show, soft, time
from dashboard.widgets.release import approvals, stages
from dashboard.widgets.release import sections as parts
from services.domain.identity.people import Permission
from services.domain.registry import VersionKey
from services.releases.answers import ReleaseView

FOLLOW_SECONDS = 3
_TABS: dict[str, Callable[[ReleaseView], None]] = {
    "Log": parts.show_log,
    "Tests": parts.show_tests,
    "Artifacts": parts.show_artifacts,
    "Approvals": approvals.show_approvals,
    "Deployments": approvals.show_deployments,
    "Parameters": parts.show_parameters,
}


def main() -> None:
    """The page."""
    project, run = st.query_params.get("project", ""), st.query_params.get("run", "")
    if not project or not run:
        st.title("Release")
        empty("No release is chosen.", "Choose one on the Releases page.")
        st.page_link(links.RELEASES, label="Go to Releases")
        return
    with errors.or_heading("Release not found", links.RELEASES, "Go to Releases"):
        run_id = links.run_number(run)
        with st.skeleton(height=320):
            view = wiring.portal().releases.view(project, run_id)
    _header(view)
    _actions(view)
    is_running = not view.detail.run.is_finished
    st.fragment(run_every=FOLLOW_SECONDS if is_running else None)(_progress)(project, run_id, was_running=is_running)
    st.fragment(_tabs)(project, run_id)


def _tabs(project: str, run_id: int) -> None:
    """Opening a tab refreshes it: data from Azure DevOps is fetched then, and only for that tab."""
    tabs = st.tabs(list(_TABS), on_change="rerun", key="release_tabs")
    for tab, draw in zip(tabs, _TABS.values(), strict=True):
        if tab.open:
            with tab, boundary():
                draw(wiring.portal().releases.view(project, run_id))


def _header(view: ReleaseView) -> None:
    release, run = view.row, view.detail.run
    st.set_page_config(page_title=f"Release {shorten(run.name, 40)} · Countersign")
    show(html('<h1 class="cs-name" title="{}">Release {}</h1>', run.name, shorten(run.name, 80)))
    pipeline = run.pipeline_name or f"pipeline {run.ref.pipeline_id}"
    where = shorten(pipeline, 60), release.project
    started = html("<span>{} in {} · started {}</span>", *where, time(run.created))
    show(row([started, external("Open in Azure DevOps", run.web_url) if links.outside(run.web_url) else ""]))
    with st.container(horizontal=True):
        if release.model and release.version:
            lists.version_link(VersionKey(release.model, release.version))
        if release.request_id:
            label = f"Request {as_text(release.request_id)}"
            st.page_link(links.REQUEST, label=label, query_params=links.request_params(release.request_id))


def _actions(view: ReleaseView) -> None:
    actor, run = identity.actor(), view.detail.run
    failed = [s for s in stages.stages(view.detail.timeline) if s.result in {"failed", "canceled"} and s.identifier]
    if run.is_finished and not failed:
        return
    if not actor.may(Permission.OPERATE_RELEASE):
        st.caption("Only operators can stop or retry releases.")
        return
    with st.container(horizontal=True):
        if not run.is_finished:
            if st.button("Cancel release", icon=":material/stop_circle:"):
                launch(parts.cancel_command(view))
            return
        for stage in failed:
            label = f"Retry {as_text(shorten(stage.name, 40))}"
            if st.button(label, icon=":material/replay:", key=f"retry:{stage.id}"):
                launch(parts.retry_command(view, stage))


def _progress(project: str, run_id: int, *, was_running: bool) -> None:
    """Refreshes while the release runs; the whole page runs once more when it has ended."""
    with boundary():
        view = wiring.portal().releases.view(project, run_id)
        run = view.detail.run
        tone = parts.result_tone(run.result)
        length = formats.duration((run.finished or formats.now()) - run.created) if run.created else formats.UNKNOWN
        seen = "as of now" if view.is_live else f"as seen {formats.when(view.row.seen)}"
        parts_of_row = [badge(lists.release_state(view.row), tone), html("<span>{}</span>", length)]
        show(row([*parts_of_row, "" if run.is_finished else soft(seen)]))
        if not view.is_live:
            st.warning(f"**This view is out of date.** {as_text(view.problem)}", icon=":material/cloud_off:")
        if view.detail.timeline:
            stages.show_stages(view.detail.timeline, formats.now())
        else:
            empty("No stages yet.", "They appear when Azure DevOps has planned the run.")
        if was_running and run.is_finished:
            st.rerun()


main()
