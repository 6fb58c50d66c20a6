#!/bin/sh
# ledger 3.3.0 takes a line that it doesn't know for nothing, if it has two words or more: prose, or a misspelled
# directive, vanishes without a word. With one word it is an error.
#
# Needs Debian's ledger; ends with 1 where that changed.
set -eu
ledger --version | grep -q '^Ledger 3\.3\.0' || { echo "needs ledger 3.3.0"; exit 2; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

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
