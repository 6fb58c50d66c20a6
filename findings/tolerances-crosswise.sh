#!/usr/bin/env bash
# No one of ledger, hledger and beancount is the strictest: the same two lines, and the verdicts go crosswise.
#
# ledger 3.3.0, hledger 1.25, beancount 3.2.3.
# - 3 ACME @ 3.50 EUR against -10 EUR: half a euro is missing, and ledger and hledger take it. The decimals of a
#   price don't count for them; the only EUR amount has none, so 0.50 rounds away. (0.53 doesn't.) beancount
#   refuses: whole numbers give no tolerance at all.
# - 1.004 EUR against -1.00 EUR: four tenths of a cent, and ledger and hledger refuse, since the finest amount
#   counts. beancount takes it, since the coarsest one does: half of its last digit. So 1.0 against -1.05 too.
# - 1 ACME against -10 EUR, without a price: an exchange for ledger and hledger, unbalanced for beancount.
# So entries that one program has checked aren't balanced for another, in either direction.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check beancount==3.2.3
same "versions" "Ledger 3.3.0 hledger 1.25 beancount 3.2.3" \
    "$(ledger --version | sed -n "s/\(Ledger [0-9.]*\).*/\1/p" | head -1) $(hledger --version | cut -d, -f1) $(
        venv/bin/pip list 2>/dev/null | grep -E "^beancount " | xargs)"

verdicts() { # the amounts on two accounts: who takes the entry
    printf "2024-01-05 * \"x\"\n    Assets:Fund  %s\n    Assets:Bank  %s\n" "$1" "$2" > books.journal
    { printf "2024-01-01 open Assets:%s\n" Fund Bank; cat books.journal; } > books.beancount
    takers=""
    ledger -f books.journal balance >/dev/null 2>&1 && takers+="ledger "
    hledger -f books.journal balance >/dev/null 2>&1 && takers+="hledger "
    venv/bin/bean-check books.beancount >/dev/null 2>&1 && takers+="beancount "
    echo "${takers:-nobody}" | xargs
}
same "3 at 3.50 against -10" "ledger hledger" "$(verdicts '3 ACME @ 3.50 EUR' '-10 EUR')"
same "3 at 3.51 against -10" "nobody" "$(verdicts '3 ACME @ 3.51 EUR' '-10 EUR')"
same "3 at 3.335 against -10.01" "ledger hledger beancount" "$(verdicts '3 ACME @ 3.335 EUR' '-10.01 EUR')"
same "1.004 against -1.00" "beancount" "$(verdicts '1.004 EUR' '-1.00 EUR')"
same "1.0 against -1.05" "beancount" "$(verdicts '1.0 EUR' '-1.05 EUR')"
same "1 ACME against -10 EUR" "ledger hledger" "$(verdicts '1 ACME' '-10 EUR')"
