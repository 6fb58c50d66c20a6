#!/usr/bin/env bash
# beancount makes a unit price of a total (@@, {{ }}) by dividing to 28 digits, and doesn't forget what that loses.
#
# beancount 3.2.3. "3 ACME @@ 10 EUR" against "-10 EUR" is an error, "Transaction does not balance:
# (-0.000000000000000000000000001 EUR)": whole numbers give no tolerance. 7 for 10 is fine (the digits happen to
# round back). With -10.00 it is fine too. With the bank's amount left out and 10.00 as the total there is no
# error, and the bank pays 9.999999999999999999999999999 EUR; with any other amount in EUR with cents in the
# entry, the bank's is rounded to cents.
# So who writes beancount from books with totals writes cents everywhere; who reads it rounds what was filled in.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check beancount==3.2.3
cat > load.py <<'EOF'
import sys
from beancount import loader

entries, errors, _ = loader.load_string("""
2024-01-01 open Assets:Fund
2024-01-01 open Assets:Bank
2024-01-01 open Expenses:Fee
2024-01-05 * "Fund"
""" + sys.stdin.read())
print(errors[0].message if errors else " ".join(str(posting.units) for posting in entries[-1].postings))
EOF
said() { printf '  %s\n' "$@" | venv/bin/python load.py; }
same "3 for a total of 10" "Transaction does not balance: (-0.000000000000000000000000001 EUR)" \
    "$(said 'Assets:Fund  3 ACME @@ 10 EUR' 'Assets:Bank  -10 EUR')"
same "7 for a total of 10" "7 ACME -10 EUR" "$(said 'Assets:Fund  7 ACME @@ 10 EUR' 'Assets:Bank  -10 EUR')"
same "3 for a total of 10, paid -10.00" "3 ACME -10.00 EUR" \
    "$(said 'Assets:Fund  3 ACME @@ 10 EUR' 'Assets:Bank  -10.00 EUR')"
same "filled in" "3 ACME -9.999999999999999999999999999 EUR" \
    "$(said 'Assets:Fund  3 ACME @@ 10.00 EUR' 'Assets:Bank')"
same "filled in beside a fee with cents" "3 ACME 0.50 EUR -10.50 EUR" \
    "$(said 'Assets:Fund  3 ACME @@ 10.00 EUR' 'Expenses:Fee  0.50 EUR' 'Assets:Bank')"
