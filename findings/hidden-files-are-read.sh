#!/usr/bin/env bash
# What begins with . or _ is hidden from pyarrow and pandas; DuckDB and Polars read it with the rest: half a job's
# rows, or all of them twice.
#
# duckdb 2.0.1, polars 2.1.0, pandas 3.1.1, pyarrow 26.0.1. Spark and its kin write into _temporary/ and move the
# files when a job commits, and others stage under a name with a dot: what a killed job left there isn't part of a
# table by Hive's convention. DuckDB's ** and Polars' folders and ** take it for a part. A hidden file that isn't
# parquet, such as a .crc, makes Polars refuse the folder, which at least tells of the matter.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check duckdb==2.0.1 polars==2.1.0 pandas==3.1.1 pyarrow==26.0.1
cat > hidden.py <<'EOF'
from pathlib import Path

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq

names = ["day=1/a.parquet", "day=1/.b.parquet", "day=1/_c.parquet"]
names += ["_temporary/day=1/d.parquet", ".staging/day=1/e.parquet"]
for name in names:
    path = Path("table") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"file": [path.name.strip("._")[0]]}), path)

print("pyarrow", *sorted(ds.dataset("table", partitioning="hive").to_table()["file"].to_pylist()))
print("pandas", *sorted(pd.read_parquet("table")["file"]))
print("polars", *sorted(pl.read_parquet("table", hive_partitioning=True)["file"]))
print("duckdb", *sorted(row[0] for row in duckdb.sql("SELECT file FROM 'table/**/*.parquet'").fetchall()))
Path("table/day=1/.a.parquet.crc").write_bytes(b"crc")
try:
    pl.read_parquet("table")
except pl.exceptions.InvalidOperationError as error:
    print("polars, beside a .crc:", str(error).partition(":")[0])
EOF
same "files that are read" "pyarrow a
pandas a
polars a b c d e
duckdb a b c d e
polars, beside a .crc: directory contained paths with different file extensions" "$(venv/bin/python hidden.py)"
