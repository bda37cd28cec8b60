"""The parts of the page of one release."""

from __future__ import annotations

import streamlit as st

from dashboard import wiring
from dashboard.errors import boundary
from dashboard.text import as_text, plain, shorten, words
from dashboard.widgets.base import formats, links
from dashboard.widgets.base.commands import Command
from dashboard.widgets.base.markup import badge, empty, external, short, show, soft, table
from dashboard.widgets.release import stages
from services.domain.releases import RunResult, TimelineItem
from services.releases.answers import ReleaseView

CASES_SHOWN = 200
LOG_LINES = 200
_OUTCOME = {"passed": "good", "failed": "bad", "aborted": "warn"}


def result_tone(result: RunResult | None) -> str:
    """Colour of a run's result."""
    tones = {
        RunResult.SUCCEEDED: "good",
        RunResult.FAILED: "bad",
        RunResult.CANCELED: "warn",
        RunResult.PARTIALLY_SUCCEEDED: "warn",
    }
    return tones.get(result, "violet") if result else "violet"


def cancel_command(view: ReleaseView) -> Command:
    """The dialog that stops a run."""
    project, run_id = view.row.project, view.row.run_id
    restores = ("restore the version that was live before",) if view.row.request_id else ()
    return Command(
        name=f"cancel:{project}:{run_id}",
        title="Cancel release",
        label="Cancel release",
        run=lambda actor, _reason, _key: wiring.portal().releases.cancel(actor, project, run_id),
        done="Azure DevOps is cancelling the run",
        lead="Countersign will:",
        explanation=("ask Azure DevOps to cancel the run", *restores),
        asks_reason=False,
    )


def retry_command(view: ReleaseView, stage: TimelineItem) -> Command:
    """The dialog that runs a failed stage again."""
    project, run_id = view.row.project, view.row.run_id
    return Command(
        name=f"retry:{project}:{run_id}:{stage.identifier}",
        title="Retry stage",
        label="Retry stage",
        run=lambda actor, _reason, _key: wiring.portal().releases.retry_stage(actor, project, run_id, stage.identifier),
        done="Azure DevOps is retrying the stage",
        lead="Azure DevOps will:",
        explanation=(
            f"run the stage {shorten(stage.name, 60)} of this run again",
            "continue with the stages that depend on it",
        ),
        asks_reason=False,
    )


def show_log(view: ReleaseView) -> None:
    """The end of the log of one step; the failed step first."""
    items = stages.with_logs(view.detail.timeline)
    if not items:
        empty("There are no logs yet.", "A step's log shows up when it has begun.")
        return
    labels = {item.id: f"{shorten(item.name, 60)} ({words(item.result or item.state)})" for item in items}
    chosen = st.selectbox("Step", [item.id for item in items], format_func=lambda ident: labels[ident], key="log_step")
    item = next((i for i in items if i.id == chosen), items[0])
    with boundary():
        with st.spinner("Fetching the log …"):
            text = wiring.portal().releases.log_tail(
                view.row.project, view.row.run_id, item.log_id or 0, lines=LOG_LINES
            )
        st.caption(f"The last {LOG_LINES} lines at most")
        st.code(text or "(empty)", language=None, wrap_lines=True, height=420)
    st.button("Fetch again", icon=":material/refresh:", key="log_again")


def show_tests(view: ReleaseView) -> None:
    """Test runs of the release, failures first."""
    if not view.detail.tests:
        empty("No test results were published.", "Publish JUnit files in the pipeline with PublishTestResults@2.")
    for run in view.detail.tests:
        is_bad, is_whole = run.failed > 0, run.passed + run.failed + (run.skipped or 0) >= run.total
        sign = ":red[✕]" if is_bad else ":green[✓]" if is_whole else ":orange[?]"
        title = f"{sign} **{as_text(run.title)}** · {run.passed} of {run.total} passed, {run.failed} failed"
        with st.expander(title, expanded=is_bad):
            if links.outside(run.web_url):
                show(external("Open in Azure DevOps", run.web_url))
            cases = sorted(run.cases, key=lambda c: c.outcome.lower() == "passed")[:CASES_SHOWN]
            if len(cases) < run.total:
                st.caption(f"{len(cases):,} of {run.total:,} tests are listed, those that did not pass first.")
            rows = [
                (
                    badge(words(c.outcome), _OUTCOME.get(c.outcome.lower(), "mute")),
                    shorten(c.name, 80),
                    formats.duration(c.duration_ms / 1000 if c.duration_ms is not None else None),
                    shorten(c.message, 300),
                )
                for c in cases
            ]
            show(
                table(
                    ("Outcome", "Test", "Time", "Message"),
                    rows,
                    caption=f"Tests of {plain(run.title)}",
                    classes="cs-stack",
                )
            )


def show_artifacts(view: ReleaseView) -> None:
    """Published artifacts with their links."""
    if not view.detail.artifacts:
        empty("No artifacts were published.")
        return
    rows = [(external(a.name, a.download_url), formats.size(a.size)) for a in view.detail.artifacts]
    show(table(("Artifact", "Size"), rows, caption="Artifacts"))


def show_parameters(view: ReleaseView) -> None:
    """What the run was started with."""
    run = view.detail.run
    rows: list[tuple[str, str]] = [(k, short(v, 120)) for k, v in sorted(run.parameters.items())]
    rows.append(("commit of the pipeline", run.source_version or soft(formats.UNKNOWN)))
    show(table(("Parameter", "Value"), rows, caption="Parameters", classes="cs-stack"))
