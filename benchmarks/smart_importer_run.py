"""smart_importer as its users run it: the hook `PredictPostings` on beancount entries, in a process of its own.

    python -m benchmarks.smart_importer_run COMPANY COMPANY

Each company is a folder: `books.beancount` has the entries that are booked, `statements.jsonl` a transaction
a line (id, date, text, account, amount), of which the bank's posting is known. The hook is called as beangulp
calls it, once for each bank account: as a batch, with the booked entries before the first transaction, and
rolling, with those before each day. It reads texts by words, its default, and by single characters
(`string_tokenizer`), for languages without blanks.

Writes `answers.jsonl` in each folder, a line for each transaction, setting and reading: the accounts of the
completed entry. It imports nothing of jet, since beancount has another license (GPL-2.0).
"""

from __future__ import annotations

import argparse
import datetime
import json
import logging
from collections.abc import Iterator
from decimal import Decimal
from itertools import groupby, product
from pathlib import Path
from typing import Any

from beancount import loader
from beancount.core.amount import Amount
from beancount.core.data import Directive, Posting, Transaction, new_metadata
from smart_importer import PredictPostings

CURRENCY = "XXX"
SETTINGS = ("batch", "rolling")
READINGS = ("words", "characters")


def main() -> None:
    """Complete all transactions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("companies", nargs="+")
    logging.getLogger("smart_importer").setLevel("ERROR")
    for company in parser.parse_args().companies:
        booked, _, _ = loader.load_file(str(Path(company, "books.beancount")))
        with Path(company, "statements.jsonl").open(encoding="utf-8") as lines:
            said = sorted((json.loads(line) for line in lines), key=_date)
        with Path(company, "answers.jsonl").open("w", encoding="utf-8") as answers:
            for answer in _answers(booked, said):
                answers.write(json.dumps(answer) + "\n")


def _answers(booked: list[Directive], said: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for setting, reading in product(SETTINGS, READINGS):
        for day, own in groupby(said, key=_date if setting == "rolling" else lambda _: said[0]["date"]):
            for each, made in _completed(booked, day, list(own), reading == "characters"):
                accounts = [posting.account for posting in made.postings]
                yield {"id": each["id"], "setting": setting, "reading": reading, "accounts": accounts}


def _completed(
    booked: list[Directive], day: str, said: list[dict[str, Any]], by_characters: bool
) -> Iterator[tuple[dict[str, Any], Transaction]]:
    """Each of the transactions `said` with its entry, by what is booked before `day`."""
    first = datetime.date.fromisoformat(day)
    known = [each for each in booked if not isinstance(each, Transaction) or each.date < first]
    hook = PredictPostings(string_tokenizer=list if by_characters else None).hook
    for account, group in groupby(sorted(said, key=_account), key=_account):
        own = list(group)
        [(_, made, _, _)] = hook([("", [_transaction(each) for each in own], account, None)], known)
        yield from zip(own, made, strict=True)


def _date(said: dict[str, Any]) -> str:
    return said["date"]


def _account(said: dict[str, Any]) -> str:
    return said["account"]


def _transaction(said: dict[str, Any]) -> Transaction:
    """What an importer of beangulp makes of a line of a statement."""
    amount = Amount(Decimal(said["amount"]), CURRENCY)
    bank = Posting(said["account"], amount, None, None, None, None)
    date = datetime.date.fromisoformat(said["date"])
    return Transaction(new_metadata("", 0), date, "*", None, said["text"], frozenset(), frozenset(), [bank])


if __name__ == "__main__":
    main()
