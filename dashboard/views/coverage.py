"""Coverage: what is live, and what is missing there."""

from __future__ import annotations

import streamlit as st

from dashboard import identity, wiring
from dashboard.text import as_html
from dashboard.widgets.base import lists
from dashboard.widgets.base.markup import badge, empty, row, show, soft
from dashboard.widgets.request import oversight
from services.domain.coverage import CoverageRow, Gap

_BAD = {Gap.APPROVAL, Gap.POLICY, Gap.GLASS, Gap.FINDING}


def main() -> None:
    """The page."""
    st.title("Coverage")
    st.caption("Every version with a stage, alias or release, and its governance gaps.")
    actor = identity.actor()
    rows = list(wiring.portal().coverage.rows())
    bare = [found for found in rows if found.gaps]
    with st.grid(3, min_column_width=150):
        st.metric("Live deployments", len(rows), border=True)
        st.metric("With gaps", len(bare), border=True)
        st.metric("Without valid approval", sum(Gap.APPROVAL in found.gaps for found in rows), border=True)
    left, right = st.columns([3, 2], gap="large")
    with left:
        _rows(rows)
    with right:
        st.subheader("Re-reviews")
        due = wiring.portal().findings.reviews_due()
        if not due:
            empty("No live version has a re-review date.", "Set review_every_days in the policy.")
        oversight.show_reviews(due, actor)
        st.subheader("Open findings")
        findings = wiring.portal().findings.findings()
        if not findings:
            empty("No open findings.")
        oversight.show_findings(findings, actor, where="coverage")


def _rows(rows: list[CoverageRow]) -> None:
    st.subheader("Live deployments, most gaps first")
    if not rows:
        empty("Nothing is live.", "A version goes live when its promotion request has been approved and rolled out.")
    shown = rows[: st.session_state.setdefault("coverage_shown", 50)]
    for found in shown:
        with st.container(border=True, gap="xxsmall"):
            lists.version_link(found.key, limit=60)
            gaps = [badge(gap.value, "bad" if gap in _BAD else "warn") for gap in found.gaps]
            owner = soft(f"owner {found.row.owner}") if found.row.owner else ""
            show(row([*(gaps or [badge("governed", "good")]), soft(f"{found.environment} · {found.held_by}"), owner]))
    if len(rows) > len(shown):
        show(as_html(f"{len(rows) - len(shown)} more"))
        st.button("Show more", on_click=_more)


def _more() -> None:
    st.session_state["coverage_shown"] += 50


main()
