"""Opens a table for its digest: Parquet, CSV, a folder of Parquet files, a Delta table; it refuses anything else."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.datasets.digest import ContentDigest, digest_of
from services.errors import InvalidInputError, NotFoundError

if TYPE_CHECKING:
    import pyarrow as pa

ROWS_AT_ONCE = 20_000
_PLAIN_FEATURES = {"timestampNtz"}
_ENDINGS = "Give a .parquet or .csv file, a folder of Parquet files, or a Delta table."


def digest_of_path(path: Path) -> ContentDigest:
    """The digest of everything at the path. Raises NotFoundError, InvalidInputError."""
    import pyarrow as pa

    if not path.exists():
        raise NotFoundError(f"There is no {path}.", hint=_ENDINGS)
    try:
        return digest_of(*_opened(path))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, UnicodeDecodeError, csv.Error) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise InvalidInputError(f"{path} cannot be read: {line[:200]}", hint=_ENDINGS) from error


def _opened(path: Path) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    if path.is_dir():
        return _delta(path) if (path / "_delta_log").is_dir() else _folder(path)
    name = path.name.lower().removesuffix(".gz")
    if name.endswith((".csv", ".tsv")):
        return _csv(path, "\t" if name.endswith(".tsv") else ",")
    if name.endswith((".parquet", ".pq")):
        return _parquet(path)
    raise InvalidInputError(f"{path.name} has an unknown ending.", hint=_ENDINGS)


def _parquet(path: Path) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        schema = file.schema_arrow

    def batches() -> Iterator[pa.RecordBatch]:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=ROWS_AT_ONCE)

    return schema, batches()


def _csv(path: Path, delimiter: str) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    """All values as text: CSV does not say what they are."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    with pa.input_stream(str(path), compression="detect") as stream:
        first = stream.read(1_000_000).decode("utf-8-sig", "replace")
    names = next(csv.reader(first.splitlines(keepends=True), delimiter=delimiter), [])
    if not names:
        raise InvalidInputError(f"{path.name} is empty.", hint="Its first line must name the columns.")
    _demand_different(names)

    def batches() -> Iterator[pa.RecordBatch]:
        convert = arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False, check_utf8=True
        )
        parse = arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
        with (
            pa.input_stream(str(path), compression="detect") as stream,
            arrow_csv.open_csv(stream, parse_options=parse, convert_options=convert) as reader,
        ):
            yield from reader

    return pa.schema([(name, pa.string()) for name in names]), batches()


def _demand_different(names: list[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInputError(f"Several columns are called {', '.join(twice)}.", hint="Rename them.")


def _folder(path: Path) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    """Files below a folder, with the columns that folders like ``day=2026-01-01`` stand for."""
    import pyarrow.dataset as ds

    found = ds.dataset(path, format="parquet", partitioning="hive", exclude_invalid_files=False)
    if not found.files:
        raise InvalidInputError(f"{path} holds no Parquet file.", hint=_ENDINGS)
    own: list[Any] = [fragment.physical_schema for fragment in found.get_fragments()]
    for file, schema in zip(found.files, own, strict=True):
        if set(schema.names) != set(own[0].names):
            raise InvalidInputError(
                f"{file} has other columns than the first file.", hint="Write all files with the same columns."
            )
    return found.schema, found.to_batches(batch_size=ROWS_AT_ONCE)


def _delta(path: Path) -> tuple[pa.Schema, Iterable[pa.RecordBatch]]:
    """The table as its log has it now."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        table = DeltaTable(str(path))
        _demand_plain(table)
        found = table.to_pyarrow_dataset()
    except DeltaError as error:
        line = str(error).strip().splitlines()[0][:200]
        raise InvalidInputError(f"The Delta table cannot be read: {line}", hint=_ENDINGS) from error
    return found.schema, found.to_batches(batch_size=ROWS_AT_ONCE)


def _demand_plain(table: Any) -> None:
    """Deleted rows and renamed columns are not in the files: read by the files alone, the digest would be wrong."""
    protocol, settings = table.protocol(), table.metadata().configuration
    odd = set(protocol.reader_features or ()) - _PLAIN_FEATURES
    mode = settings.get("delta.columnMapping.mode", "none")
    if odd or mode != "none":
        names = ", ".join(sorted(odd)) or "columnMapping"
        raise InvalidInputError(
            f"The Delta table uses {names}, which this command does not read.",
            hint="Write the rows to Parquet with Spark, and take the digest of that.",
        )
