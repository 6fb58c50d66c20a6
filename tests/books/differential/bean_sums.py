"""Run by itself: beancount's sums of the files that standard input names, one line of JSON for each.

A line is [the first error or "", [[date, account, currency, sum at cost], ...]].
"""

import json
import sys
from collections import defaultdict
from decimal import Decimal

from beancount import loader
from beancount.core import convert
from beancount.core.data import Transaction


def main() -> None:
    """Load each file."""
    for path in sys.stdin.read().splitlines():
        entries, errors, _ = loader.load_file(path)
        sums: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
        for entry in entries:
            if isinstance(entry, Transaction):
                for posting in entry.postings:
                    weight = convert.get_weight(posting)
                    sums[str(entry.date), posting.account, weight.currency] += weight.number
        rows = [[*key, str(amount)] for key, amount in sorted(sums.items())]
        print(json.dumps([errors[0].message if errors else "", rows]), flush=True)


if __name__ == "__main__":
    main()
