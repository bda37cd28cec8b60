"""Write a tiny prediction log: three rows in Parquet, in one folder per day.

    python examples/prediction-log/make_log.py prediction-log

Log from your scoring service in the same way. Two things matter: ids that start with the time (UUIDv7), so that a
look-up opens one day instead of the whole log; and model and version in each row, so that an answer during a rollout is
certain.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pyarrow as pa
import pyarrow.parquet as pq

START = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)
ROWS = ((39, 40, "Female", 0.81), (52, 45, "Male", 0.34), (28, 38, "Female", 0.57))


def uuid7(at: datetime, number: int) -> str:
    """A UUIDv7 (RFC 9562). Fixed here so that the example is reproducible: take random bits in production."""
    milliseconds = int(at.timestamp() * 1000)
    return str(UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | number))


def rows() -> list[dict[str, object]]:
    """What a scoring service knows when it answers."""
    made: list[dict[str, object]] = []
    for number, (age, hours, sex, probability) in enumerate(ROWS):
        at = START + timedelta(minutes=number)
        made.append(
            {
                "prediction_id": uuid7(at, number),
                "scored_at": at,  # with a time zone: a time without one is read as UTC
                "endpoint": "census-income",
                "version": "4",
                "age": age,
                "hours_per_week": hours,
                "sex": sex,
                "label": int(probability >= 0.5),
                "probability": probability,
            }
        )
    return made


def main() -> int:
    """Write the log and print the ids to look up."""
    parser = argparse.ArgumentParser(description="Write a tiny prediction log.")
    parser.add_argument("folder", type=Path, help="where to write it")
    folder = parser.parse_args().folder / f"day={START:%Y-%m-%d}"
    folder.mkdir(parents=True, exist_ok=True)
    made = rows()
    pq.write_table(pa.Table.from_pylist(made), folder / "part-0.parquet")
    for row in made:
        print(row["prediction_id"])
    return 0


if __name__ == "__main__":
    sys.exit(main())
