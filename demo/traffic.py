"""Predictions that the demo requests row by row, without loading the data set: the rows are prepared in a file."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from demo.layout import Layout

if TYPE_CHECKING:
    import pandas as pd

FILE = "traffic.jsonl"
ROWS = 2000
SECONDS = 30


def keep_rows(directory: Path, features: pd.DataFrame) -> None:
    """Write the first evaluation rows, one JSON object per line, as `dataframe_split` of MLflow's scoring protocol."""
    part, columns = directory / f"{FILE}.part", [str(name) for name in features.columns]
    rows = features.head(ROWS).to_numpy().tolist()
    part.write_text("".join(f"{json.dumps({'columns': columns, 'data': [row]})}\n" for row in rows))
    part.replace(directory / FILE)


def has_rows(directory: Path) -> bool:
    """True if the rows exist; demos of earlier releases have none."""
    return (directory / FILE).exists()


def score(layout: Layout, model: str, numbers: range) -> list[str]:
    """Send evaluation rows to the production endpoint one by one; returns the request ids."""
    ids: list[str] = []
    with requests.Session() as session:
        session.trust_env = False
        for number in numbers:
            body = {"dataframe_split": _row(layout.directory, number % ROWS)}
            address = f"{layout.serving_url}/endpoints/{model}/invocations"
            answer = session.post(address, json=body, timeout=SECONDS)
            answer.raise_for_status()
            ids += answer.json()["request_ids"]
    return ids


def _row(directory: Path, number: int) -> Any:
    with (directory / FILE).open(encoding="utf-8") as lines:
        return json.loads(next(islice(lines, number, None)))
