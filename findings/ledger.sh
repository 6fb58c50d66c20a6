#!/bin/sh
# Two things that surprise in the programs that read plain-text journals. Needs Debian's ledger 3.3.0 and hledger 1.25.
# Exits non-zero where they no longer behave like this.
#
# 1. hledger 1.25 drops the prices of a transaction in which one posting's amount is given by a balance ("= 5 USD").
#    Seen: without the assignment, `bal -B` books 10 ABC @ 3 USD as 30 USD; with it, as 10 ABC, and the posting that
#    balances the transaction gets -10 ABC instead of -30 USD.
# 2. ledger 3.3.0 takes a line that it doesn't know for nothing, if it has two words or more, and says nothing: prose, or
#    a misspelled directive, vanishes. With one word it is an error.
set -eu
ledger --version | grep -q '^Ledger 3\.3\.0' || { echo "needs ledger 3.3.0"; exit 2; }
hledger --version | grep -q '^hledger 1\.25' || { echo "needs hledger 1.25"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/plain.journal" <<'END'
2024-01-05 buy
    assets:shares    10 ABC @ 3 USD
    assets:cash       5 USD
    equity
END
sed 's/assets:cash       5 USD/assets:cash       = 5 USD/' "$folder/plain.journal" > "$folder/assigned.journal"
plain=$(hledger -f "$folder/plain.journal" bal -B -N --flat assets:shares | tr -s ' ')
assigned=$(hledger -f "$folder/assigned.journal" bal -B -N --flat assets:shares | tr -s ' ')
echo "hledger, amounts written:       $plain"
echo "hledger, one given by balance:  $assigned"
[ "$plain" = " 30 USD assets:shares" ]
[ "$assigned" = " 10 ABC assets:shares" ]

cat > "$folder/prose.ledger" <<'END'
This line is prose, and no comment.

2024-01-05 coffee
    expenses:coffee   3 EUR
    assets:cash
END
prose=$(ledger -f "$folder/prose.ledger" bal --flat --no-total expenses 2>&1 | tr -s ' ')
echo "ledger, with a line of prose:   $prose"
[ "$prose" = " 3 EUR expenses:coffee" ]
printf 'prose\n' > "$folder/word.ledger"
if ledger -f "$folder/word.ledger" bal > "$folder/out" 2>&1; then echo "one word is no error any more"; exit 1; fi
echo "ledger, with a single word:     $(grep Error "$folder/out")"
