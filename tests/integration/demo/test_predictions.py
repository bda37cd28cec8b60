"""The demo's prediction log: whole files, ids in the order of time, compaction that loses nothing."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import pandas as pd
import pyarrow.parquet as pq
import pytest
import requests

from demo.world.predictions import (
    COMPACTED,
    SCHEMA,
    PredictionLog,
    Scored,
    Served,
    compact,
    new_request_id,
    score_and_log,
    score_of,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SERVED = Served("production", "census-income", "3")


def scored(at: datetime = NOON, **more: Any) -> Scored:
    known: dict[str, Any] = {
        "request_id": new_request_id(at), "time": at, "environment": "production", "model_name": "census-income",
        "model_version": "3", "inputs": {"age": 39.0, "workclass": "Private"}, "output": [0.75, 0.25], "score": 0.25,
        "latency_ms": 3.5,
    }  # fmt: skip
    return Scored(**{**known, **more})


def rows_of(folder: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for file in sorted(folder.glob("day=*/*.parquet")):
        table = pq.read_table(file, partitioning=None)
        assert table.schema == SCHEMA
        rows += table.to_pylist()
    return rows


def test_request_ids__are_uuids_of_version_7_in_the_order_of_time() -> None:
    ids = [new_request_id(NOON + timedelta(milliseconds=n)) for n in range(200)]
    assert ids == sorted(ids)
    assert {UUID(i).version for i in ids} == {7}
    assert (UUID(ids[0]).int >> 80) == int(NOON.timestamp() * 1000)


def test_append__a_record__is_kept_as_it_was(tmp_path: Path) -> None:
    record = scored(inputs={"name": 'Zoë "Z" <b>'})
    PredictionLog(tmp_path).append([record])
    (row,) = rows_of(tmp_path)
    assert (row["request_id"], row["time"], row["model_version"]) == (record.request_id, NOON, "3")
    assert json.loads(row["inputs"]) == {"name": 'Zoë "Z" <b>'}
    assert json.loads(row["output"]) == [0.75, 0.25]
    assert (row["score"], row["latency_ms"]) == (0.25, 3.5)


def test_append__a_row_without_version__keeps_the_gap(tmp_path: Path) -> None:
    PredictionLog(tmp_path).append([scored(model_version=None, latency_ms=None)])
    (row,) = rows_of(tmp_path)
    assert row["model_version"] is None
    assert row["latency_ms"] is None


def test_append__records_of_two_days__go_to_the_days_in_utc(tmp_path: Path) -> None:
    late = datetime(2026, 11, 21, 1, tzinfo=timezone(timedelta(hours=2)))
    PredictionLog(tmp_path).append([scored(NOON), scored(late), scored(NOON + timedelta(days=1))])
    assert sorted(p.name for p in tmp_path.iterdir()) == ["day=2026-11-20", "day=2026-11-21"]
    assert len(list((tmp_path / "day=2026-11-20").iterdir())) == 1
    assert len(rows_of(tmp_path)) == 3


def test_append__a_time_without_zone__is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="time without zone"):
        PredictionLog(tmp_path).append([scored(), scored(time=datetime(2026, 11, 20))])  # noqa: DTZ001
    assert rows_of(tmp_path) == []


def test_append__many_threads__every_row_arrives_once_and_no_part_is_left(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    batches = [[scored(NOON + timedelta(seconds=10 * b + n)) for n in range(5)] for b in range(16)]
    threads = [threading.Thread(target=log.append, args=(batch,)) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(r["request_id"] for r in rows_of(tmp_path)) == sorted(r.request_id for b in batches for r in b)
    assert not list(tmp_path.rglob("*.part"))


def test_append__two_writers_flush_the_same_first_id__both_files_stay(tmp_path: Path) -> None:
    record = scored()
    PredictionLog(tmp_path).append([record, scored()])
    PredictionLog(tmp_path).append([record, scored()])
    assert len(rows_of(tmp_path)) == 4


def test_compact__small_files__become_one_with_the_same_rows_in_order(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    for n in (3, 1, 2):
        log.append([scored(NOON + timedelta(seconds=n))])
    before = {json.dumps(r, default=str, sort_keys=True) for r in rows_of(tmp_path)}
    assert compact(tmp_path, "2026-11-20") == 3
    rows = rows_of(tmp_path)
    assert {json.dumps(r, default=str, sort_keys=True) for r in rows} == before
    assert [r["time"] for r in rows] == sorted(r["time"] for r in rows)
    assert [p.stem for p in (tmp_path / "day=2026-11-20").iterdir()] == [COMPACTED]


def test_compact__again_with_new_files__takes_them_in(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    for n in range(2):
        log.append([scored(NOON + timedelta(seconds=n))])
    compact(tmp_path, "2026-11-20")
    log.append([scored(NOON + timedelta(seconds=9))])
    assert compact(tmp_path, "2026-11-20") == 3
    assert len(rows_of(tmp_path)) == 3


def test_compact__an_earlier_one_was_cut_off_before_it_cleared_up__writes_each_row_once(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    log.append([scored(NOON)])
    (small,) = (tmp_path / "day=2026-11-20").iterdir()
    left = small.read_bytes()
    log.append([scored(NOON + timedelta(seconds=1))])
    compact(tmp_path, "2026-11-20")
    small.write_bytes(left)
    assert compact(tmp_path, "2026-11-20") == 2
    assert len(rows_of(tmp_path)) == 2


def test_compact__a_day_without_predictions__is_nothing(tmp_path: Path) -> None:
    assert compact(tmp_path, "2026-11-20") == 0


@pytest.mark.parametrize(
    ("output", "expected"), [([0.25, 0.75], 0.75), (3, 3.0), (1.5, 1.5), ("yes", None), ([], None), (True, None)]
)
def test_score_of__takes_the_positive_class_or_the_number(output: Any, expected: float | None) -> None:
    assert score_of(output) == expected


@contextmanager
def answering(status: int, answer: Any) -> Iterator[tuple[str, list[Any]]]:
    asked: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()


def test_score_and_log__logs_what_was_sent_and_what_came_back(tmp_path: Path) -> None:
    rows = pd.DataFrame({"age": [39.0, 50.0], "workclass": ["Private", None]})
    with answering(200, {"predictions": [[0.9, 0.1], [0.4, 0.6]]}) as (url, asked):
        records = score_and_log(url, rows, served=SERVED, log=PredictionLog(tmp_path))
    assert asked == [{"dataframe_split": {"columns": ["age", "workclass"], "data": [[39.0, "Private"], [50.0, None]]}}]
    kept = sorted(rows_of(tmp_path), key=lambda row: row["score"])
    assert [json.loads(r["inputs"]) for r in kept] == [r.inputs for r in records]
    assert [r["score"] for r in kept] == [0.1, 0.6]
    assert {(r["environment"], r["model_name"], r["model_version"]) for r in kept} == {
        ("production", "census-income", "3")
    }


def test_score_and_log__the_endpoint_refuses__raises_and_logs_nothing(tmp_path: Path) -> None:
    with (
        answering(400, {"error_code": "BAD_REQUEST"}) as (url, _),
        pytest.raises(requests.HTTPError),
    ):
        score_and_log(url, pd.DataFrame({"age": [1.0]}), served=SERVED, log=PredictionLog(tmp_path))
    assert rows_of(tmp_path) == []


def test_score_and_log__fewer_answers_than_rows__raises_and_logs_nothing(tmp_path: Path) -> None:
    with answering(200, {"predictions": [0.5]}) as (url, _), pytest.raises(ValueError, match="zip"):
        score_and_log(url, pd.DataFrame({"age": [1.0, 2.0]}), served=SERVED, log=PredictionLog(tmp_path))
    assert rows_of(tmp_path) == []
