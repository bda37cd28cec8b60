"""Rows that the demo sends to its endpoint lie ready in a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import requests

from demo.layout import Layout, Ports
from demo.traffic import ROWS, has_rows, keep_rows, score
from tests.simulators.receivers import Receiver, http_receiver


@pytest.fixture
def endpoint() -> Iterator[Receiver]:
    with http_receiver() as receiver:
        receiver.answer = b'{"request_ids": ["some-id"]}'
        yield receiver


@pytest.fixture
def layout(tmp_path: Path, endpoint: Receiver) -> Layout:
    return Layout(tmp_path, Ports(1, 1, 1, int(endpoint.url.rpartition(":")[2])), "token")


def test_score__a_number_beyond_the_rows__begins_again_with_the_row_as_mlflow_takes_it(
    layout: Layout, endpoint: Receiver
) -> None:
    assert not has_rows(layout.directory)
    keep_rows(layout.directory, pd.DataFrame({"age": [float(n) for n in range(ROWS + 5)], "sex": "Female"}))
    assert has_rows(layout.directory)
    assert score(layout, "income", range(ROWS - 1, ROWS + 1)) == ["some-id", "some-id"]
    assert [post.path for post in endpoint.posts] == ["/endpoints/income/invocations"] * 2
    rows = [{"columns": ["age", "sex"], "data": [[age, "Female"]]} for age in (ROWS - 1.0, 0.0)]
    assert [json.loads(post.body) for post in endpoint.posts] == [{"dataframe_split": row} for row in rows]


def test_score__the_endpoint_refuses__raises(layout: Layout, endpoint: Receiver) -> None:
    keep_rows(layout.directory, pd.DataFrame({"age": [1.0]}))
    endpoint.statuses = [503]
    with pytest.raises(requests.HTTPError):
        score(layout, "income", range(1))
