#!/usr/bin/env bash
# Whether an entry balances can hang on entries that have nothing to do with it, and where they stand.
#
# ledger 3.3.0, hledger 1.25 (Debian). 3 ACME at 3.335 EUR cost 10.005, the bank paid 10.01. By itself both take
# it: the largest number of decimals seen of EUR amounts is two, and 0.005 rounds away. Then a power bill of
# 0.125 EUR comes into the file. Below the entry: hledger, which looks at the whole file first, now refuses the
# old entry; ledger, which knows only what it has read, doesn't. Above it: both refuse.
# So a parser that reads entry by entry can't follow hledger's verdict, and appending can break a journal.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

same "versions" "Ledger 3.3.0 hledger 1.25" \
    "$(ledger --version | sed -n "s/\(Ledger [0-9.]*\).*/\1/p" | head -1) $(hledger --version | cut -d, -f1)"

cat > fund.journal <<'EOF'
2024-01-05 Fund
    assets:fund       3 ACME @ 3.335 EUR
    assets:bank  -10.01 EUR
EOF
cat > power.journal <<'EOF'

2024-06-05 Power
    expenses:power    0.125 EUR
    assets:bank

EOF
cat fund.journal power.journal > below.journal
cat power.journal fund.journal > above.journal

verdict() { if "$@" >/dev/null 2>&1; then echo takes it; else echo refuses; fi; }
for file in fund below above; do
    printf '%s: ledger %s, hledger %s\n' "$file" "$(verdict ledger -f $file.journal balance)" \
        "$(verdict hledger -f $file.journal balance)"
done > verdicts
same "verdicts" "fund: ledger takes it, hledger takes it
below: ledger takes it, hledger refuses
above: ledger refuses, hledger refuses" "$(cat verdicts)"
