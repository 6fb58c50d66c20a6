#!/bin/sh
# hledger 1.25: a whole balance that is assigned ("== 88 USD") may stand for amounts in two commodities. Such a
# transaction is refused, though the same amounts, written on lines of their own, balance.
#
# Seen: cash holds 5 EUR and -7 USD; "== 88 USD" on it stands for -5 EUR and 95 USD. Beside -88 USD on another
# account hledger says "real postings all have the same sign"; with both amounts written out it infers the price of
# the euros and reads it. Needs Debian's hledger; ends with 1 where that changed.
set -eu
hledger --version | grep -q '^hledger 1\.25' || { echo "needs hledger 1.25"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/opening.journal" <<'END'
2024-01-05 exchange
    cash    -7 USD
    cash     5 EUR
END
{ cat "$folder/opening.journal"; printf '\n2024-01-09 count\n    bank    -88 USD\n    cash    == 88 USD\n'; } > "$folder/assigned.journal"
{ cat "$folder/opening.journal"; printf '\n2024-01-09 count\n    bank    -88 USD\n    cash    -5 EUR\n    cash    95 USD == 88 USD\n'; } > "$folder/written.journal"
hledger -f "$folder/assigned.journal" bal > /dev/null 2> "$folder/refusal" && { echo "read: this changed"; exit 1; }
echo "assigned:  $(grep 'same sign' "$folder/refusal")"
written=$(hledger -f "$folder/written.journal" bal -N --flat | tr -s ' ' | tr '\n' ';')
echo "written:   $written"
grep -q 'same sign' "$folder/refusal"
[ "$written" = " -88 USD bank; 88 USD cash;" ]
