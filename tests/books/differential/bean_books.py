"""Run by itself: what beancount reads in the file that is named, as JSON.

[errors, [[date, flag, narration, id, [[account, amount, currency], ...]], ...], {opened account: name}]
"""

import json
import sys

from beancount import loader
from beancount.core.data import Open, Transaction


def main() -> None:
    """Load the file."""
    entries, errors, _ = loader.load_file(sys.argv[1])
    rows = []
    for entry in entries:
        if isinstance(entry, Transaction):
            lines = [[each.account, str(each.units.number), each.units.currency] for each in entry.postings]
            rows.append([str(entry.date), entry.flag, entry.narration, entry.meta["entry_id"], lines])
    opened = {each.account: each.meta.get("name", "") for each in entries if isinstance(each, Open)}
    print(json.dumps([[each.message for each in errors], rows, opened]))


if __name__ == "__main__":
    main()
