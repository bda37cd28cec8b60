"""One digest over every value of a table, whatever the order of its rows, columns and files.

Each row becomes text: its values in the order of the column names' UTF-8 bytes, each as ``<bytes>:<kind><value>``. The
row's SHAKE-256 (FIPS 202) with 2,048 bits is read as a number; the numbers of all rows are added modulo 2**2048, which
makes their order, and the files they lie in, irrelevant while a row too many or too few shows. The digest is the
SHA-256 over the form's name, a line a column (type and name), the number of rows and the sum.

Kinds tell types apart: the text ``1``, the number 1, the number 1.0 and true are four values. Widths do not count: an
int32 column has the digest of the same numbers as int64. CSV has no types, so all its values are text.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from services.errors import InvalidInputError

if TYPE_CHECKING:
    import pyarrow as pa

FORM = b"countersign-rows-1\n"
_BYTES = 256
_ROOM = 1 << (8 * _BYTES)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - times without a zone are counted from it
_EPOCH_UTC = _EPOCH.replace(tzinfo=timezone.utc)  # noqa: UP017
_NANOSECONDS = {"s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}


@dataclass(frozen=True)
class ContentDigest:
    """What was read."""

    digest: str
    """``sha256:…``"""
    rows: int
    columns: tuple[str, ...]


def digest_of(schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> ContentDigest:
    """The digest of a table, read batch by batch. Raises InvalidInputError for two columns of one name."""
    names = sorted(schema.names, key=lambda name: name.encode())
    if len(set(names)) != len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise InvalidInputError(f"The table has several columns called {', '.join(twice)}.", hint="Rename them.")
    total, rows = 0, 0
    for batch in batches:
        for row in zip(*(_values(batch.column(batch.schema.get_field_index(name))) for name in names), strict=True):
            total += int.from_bytes(hashlib.shake_256(b"".join(row)).digest(_BYTES))
        total %= _ROOM
        rows += batch.num_rows
    head = b"".join(_line(logical_type(schema.field(name).type), name) for name in names)
    content = FORM + head + b"%d\n" % rows + total.to_bytes(_BYTES)
    return ContentDigest(f"sha256:{hashlib.sha256(content).hexdigest()}", rows, tuple(names))


def _line(kind: str, name: str) -> bytes:
    encoded = name.encode()
    return b"%s %d %s\n" % (kind.encode(), len(encoded), encoded)


def logical_type(kind: pa.DataType) -> str:
    """The type without width and unit. Raises InvalidInputError for one that has no fixed form here."""
    import pyarrow as pa

    types = pa.types
    if types.is_dictionary(kind):
        return logical_type(kind.value_type)
    if types.is_timestamp(kind):
        return "timestamp with zone" if kind.tz else "timestamp"
    for name, is_it in _type_names(types):
        if is_it(kind):
            return name
    if types.is_struct(kind):
        inner = sorted(f"{field.name}: {logical_type(field.type)}" for field in kind)
        return f"struct<{', '.join(inner)}>"
    if types.is_map(kind):
        return f"map<{logical_type(kind.key_type)}, {logical_type(kind.item_type)}>"
    if types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind):
        return f"list<{logical_type(kind.value_type)}>"
    raise InvalidInputError(f"A column of type {kind} has no digest here.", hint="Convert it to text or numbers.")


def _type_names(types: Any) -> Sequence[tuple[str, Callable[[Any], bool]]]:
    return (
        ("null", types.is_null), ("bool", types.is_boolean), ("int", types.is_integer), ("float", types.is_floating),
        ("decimal", types.is_decimal), ("text", types.is_string), ("text", types.is_large_string),
        ("text", types.is_string_view), ("bytes", types.is_binary), ("bytes", types.is_large_binary),
        ("bytes", types.is_fixed_size_binary), ("date", types.is_date), ("time", types.is_time),
        ("duration", types.is_duration),
    )  # fmt: skip


def _values(column: pa.Array) -> list[bytes]:
    """Each value in its text form; times by their numbers, because Python's have no nanoseconds."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _values(column.dictionary_decode())
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        sign = b"u" if pa.types.is_duration(kind) else b"T" if kind.tz else b"t"
        unit = _NANOSECONDS[kind.unit]
        return [_sized(b"n" if v is None else b"%s%d" % (sign, v * unit)) for v in column.cast(pa.int64()).to_pylist()]
    return [_sized(_text(value)) for value in column.to_pylist()]


def _sized(text: bytes) -> bytes:
    return b"%d:%s" % (len(text), text)


def _text(value: Any) -> bytes:
    """A value as bytes, its kind first. Lists and structs hold the texts of their parts."""
    if value is None:
        return b"n"
    for kind, form in _FORMS:
        if isinstance(value, kind):
            return form(value)
    raise InvalidInputError(f"A value of type {type(value).__name__} has no digest here.")


def _number(value: float) -> bytes:
    return b"fnan" if math.isnan(value) else b"f" + repr(float(value)).encode()


def _moment(value: datetime) -> bytes:
    sign, since = (b"t", value - _EPOCH) if value.tzinfo is None else (b"T", value - _EPOCH_UTC)
    return b"%s%d" % (sign, _nanoseconds(since) + getattr(value, "nanosecond", 0))


def _nanoseconds(span: timedelta) -> int:
    return ((span.days * 86_400 + span.seconds) * 1_000_000 + span.microseconds) * 1_000


def _clock(value: time) -> bytes:
    seconds = (value.hour * 60 + value.minute) * 60 + value.second
    return b"c%d" % (seconds * 1_000_000 + value.microsecond)


def _struct(value: Mapping[str, Any]) -> bytes:
    parts = sorted((name.encode(), item) for name, item in value.items())
    return b"o" + b"".join(_sized(name) + _sized(_text(item)) for name, item in parts)


_FORMS: tuple[tuple[type | tuple[type, ...], Callable[[Any], bytes]], ...] = (
    (bool, lambda value: b"b1" if value else b"b0"),
    (int, lambda value: b"i%d" % value),
    (float, _number),
    (str, lambda value: b"s" + value.encode("utf-8", "surrogatepass")),
    (bytes, lambda value: b"x" + value),
    (Decimal, lambda value: b"d" + format(value.normalize(), "f").encode()),
    (datetime, _moment),
    (date, lambda value: b"D" + value.isoformat().encode()),
    (time, _clock),
    (timedelta, lambda value: b"u%d" % _nanoseconds(value)),
    ((list, tuple), lambda value: b"l" + b"".join(_sized(_text(item)) for item in value)),
    (dict, _struct),
)
"""In this order: a bool is an int, a datetime a date."""
