#!/usr/bin/env bash
# A TAB between account and amount: ledger parts there, hledger 1.25 takes it for one blank of the account's name.
#
# ledger 3.3.0, hledger 1.25 (Debian). With the other side's amount given, hledger has no error: the account is
# called "assets:bank 10 EUR", its amount is what is left. The comment behind a TAB fares the same. Two TABs part.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

same "versions" "Ledger 3.3.0 hledger 1.25" \
    "$(ledger --version | sed -n "s/\(Ledger [0-9.]*\).*/\1/p" | head -1) $(hledger --version | cut -d, -f1)"

printf '2024-01-05 Gift\n    assets:bank\t10 EUR\n    income:gift  -10 EUR\n' > amount.journal
printf '2024-01-05 Gift\n    assets:bank  10 EUR\n    income:gift\t; from aunt\n' > comment.journal
printf '2024-01-05 Gift\n    assets:bank\t\t10 EUR\n    income:gift  -10 EUR\n' > two.journal
accounts() { "$1" -f "$2.journal" accounts | sort | paste -sd,; }
same "ledger, amount" "assets:bank,income:gift" "$(accounts ledger amount)"
same "hledger, amount" "assets:bank 10 EUR,income:gift" "$(accounts hledger amount)"
same "ledger, comment" "assets:bank,income:gift" "$(accounts ledger comment)"
same "hledger, comment" "assets:bank,income:gift ; from aunt" "$(accounts hledger comment)"
same "hledger, two TABs" "assets:bank,income:gift" "$(accounts hledger two)"
