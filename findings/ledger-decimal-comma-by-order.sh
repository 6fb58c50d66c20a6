#!/usr/bin/env bash
# In ledger the same amount of 1.000 EUR is one euro or a thousand, by what stands above it.
#
# ledger 3.3.0 (Debian). A commodity has a decimal comma from the first amount on that shows one (2,50). Before it,
# 1.000 EUR is 1; after it, 1000. Two entries in the other order: the total differs by 999 EUR, no word about it.
# "7,000 EUR" has the opposite fate: a thousands mark at first, then it is 7. hledger reads each amount by
# itself (1.000 is 1, 7,000 is 7) unless a directive says what the decimal mark is.
set -euo pipefail
cd "$(mktemp -d)"
trap 'rm -rf "$PWD"' EXIT

same() { # what, as found, now
    if [ "$2" != "$3" ]; then printf "CHANGED: %s\n as found: %s\n now: %s\n" "$1" "$2" "$3" >&2; exit 1; fi
    printf "as found: %s: %s\n" "$1" "$3"
}

same "versions" "Ledger 3.3.0 hledger 1.25" \
    "$(ledger --version | sed -n "s/\(Ledger [0-9.]*\).*/\1/p" | head -1) $(hledger --version | cut -d, -f1)"

cat > rent.part <<'EOF'
2024-01-03 Rent
    expenses:rent     1.000 EUR
    assets:bank      -1.000 EUR

EOF
cat > stamps.part <<'EOF'
2024-01-03 Stamps
    expenses:post     2,50 EUR
    assets:bank      -2,50 EUR

EOF
sed s/1.000/7,000/ rent.part > seven.part
cat rent.part stamps.part > rent-first.journal
cat stamps.part rent.part > rent-last.journal
cat seven.part stamps.part > seven-first.journal
cat stamps.part seven.part > seven-last.journal
rent() { "$1" -f "$2.journal" balance expenses:rent ${3:-} --format '%(quantity(total))'; }
same "ledger, 1.000 EUR above 2,50 EUR" "1" "$(rent ledger rent-first)"
same "ledger, 1.000 EUR below 2,50 EUR" "1000" "$(rent ledger rent-last)"
same "ledger, 7,000 EUR above 2,50 EUR" "7000" "$(rent ledger seven-first)"
same "ledger, 7,000 EUR below 2,50 EUR" "7" "$(rent ledger seven-last)"
for order in rent-first rent-last; do
    same "hledger, $order" "1" "$(hledger -f $order.journal balance expenses:rent -N -O json |
        python3 -c 'import json, sys; print(round(json.load(sys.stdin)[1][0]["aquantity"]["floatingPoint"]))')"
done
