"""Requests and answers of scoring servers as they are logged, unpacked into rows.

Understood: MLflow's scoring server (``dataframe_split``, ``dataframe_records``, ``instances``, ``inputs``), the V2
inference protocol of KServe, Seldon and Triton (named tensors), Seldon's own messages, and lists of records. A form
that is not known is kept as it is and marked, never read half.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MLFLOW = "mlflow"
WRAPPERS = ("dataframe_split", "dataframe_records", "instances", "inputs")
"""Keys that hold the rows inside a request."""
ANSWERS = ("predictions", "outputs")


@dataclass(frozen=True)
class Unpacked:
    """The rows of a request; `problem` says why there are none."""

    rows: tuple[Mapping[str, Any], ...] = ()
    protocol: str = ""
    has_names: bool = True
    is_payload: bool = True
    """False for plain inputs: one mapping that is not a scoring server's request."""
    problem: str = ""


def unpack_request(value: Any) -> Unpacked:
    """The rows that a request held."""
    if value is None or value == "":
        return Unpacked(is_payload=False)
    if isinstance(value, list | tuple):
        is_rows = bool(value) and all(isinstance(row, Mapping | list | tuple) for row in value)
        return _listed(value, "") if is_rows else Unpacked(({"value": list(value)},), has_names=False, is_payload=False)
    if not isinstance(value, Mapping):
        return Unpacked(({"value": value},), has_names=False, is_payload=False)
    return _of_mapping(value)


def _of_mapping(value: Mapping[str, Any]) -> Unpacked:
    """A request of a server, or plain inputs by name."""
    present = [name for name in WRAPPERS if name in value]
    if len(present) == 1 and isinstance(value[present[0]], Mapping | Sequence) and not _is_plain(value, present[0]):
        return _wrapped(present[0], value[present[0]])
    if _is_split(value):
        return _split(value, "")
    if isinstance(value.get("data"), Mapping) and {"ndarray", "tensor"} & set(value["data"]):
        return _seldon(value["data"])
    return Unpacked((dict(value),), is_payload=False)


def _is_plain(value: Mapping[str, Any], name: str) -> bool:
    """True where `inputs` or `instances` is a feature of that name beside others, not the wrapper of a request."""
    held, known = value[name], {name, "params", "id", "parameters", "outputs", "signature_name", "model_name"}
    return isinstance(held, str) or bool(set(value) - known and name in {"inputs", "instances"})


def _wrapped(name: str, held: Any) -> Unpacked:
    if name == "dataframe_split":
        return _split(held, MLFLOW) if isinstance(held, Mapping) and "data" in held else _broken(name)
    if name == "dataframe_records":
        ok = isinstance(held, Sequence) and all(isinstance(row, Mapping) for row in held)
        return Unpacked(tuple(dict(row) for row in held), MLFLOW) if ok else _broken(name)
    if isinstance(held, Mapping):
        return _by_column(held)
    if held and all(_is_tensor(part) for part in held):
        return _tensors(held)
    return _listed(held, MLFLOW)


def _broken(what: str) -> Unpacked:
    return Unpacked(problem=f"The request's {what} does not have the form that this name promises.")


def _is_split(value: Mapping[str, Any]) -> bool:
    """The form that MLflow took before version 2: columns and data without a wrapper."""
    columns, data = value.get("columns"), value.get("data")
    return set(value) <= {"columns", "data", "index"} and isinstance(columns, list) and isinstance(data, list)


def _split(held: Mapping[str, Any], protocol: str) -> Unpacked:
    data, columns = held["data"], held.get("columns")
    if not isinstance(data, Sequence) or isinstance(data, str):
        return _broken("data")
    table = [row if isinstance(row, list | tuple) else [row] for row in data]
    width = len(columns) if isinstance(columns, list) else max((len(row) for row in table), default=0)
    if any(len(row) != width for row in table):
        return Unpacked(problem="The request's rows do not have as many values as it has columns.")
    names = [str(name) for name in columns] if isinstance(columns, list) else [str(i) for i in range(width)]
    if len(set(names)) != len(names):
        return Unpacked(problem="The request has two columns of one name.")
    return Unpacked(
        tuple(dict(zip(names, row, strict=True)) for row in table), protocol, has_names=isinstance(columns, list)
    )


def _listed(held: Sequence[Any], protocol: str) -> Unpacked:
    """A list of records, of lists or of single values."""
    if held and all(isinstance(row, Mapping) for row in held):
        return Unpacked(tuple(dict(row) for row in held), protocol)
    if any(isinstance(row, Mapping) for row in held):
        return Unpacked(problem="The request mixes rows with and without names.")
    rows = [row if isinstance(row, list | tuple) else [row] for row in held]
    return Unpacked(tuple({str(i): v for i, v in enumerate(row)} for row in rows), protocol, has_names=False)


def _by_column(held: Mapping[str, Any]) -> Unpacked:
    """``{"age": [39, 61]}``: a list for each column, all of one length; single values are one row."""
    lists = [value for value in held.values() if isinstance(value, list)]
    if not lists:
        return Unpacked((dict(held),), MLFLOW)
    if len(lists) != len(held) or len({len(value) for value in lists}) != 1:
        return Unpacked(problem="The request's columns do not have equally many values.")
    rows = zip(*held.values(), strict=True)
    return Unpacked(tuple(dict(zip(map(str, held), row, strict=True)) for row in rows), MLFLOW)


def _is_tensor(part: Any) -> bool:
    return isinstance(part, Mapping) and {"name", "shape", "data"} <= set(part)


def _tensors(parts: Sequence[Mapping[str, Any]]) -> Unpacked:
    """Named tensors of the V2 protocol: one a column, or one for all columns without names."""
    columns = {str(part["name"]): _tensor_rows(part) for part in parts}
    if any(rows is None for rows in columns.values()) or len({len(rows or ()) for rows in columns.values()}) != 1:
        return Unpacked(problem="The request's tensors do not have one shape.")
    table = {name: rows or [] for name, rows in columns.items()}
    flat = all(len(row) == 1 for rows in table.values() for row in rows)
    if flat:
        rows = zip(*([row[0] for row in rows] for rows in table.values()), strict=True)
        return Unpacked(tuple(dict(zip(table, row, strict=True)) for row in rows))
    joined = ([value for part in row for value in part] for row in zip(*table.values(), strict=True))
    return Unpacked(tuple({str(i): v for i, v in enumerate(row)} for row in joined), has_names=False)


def _tensor_rows(part: Mapping[str, Any]) -> list[list[Any]] | None:
    """The values of each row, or None where shape and data do not agree."""
    shape, data = part["shape"], _flat(part["data"])
    if not isinstance(shape, list) or not all(isinstance(n, int) and n >= 0 for n in shape) or not 1 <= len(shape) <= 2:
        return None
    count, width = shape[0], shape[1] if len(shape) == 2 else 1
    if count * width != len(data):
        return None
    return [data[i * width : (i + 1) * width] for i in range(count)]


def _flat(data: Any) -> list[Any]:
    if not isinstance(data, list):
        return [data]
    return [value for part in data for value in (_flat(part) if isinstance(part, list) else [part])]


def _seldon(held: Mapping[str, Any]) -> Unpacked:
    """``{"data": {"names": […], "ndarray": [[…]]}}``, or a tensor in its place."""
    names = held.get("names") if isinstance(held.get("names"), list) and held.get("names") else None
    rows = held.get("ndarray")
    tensor = held.get("tensor")
    if rows is None and isinstance(tensor, Mapping):
        rows = _tensor_rows({"shape": tensor.get("shape"), "data": tensor.get("values")})
    if not isinstance(rows, list):
        return _broken("tensor")
    return _split({"data": rows, **({"columns": names} if names else {})}, "")


@dataclass(frozen=True)
class Answer:
    """What a server answered; `values` is None where it is one value for one row, not a list of them."""

    value: Any
    values: tuple[Any, ...] | None = None
    said: str = ""
    """What the server itself calls its model, in words."""


def unpack_answer(value: Any) -> Answer:
    """One value for each row where the answer is wrapped as servers do it; anything else as it is."""
    if not isinstance(value, Mapping):
        return Answer(value)
    said = _server_says(value)
    present = [name for name in ANSWERS if name in value]
    if len(present) == 1 and isinstance(value[present[0]], list):
        held = value[present[0]]
        if held and all(_is_tensor(part) for part in held):
            made = _tensors(held)
            rows = [next(iter(row.values())) if len(row) == 1 else dict(row) for row in made.rows]
            return Answer(value, tuple(rows), said) if not made.problem else Answer(value, None, said)
        return Answer(value, tuple(held), said)
    if isinstance(value.get("data"), Mapping) and {"ndarray", "tensor"} & set(value["data"]):
        made = _seldon(value["data"])
        plain = [list(row.values()) if len(row) != 1 else next(iter(row.values())) for row in made.rows]
        return Answer(value, None if made.problem else tuple(plain), said)
    return Answer(value, None, said)


def _server_says(value: Mapping[str, Any]) -> str:
    """A server's own name and number for its model, which need not be the registry's."""
    name, number = value.get("model_name"), value.get("model_version")
    if not name and not number:
        return ""
    server_model = f"{name or 'its model'}{f' version {number}' if number else ''}"
    return f"The server itself names {server_model}; its own numbers need not be the registry's."
