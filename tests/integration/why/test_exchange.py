"""Lineage for other tools, held against OpenLineage's schema and read by a PROV library."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from prov.model import ProvActivity, ProvAgent, ProvDocument

from services.domain.registry import Dataset, VersionKey
from services.domain.why.predictions import PredictionRecord
from services.why.exchange import Chain, open_lineage, prov

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
WHOLE = Chain(
    record=PredictionRecord("p#1 ü", AT, "production", "census", 5),
    key=VersionKey("census", 5),
    namespace="mlflow://host",
    run_id="run-5",
    run_ended=AT,
    author="ana",
    commit="a" * 40,
    datasets=({"name": "adult train", "digest": "abc"},),
    environment="production",
    live_from=AT,
    request_id="req-1",
    release="20261120.1",
    approvers=(("chloe", "Chloé Martin"),),
    plan_digest="sha256:ab",
    evidence_digest="sha256:cd",
    checkpoint="a checkpoint",
)
BARE = Chain(record=PredictionRecord("p", None), key=VersionKey("census", 1), namespace="mlflow://host")


def schema() -> Any:
    """OpenLineage's schema lies beside the repository, or where COUNTERSIGN_TEST_DATA points; it is not part of it."""
    given = os.environ.get("COUNTERSIGN_TEST_DATA")
    places = [Path(given)] if given else [p / "shared" / "data" for p in Path(__file__).resolve().parents]
    found = next((p for p in places if (p / "openlineage" / "OpenLineage.json").exists()), None)
    if found is None:
        pytest.skip("OpenLineage.json is not here: set COUNTERSIGN_TEST_DATA to the folder that has openlineage/.")
    return json.loads((found / "openlineage" / "OpenLineage.json").read_text())


def test_open_lineage__of_a_promoted_version__is_valid_and_tells_training_promotion_and_prediction() -> None:
    validator = jsonschema.Draft202012Validator(schema(), format_checker=jsonschema.FormatChecker())
    events = open_lineage(WHOLE)
    for event in events:
        validator.validate(event)
    assert [event["job"]["name"] for event in events] == [
        "train/census", "promote/census/production", "predict/census",
    ]  # fmt: skip
    assert events[0]["outputs"] == events[1]["inputs"] == events[2]["inputs"]
    facet = events[1]["run"]["facets"]["countersign_promotion"]
    assert facet["approvers"] == [{"id": "chloe", "name": "Chloé Martin"}]
    assert facet["ledgerCheckpoint"] == "a checkpoint"


def test_open_lineage__schema__would_refuse_a_broken_event() -> None:
    event = open_lineage(WHOLE)[0]
    del event["run"]["runId"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema()).validate(event)


def test_open_lineage__of_what_is_unknown__tells_nothing() -> None:
    assert open_lineage(BARE) == []


def test_open_lineage__made_again__has_the_same_ids() -> None:
    assert open_lineage(WHOLE) == open_lineage(WHOLE)


def test_prov__of_a_promoted_version__is_read_and_written_again_the_same() -> None:
    document = ProvDocument.deserialize(content=json.dumps(prov(WHOLE)), format="json")
    assert document is not None
    assert {str(a.label) for a in document.get_records(ProvAgent)} == {"ana", "Chloé Martin"}
    assert len(list(document.get_records(ProvActivity))) == 2
    again = ProvDocument.deserialize(content=document.serialize(format="json"), format="json")
    assert again == document
    notation = document.get_provn()
    assert "wasDerivedFrom" in notation
    assert "wasAssociatedWith" in notation


def test_prov__of_what_is_unknown__names_no_run_and_nobody() -> None:
    document = prov(BARE)
    assert document["agent"] == {}
    assert document["activity"] == {}


@pytest.mark.parametrize(("context", "is_input"), [("training", True), ("Train", True), ("eval", False), ("", False)])
def test_training_job__takes_in_what_was_logged_as_training_data_and_nothing_else(context: str, is_input: bool) -> None:
    """Case 9: an evaluation set is not an input of the training job."""
    assert Dataset("adult", "d1", context).is_training is is_input
