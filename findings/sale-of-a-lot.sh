#!/usr/bin/env bash
# A sale that names its lot's price and the price it fetched: by which of them does the entry balance?
#
# ledger 3.3.0, hledger 1.25, beancount 3.2.3. One share, bought at 10, sold at 12.
# - ledger and beancount balance by the lot: the shares go out at 10 and a gain of 2 has to be booked.
# - hledger reads {10 EUR} and forgets it: the shares go out at 12, and there is no gain.
# So nobody's correct entry is correct for all three. The price alone in braces is a cost for all of them.
# A price of shares in their own commodity, 5 EUR @ 2 EUR, is an error only for ledger; a negative price is one
# for all but hledger; and 0 ACME @@ 5 EUR costs five euros for ledger and hledger.
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
sale='-1 ACME {10 EUR} @ 12 EUR'
same "the bank gets 12" "hledger" "$(verdicts "$sale" '12 EUR')"
same "the bank gets 10" "ledger beancount" "$(verdicts "$sale" '10 EUR')"
same "bought in a lot" "ledger hledger beancount" "$(verdicts '1 ACME {10 EUR}' '-10 EUR')"
same "priced in itself" "hledger beancount" "$(verdicts '5 EUR @ 2 EUR' '-10 EUR')"
same "a negative price" "hledger" "$(verdicts '1 ACME @ -5 EUR' '5 EUR')"
same "nothing, for 5 in all" "ledger hledger" "$(verdicts '0 ACME @@ 5 EUR' '-5 EUR')"
