#!/usr/bin/env bash
# ledger knows three commodities that nobody declared: h, m and s are time. Meters of cloth become seconds.
#
# ledger 3.3.0, hledger 1.25 (Debian). 90 m of cloth on one side and 1.5 h of work on the other balance: both are
# 5400 s. The CSV export of a purchase of 90 m says 5400 s, the register 1.50h. hledger keeps m and h apart
# (and takes the entry as an exchange of the one for the other). "90 mtr" is safe.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

same "versions" "Ledger 3.3.0 hledger 1.25" \
    "$(ledger --version | sed -n "s/\(Ledger [0-9.]*\).*/\1/p" | head -1) $(hledger --version | cut -d, -f1)"

cat > cloth.journal <<'EOF'
2024-01-05 Cloth for work
    assets:cloth      90 m
    assets:work     -1.5 h
EOF
same "ledger's total" "0" "$(ledger -f cloth.journal balance | tail -1 | xargs)"
same "ledger's CSV" '"s","5400"' "$(ledger -f cloth.journal csv assets:cloth | cut -d, -f5,6)"
same "hledger's total" "-1.5 h 90 m" "$(hledger -f cloth.journal balance -O csv | tail -1 | tr -d '",' | sed 's/total//')" || true
