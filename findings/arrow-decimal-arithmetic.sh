#!/usr/bin/env bash
# Arrow's decimals: two sums can't be subtracted, and a sum that needs more than 38 digits turns negative.
#
# pyarrow 26.0.1. The sum of a decimal128(28, 8) column is decimal128(38, 8), and then "debits minus credits" of two
# sums raises "Decimal precision out of range [1, 38]: 39", however small the numbers are: it is the types that
# count. So do products and quotients of two such columns (57). A sum beyond 38 digits isn't refused: twenty
# amounts of 9.99e29 add up to -4.2e29, and validate(full=True) of the scalar doesn't object either.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check pyarrow==26.0.1
cat > sums.py <<'EOF'
from decimal import Decimal
import pyarrow as pa
import pyarrow.compute as pc

def tried(made):
    try:
        return made()
    except pa.ArrowInvalid as error:
        return error

amounts = pa.array([Decimal("0.10"), Decimal("2")], pa.decimal128(28, 8))
debits, credits = pc.sum(amounts), pc.sum(amounts)
print(debits.type)
print(tried(lambda: pc.subtract(debits, credits)))
print(tried(lambda: pc.multiply(amounts, amounts)))
large = pa.array([Decimal("9" * 30)] * 20, pa.decimal128(38, 8))
total = pc.sum(large)
total.validate(full=True)
print(total.as_py() < 0, sum(large.to_pylist()) > 0)
EOF
same "results" "decimal128(38, 8)
Decimal precision out of range [1, 38]: 39
Decimal precision out of range [1, 38]: 57
True True" "$(venv/bin/python sums.py)"
