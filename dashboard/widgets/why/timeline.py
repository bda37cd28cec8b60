"""What was live where and when, from the ledger: a plot over time, and the state at one moment."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import streamlit as st

from dashboard import wiring
from dashboard.text import as_label, plain, shorten
from dashboard.widgets.base import formats, lists
from dashboard.widgets.base.markup import badge, empty, show, soft, table, time
from dashboard.widgets.evidence.plots import CONFIG, numbers
from services.domain.why.live_history import Ground, Spell, Timeline

if TYPE_CHECKING:
    import plotly.graph_objects as go

SHORTEST = timedelta(minutes=1)
_WORDS = {Ground.LIVE: "live", Ground.SEEN: "seen there", Ground.ATTEMPT: "release under way or undone"}


def show_live() -> None:
    """The section, for one model."""
    st.subheader("What was live")
    models = wiring.portal().catalogue.filter_values().models
    timeline = wiring.portal().why.timeline()
    known = sorted({*models, *(spell.key.model for spell in timeline.spells)})
    if not timeline.spells:
        empty("The ledger has nothing live yet.", "The first promotion begins the history.")
        return
    promoted = [spell.key.model for spell in timeline.spells]
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = st.selectbox("Model", known, index=known.index(promoted[-1]), key="live_model", width=280)
        at = st.datetime_input("Moment (UTC)", value=formats.now().replace(tzinfo=None), key="live_moment", width=230)
    if model and isinstance(at, datetime):
        show_timeline(timeline, str(model), at.replace(tzinfo=UTC))


def show_timeline(timeline: Timeline, model: str, moment: datetime) -> None:
    """Plot and state of one model."""
    spells = [spell for spell in timeline.spells if spell.key.model == model]
    if not spells:
        empty("The ledger has nothing of this model.", "It was never promoted through the portal.")
        return
    names = ", ".join(sorted({f"v{spell.key.version}" for spell in spells}))
    st.plotly_chart(
        _figure(spells, moment), key="live_plot", config=CONFIG,
        alt=f"Versions of {plain(model)} live over time: {names}; the table below says the same",
    )  # fmt: skip
    _state(timeline.at(moment, model=model), moment)
    head = ("Environment", "Version", "From", "Until", "Ground", "Ledger entry")
    rows = [
        (
            s.environment,
            f"v{s.key.version}",
            formats.moment(_start(s)),
            _end(s),
            _WORDS[s.ground],
            s.seq,
        )
        for s in spells
    ]
    numbers("Versions live over time", head, rows)


def _state(spells: Sequence[Spell], moment: datetime) -> None:
    if not spells:
        empty("Nothing was live then, as far as the ledger knows.")
        return
    rows = [
        (
            spell.environment,
            lists.version_label(spell.key),
            badge("live", "good") if spell.is_sure_at(moment) else badge("rollout under way", "warn"),
            time(_start(spell)),
            _end(spell),
            soft(f"ledger entry {spell.seq}" + (f", release {shorten(spell.release, 30)}" if spell.release else "")),
        )
        for spell in spells
    ]
    head = ("Environment", "Version", "State", "Since", "Until", "Source")
    show(table(head, rows, caption=f"Live at {formats.moment(moment)}", classes="cs-stack"))
    if not all(spell.is_sure_at(moment) for spell in spells):
        st.caption("A release was under way at that moment: either version may have answered.")


def _start(spell: Spell) -> datetime:
    return spell.sure_from or spell.may_from


def _end(spell: Spell) -> str:
    end = spell.sure_until or spell.may_until
    return formats.moment(end) if end else "now"


def _figure(spells: Sequence[Spell], moment: datetime) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure()
    versions = sorted({spell.key.version for spell in spells})
    for index, version in enumerate(versions):
        for is_sure in (True, False):
            bars = [bar for s in spells if s.key.version == version for bar in _bars(s) if bar[3] is is_sure]
            if bars:
                _add(figure, version, index, bars, is_sure=is_sure)
    figure.add_vline(x=moment.timestamp() * 1000, line={"dash": "dot", "width": 1.5, "color": "rgba(128,128,128,.9)"})
    rows = len({spell.environment for spell in spells})
    figure.update_layout(
        height=160 + 55 * rows, margin={"l": 10, "r": 10, "t": 10, "b": 10}, barmode="overlay",
        legend={"orientation": "h", "yanchor": "bottom", "y": 1.05, "x": 0},
        xaxis={"type": "date", "title": "Time (UTC)"},
        yaxis={"title": "", "automargin": True}, bargap=0.35,
    )  # fmt: skip
    return figure


Bar = tuple[str, datetime, datetime, bool]


def _bars(spell: Spell) -> list[Bar]:
    """The certain period, and the periods before and after it in which another version may have answered."""
    now = formats.now()
    may_until = spell.may_until or now
    if spell.sure_from is None:
        return [(spell.environment, spell.may_from, may_until, False)]
    sure_until = spell.sure_until or may_until
    found = [(spell.environment, spell.sure_from, sure_until, True)]
    if spell.may_from < spell.sure_from:
        found.append((spell.environment, spell.may_from, spell.sure_from, False))
    if sure_until < may_until:
        found.append((spell.environment, sure_until, may_until, False))
    return found


def _add(figure: go.Figure, version: int, index: int, bars: Sequence[Bar], *, is_sure: bool) -> None:
    from plotly.colors import qualitative

    colour = qualitative.Safe[index % len(qualitative.Safe)]
    lengths = [max(end - start, SHORTEST).total_seconds() * 1000 for _, start, end, _ in bars]
    state = "live" if is_sure else "rollout under way"
    said = [f"v{version}, {state}<br>{formats.moment(start)} to {formats.moment(end)}" for _, start, end, _ in bars]
    figure.add_bar(
        y=[as_label(place) for place, *_ in bars], x=lengths, base=[start for _, start, _, _ in bars], orientation="h",
        name=f"v{version}" if is_sure else f"v{version} (rollout under way)", hovertext=said, hoverinfo="text",
        text=[f"v{version}" if is_sure else "" for _ in bars], textposition="inside", insidetextanchor="middle",
        marker={
            "color": colour, "opacity": 1.0 if is_sure else 0.55,
            "pattern": {"shape": "" if is_sure else "/", "fillmode": "overlay", "size": 6},
        },
    )  # fmt: skip
