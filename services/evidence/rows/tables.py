"""Reads tables of predictions: Parquet, CSV and JSON (records, lines, and MLflow's `{"columns": …, "data": …}`).

A table is a name and its columns as numpy arrays; text from CSV stays text and is parsed where its meaning is known.
A table above the row limit is read in pieces and thinned by a hash of the row id, so that two tables keep the same
rows whatever their order; the share kept is recorded.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from services.errors import InvalidInputError

if TYPE_CHECKING:
    import pandas as pd

ROW_LIMIT = 2_000_000
"""Rows kept at most; above it every second row (by hash of its id) is left out, again and again."""
_PIECE = 200_000
_NAMELESS_INDEX = re.compile(r"__index_level_\d+__")
Column = npt.NDArray[Any]


@dataclass(frozen=True)
class Table:
    """Columns of equal length. `rows_total` counts the rows of the source; `rate` is the share of ids kept (1: all)."""

    name: str
    columns: Mapping[str, Column]
    rows_total: int
    rate: float = 1.0

    @property
    def rows(self) -> int:
        """Rows at hand."""
        return len(next(iter(self.columns.values()))) if self.columns else 0

    def column(self, name: str, *, role: str) -> Column:
        """The column, or an error that names those present."""
        if name not in self.columns:
            present = ", ".join(list(self.columns)[:20]) or "none"
            raise InvalidInputError(
                f"The {self.name} table has no column {name!r} for the {role}.",
                hint=f"Columns present: {present}. Name the right one with --{role}.",
                code="column_missing",
            )
        return self.columns[name]

    def take(self, rows: npt.NDArray[np.bool_]) -> Table:
        """The same table with the rows where the mask is true."""
        return replace(self, columns={name: values[rows] for name, values in self.columns.items()})


def read_table(path: Path, *, name: str, key: str | None = None, row_limit: int = ROW_LIMIT) -> Table:
    """Read a file by its ending (.parquet, .pq, .csv, .tsv, .json, .jsonl, also .gz for CSV).

    Raises InvalidInputError when it is missing, unreadable, of another kind, or empty.
    """
    _demand_file(path, name)
    return _read(path, lambda: _collect(_pieces(path), name=name, key=key, row_limit=row_limit), name=name)


def peek_table(path: Path, *, name: str) -> Table:
    """The first rows of a file, at most 200,000: enough to see what it is about. Raises as `read_table`."""
    _demand_file(path, name)
    return _read(
        path, lambda: _collect(itertools.islice(_pieces(path), 1), name=name, key=None, row_limit=_PIECE), name=name
    )


def _demand_file(path: Path, name: str) -> None:
    if path.is_dir():
        raise InvalidInputError(
            f"The {name} table {path.name!r} is a folder.", hint="Name a single file in it.", code="file_kind"
        )
    if not path.is_file():
        raise InvalidInputError(
            f"The {name} table {path.name!r} does not exist.", hint="Check the path.", code="file_missing"
        )
    if path.stat().st_size == 0:
        raise InvalidInputError(
            f"The {name} table {path.name!r} is an empty file.", hint="Write it again.", code="empty_table"
        )


def _read(path: Path, collect: Callable[[], Table], *, name: str) -> Table:
    try:
        table = collect()
    except InvalidInputError:
        raise
    except UnicodeDecodeError as error:
        raise InvalidInputError(
            f"The {name} table {path.name!r} is not written in UTF-8 (byte {error.start + 1:,} or near).",
            hint="Save it as CSV in UTF-8, or as Parquet.",
            code="file_encoding",
        ) from error
    except Exception as error:
        raise InvalidInputError(
            f"The {name} table {path.name!r} cannot be read: {_first_line(error)}",
            hint="Use a Parquet, CSV or JSON file with one row per prediction.",
            code="file_unreadable",
        ) from error
    if table.rows == 0:
        raise InvalidInputError(
            f"The {name} table {path.name!r} has no rows.",
            hint="Write it again, with one row per prediction.",
            code="empty_table",
        )
    return table


def table_from_mapping(columns: Mapping[str, Any], *, name: str) -> Table:
    """A table from columns in memory (lists or arrays of equal length)."""
    arrays = {str(key): _plain(np.asarray(values)) for key, values in columns.items()}
    lengths = {len(values) for values in arrays.values()}
    if len(lengths) > 1:
        raise InvalidInputError(
            f"The {name} table has columns of different lengths.", hint="Make all columns the same length."
        )
    return Table(name, arrays, lengths.pop() if lengths else 0)


_LABELS = ("target", "targets", "ground_truth", "expected_response")
_DECISIONS = ("outputs", "predictions", "output")


def mlflow_table(table: Table, *, target: str = "") -> Table:
    """MLflow's evaluation table in this engine's words: the row's number is its id; other tables stay as they are.

    `target` is the column of the true labels, if the evaluation renamed it. Both versions
    must have been evaluated on the same rows in the same order; labels that differ are found. Raises InvalidInputError
    if the target column is not named.
    """
    columns = dict(table.columns)
    if "row_id" in columns or not {"prediction", "score", *_DECISIONS} & columns.keys():
        return table
    for wanted, names in (("label", (target, *_LABELS)), ("prediction", _DECISIONS)):
        found = next((name for name in names if name in columns), None)
        if wanted not in columns and found is not None:
            columns[wanted] = columns.pop(found)
    if "label" not in columns and not table.columns.keys().isdisjoint(_DECISIONS):
        raise _no_target(table)
    if "label" not in columns or table.rate < 1:
        return table
    return replace(table, columns={"row_id": np.arange(table.rows), **columns})


def _no_target(table: Table) -> InvalidInputError:
    present = ", ".join(list(table.columns)[:20])
    return InvalidInputError(
        f"MLflow's evaluation table does not say which column is the target. Columns present: {present}.",
        hint="Set the run's tag countersign.target_column to the column's name, or log evaluation/predictions.parquet.",
        code="column_missing",
    )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__


def _pieces(path: Path) -> Iterator[pd.DataFrame]:
    kind = path.name.lower().removesuffix(".gz").rpartition(".")[2]
    if kind in {"parquet", "pq"}:
        return _parquet_pieces(path)
    if kind in {"csv", "tsv", "txt"}:
        return _csv_pieces(path)
    if kind in {"json", "jsonl", "ndjson"}:
        return _json_pieces(path)
    raise InvalidInputError(
        f"The file {path.name!r} has an unknown ending.",
        hint="Use .parquet, .csv, .tsv, .json or .jsonl.",
        code="file_kind",
    )


def _parquet_pieces(path: Path) -> Iterator[pd.DataFrame]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        if file.metadata.num_rows == 0:
            yield _frame(file.schema_arrow.empty_table())
        name, numbered = _counted_index(file.schema_arrow.pandas_metadata)
        done = 0
        for batch in file.iter_batches(batch_size=_PIECE):
            frame = _frame(batch)
            done += len(frame)
            yield frame if name is None else frame.assign(**{name: numbered[done - len(frame) : done]})


def _counted_index(metadata: Mapping[str, Any] | None) -> tuple[str | None, range]:
    """An index with a name that only counts: pandas writes its bounds beside the file's columns, not the column."""
    for column in (metadata or {}).get("index_columns", ()):
        if isinstance(column, dict) and column.get("kind") == "range" and column.get("name"):
            return str(column["name"]), range(column["start"], column["stop"], column["step"])
    return None, range(0)


def _frame(rows: Any) -> pd.DataFrame:
    """Every column of the file as a column: also one that was a frame's index; an index without a name is none.

    Integers with missing values stay integers: as floats, ids beyond 2^53 would become one another.
    """
    frame: pd.DataFrame = rows.to_pandas(ignore_metadata=True, integer_object_nulls=True)
    return frame[[name for name in frame.columns if not _NAMELESS_INDEX.fullmatch(str(name))]]


def _csv_pieces(path: Path) -> Iterator[pd.DataFrame]:
    import pandas as pd

    encoding = _encoding(path)
    separator = _separator(path, encoding)
    with pd.read_csv(
        path, dtype=str, encoding=encoding, sep=separator, chunksize=_PIECE, skipinitialspace=True
    ) as reader:
        yield from reader


def _opener(path: Path) -> Callable[..., Any]:
    import gzip

    return gzip.open if path.name.lower().endswith(".gz") else open


def _encoding(path: Path) -> str:
    """UTF-8, or UTF-16 where the file begins with its byte order mark (as some spreadsheets write it)."""
    with _opener(path)(path, "rb") as file:
        return "utf-16" if file.read(2) in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"


def _separator(path: Path, encoding: str) -> str:
    """The one of comma, semicolon, tab and bar that the header line has most of."""
    with _opener(path)(path, "rt", encoding=encoding) as file:
        header = file.readline()
    return max(",;\t|", key=header.count)


def _json_pieces(path: Path) -> Iterator[pd.DataFrame]:
    import pandas as pd

    text = path.read_text(encoding="utf-8-sig")
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        content = [json.loads(line) for line in text.splitlines() if line.strip()]
    if isinstance(content, dict) and {"columns", "data"} <= content.keys():
        yield pd.DataFrame(content["data"], columns=content["columns"])
    elif _is_rectangular(content):
        yield pd.DataFrame(content)
    else:
        raise InvalidInputError(
            f"The file {path.name!r} is JSON, but no table.",
            hint='Give a list of records, or {"columns": […], "data": [[…]]} as MLflow writes it.',
            code="file_kind",
        )


def _is_rectangular(content: object) -> bool:
    """Columns as lists, or rows as records."""
    if isinstance(content, dict):
        return all(isinstance(values, list) for values in content.values())
    return isinstance(content, list) and all(isinstance(row, dict) for row in content)


def _collect(pieces: Iterator[pd.DataFrame], *, name: str, key: str | None, row_limit: int) -> Table:
    kept: list[Table] = []
    total, halvings = 0, 0
    for frame in pieces:
        piece = Table(name, _columns_of(frame), len(frame))
        total += len(frame)
        kept.append(_thinned(piece, key, halvings))
        while key is not None and sum(part.rows for part in kept) > row_limit:
            halvings += 1
            kept = [_thinned(part, key, halvings) for part in kept]
    columns = _joined(kept)
    return Table(name, columns, total, 0.5**halvings)


def _joined(parts: list[Table]) -> dict[str, Column]:
    parts = [part for part in parts if part.rows] or parts[:1]
    names = parts[0].columns if parts else {}
    return {name: np.concatenate([part.columns[name] for part in parts]) for name in names}


def _thinned(table: Table, key: str | None, halvings: int) -> Table:
    if halvings == 0 or key is None:
        return table
    return table.take(kept_by_hash(canonical_texts(table.column(key, role="key")), 0.5**halvings))


def kept_by_hash(ids: Column, rate: float) -> npt.NDArray[np.bool_]:
    """Which row ids belong to the sample of this rate: a fixed hash, so that every table keeps the same ones."""
    import pandas as pd

    hashed = pd.util.hash_array(np.asarray(ids, dtype=object), categorize=False)
    return hashed < np.uint64(min(int(rate * 2**64), 2**64 - 1))


def _columns_of(frame: pd.DataFrame) -> dict[str, Column]:
    if not frame.columns.is_unique:
        twice = sorted({str(name) for name in frame.columns[frame.columns.duplicated()]})
        raise InvalidInputError(
            f"The table has several columns of one name: {', '.join(twice[:5])}.",
            hint="Use each column name only once.",
            code="columns_twice",
        )
    return {str(name): _plain(frame.iloc[:, place].to_numpy()) for place, name in enumerate(frame.columns)}


def _plain(values: Column) -> Column:
    """Integers, floats and booleans stay; everything else becomes objects with None for missing."""
    if values.ndim != 1:
        raise InvalidInputError("A column contains lists instead of single values.", hint="Put one value in each cell.")
    if values.dtype.kind in "iufb":
        return values
    out = np.empty(len(values), dtype=object)
    out[:] = [None if _is_missing(value) else value for value in values.tolist()]
    return out


def _is_missing(value: object) -> bool:
    if type(value) is str:
        return False
    if isinstance(value, list | tuple | dict | set | np.ndarray):
        return False
    return value is None or value != value or type(value).__name__ in {"NAType", "NaTType"}  # noqa: PLR0124 - NaN


def canonical_texts(values: Column) -> Column:
    """Values as texts that are equal when a person calls them equal: 7, 7.0 and "7" alike; None stays None."""
    out = np.empty(len(values), dtype=object)
    if values.dtype.kind in "iu":
        out[:] = list(map(str, values.tolist()))
        return out
    known: dict[str, str | None] = {}
    out[:] = [_known_text(value, known) if type(value) is str else canonical_text(value) for value in values.tolist()]
    return out


def _known_text(text: str, known: dict[str, str | None]) -> str | None:
    """Most columns repeat a few words millions of times."""
    found = known.get(text)
    if found is None:
        found = known[text] = canonical_text(text)
    return found


def canonical_text(value: object) -> str | None:
    """One value as canonical text."""
    if _is_missing(value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace").strip()
    text = str(value).strip()
    head, dot, tail = text.partition(".")
    if dot and tail.strip("0") == "" and head.removeprefix("-").isdigit():
        return head
    return text
