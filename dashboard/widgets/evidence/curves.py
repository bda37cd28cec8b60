"""All curves of the compared versions, one tab each."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from dashboard.widgets.evidence import distributions, plots
from services.comparisons.answers import VersionCurves

SCORES = "Scores"


def show_all(curves: Sequence[VersionCurves]) -> None:
    """One tab per kind of curve; for a regression, the errors."""
    if any(c.errors for c in curves):
        distributions.show_errors(curves)
        return
    if not any(c.roc or c.precision_recall or c.calibration or c.scores for c in curves):
        plots.nothing("No curves can be drawn.")
        return
    tabs = st.tabs([*plots.TITLES.values(), SCORES])
    for tab, kind in zip(tabs[:-1], plots.TITLES, strict=True):
        with tab:
            plots.show_curves(curves, kind)
    with tabs[-1]:
        distributions.show_scores(curves)
