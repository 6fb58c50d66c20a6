#!/usr/bin/env bash
# The same journal, no error in either program, another bank balance: ledger takes balance assertions and
# assignments in the order of the file, hledger in the order of the dates.
#
# ledger 3.3.0, hledger 1.25 (Debian). An opening balance is assigned (= 400 EUR) below a later salary of 500.
# Seen: ledger 400 EUR (what stands last in the file sets the balance), hledger 900 EUR (set on 8 March, salary
# on the 20th). So who sorts a journal by date changes what ledger makes of it, and who exports one unsorted must
# know for whom.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

same "versions" "Ledger 3.3.0 hledger 1.25" \
    "$(ledger --version | sed -n "s/\(Ledger [0-9.]*\).*/\1/p" | head -1) $(hledger --version | cut -d, -f1)"

cat > books.journal <<'EOF'
2024-03-20 Salary
    assets:bank       500 EUR
    income:salary

2024-03-08 Opening
    assets:bank             = 400 EUR
    equity:opening
EOF
same "ledger" "400 EUR" "$(ledger -f books.journal balance assets:bank --format '%(display_total)')"
same "hledger" "900 EUR" "$(hledger -f books.journal balance assets:bank -N --format '%(total)' | xargs)"

# And so the same true statement is an error in one of them: in June the bank holds 70, in March 100.
cat > stated.journal <<'EOF'
2024-06-01 Rent
    assets:bank       -30 EUR = 70 EUR
    expenses:rent

2024-03-01 Opening
    assets:bank       100 EUR = 100 EUR
    equity:opening
EOF
same "ledger on the assertions" "Error: Balance assertion off by 100 EUR (expected to see -30 EUR)" \
    "$(ledger -f stated.journal balance 2>&1 >/dev/null | grep Error: | head -1 || true)"
same "hledger on the assertions" "70 EUR" "$(hledger -f stated.journal balance assets:bank -N --format '%(total)' | xargs)"
