"""Whether data that fit one MLflow signature are taken by another, as `mlflow.models.utils` (3.17.2) enforces it.

Signatures are as MLflow writes them: `inputs`, `outputs` and `params`, lists of JSON objects. What MLflow takes or
refuses by the value (whole numbers where a float is wanted: 0 and 1 only) is a condition, neither a fit nor a break.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]

WIDER = frozenset({("integer", "long"), ("integer", "double"), ("float", "double")})
"""Column types (what callers send, what is wanted) that MLflow converts whatever the values are."""
_BYTES = frozenset({("binary", "boolean"), ("binary", "string"), ("string", "binary")})
BY_VALUE = frozenset({("long", "float"), ("long", "double")}) | _BYTES
_KNOWN = frozenset(
    {
        "boolean", "integer", "long", "float", "double", "string", "binary", "datetime", "array", "object", "map",
        "any", "tensor", "sparkml_vector",
    }
)  # fmt: skip
WIDER_PARAMETERS = frozenset(
    {
        ("integer", "long"), ("integer", "float"), ("long", "float"), ("integer", "double"), ("long", "double"),
        ("float", "double"),
    }
)  # fmt: skip


@dataclass(frozen=True)
class Fit:
    """What callers of the old signature run into with the new one; all empty: nothing."""

    breaks: tuple[str, ...] = ()
    by_value: tuple[str, ...] = ()
    """Fits some values and not others."""
    unknown: tuple[str, ...] = ()
    """What the signatures do not say."""
    notes: tuple[str, ...] = ()
    """Changes that callers need not notice and people may want to know."""


@dataclass(frozen=True)
class _Said:
    kind: str
    text: str


def fit(now: Mapping[str, Any], before: Mapping[str, Any]) -> Fit:
    """What happens to programs that call the version with the signature `before` when `now` takes its place."""
    said = [*_lost(now, "the signature"), *_lost(before, "the live version's signature")]
    said += [
        *_inputs(_specs(now, "inputs"), _specs(before, "inputs")),
        *_outputs(now, before),
        *_parameters(now, before),
    ]
    return Fit(*(tuple(dict.fromkeys(part.text for part in said if part.kind == kind)) for kind in _KINDS))


_KINDS = ("break", "by_value", "unknown", "note")


def lost_names(signature: Mapping[str, Any]) -> tuple[str, ...]:
    """What a signature does not say: columns of any type, which is what is left where names were lost."""
    return tuple(part.text for part in _lost(signature, "the signature"))


def _lost(signature: Mapping[str, Any], whose: str) -> Iterator[_Said]:
    for side in ("inputs", "outputs"):
        for place, spec in enumerate(_specs(signature, side)):
            if _kind(spec) == "any":
                name = spec.get("name", f"number {place + 1}")
                yield _Said("unknown", f"{whose} names no type for the {side[:-1]} {name}")


def _specs(signature: Mapping[str, Any], side: str) -> list[Spec]:
    found = signature.get(side) or ()
    return [spec for spec in found if isinstance(spec, Mapping)]


def _kind(spec: Spec) -> str:
    kind = spec.get("type", spec.get("dtype"))
    kind = kind.casefold() if isinstance(kind, str) else ""
    return kind if kind in _KNOWN else "unknown"


def _inputs(now: list[Spec], before: list[Spec]) -> Iterator[_Said]:
    if not now:
        return
    if any(_is_tensor(spec) for spec in now) != any(_is_tensor(spec) for spec in before):
        yield _Said("break", "one takes columns and the other tensors")
    elif all("name" in spec for spec in now):
        yield from _named(now, before)
    elif any("name" in spec for spec in before):
        yield _Said("unknown", "the inputs lost their names, so their order decides and no signature holds it")
    else:
        yield from _by_place(now, before)


def _is_tensor(spec: Spec) -> bool:
    return "tensor-spec" in spec or _kind(spec) == "tensor"


def _named(now: list[Spec], before: list[Spec]) -> Iterator[_Said]:
    old = {str(spec["name"]): spec for spec in before if "name" in spec}
    for spec in now:
        name = str(spec["name"])
        if name in old:
            yield from _input(name, spec, old[name])
        elif spec.get("required", True):
            yield _Said("break", f"the input {name} is new and required")


def _by_place(now: list[Spec], before: list[Spec]) -> Iterator[_Said]:
    if len(now) > len(before):
        yield _Said("break", f"{len(now)} inputs are wanted and callers send {len(before)}")
    for place, (spec, old) in enumerate(zip(now, before, strict=False), start=1):
        yield from _input(f"number {place}", spec, old)


def _input(name: str, now: Spec, before: Spec) -> Iterator[_Said]:
    if now.get("required", True) and not before.get("required", True):
        yield _Said("break", f"the input {name} may not be left out any more")
    kind = _accepts(now, before)
    if kind != "fits":
        change = f"the input {name} was {in_words(before)} and is {in_words(now)}"
        yield _Said(kind, f"{change} ({_condition(now, before)})" if kind == "by_value" else change)


def _condition(now: Spec, before: Spec) -> str:
    """Which values are taken."""
    words = in_words(before), in_words(now)
    if any("tensor" in part for part in words):
        return "only arrays of that shape are taken"
    if any("binary" in part for part in words):
        return "MLflow hands the values on unchanged"
    return "MLflow takes whole numbers from JSON, and from a data frame only 0 and 1"


def _accepts(now: Spec, before: Spec) -> str:
    """`fits`, `break`, `by_value` or `unknown`: whether every value of the old type is one of the new type."""
    if _is_tensor(now) or _is_tensor(before):
        return _tensor(now, before)
    wanted, sent = _kind(now), _kind(before)
    if wanted == "any":
        return "fits"
    if "unknown" in {wanted, sent} or sent == "any":
        return "unknown"
    if wanted != sent:
        pair = (sent, wanted)
        return "fits" if pair in WIDER else "by_value" if pair in BY_VALUE else "break"
    return {"array": _items, "map": _values, "object": _object}.get(wanted, _same)(now, before)


def _same(_now: Spec, _before: Spec) -> str:
    return "fits"


def _items(now: Spec, before: Spec) -> str:
    return _inner(now, before, "items")


def _values(now: Spec, before: Spec) -> str:
    return _inner(now, before, "values")


def _inner(now: Spec, before: Spec, name: str) -> str:
    """Items of an array, values of a map; older files write a type as its bare name."""
    parts = [_as_spec(spec.get(name)) for spec in (now, before)]
    return "unknown" if parts[0] is None or parts[1] is None else _accepts(parts[0], parts[1])


def _as_spec(value: Any) -> Spec | None:
    return {"type": value} if isinstance(value, str) else value if isinstance(value, Mapping) else None


def _object(now: Spec, before: Spec) -> str:
    """MLflow refuses properties that the object does not have, and wants those that are required."""
    new, old = now.get("properties"), before.get("properties")
    if not isinstance(new, Mapping) or not isinstance(old, Mapping):
        return "unknown"
    if old.keys() - new.keys() or any(_is_required(new[name]) for name in new.keys() - old.keys()):
        return "break"
    if any(_is_required(new[name]) and not _is_required(old[name]) for name in old):
        return "break"
    found = {_accepts(_as_spec(new[name]) or {}, _as_spec(old[name]) or {}) for name in old}
    return next((kind for kind in ("break", "unknown", "by_value") if kind in found), "fits")


def _is_required(spec: Any) -> bool:
    return bool(spec.get("required", True)) if isinstance(spec, Mapping) else True


def _tensor(now: Spec, before: Spec) -> str:
    wanted, sent = now.get("tensor-spec"), before.get("tensor-spec")
    if not isinstance(wanted, Mapping) or not isinstance(sent, Mapping):
        return "unknown" if _is_tensor(now) == _is_tensor(before) else "break"
    shapes = [list(part.get("shape") or ()) for part in (wanted, sent)]
    if str(wanted.get("dtype")) == "object" and shapes[0] == [-1]:
        return "fits"
    if str(wanted.get("dtype")) != str(sent.get("dtype")) or len(shapes[0]) != len(shapes[1]):
        return "break"
    if any(new not in {-1, old} and old != -1 for new, old in zip(*shapes, strict=True)):
        return "break"
    return "by_value" if any(new != -1 and old == -1 for new, old in zip(*shapes, strict=True)) else "fits"


def _outputs(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[_Said]:
    """Whoever reads the answers notices any change of their form."""
    if _without_defaults(_specs(now, "outputs")) != _without_defaults(_specs(before, "outputs")):
        yield _Said("break", "the output has another form")


def _without_defaults(specs: list[Spec]) -> list[Any]:
    return [{"required": True, **spec} for spec in specs]


def _parameters(now: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[_Said]:
    """MLflow ignores parameters that a model does not have, with a word in its log only."""
    new = {str(spec.get("name")): spec for spec in _specs(now, "params")}
    for spec in _specs(before, "params"):
        name = str(spec.get("name"))
        if name not in new:
            yield _Said("break", f"the parameter {name} has no effect any more")
            continue
        yield from _parameter(name, new.pop(name), spec)
    for name in new:
        yield _Said("note", f"the parameter {name} is new")


def _parameter(name: str, now: Spec, before: Spec) -> Iterator[_Said]:
    shapes = [spec.get("shape") for spec in (now, before)]
    wanted, sent = _kind(now), _kind(before)
    if (shapes[0] is None) != (shapes[1] is None):
        yield _Said("break", f"the parameter {name} is {'a list' if shapes[0] is not None else 'no list'} now")
    elif wanted == sent == "object":
        kind = _object(now, before)
        if kind != "fits":
            yield _Said(kind, f"the parameter {name} has another form")
    elif wanted != sent and (sent, wanted) not in WIDER_PARAMETERS:
        kind = "by_value" if wanted == "datetime" and sent == "string" else "break"
        yield _Said(kind, f"the parameter {name} was {sent} and is {wanted}")
    if now.get("default") != before.get("default"):
        yield _Said(
            "note", f"the default of the parameter {name} was {before.get('default')} and is {now.get('default')}"
        )


def in_words(spec: Spec) -> str:
    """A type for people, such as ``array of string``."""
    if isinstance(spec.get("tensor-spec"), Mapping):
        tensor = spec["tensor-spec"]
        return f"tensor of {tensor.get('dtype')} {tuple(tensor.get('shape') or ())}"
    kind = _kind(spec)
    if kind in {"array", "map"}:
        inner = _as_spec(spec.get("items" if kind == "array" else "values"))
        return f"{kind} of {in_words(inner)}" if inner else kind
    if kind == "object" and isinstance(spec.get("properties"), Mapping):
        parts = [
            f"{name}: {in_words(_as_spec(part) or {})}{'' if _is_required(part) else ' (optional)'}"
            for name, part in spec["properties"].items()
        ]
        return f"object with {', '.join(parts)}"
    return kind
