"""Signatures: what MLflow 3.17.2 takes and refuses of a caller, and what is left where names or types were lost."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from benchmarks.truth.case import Case, Truth
from benchmarks.truth.gate import ask
from services.promotions.checks import Compared, ModelFacts

Signature = Mapping[str, Any]
SCALARS = ("boolean", "integer", "long", "float", "double", "string", "binary", "datetime")
NAMES = ("age", "income", "job", "region", "rate", "since", "tags", "customer")
FITS = frozenset({("integer", "long"), ("integer", "double"), ("float", "double")})
BY_VALUE = frozenset(
    {("long", "float"), ("long", "double"), ("binary", "boolean"), ("binary", "string"), ("string", "binary")}
)
OUTPUTS = (
    [{"type": "long", "required": True}],
    [{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1, 2]}}],
    [{"type": "double", "name": "score", "required": True}],
)


def _column(name: str, chance: random.Random) -> dict[str, Any]:
    shape = chance.random()
    kind = chance.choice(SCALARS)
    if shape < 0.7:
        return {"type": kind, "name": name, "required": True}
    if shape < 0.85:
        return {"type": "array", "items": {"type": kind}, "name": name, "required": True}
    parts = {"id": {"type": "string", "required": True}, "level": {"type": kind, "required": False}}
    return {"type": "object", "name": name, "required": True, "properties": parts}


def _signature(chance: random.Random) -> dict[str, Any]:
    columns = [_column(name, chance) for name in chance.sample(NAMES, chance.randint(2, 5))]
    return {"inputs": columns, "outputs": chance.choice(OUTPUTS), "params": None}


def _inside(column: dict[str, Any]) -> dict[str, Any]:
    """The part of a column that holds its scalar type."""
    if column["type"] == "array":
        items: dict[str, Any] = column["items"]
        return items
    if column["type"] == "object":
        level: dict[str, Any] = column["properties"]["level"]
        return level
    return column


def _retyped(before: Signature, chance: random.Random) -> tuple[str, Truth, Signature]:
    """One type replaced; what that means is as MLflow's enforcement documents it."""
    now = deepcopy(dict(before))
    part = _inside(chance.choice(now["inputs"]))
    sent, wanted = part["type"], chance.choice(SCALARS)
    part["type"] = wanted
    pair = (sent, wanted)
    good = Truth.GOOD if sent == wanted or pair in FITS else Truth.FAIR if pair in BY_VALUE else Truth.BAD
    return f"{sent} to {wanted}", good, now


def _case(name: str, truth: Truth, now: Signature | None, before: Signature | None) -> Case:
    compared = Compared(None, model=ModelFacts(signature=now, current_signature=before))
    return Case("signatures", name, truth, lambda: ask("signature", {"change": "compatible"}, compared))


def _edited(before: Signature, **changes: Any) -> Signature:
    return {**deepcopy(dict(before)), **changes}


def make(chance: random.Random) -> Sequence[Case]:
    """The live version's signature; then columns and types of the candidate's removed, added and replaced."""
    before = _signature(chance)
    inputs: list[dict[str, Any]] = before["inputs"]
    extra = {"type": "double", "name": "further", "required": True}
    place = chance.randrange(len(inputs))
    optional = _edited(before, inputs=[*inputs, extra | {"required": False}])
    fewer = _edited(before, inputs=[column for column in inputs if column is not inputs[place]])
    name, truth, now = _retyped(before, chance)
    nameless = [{k: v for k, v in column.items() if k != "name"} for column in inputs]
    anything = [{**column, "type": "any"} if at == place else column for at, column in enumerate(inputs)]
    other = next(out for out in OUTPUTS if out != before["outputs"])
    parameter = [{"name": "threshold", "type": "double", "default": 0.5, "shape": None}]
    with_parameter = _edited(before, params=parameter)
    return (
        _case("unchanged", Truth.GOOD, deepcopy(before), before),
        _case(name, truth, now, before),
        _case("an optional column more", Truth.GOOD, optional, before),
        _case("a required column more", Truth.BAD, _edited(before, inputs=[*inputs, extra]), before),
        _case("a column fewer", Truth.GOOD, fewer, before),
        _case("another order", Truth.GOOD, _edited(before, inputs=inputs[::-1]), before),
        _case("names lost", Truth.OPEN, _edited(before, inputs=nameless), before),
        _case("a type lost", Truth.OPEN, _edited(before, inputs=anything), before),
        _case("a type lost in both", Truth.OPEN, _edited(before, inputs=anything), _edited(before, inputs=anything)),
        _case("another output", Truth.BAD, _edited(before, outputs=other), before),
        _case("a parameter removed", Truth.BAD, before, with_parameter),
        _case("a parameter added", Truth.GOOD, with_parameter, before),
        _case("the candidate's removed", Truth.OPEN, None, before),
        _case("the live one's removed", Truth.OPEN, before, None),
    )  # fmt: skip
