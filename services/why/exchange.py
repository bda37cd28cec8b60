"""Lineage of one prediction for other tools: OpenLineage 2-0-2 events and a W3C PROV-JSON document.

Pure functions over what is known; unknown parts are left out, never invented. Ids are name-based UUIDs (RFC 9562, 5.5):
exporting again gives the same ids. https://openlineage.io/spec/2-0-2/OpenLineage.json,
https://www.w3.org/submissions/prov-json/
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from services.domain.registry import VersionKey
from services.domain.why.predictions import PredictionRecord

SPEC = "https://openlineage.io/spec/2-0-2/OpenLineage.json"
PRODUCER = "urn:countersign:dossier:1"
FACET = "urn:countersign:facet:promotion:1"


@dataclass(frozen=True)
class Chain:
    """What a prediction came from, as far as it is known."""

    record: PredictionRecord
    key: VersionKey
    namespace: str
    """Address of the registry, such as ``mlflow://host``."""
    run_id: str = ""
    run_ended: datetime | None = None
    author: str = ""
    commit: str = ""
    datasets: Sequence[Mapping[str, Any]] = ()
    environment: str = ""
    live_from: datetime | None = None
    request_id: str = ""
    release: str = ""
    approvers: Sequence[tuple[str, str]] = ()
    """Id and name of each."""
    plan_digest: str = ""
    evidence_digest: str = ""
    checkpoint: str = ""


def open_lineage(chain: Chain) -> list[dict[str, Any]]:
    """Training, promotion and prediction as COMPLETE run events; those whose time is unknown are left out."""
    model = _model(chain)
    events = []
    if chain.run_id and chain.run_ended:
        inputs = [_dataset(chain, data) for data in chain.datasets]
        events.append(
            _event(chain, chain.run_ended, f"train/{chain.key.model}", chain.run_id, inputs=inputs, outputs=[model])
        )
    if chain.request_id and chain.live_from:
        live = {"namespace": chain.namespace, "name": f"models/{chain.key.model}@{chain.environment}"}
        job = f"promote/{chain.key.model}/{chain.environment}"
        event = _event(chain, chain.live_from, job, chain.request_id, inputs=[model], outputs=[live])
        event["run"]["facets"] = {"countersign_promotion": _promotion_facet(chain)}
        events.append(event)
    if chain.record.time:
        told = {"namespace": chain.namespace, "name": f"predictions/{chain.record.request_id}"}
        job = f"predict/{chain.key.model}"
        events.append(_event(chain, chain.record.time, job, chain.record.request_id, inputs=[model], outputs=[told]))
    return events


def _event(
    chain: Chain, at: datetime, job: str, run: str, *, inputs: Sequence[Any], outputs: Sequence[Any]
) -> dict[str, Any]:
    return {
        "eventType": "COMPLETE",
        "eventTime": at.isoformat(),
        "producer": PRODUCER,
        "schemaURL": f"{SPEC}#/$defs/RunEvent",
        "run": {"runId": str(uuid5(NAMESPACE_URL, f"{chain.namespace}/{job}/{run}"))},
        "job": {"namespace": chain.namespace, "name": job},
        "inputs": list(inputs),
        "outputs": list(outputs),
    }


def _model(chain: Chain) -> dict[str, Any]:
    facet = {
        "_producer": PRODUCER,
        "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json",
        "datasetVersion": str(chain.key.version),
    }
    return {"namespace": chain.namespace, "name": f"models/{chain.key.model}", "facets": {"version": facet}}


def _dataset(chain: Chain, data: Mapping[str, Any]) -> dict[str, Any]:
    facet = {
        "_producer": PRODUCER,
        "_schemaURL": "https://openlineage.io/spec/facets/1-0-1/DatasetVersionDatasetFacet.json",
        "datasetVersion": str(data.get("digest", "")),
    }
    return {"namespace": chain.namespace, "name": f"datasets/{data.get('name', '')}", "facets": {"version": facet}}


def _promotion_facet(chain: Chain) -> dict[str, Any]:
    return {
        "_producer": PRODUCER,
        "_schemaURL": FACET,
        "request": chain.request_id,
        "release": chain.release,
        "approvers": [{"id": person, "name": name} for person, name in chain.approvers],
        "planDigest": chain.plan_digest,
        "evidenceDigest": chain.evidence_digest,
        "ledgerCheckpoint": chain.checkpoint,
    }


def prov(chain: Chain) -> dict[str, Any]:
    """Who is responsible for what: entities, activities and agents of PROV-DM."""
    document = _Prov(chain)
    model = document.entity(f"model/{chain.key.model}/{chain.key.version}", str(chain.key))
    prediction = document.entity(f"prediction/{chain.record.request_id}", f"prediction {chain.record.request_id}")
    document.relate("wasDerivedFrom", generatedEntity=prediction, usedEntity=model)
    document.training(model)
    document.promotion(model)
    return document.value


class _Prov:
    """Builds the document; ids are local names of one namespace, escaped."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        prefix = {"cs": f"{chain.namespace}/", "prov": "http://www.w3.org/ns/prov#"}
        self.value: dict[str, Any] = {"prefix": prefix, "entity": {}, "activity": {}, "agent": {}}

    def entity(self, name: str, label: str) -> str:
        """An entity's id."""
        self.value["entity"][_local(name)] = {"prov:label": label}
        return _local(name)

    def agent(self, person: str, label: str) -> str:
        """A person's id."""
        name = _local(f"person/{person}")
        self.value["agent"][name] = {
            "prov:label": label,
            "prov:type": {"$": "prov:Person", "type": "prov:QUALIFIED_NAME"},
        }
        return name

    def activity(self, name: str, label: str, ended: datetime | None) -> str:
        """An activity's id."""
        told = {"prov:label": label} | ({"prov:endTime": ended.isoformat()} if ended else {})
        self.value["activity"][_local(name)] = told
        return _local(name)

    def relate(self, relation: str, **ends: str) -> None:
        """One relation; its id is a blank node."""
        known = self.value.setdefault(relation, {})
        known[f"_:{relation}{len(known) + 1}"] = {f"prov:{end}": name for end, name in ends.items()}

    def training(self, model: str) -> None:
        """Run, data sets and author."""
        chain = self._chain
        if not chain.run_id:
            return
        run = self.activity(f"run/{chain.run_id}", f"training run {chain.run_id}", chain.run_ended)
        self.relate("wasGeneratedBy", entity=model, activity=run)
        for data in chain.datasets:
            name = f"dataset/{data.get('name', '')}/{data.get('digest', '')}"
            self.relate("used", activity=run, entity=self.entity(name, f"{data.get('name')} ({data.get('digest')})"))
        if chain.commit:
            self.relate("used", activity=run, entity=self.entity(f"commit/{chain.commit}", f"commit {chain.commit}"))
        if chain.author:
            self.relate("wasAssociatedWith", activity=run, agent=self.agent(chain.author, chain.author))

    def promotion(self, model: str) -> None:
        """Approvals on the sealed plan, and the release."""
        chain = self._chain
        if not chain.request_id:
            return
        label = f"promotion {chain.request_id} to {chain.environment}"
        activity = self.activity(f"promotion/{chain.request_id}", label, chain.live_from)
        self.relate("used", activity=activity, entity=model)
        plan = self.entity(f"plan/{chain.plan_digest}", f"sealed plan {chain.plan_digest}")
        for person, name in chain.approvers:
            self.relate("wasAssociatedWith", activity=activity, agent=self.agent(person, name), plan=plan)


def _local(name: str) -> str:
    """A qualified name: whatever is not plain is percent-encoded."""
    from urllib.parse import quote

    return f"cs:{quote(name, safe='/-_.')}"
