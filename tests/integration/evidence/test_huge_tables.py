"""Ten million rows are read in pieces and thinned; memory stays bounded, and the record says so."""

import json
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

pytestmark = pytest.mark.slow
ROWS, PIECE = 10_000_000, 500_000
CODE = """
import resource, sys
from services.evidence.__main__ import main
try:
    sys.exit(main())
finally:
    sys.stderr.write(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}")
"""


def write(path, noise):
    writer = None
    for start in range(0, ROWS, PIECE):
        rng, own = np.random.default_rng(start), np.random.default_rng([start, int(100 * noise)])
        logit = 1.5 * rng.normal(size=PIECE) - 0.8
        columns = {
            "row_id": np.arange(start, start + PIECE),
            "label": (rng.random(PIECE) < 1 / (1 + np.exp(-logit))).astype("int8"),
            "score": (1 / (1 + np.exp(-logit - noise * own.normal(size=PIECE)))).astype("float32"),
            "sex": np.where(rng.random(PIECE) < 0.4, "f", "m"),
        }
        table = pa.table(columns)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    writer.close()


def test_command__ten_million_rows__samples_within_two_gigabytes_and_says_so(tmp_path):
    for name, noise in (("candidate", 0.9), ("current", 1.0)):
        write(tmp_path / f"{name}.parquet", noise)
    tables = [str(tmp_path / f"{name}.parquet") for name in ("candidate", "current")]
    done = subprocess.run(
        [sys.executable, "-c", CODE, "compare", *tables, "--resamples", "100", "--json"],
        capture_output=True, text=True, check=False, timeout=1500,
    )  # fmt: skip
    document = json.loads(done.stdout)
    assert (done.returncode, document["verdict"]) == (0, "better")
    assert document["inputs"]["candidate_rows"] == ROWS
    assert 1_000_000 <= document["rows"] <= 2_000_000
    sampled = next(finding for finding in document["findings"] if finding["kind"] == "sampled")
    assert "10,000,000 rows" in sampled["sentence"]
    assert int(done.stderr.rpartition("peak ")[2]) < 2_000_000
