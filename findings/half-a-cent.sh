#!/usr/bin/env bash
# Half a cent, as a decimal, made two decimals by a cast: DuckDB rounds it up, polars to the even cent, Arrow refuses
# and, told not to, cuts it.
#
# duckdb 2.0.1, polars 2.1.0, pyarrow 26.0.1. For 0.125, 0.135 and -0.135, with no floats anywhere: DuckDB 0.13, 0.14,
# -0.14; polars 0.12, 0.14, -0.14; Arrow with safe=False 0.12, 0.13, -0.13. The same table of amounts in thousandths,
# made cents by one engine and checked against totals by another, doesn't add up.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check duckdb==2.0.1 polars==2.1.0 pyarrow==26.0.1
cat > cents.py <<'EOF'
from decimal import Decimal
import duckdb
import polars as pl
import pyarrow as pa

amounts = [Decimal("0.125"), Decimal("0.135"), Decimal("-0.135")]
rows = duckdb.execute(
    "SELECT CAST(CAST(unnest(?) AS DECIMAL(9, 3)) AS DECIMAL(9, 2))", [[str(one) for one in amounts]]
).fetchall()
print("duckdb", *(row[0] for row in rows))
print("polars", *pl.Series(amounts, dtype=pl.Decimal(9, 3)).cast(pl.Decimal(9, 2)))
arrow = pa.array(amounts, pa.decimal128(9, 3))
try:
    print("arrow", *arrow.cast(pa.decimal128(9, 2)))
except pa.ArrowInvalid as error:
    print("arrow", error)
print("arrow, unsafe", *arrow.cast(pa.decimal128(9, 2), safe=False))
EOF
same "cents" "duckdb 0.13 0.14 -0.14
polars 0.12 0.14 -0.14
arrow Rescaling Decimal value would cause data loss
arrow, unsafe 0.12 0.13 -0.13" "$(venv/bin/python cents.py)"
