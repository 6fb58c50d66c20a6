#!/usr/bin/env bash
# Told that a comma groups thousands, pandas and DuckDB drop commas wherever they stand: "12,50" becomes 1250.
#
# pandas 2.3.3 (thousands=","), duckdb 2.0.1 (thousands=','). A file with one amount written 12,50 among others like
# 1,234.50 is read without an error, and that amount is a hundred times too large; "1,2,3" is 123. Nothing checks that
# groups have three digits. Without the option both leave the column as text, which is the safer way to read it.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check duckdb==2.0.1 pandas==2.3.3
cat > amounts.csv <<'EOF'
amount
"1,234.50"
"12,50"
"1,2,3"
EOF
cat > read.py <<'EOF'
import duckdb
import pandas as pd

print("pandas", *pd.read_csv("amounts.csv", thousands=",").amount)
rows = duckdb.sql(
    "SELECT * FROM read_csv('amounts.csv', header=true, thousands=',', columns={'amount': 'DECIMAL(18, 2)'})"
).fetchall()
print("duckdb", *(row[0] for row in rows))
print("without thousands", *pd.read_csv("amounts.csv").amount)
EOF
same "thousands" "pandas 1234.5 1250.0 123.0
duckdb 1234.50 1250.00 123.00
without thousands 1,234.50 12,50 1,2,3" "$(venv/bin/python read.py)"
