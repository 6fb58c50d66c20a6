#!/usr/bin/env bash
# A list of one hive-partitioned file has a column more than the file: pyarrow's read_table, and with it pandas.
#
# pyarrow 26.0.1, pandas 3.0.1, Polars 1.42.0, DuckDB 1.5.2. Read by its path, books/year=2024/part-0.parquet has
# the column that was written. Read as a list of that one path, it also has "year": as a dictionary in pyarrow, as a
# category in pandas. pyarrow's own dataset(list) has no such column, Polars has none in either case, and DuckDB has
# one in both, as a BIGINT. So tables of "all files" and "one file" can't be concatenated, and the year has three
# types. partitioning=None (pyarrow, pandas) and hive_partitioning=false (DuckDB) read what was written.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pyarrow==26.0.1 pandas==3.0.1 polars==1.42.0 duckdb==1.5.2
cat > read.py <<'EOF'
import os
import sys

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

os.makedirs("books/year=2024", exist_ok=True)
file = "books/year=2024/part-0.parquet"
pq.write_table(pa.table({"amount": [1]}), file)
given = file if sys.argv[1] == "path" else [file]
print(*(f"{field.name}:{field.type}" for field in pq.read_table(given).schema))
print(*(f"{field.name}:{field.type}" for field in pq.read_table(given, partitioning=None).schema))
print(*ds.dataset(given).schema.names)
print(*(f"{name}:{kind}" for name, kind in pd.read_parquet(given).dtypes.items()))
print(*pl.read_parquet(given).columns)
print(*(f"{row[0]}:{row[1]}" for row in duckdb.sql(f"describe from read_parquet({given!r})").fetchall()))
EOF
same "a path" "amount:int64
amount:int64
amount
amount:int64
amount
amount:BIGINT year:BIGINT" "$(venv/bin/python read.py path)"
same "a list of that path" "amount:int64 year:dictionary<values=int32, indices=int32, ordered=0>
amount:int64
amount
amount:int64 year:category
amount
amount:BIGINT year:BIGINT" "$(venv/bin/python read.py list)"
