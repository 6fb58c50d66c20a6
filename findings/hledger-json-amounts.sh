#!/usr/bin/env bash
# hledger's JSON gives amounts as a whole mantissa and decimal places, as if exact. It isn't always, in two ways.
#
# hledger 1.25 (Debian).
# - Only ten decimals come out: 0.00000000012345678 TOK (which `print` shows in full) is 1e-10 in JSON.
# - A mantissa beyond 64 bits is written with an exponent, 5.1624840669012345678e19, and an ordinary JSON reader
#   makes a float of it: Python's json.load loses the last four digits and the sum of some postings is off, with
#   eight decimals from some 100 thousand million pieces on. json.load(..., parse_float=Decimal) keeps them.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

same "version" "hledger 1.25" "$(hledger --version | cut -d, -f1)"
cat > small.journal <<'EOF'
2024-07-21 Dust
    assets:coins      0.00000000012345678 TOK
    equity:opening
EOF
same "in the journal" "0.00000000012345678 TOK" "$(hledger -f small.journal print | grep -o '0.0.* TOK')"
same "in JSON, 10 decimals" "1" \
    "$(hledger -f small.journal print -O json | grep -m1 -o 'Mantissa": .*' | tr -dc 0-9)"

cat > large.journal <<'EOF'
2024-07-21 Coins
    assets:coins      516248406690.12345678 TOK
    assets:fund            1000.00000001 TOK
    equity:opening   -516248407690.12345679 TOK
EOF
hledger -f large.journal print -O json > large.json
same "mantissas" "5.1624840669012345678e19 100000000001 -5.1624840769012345679e19" \
    "$(grep -o 'Mantissa": [-0-9.e]*' large.json | cut -d' ' -f2 | xargs)"
cat > sums.py <<'EOF'
import json
from decimal import Decimal
for reader in ({}, {"parse_float": Decimal}):
    (entry,) = json.load(open("large.json"), **reader)
    print(sum(int(posting["pamount"][0]["aquantity"]["decimalMantissa"]) for posting in entry["tpostings"]))
EOF
same "the balanced entry added up, as read by json.load and with parse_float=Decimal" "2049 0" \
    "$(python3 sums.py | xargs)"
