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
            placeholder="–",  # noqa: RUF001 - a dash for empty cells
        )
    with st.container(key="cs-narrow", gap="small"):
        for version in rows:
            _card(version)


def _frame(rows: Sequence[VersionRow]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        {
            "Open": [f"v{r.key.version}" for r in rows],
            "Model": [plain(r.key.model) for r in rows],
            "Stage": ["" if r.stage == "None" else r.stage for r in rows],
            "Aliases": [", ".join(r.aliases) for r in rows],
            "Live in": [", ".join(r.live_in) for r in rows],
            "Metric": [metric(r) for r in rows],
            "Tests": [tests(r) for r in rows],
            "Last activity": [formats.age(r.last_activity) for r in rows],
            "Owner": [r.owner or formats.UNKNOWN for r in rows],
            "Data": [r.dataset or formats.UNKNOWN for r in rows],
            "Run": [r.run_name or r.run_id or formats.UNKNOWN for r in rows],
        }
    )


def _columns() -> dict[str, Any]:
    text = st.column_config.TextColumn
    return {
        "Open": st.column_config.ButtonColumn("Version", key=OPEN, type="tertiary", width=62, pinned=True),
        "Model": text(width=156),
        "Stage": text(width=84),
        "Aliases": text(width=100),
        "Live in": text(width=84),
        "Metric": text(width=94, help="The headline metric of the run"),
        "Tests": text(width=82),
        "Owner": text(width=84),
        "Data": text(width=112),
        "Run": text(width=100),
        "Last activity": text(width=86),
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
        if st.button(f"Compare {len(marked)} versions", type="primary", disabled=not can_compare):
            chosen = sorted(version.key.version for version in marked)
            st.switch_page(links.COMPARE, query_params=links.compare_params(next(iter(models)), chosen))
        if not can_compare:
            st.caption("Select two to eight versions of one model to compare them.")


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
