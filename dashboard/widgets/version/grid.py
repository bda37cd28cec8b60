"""Dense tables. Wide screens get a grid with selection; narrow ones get cards with the same links."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboard.text import plain, shorten
from dashboard.widgets.base import formats, links, lists
from dashboard.widgets.base.markup import alias_badges, live_badges, row, show, soft, stage_badge
from services.domain.catalogue import VersionRow

if TYPE_CHECKING:
    import pandas as pd

GRID = "versions_grid"
OPEN = "versions_open"


def versions(rows: Sequence[VersionRow]) -> None:
    """The list of versions. Its state is read by `version_actions`."""
    with st.container(key="cs-wide"):
        st.dataframe(
            _frame(rows),
            key=GRID,
            hide_index=True,
            on_select="rerun",
            selection_mode="multi-row",
            height="content",
            row_height=38,
            column_config=_columns(),
            placeholder=formats.UNKNOWN,
        )
    with st.container(key="cs-narrow", gap="small"):
        for version in rows:
            _card(version)


def _frame(rows: Sequence[VersionRow]) -> pd.DataFrame:
    """Numbers as numbers, times as times: the grid sorts its cells, and as text "12 h" stands before "9 min"."""
    import pandas as pd

    return pd.DataFrame(
        {
            "Version": [r.key.version for r in rows],
            "Open": ["Open" for _ in rows],
            "Model": [plain(r.key.model) for r in rows],
            "Stage": ["" if r.stage == "None" else r.stage for r in rows],
            "Aliases": [", ".join(r.aliases) for r in rows],
            "Live in": [", ".join(r.live_in) for r in rows],
            "Metric": [plain(r.metric_name) if r.metric_name else formats.UNKNOWN for r in rows],
            "Value": pd.array([r.metric_value for r in rows], dtype="Float64"),
            "Failed": pd.array([_counted(r, r.tests_failed) for r in rows], dtype="Int64"),
            "Passed": pd.array([_counted(r, r.tests_passed) for r in rows], dtype="Int64"),
            "Last activity": pd.to_datetime([r.last_activity for r in rows], utc=True).tz_localize(None),
            "Owner": [r.owner or formats.UNKNOWN for r in rows],
            "Data": [r.dataset or formats.UNKNOWN for r in rows],
            "Run": [r.run_name or r.run_id or formats.UNKNOWN for r in rows],
        }
    )


def _counted(version: VersionRow, tests: int | None) -> int | None:
    """None only where nothing was counted at all."""
    return None if version.tests_passed is None and version.tests_failed is None else tests or 0


def _columns() -> dict[str, Any]:
    text, number = st.column_config.TextColumn, st.column_config.NumberColumn
    return {
        "Version": number(width=62, pinned=True, format="v%d"),
        "Open": st.column_config.ButtonColumn("Open", key=OPEN, type="tertiary", width=58, pinned=True),
        "Model": text(width=130),
        "Stage": text(width=82),
        "Aliases": text(width=90),
        "Live in": text(width=84),
        "Metric": text(width=70, help="The headline metric of the run"),
        "Value": number(width=84, help="Of the headline metric"),
        "Failed": number(width=72, help="Tests that failed"),
        "Passed": number(width=72, help="Tests that passed"),
        "Owner": text(width=80),
        "Data": text(width=100),
        "Run": text(width=90),
        "Last activity": st.column_config.DatetimeColumn(width=104, format="distance", timezone="UTC"),
    }


def version_actions(rows: Sequence[VersionRow]) -> None:
    """Open the version whose button was pressed; offer to open or compare those selected."""
    click = st.session_state.get(OPEN)
    if click and 0 <= click["row"] < len(rows):
        st.switch_page(links.VERSION, query_params=links.version_params(rows[click["row"]].key))
    grid = st.session_state.get(GRID)
    marked = [rows[i] for i in grid["selection"]["rows"] if i < len(rows)] if grid else []
    if not marked:
        return
    models = {version.key.model for version in marked}
    with st.container(horizontal=True, vertical_alignment="center", key="cs-actions"):
        can_compare = 2 <= len(marked) <= 8 and len(models) == 1
        if st.button(f"Compare {formats.count(len(marked), 'version')}", type="primary", disabled=not can_compare):
            st.switch_page(links.COMPARE, query_params=links.compare_params(next(iter(models)), baseline_first(marked)))
        if not can_compare:
            st.caption("Select two to eight versions of one model to compare them.")


def baseline_first(marked: Sequence[VersionRow]) -> list[int]:
    """Numbers of versions for a comparison: what is live is the baseline, else the oldest one."""
    return [row.key.version for row in sorted(marked, key=baseline_rank)]


def baseline_rank(version: VersionRow) -> tuple[bool, bool, int]:
    """What is live in production goes before what is live elsewhere."""
    return not version.live_in, "production" not in version.live_in, version.key.version


def metric(version: VersionRow) -> str:
    """Headline metric with its name; unknown when there is none."""
    if version.metric_name is None:
        return formats.UNKNOWN
    return f"{plain(version.metric_name)} {formats.number(version.metric_value)}"


def tests(version: VersionRow) -> str:
    """Counts of tests; unknown when there are none."""
    if version.tests_passed is None and version.tests_failed is None:
        return formats.UNKNOWN
    failed = version.tests_failed or 0
    return f"✕ {failed} failed" if failed else f"✓ {version.tests_passed or 0} passed"


def _card(version: VersionRow) -> None:
    with st.container(border=True, gap="xxsmall"):
        lists.version_link(version.key, limit=40)
        show(
            row(
                [
                    stage_badge(version.stage),
                    alias_badges(version.aliases),
                    live_badges(version.live_in),
                    soft(f"{shorten(metric(version), 30)} · {tests(version)}"),
                    soft(f"{shorten(version.owner or 'owner unknown', 30)} · {formats.age(version.last_activity)}"),
                ]
            )
        )


def download(label: str, head: Sequence[str], rows: Iterable[Sequence[object]], *, key: str) -> None:
    """A button that gives the rows as a file."""
    name = "-".join("".join(c if c.isalnum() else " " for c in key.lower()).split())
    st.download_button(
        label, as_csv(head, rows), file_name=f"{name}.csv", mime="text/csv", key=f"csv-{key}", on_click="ignore",
        type="tertiary", icon=":material/download:",
    )  # fmt: skip


def as_csv(head: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """CSV for a download. Texts that a spreadsheet would run as a formula get an apostrophe."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([_inert(name) for name in head])
    writer.writerows([[_inert(cell) for cell in cells] for cells in rows])
    return out.getvalue().encode("utf-8-sig")


def _inert(cell: object) -> object:
    if isinstance(cell, str) and cell[:1] in {"=", "+", "-", "@", "\t", "\r"}:
        return "'" + cell
    return "" if cell is None else cell
