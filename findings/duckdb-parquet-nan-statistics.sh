#!/usr/bin/env bash
# DuckDB believes the smallest and greatest value that a Parquet file states for a column of floats, which leave NaN out.
# Where all other values are equal, filters find NaN as if it were that value, and do not find it when asked for it:
# also behind a cast to text and behind a materialized table. Exits 1 if the behaviour changed.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "duckdb==2.0.0" "pyarrow==25.0.1"
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

pq.write_table(pa.table({"id": ["a", "b", "c", "d"], "x": [5.0, 5.0, 5.0, float("nan")]}), "nan.parquet")
source = "read_parquet('nan.parquet')"
cases = {
    "x = 5": (f"SELECT id FROM {source} WHERE x = 5", ["a", "b", "c"]),
    "isnan(x)": (f"SELECT id FROM {source} WHERE isnan(x)", ["d"]),
    "CAST(x AS VARCHAR) = 'nan'": (f"SELECT id FROM {source} WHERE CAST(x AS VARCHAR) = 'nan'", ["d"]),
    "the same behind a materialized table": (
        f"WITH r AS MATERIALIZED (SELECT * FROM {source}) SELECT id FROM r WHERE CAST(x AS VARCHAR) = 'nan'",
        ["d"],
    ),
    "behind a list (right)": (f"SELECT id FROM {source} WHERE CAST(list_value(x) AS VARCHAR) = '[nan]'", ["d"]),
}
print("duckdb", duckdb.__version__, "pyarrow", pa.__version__)
seen = {}
for name, (sql, right) in cases.items():
    found = sorted(row[0] for row in duckdb.connect().execute(sql).fetchall())
    seen[name] = found == right
    print(f"{name}: found {found}, right is {right}")
expected = {name: name.endswith("(right)") for name in cases}
print("as described" if seen == expected else "the behaviour changed")
sys.exit(0 if seen == expected else 1)
PY
