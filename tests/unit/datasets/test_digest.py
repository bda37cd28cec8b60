"""The digest over a whole table: what must not change it, and what must."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake
from hypothesis import given
from hypothesis import strategies as st

from services.cli.main import main
from services.datasets.digest import ContentDigest, digest_of
from services.datasets.reading import digest_of_path
from services.errors import InvalidInputError, NotFoundError

CELL = st.one_of(st.none(), st.integers(-5, 5))
ROWS = st.lists(st.tuples(CELL, st.one_of(st.none(), st.text(max_size=3))), max_size=8)
SCHEMA = pa.schema([("n", pa.int64()), ("t", pa.string())])


def of(table: pa.Table, rows_at_once: int = 3) -> ContentDigest:
    return digest_of(table.schema, table.to_batches(max_chunksize=rows_at_once))


def table(rows: list[Any], schema: pa.Schema = SCHEMA) -> pa.Table:
    return pa.Table.from_pylist([dict(zip(schema.names, row, strict=True)) for row in rows], schema=schema)


@given(ROWS, st.randoms(use_true_random=False), st.integers(1, 9))
def test_digest__rows_columns_and_batches_in_another_order__is_the_same(
    rows: list[Any], random: Any, size: int
) -> None:
    mixed = random.sample(rows, len(rows))
    assert of(table(mixed).select(["t", "n"]), size).digest == of(table(rows)).digest


@given(ROWS, ROWS)
def test_digest__other_rows__is_another(first: list[Any], second: list[Any]) -> None:
    def key(row: Any) -> tuple[str, str]:
        return repr(row[0]), repr(row[1])

    assert (of(table(first)).digest == of(table(second)).digest) == (sorted(first, key=key) == sorted(second, key=key))


DIFFERENT: list[tuple[Any, pa.DataType]] = [
    (1, pa.int64()), ("1", pa.string()), (1.0, pa.float64()), (True, pa.bool_()), (b"1", pa.binary()),
    (Decimal(1), pa.decimal128(5, 2)), (date(1970, 1, 2), pa.date32()), (1_000_000, pa.timestamp("us")),
    (datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), pa.timestamp("us", tz="UTC")), (timedelta(seconds=1), pa.duration("us")),
    ([1], pa.list_(pa.int64())), ({"a": 1}, pa.struct([("a", pa.int64())])), (None, pa.int64()), (None, pa.string()),
    ("", pa.string()), (float("nan"), pa.float64()),
]  # fmt: skip


def test_digest__values_that_look_alike__are_all_different() -> None:
    digests = {of(pa.table({"x": pa.array([value], kind)})).digest for value, kind in DIFFERENT}
    assert len(digests) == len(DIFFERENT)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (pa.array([1, 2], pa.int8()), pa.array([1, 2], pa.int64())),
        (pa.array(["a", None], pa.string()), pa.array(["a", None]).dictionary_encode()),
        (pa.array([1500], pa.timestamp("ms")), pa.array([1_500_000_000], pa.timestamp("ns"))),
        (pa.array([Decimal("1.50")], pa.decimal128(5, 2)), pa.array([Decimal("1.5")], pa.decimal128(9, 1))),
    ],
)
def test_digest__same_values_in_another_width__is_the_same(one: pa.Array, other: pa.Array) -> None:
    assert of(pa.table({"x": one})).digest == of(pa.table({"x": other})).digest


def test_digest__nanoseconds__count() -> None:
    one, other = (pa.table({"x": pa.array([n], pa.timestamp("ns"))}) for n in (1, 2))
    assert of(one).digest != of(other).digest


def unseen(change: str) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "n": range(12_000),
            "flag": [True, False] * 6_000,
            "day": pd.date_range("2026-01-01", periods=12_000, freq="min"),
            "text": [None, *(f"t{n}" for n in range(11_999))],
        }
    )
    place = {"beyond": (11_000, "n", -1), "flag": (3, "flag", True), "day": (3, "day", pd.Timestamp("2020-01-01"))}
    row, column, value = {**place, "text": (3, "text", "changed"), "": (0, "n", 0)}[change]
    frame.loc[row, column] = value
    return frame


@pytest.mark.filterwarnings("ignore:Starting with pandas version 4.0")
@pytest.mark.parametrize("change", ["beyond", "flag", "day", "text"])
def test_digest__what_mlflows_digest_does_not_see__is_seen(change: str) -> None:
    from mlflow.data import from_pandas

    before, after = unseen(""), unseen(change)
    assert from_pandas(before).digest == from_pandas(after).digest
    assert of(pa.Table.from_pandas(before)).digest != of(pa.Table.from_pandas(after)).digest


def test_path__the_same_rows_in_parquet_folder_and_delta__have_one_digest(tmp_path: Path) -> None:
    rows = pa.table({"n": [1, 2, 3, 4], "t": ["a", "b", None, "d"]})
    pq.write_table(rows, tmp_path / "one.parquet")
    (tmp_path / "many").mkdir()
    for start in (2, 0):
        pq.write_table(rows.slice(start, 2), tmp_path / "many" / f"{start}.parquet")
    write_deltalake(tmp_path / "delta", rows.slice(2))
    write_deltalake(tmp_path / "delta", rows.slice(0, 2), mode="append")
    found = {digest_of_path(tmp_path / name) for name in ("one.parquet", "many", "delta")}
    assert len(found) == 1
    assert found.pop().rows == 4


def test_path__csv__is_all_text_and_keeps_quoted_lines(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('n,t\n1,"two\nlines"\n01,\n')
    (tmp_path / "b.csv").write_text('n,t\n01,\n1,"two\nlines"\n')
    found = digest_of_path(tmp_path / "a.csv")
    assert found == digest_of_path(tmp_path / "b.csv")
    expected = pa.table({"n": ["1", "01"], "t": ["two\nlines", ""]})
    assert (found.rows, found.digest) == (2, of(expected).digest)


@pytest.mark.parametrize(
    ("name", "content", "word"),
    [
        ("a.csv", "n,n\n1,2\n", "n"),
        ("a.csv", "", "empty"),
        ("a.csv", "n,t\n1\n", "cannot be read"),
        ("a.parquet", "no parquet", "cannot be read"),
        ("a.txt", "x", "ending"),
    ],
)
def test_path__cannot_be_read__says_so(tmp_path: Path, name: str, content: str, word: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidInputError, match=word):
        digest_of_path(tmp_path / name)


def test_path__missing_or_folder_of_other_files__says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        digest_of_path(tmp_path / "nothing.parquet")
    with pytest.raises(InvalidInputError):
        digest_of_path(tmp_path)
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"b": [1]}), tmp_path / "b.parquet")
    with pytest.raises(InvalidInputError, match="other columns"):
        digest_of_path(tmp_path)


def test_path__delta_table_with_renamed_columns__is_refused(tmp_path: Path) -> None:
    write_deltalake(tmp_path / "t", pa.table({"a": [1]}))
    log = next((tmp_path / "t" / "_delta_log").glob("*.json"))
    log.write_text(log.read_text().replace('"configuration":{}', '"configuration":{"delta.columnMapping.mode":"name"}'))
    with pytest.raises(InvalidInputError, match="columnMapping"):
        digest_of_path(tmp_path / "t")


def test_command__with_a_name__prints_digest_and_the_tag_to_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(pa.table({"a": [1]}), tmp_path / "a.parquet")
    assert (
        main(
            [
                "dataset",
                "digest",
                str(tmp_path / "a.parquet"),
                "--json",
                "--name",
                "adult/train",
                "--mlflow-digest",
                "ab",
            ]
        )
        == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert found["tag"] == "countersign.content_digest.adult/train.ab"
    assert found["digest"] == digest_of_path(tmp_path / "a.parquet").digest
    assert main(["dataset", "digest", str(tmp_path / "none.csv")]) == 1
    assert "There is no" in capsys.readouterr().err
