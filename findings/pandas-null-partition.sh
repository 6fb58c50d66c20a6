#!/usr/bin/env bash
# pandas can't read what pandas has written, if it was partitioned by a column with a missing value in it.
#
# pandas 3.1.1, pyarrow 26.0.1. The file of the missing value goes to city=__HIVE_DEFAULT_PARTITION__, by Hive's
# convention. pyarrow reads the folder, but the column's chunks are dictionaries, one of them with a null in it, and
# to_pandas can't unify these: "Cannot yet unify dictionaries with nulls". A dataset's partitioning without
# dictionaries does. A single row without a city makes the whole table unreadable.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pandas==3.1.1 pyarrow==26.0.1
cat > partitions.py <<'EOF'
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds

pd.DataFrame({"city": ["Oslo", None], "sum": [1, 2]}).to_parquet("table", partition_cols=["city"])
try:
    print(pd.read_parquet("table"))
except pa.ArrowInvalid as error:
    print("pandas:", error)
rows = ds.dataset("table", partitioning="hive").to_table().to_pandas().sort_values("sum")
print("as a dataset:", *rows.itertuples(index=False, name=None))
EOF
same "read back" "pandas: Cannot yet unify dictionaries with nulls
as a dataset: (1, 'Oslo') (2, nan)" "$(venv/bin/python partitions.py)"
