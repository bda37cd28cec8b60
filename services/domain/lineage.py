"""Facts with their status (known, unknown or contradicted) and their sources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Certainty(StrEnum):
    """Status of a fact."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True)
class Claim:
    """The value from one source; empty if it has none."""

    value: str
    source: str


@dataclass(frozen=True)
class Fact:
    """One part of an answer."""

    name: str
    certainty: Certainty
    value: str
    """The value to show; ``unknown`` if no source has one."""
    sources: tuple[str, ...] = ()
    claims: tuple[Claim, ...] = ()
    """All claims, for contradicted facts."""
    hint: str = ""
    """How to make an unknown fact known."""
    link: str = ""


def settle(name: str, claims: Iterable[Claim], *, hint: str = "", link: str = "") -> Fact:
    """One fact from several claims: known if they agree, contradicted if they differ, else unknown."""
    said = tuple(claim for claim in claims if claim.value)
    values = dict.fromkeys(claim.value for claim in said)
    if not said:
        return Fact(name, Certainty.UNKNOWN, "unknown", hint=hint)
    sources = tuple(dict.fromkeys(claim.source for claim in said))
    if len(values) > 1:
        return Fact(name, Certainty.CONTRADICTED, " or ".join(values), sources, said, hint, link)
    return Fact(name, Certainty.KNOWN, said[0].value, sources, said, "", link)


class NodeKind(StrEnum):
    """Kind of a node in a lineage graph."""

    DATASET = "dataset"
    RUN = "run"
    VERSION = "version"
    REQUEST = "request"
    RELEASE = "release"
    ENVIRONMENT = "environment"


@dataclass(frozen=True)
class Node:
    """A node in the graph; unknown nodes are included and marked."""

    id: str
    kind: NodeKind
    label: str
    detail: str = ""
    is_known: bool = True
    link: str = ""


@dataclass(frozen=True)
class Edge:
    """`source` led to `target`; relation names are PROV's where PROV has one."""

    source: str
    target: str
    relation: str


@dataclass(frozen=True)
class Graph:
    """Lineage of a version."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
