#!/usr/bin/env bash
# hledger's CSV writes numbers in the journal's own style, each padded to the longest of its commodity: what
# "1,500" means there, no reader of CSV can know.
#
# hledger 1.25 (Debian). Books with a decimal comma: 1,50 and 1.000,00 and, somewhere, 0,125 come out as 1,500 and
# 1000,000 and 0,125: the comma stays, the grouping goes. The same amounts in books with a point: 1.500, 1000.000.
# In the same file, a commodity with a comma may stand beside one with a point. The JSON has no such style
# (but see hledger-json-amounts.sh).
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

same "version" "hledger 1.25" "$(hledger --version | cut -d, -f1)"
cat > books.journal <<'EOF'
2024-02-01 Stamps
    expenses:post       1,50 EUR
    expenses:rent   1.000,00 EUR
    expenses:power     0,125 EUR
    expenses:rent   1,500.00 USD
    assets:bank
EOF
same "amounts" '"1,500" "1000,000" "0,125" "1500.00" "-1001,625" "-1500.00"' \
    "$(hledger -f books.journal print -x -O csv | tail -n +2 | python3 -c '
import csv, sys
print(*(chr(34) + row[8] + chr(34) for row in csv.reader(sys.stdin)))')"
