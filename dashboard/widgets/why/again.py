"""Scoring again: replay, reasons and the dossier, each on request (each is recorded in the ledger)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import streamlit as st

from dashboard import identity, wiring
from dashboard.errors import boundary
from dashboard.text import as_label, as_text, html, plain, shorten
from dashboard.widgets.base import formats
from dashboard.widgets.base.markup import badge, bullets, empty, show, soft, table
from dashboard.widgets.evidence.plots import CONFIG, numbers
from services.domain.identity.people import Permission
from services.domain.why.reasons import METHODS, SAYS, SAYS_NOT, InputMoved, Neighbour, Reasons
from services.domain.why.replay import Replay, ReplayVerdict
from services.why.answers import WhyAnswer

if TYPE_CHECKING:
    import plotly.graph_objects as go

T = TypeVar("T")
TONES = {
    ReplayVerdict.EQUAL: "good",
    ReplayVerdict.WITHIN: "good",
    ReplayVerdict.DIFFERENT: "bad",
    ReplayVerdict.NOT_COMPARABLE: "warn",
}
BARS = 15


def show_again(answer: WhyAnswer) -> None:
    """Two buttons, what they gave, and the dossier for those who may export."""
    st.subheader("Replay and explain")
    st.caption(
        "The version that answered runs in a separate process, without network access or the portal's secrets. "
        "This can take a minute."
    )
    why, prediction = wiring.portal().why, answer.record.request_id
    with st.container(horizontal=True):
        replay = st.button("Replay", icon=":material/replay:")
        reasons = st.button("Explain", icon=":material/query_stats:")
        dossier = identity.actor().may(Permission.EXPORT) and st.button("Create dossier", icon=":material/folder_zip:")
    with boundary():
        told = _once("replay", prediction, replay, lambda: why.replay(identity.actor(), prediction))
        if told is not None:
            _replay(told)
    with boundary():
        explained = _once("reasons", prediction, reasons, lambda: why.reasons(identity.actor(), prediction))
        if explained is not None:
            _reasons(explained)
    with boundary():
        made = _once("dossier", prediction, bool(dossier), lambda: _dossier(prediction))
        if made is not None:
            st.download_button(
                "Download dossier", made, f"dossier-{plain(prediction)[:60]}.zip", "application/zip",
                icon=":material/download:", on_click="ignore",
            )  # fmt: skip


def _dossier(prediction: str) -> bytes:
    from services.why.dossier import zipped

    return zipped(wiring.portal().why.dossier(identity.actor(), prediction))


def _once(what: str, prediction: str, is_asked: bool, ask: Callable[[], T]) -> T | None:  # noqa: FBT001 - a button's state
    """Asked at the click, kept for this visit to this prediction."""
    key = f"why_{what}"
    asked = (prediction, identity.actor().person.id)
    if is_asked:
        with st.spinner("Running the model …"):
            st.session_state[key] = (asked, ask())
    kept: tuple[tuple[str, str], T] | None = st.session_state.get(key)
    return kept[1] if kept is not None and kept[0] == asked else None


def _replay(replay: Replay) -> None:
    show(badge(replay.verdict.value, TONES[replay.verdict]), html("<p>{}</p>", replay.sentence))
    rows = [
        ("Logged", shorten(replay.logged, 200)),
        ("Scored again", shorten(replay.again, 200)),
        ("Model's bytes", replay.model_digest or "not sealed; as now in the registry"),
    ]
    show(table(("What", "Value"), rows, caption="Logged and scored again", classes="cs-stack"))
    if replay.mismatches:
        st.caption("The environment differs from the one the model requires:")
        show(bullets(mismatch.sentence() for mismatch in replay.mismatches))
    st.caption(as_text(replay.isolation))


def _reasons(reasons: Reasons) -> None:
    show(html("<p>{}</p>", reasons.in_words()))
    st.plotly_chart(
        _figure(reasons.inputs[:BARS]), key="why_reasons_plot", config=CONFIG,
        alt="Contribution of each input; the table below has the numbers",
    )  # fmt: skip
    rows = [(i.name, str(i.value), i.moved, i.error) for i in reasons.inputs]
    numbers("Contribution of each input", ("Input", "Value", "Moved", "Standard error"), rows)
    show(soft(reasons.sum_check()))
    show(soft(f"Method: {METHODS.get(reasons.method, reasons.method)}. {SAYS}"))
    show(bullets(SAYS_NOT))
    if reasons.why_not_tree:
        st.caption(as_text(f"The exact method for trees was not used: {shorten(reasons.why_not_tree, 200)}"))
    _near("Nearest examples", reasons.nearest)
    _near("Nearest examples with another outcome", reasons.nearest_other)
    if reasons.neighbours_problem:
        empty("No examples to compare with.", reasons.neighbours_problem)


def _figure(inputs: Sequence[InputMoved]) -> go.Figure:
    import plotly.graph_objects as go

    shown = list(reversed(inputs))
    figure = go.Figure()
    figure.add_bar(
        x=[i.moved for i in shown], y=[as_label(f"{i.name} = {shorten(i.value, 24)}") for i in shown], orientation="h",
        marker={"color": ["#c2571a" if i.moved > 0 else "#2563a8" for i in shown]},
        error_x={"type": "data", "array": [2 * i.error for i in shown], "thickness": 1},
        text=[f"{i.moved:+.3f}" for i in shown], textposition="auto", cliponaxis=False,
        hovertemplate="%{y}<br>moved %{x:+.4f}<extra></extra>",
    )  # fmt: skip
    figure.update_layout(
        height=120 + 30 * len(shown), margin={"l": 10, "r": 50, "t": 10, "b": 10},
        xaxis_title="Contribution to the answer", yaxis={"automargin": True}, showlegend=False,
    )  # fmt: skip
    return figure


def _near(title: str, found: Sequence[Neighbour]) -> None:
    if not found:
        return
    st.markdown(f"**{title}**")
    st.caption("What differs from the prediction is bold; the distance runs from 0, the same, to 1.")
    names = list(found[0].inputs)
    rows = [
        (
            n.outcome,
            formats.number(n.distance),
            *(_cell(n.inputs.get(name), differs=name in n.differs_in) for name in names),
        )
        for n in found
    ]
    show(table(("Outcome", "Distance", *names), rows, caption=title))


def _cell(value: object, *, differs: bool) -> str:
    text = shorten(value, 40)
    return html("<strong>{}</strong>", text) if differs else text
