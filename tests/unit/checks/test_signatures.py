"""Signatures fit as MLflow itself enforces them; the same data are handed to MLflow for comparison."""

from __future__ import annotations

import json
import logging
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.domain.checks import Check, Verdict
from services.promotions.signatures import fit
from tests.unit.checks.test_checks import judge, model

SCALARS: dict[str, Any] = {
    "boolean": np.array([True, False]),
    "integer": np.array([5, 70], dtype="int32"),
    "long": np.array([5, 70], dtype="int64"),
    "float": np.array([1.5, 2], dtype="float32"),
    "double": np.array([1.5, 2.0]),
    "string": np.array(["a", "b"], dtype=object),
    "datetime": np.array(["2026-01-01", "2026-01-02"], dtype="datetime64[ns]"),
}
OUTPUT = [{"type": "long", "required": True}]


def change(now: Any, before: Any, wanted: str = "compatible") -> Check:
    sides = [side if isinstance(side, dict) else {"inputs": side, "outputs": OUTPUT} for side in (now, before)]
    return judge("signature", {"change": wanted}, model(signature=sides[0], current_signature=sides[1]))


def column(kind: Any, name: str = "x", **more: Any) -> dict[str, Any]:
    spec = kind if isinstance(kind, dict) else {"type": kind}
    return {"name": name, "required": True, **spec, **more}


def array(kind: Any) -> dict[str, Any]:
    return {"type": "array", "items": kind if isinstance(kind, dict) else {"type": kind}}


def an_object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {n: {"required": True, **spec} for n, spec in properties.items()}}


TEXT = {"type": "string"}
LONG = {"type": "long"}


@pytest.mark.parametrize(
    ("now", "before", "verdict"),
    [
        (column(array("double")), column(array("string")), Verdict.FAIL),
        (column(array("double")), column(array("float")), Verdict.PASS),
        (column(an_object(id=TEXT, region=TEXT)), column(an_object(id=TEXT)), Verdict.FAIL),
        (column(an_object(id=TEXT, region={**TEXT, "required": False})), column(an_object(id=TEXT)), Verdict.PASS),
        (column(an_object(id=TEXT)), column(an_object(id=TEXT, region=TEXT)), Verdict.FAIL),
        (column(an_object(id=LONG)), column(an_object(id=TEXT)), Verdict.FAIL),
        (column(an_object(id=TEXT)), column(an_object(id={**TEXT, "required": False})), Verdict.FAIL),
        (column({"type": "map", "values": LONG}), column({"type": "map", "values": TEXT}), Verdict.FAIL),
        (column("float"), column("integer"), Verdict.FAIL),
        (column("double"), column("integer"), Verdict.PASS),
        (column("float"), column("long"), Verdict.WARN),
        (column("double"), column("long"), Verdict.WARN),
        (column("integer"), column("long"), Verdict.FAIL),
        (column("double"), column("double", required=False), Verdict.FAIL),
        (column("double", required=False), column("double"), Verdict.PASS),
        (column("any"), column("any"), Verdict.UNKNOWN),
        (column("any"), column("double"), Verdict.UNKNOWN),
        (column("double"), column("any"), Verdict.UNKNOWN),
        ({"type": "double", "required": True}, column("double"), Verdict.UNKNOWN),
        (column("double"), {"type": "double", "required": True}, Verdict.FAIL),
        ({"type": "double"}, {"type": "float"}, Verdict.PASS),
        (column("what is this"), column("double"), Verdict.UNKNOWN),
    ],
)
def test_signature__of_each_kind__is_judged_as_mlflow_enforces(now: Any, before: Any, verdict: Verdict) -> None:
    """Case 18."""
    check = change([now], [before])
    assert check.verdict is verdict, check.sentence


def test_signature__whole_numbers_where_floats_are_wanted__says_which_values_fit() -> None:
    assert "from a data frame only 0 and 1" in change([column("float")], [column("long")]).sentence


def tensor(kind: str, *shape: int) -> dict[str, Any]:
    return {"type": "tensor", "tensor-spec": {"dtype": kind, "shape": list(shape)}}


@pytest.mark.parametrize(
    ("now", "before", "verdict"),
    [
        (tensor("float32", -1, 28), tensor("float32", -1, 28), Verdict.PASS),
        (tensor("float32", -1, -1), tensor("float32", -1, 28), Verdict.PASS),
        (tensor("float32", -1, 32), tensor("float32", -1, 28), Verdict.FAIL),
        (tensor("float64", -1, 28), tensor("float32", -1, 28), Verdict.FAIL),
        (tensor("float32", -1), tensor("float32", -1, 28), Verdict.FAIL),
        (tensor("float32", -1, 28), tensor("float32", -1, -1), Verdict.WARN),
        (tensor("float32", -1, 28), column("double"), Verdict.FAIL),
    ],
)
def test_signature__of_tensors__is_judged_by_type_and_shape(now: Any, before: Any, verdict: Verdict) -> None:
    assert change([now], [before]).verdict is verdict


def parameter(kind: str, default: Any, name: str = "t", shape: Any = None) -> dict[str, Any]:
    return {"name": name, "type": kind, "default": default, "shape": shape}


@pytest.mark.parametrize(
    ("now", "before", "verdict", "said"),
    [
        ([parameter("double", 0.1)], [parameter("double", 0.1)], Verdict.PASS, ""),
        ([parameter("double", 0.1)], [parameter("integer", 1)], Verdict.PASS, "default of the parameter t was 1"),
        ([parameter("float", 0.1)], [parameter("long", 1)], Verdict.PASS, ""),
        ([parameter("integer", 1)], [parameter("double", 0.1)], Verdict.FAIL, "was double and is integer"),
        ([parameter("string", "a")], [parameter("double", 0.1)], Verdict.FAIL, "was double"),
        ([], [parameter("double", 0.1)], Verdict.FAIL, "t has no effect any more"),
        ([parameter("double", 0.1)], [], Verdict.PASS, "parameter t is new"),
        ([parameter("double", [0.1], shape=[-1])], [parameter("double", 0.1)], Verdict.FAIL, "is a list now"),
        ([parameter("double", 0.9)], [parameter("double", 0.1)], Verdict.PASS, "was 0.1 and is 0.9"),
    ],
)
def test_signature__parameters__are_part_of_it(now: Any, before: Any, verdict: Verdict, said: str) -> None:
    """Case 18: parameters too."""
    sides = [{"inputs": [column("double")], "outputs": OUTPUT, "params": side} for side in (now, before)]
    check = change(*sides)
    assert (check.verdict, said in check.sentence) == (verdict, True), check.sentence
    assert change(*sides, wanted="unchanged").verdict is (Verdict.PASS if now == before else Verdict.FAIL)


def test_signature__output_of_any_type__is_unknown() -> None:
    sides = {"inputs": [column("double")], "outputs": [{"type": "any", "required": True}]}
    assert change(sides, sides).verdict is Verdict.UNKNOWN


def test_signature__first_version_without_names__is_unknown() -> None:
    from services.promotions.checks import Compared, ModelFacts

    facts = ModelFacts(signature={"inputs": [{"type": "any"}], "outputs": OUTPUT})
    assert (
        judge("signature", {"change": "compatible"}, Compared(None, is_first=True, model=facts)).verdict
        is Verdict.UNKNOWN
    )


# the same data through MLflow itself

kinds = st.recursive(
    st.sampled_from(sorted(SCALARS)).map(lambda name: {"type": name}),
    lambda inner: inner.map(array) | st.dictionaries(st.sampled_from("ab"), inner, min_size=1).map(lambda d: an_object(**d)),
    max_leaves=4,
)  # fmt: skip


def value_of(spec: dict[str, Any], place: int) -> Any:
    if spec["type"] == "array":
        inner = spec["items"]
        return SCALARS[inner["type"]] if inner["type"] in SCALARS else [value_of(inner, 0), value_of(inner, 1)]
    if spec["type"] == "object":
        return {name: value_of(part, place) for name, part in spec["properties"].items()}
    return SCALARS[spec["type"]][place]


def is_taken(frame: pd.DataFrame, spec: dict[str, Any]) -> bool:
    from mlflow.exceptions import MlflowException
    from mlflow.models import validate_schema
    from mlflow.types import Schema

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    try:
        validate_schema(frame.copy(deep=True), Schema.from_json(json.dumps([column(spec)])))
    except (MlflowException, TypeError, ValueError):
        return False
    return True


def frame_of(spec: dict[str, Any]) -> pd.DataFrame:
    if spec["type"] in SCALARS:
        return pd.DataFrame({"x": SCALARS[spec["type"]]})
    return pd.DataFrame({"x": pd.Series([value_of(spec, 0), value_of(spec, 1)], dtype=object)})


@settings(max_examples=150, deadline=None)
@given(kinds, kinds)
def test_fit__against_mlflow__takes_and_refuses_the_same_data(before: dict[str, Any], now: dict[str, Any]) -> None:
    frame = frame_of(before)
    assume(is_taken(frame, before))
    found = fit({"inputs": [column(now)]}, {"inputs": [column(before)]})
    if found.breaks:
        # MLflow hands on whatever stands in a column of texts or truth values, without a look
        has_unchecked = any(kind in json.dumps(now) for kind in ("string", "boolean"))
        assert has_unchecked or not is_taken(frame_of(before), now)
    elif not found.by_value and not found.unknown:
        assert is_taken(frame_of(before), now)


@pytest.mark.parametrize("before", sorted(SCALARS))
@pytest.mark.parametrize("now", sorted(SCALARS))
def test_fit__each_pair_of_column_types__is_as_mlflow_has_it(before: str, now: str) -> None:
    found = fit({"inputs": [column(now)]}, {"inputs": [column(before)]})
    taken = is_taken(frame_of({"type": before}), {"type": now})
    assert bool(found.breaks or found.by_value) == (not taken)


signatures = st.fixed_dictionaries(
    {
        "inputs": st.lists(st.builds(column, kinds, st.sampled_from("abc"), required=st.booleans()), max_size=3,
                           unique_by=lambda spec: spec["name"]),
        "outputs": st.just(OUTPUT),
        "params": st.lists(st.builds(parameter, st.sampled_from(["double", "integer"]), st.just(1), st.sampled_from("pq")),
                           max_size=2, unique_by=lambda spec: spec["name"]),
    }
)  # fmt: skip


@given(signatures, signatures, st.sampled_from(["names", "type", "before"]))
def test_signature__something_removed__is_never_greener(now: dict[str, Any], before: dict[str, Any], what: str) -> None:
    """Columns removed from a signature are another signature; what is *not said* any more is a removal."""

    def poorer(signature: dict[str, Any]) -> dict[str, Any]:
        gone = "name" if what == "names" else "type"
        inputs = [{k: v for k, v in spec.items() if k != gone} for spec in signature["inputs"]]
        return {**signature, "inputs": inputs}

    if not now["inputs"] or not before["inputs"]:
        return
    full = change(now, before).verdict
    removed = change(now, poorer(before)) if what == "before" else change(poorer(now), before)
    assert not (full in {Verdict.FAIL, Verdict.UNKNOWN} and removed.verdict is Verdict.PASS)
