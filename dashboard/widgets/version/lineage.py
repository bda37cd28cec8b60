"""The lineage graph: one column per kind, labelled arrows; vertical on a phone.

Plain HTML: every label is text, every link can be reached by keyboard, and a list in words stands behind it.
"""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from markupsafe import Markup

from dashboard.text import as_html, html, join, shorten, words
from dashboard.widgets.base.links import outside
from dashboard.widgets.base.markup import bullets, show
from services.domain.lineage import Graph, Node, NodeKind

DETAIL = 70
"""Characters below a name: "live since" and "until" with whole dates."""
_ORDER = tuple(NodeKind)
_NAMES = {
    NodeKind.DATASET: "data set",
    NodeKind.RUN: "run",
    NodeKind.VERSION: "version",
    NodeKind.REQUEST: "request",
    NodeKind.RELEASE: "release",
    NodeKind.ENVIRONMENT: "environment",
}


def show_graph(graph: Graph) -> None:
    """The graph, and the same in words."""
    columns = [[n for n in graph.nodes if n.kind is kind] for kind in _ORDER]
    columns = [nodes for nodes in columns if nodes]
    parts = []
    for i, nodes in enumerate(columns):
        if i:
            parts.append(_arrow(graph, columns[i - 1], nodes))
        parts.append(html('<div class="cs-lin-col">{}</div>', join(_node(node) for node in nodes)))
    show(html('<div class="cs-lin" role="group" aria-label="Lineage">{}</div>', join(parts)))
    with st.expander("Lineage in words"):
        show(bullets(sentences(graph)))


def sentences(graph: Graph) -> list[str]:
    """Each edge as a sentence; nodes without incoming edges are listed alone."""
    by_id = {node.id: node for node in graph.nodes}
    lines = [
        f"{_title(by_id[edge.source])} → {edge.relation.value} → {_title(by_id[edge.target])}"
        for edge in graph.edges
        if edge.source in by_id and edge.target in by_id
    ]
    linked = {end for edge in graph.edges for end in (edge.source, edge.target)}
    return lines + [f"{_title(node)}: not linked to anything" for node in graph.nodes if node.id not in linked]


def _title(node: Node) -> str:
    known = "" if node.is_known else " (unknown)"
    return f"{_NAMES[node.kind]} {shorten(node.label, 60)}{known}"


def _arrow(graph: Graph, before: Sequence[Node], after: Sequence[Node]) -> Markup:
    ends = ({n.id for n in before}, {n.id for n in after})
    said = [e.relation.value for e in graph.edges if e.source in ends[0] and e.target in ends[1]]
    label = ", ".join(dict.fromkeys(said))
    return html('<div class="cs-lin-arrow"><span>{}</span></div>', label)


def _node(node: Node) -> Markup:
    label = as_html(shorten(node.label, 44))
    target = node.link if node.link.startswith("/") and not node.link.startswith("//") else outside(node.link)
    if target:
        label = html('<a href="{}">{}</a>', target, label)
    said = words(node.detail) if node.kind is NodeKind.RELEASE else node.detail
    detail = html("<small>{}</small>", shorten(said, DETAIL)) if said else ""
    kind = "" if node.is_known else " cs-lin-unknown"
    title = f"{node.label} {node.detail}".strip()
    return html(
        '<div class="cs-lin-node cs-lin-{}{}" title="{}"><em>{}</em><b>{}</b>{}</div>',
        node.kind.value, kind, title, _NAMES[node.kind], label, detail,
    )  # fmt: skip
