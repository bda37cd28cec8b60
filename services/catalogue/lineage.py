"""Lineage of a version: facts with their sources, and the graph from data to environment. Never a guess."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from services.domain.datasets import training_text
from services.domain.derived import ALGORITHM_TAGS
from services.domain.lineage import Claim, Edge, Fact, Graph, Node, NodeKind, Relation, settle
from services.domain.promotions.promotion import Deployment, PromotionRequest
from services.domain.registry import Dataset, ModelVersion, Run
from services.releases.answers import ReleaseRow


def facts_of(version: ModelVersion, run: Run | None, links: Mapping[str, str]) -> tuple[Fact, ...]:
    """Who, what data, which code and algorithm, each with its sources."""
    tags, run_source = (run.tags if run else {}), f"run {run.run_id}" if run else ""
    run_link = links.get("Run in MLflow", "")
    return (
        settle(
            "Run",
            [Claim(run.run_id if run else "", "registry")],
            hint="Register the version from a run.",
            link=run_link,
        ),
        settle("Author", _author_claims(version, run), hint="Log the run with a signed-in user.", link=run_link),
        settle("Owner", [Claim(version.tags.get("owner", ""), "version tag owner")], hint="Set the version tag owner."),
        settle(
            "Training data",
            [Claim(training_text(run.datasets) if run else "", f"{run_source}, dataset input")],
            hint=_data_hint(run),
            link=run_link,
        ),
        settle("Algorithm", _algorithm_claims(run, run_source), hint="Set the run tag algorithm.", link=run_link),
        settle(
            "Git commit",
            [
                Claim(run.git_commit or "" if run else "", run_source),
                Claim(version.tags.get("git_commit", ""), "version tag"),
            ],
            hint="Train from a Git checkout with git installed.",
            link=run_link,
        ),
        settle("Source file", [Claim(tags.get("mlflow.source.name", ""), run_source)], hint="Train from a script."),
    )


def _data_hint(run: Run | None) -> str:
    """The hint, and data sets that were logged but not as training data."""
    hint = "Log the training set with mlflow.log_input(dataset, context='training')."
    others = [f"{d.name} (context {d.context or 'none'})" for d in (run.datasets if run else ())]
    return f"Logged, but not as training data: {', '.join(others)}. {hint}" if others else hint


def _author_claims(version: ModelVersion, run: Run | None) -> list[Claim]:
    if run is None:
        return [Claim(version.tags.get("author", ""), "version tag author")]
    claimed = Claim(run.tags.get("mlflow.user", ""), f"run {run.run_id}, tag mlflow.user")
    return [
        Claim(run.user, f"run {run.run_id}, user"),
        claimed,
        Claim(version.tags.get("author", ""), "version tag author"),
    ]


def _algorithm_claims(run: Run | None, source: str) -> list[Claim]:
    if run is None:
        return []
    for name in ALGORITHM_TAGS:
        value = run.tags.get(name) or run.params.get(name)
        if value:
            return [Claim(value, f"{source}, {name}")]
    return []


def graph_of(
    version: ModelVersion,
    run: Run | None,
    *,
    deployments: Sequence[Deployment],
    requests: Sequence[PromotionRequest],
    releases: Sequence[ReleaseRow],
) -> Graph:
    """Data set → run → version → request → release → environment; missing parts are shown as unknown."""
    nodes, edges = _origin(version, run)
    target = "version"
    for request in requests:
        name = f"request:{request.id}"
        state = request.state.in_words
        link = f"/request?id={request.id}"
        nodes.append(Node(name, NodeKind.REQUEST, f"Request to {request.environment}", state, link=link))
        edges.append(Edge(target, name, Relation.PROPOSED))
    for release in releases:
        name = f"release:{release.project}/{release.run_id}"
        detail = release.result or release.state
        link = f"/release?project={release.project}&run={release.run_id}"
        nodes.append(Node(name, NodeKind.RELEASE, f"Release {release.name}", detail, link=link))
        source = f"request:{release.request_id}" if release.request_id else target
        known = source == target or any(node.id == source for node in nodes)
        edges.append(Edge(source if known else target, name, Relation.RELEASED))
    for deployment in deployments:
        _add_environment(deployment, nodes, edges)
    return Graph(tuple(nodes), tuple(edges))


def _origin(version: ModelVersion, run: Run | None) -> tuple[list[Node], list[Edge]]:
    label = run.name or run.run_id[:8] if run else "Run unknown"
    nodes = [
        Node("version", NodeKind.VERSION, str(version.key), version.stage if version.stage != "None" else ""),
        Node("run", NodeKind.RUN, label, run.user if run else "", is_known=run is not None),
    ]
    edges = [Edge("run", "version", Relation.PRODUCED)]
    datasets = run.datasets if run else ()
    for index, dataset in enumerate(datasets):
        detail = " · ".join(part for part in (dataset.context or "no context", dataset.digest) if part)
        nodes.append(Node(f"dataset:{index}", NodeKind.DATASET, dataset.name, detail))
        edges.append(Edge(f"dataset:{index}", "run", _use_of(dataset)))
    if not any(dataset.is_training for dataset in datasets):
        label = "Training data unknown" if datasets else "Data set unknown"
        nodes.append(Node("dataset:unknown", NodeKind.DATASET, label, is_known=False))
        edges.append(Edge("dataset:unknown", "run", Relation.TRAINED))
    return nodes, edges


def _use_of(dataset: Dataset) -> Relation:
    """What the run did with a data set, as far as its context says so."""
    context = dataset.context.lower()
    if context.startswith("train"):
        return Relation.TRAINED
    return Relation.EVALUATED if context.startswith(("eval", "test", "valid")) else Relation.READ_BY


def _add_environment(deployment: Deployment, nodes: list[Node], edges: list[Edge]) -> None:
    name = f"environment:{deployment.id}"
    until = f" until {deployment.live_until:%Y-%m-%d %H:%M} UTC" if deployment.live_until else ""
    detail = f"live since {deployment.live_from:%Y-%m-%d %H:%M} UTC{until}"
    nodes.append(Node(name, NodeKind.ENVIRONMENT, deployment.environment, detail))
    release = f"release:{deployment.run_project}/{deployment.run_id}"
    request = f"request:{deployment.request_id}"
    ids = {node.id for node in nodes}
    source = next((candidate for candidate in (release, request) if candidate in ids), "version")
    edges.append(Edge(source, name, Relation.DEPLOYED))
