#!/bin/sh
# hledger 1.25 drops the prices of a transaction in which one posting's amount is given by a balance ("= 5 USD").
#
# Seen: without the assignment, `bal -B` books 10 ABC @ 3 USD as 30 USD; with it, as 10 ABC, and the posting that
# balances the transaction gets -10 ABC instead of -30 USD. Needs Debian's hledger; ends with 1 where that changed.
set -eu
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
