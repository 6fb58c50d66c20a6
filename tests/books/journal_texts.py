"""What the tests of journals share: texts and files are read, and ledger and hledger asked about them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections import Counter, defaultdict
from decimal import Decimal
from io import BytesIO

import pytest
from counting import only

from jet.books.importers import (
    Account,
    Entry,
    FileEnd,
    ImportSettings,
    Passed,
    Rejection,
    Source,
    import_file,
)
from jet.books.importers.journal import LedgerImporter

CURRENCIES = {"$": "USD", "€": "EUR", "£": "GBP"}
TINY = Decimal("0.0002")  # what the programs and jet may differ by where a price is inferred

needs_tools = pytest.mark.skipif(
    not (shutil.which("ledger") and shutil.which("hledger")), reason="ledger and hledger aren't installed"
)


def read(text, file="books/club.ledger", **options):
    return list(LedgerImporter().records(Source(file, BytesIO(text.encode())), ImportSettings(**options)))


def read_files(folder, main, files, **options):
    """The records of a journal in a folder of files."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(import_file(str(folder / main), ImportSettings(**options), str(folder)))


def rejected(records):
    """The rejections of which nothing is used."""
    return [record for record in only(Rejection, records) if record.used_for == "nothing"]


def sums(records):
    """What is booked on each account in each commodity, zeros left out."""
    found: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for entry in only(Entry, records):
        for line in entry.lines or ():  # none of one that is to be predicted
            if line.amount is not None:
                signed = line.amount if line.side == "D" else -line.amount
                found[line.account, line.currency or entry.currency] += signed
    return without_zeros(found)


def without_zeros(found):
    return {key: amount for key, amount in found.items() if abs(amount) > TINY}


def check_line_counts(records):
    """Every line of every file is an entry's, rejected, or passed over: once."""
    counts: Counter[str] = Counter()
    ends = []
    for record in records:
        match record:
            case Entry() | Rejection():
                counts[record.file] += record.file_lines
            case Passed():
                counts[record.file] += record.lines
            case FileEnd():
                assert counts.pop(record.file, 0) == record.lines, record
                ends.append(record)
            case Account():
                pass
    assert not +counts
    assert ends
    return ends


def sums_of_ledger(path):
    """What ledger books, by `reg -B`, accounts that begin with v left out; None where it refuses the file."""
    format_ = "%(account)\t%(commodity(display_amount))\t%(quantity(display_amount))\n"
    done = subprocess.run(
        ["ledger", "--args-only", "-f", str(path), "reg", "-B", "--unround", "--format", format_],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None
    found: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in filter(None, done.stdout.splitlines()):
        account, commodity, quantity = line.split("\t")
        commodity = commodity.strip('"').split(" {")[0].split(" [")[0]
        if not account.startswith(("v", "<")):
            found[account, CURRENCIES.get(commodity, commodity)] += Decimal(quantity)
    return without_zeros(found)


def sums_of_hledger(path):
    """What hledger books, by `bal -B`, accounts that begin with v left out; None where it refuses the file."""
    done = subprocess.run(
        ["hledger", "-f", str(path), "bal", "-B", "--flat", "-N", "-O", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return None
    found: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for account, _, _, amounts in json.loads(done.stdout)[0]:
        for amount in amounts:
            quantity, commodity = amount["aquantity"], amount["acommodity"]
            number = Decimal(quantity["decimalMantissa"]).scaleb(-quantity["decimalPlaces"])
            if not account.startswith("v"):
                found[account, CURRENCIES.get(commodity, commodity)] += number
    return without_zeros(found)


SUMS_OF = {"ledger": sums_of_ledger, "hledger": sums_of_hledger}


def agrees(path, dialect):
    """Whether jet and the program book the same, or both refuse something; else what each does."""
    theirs = SUMS_OF[dialect](path)
    records = list(import_file(str(path), ImportSettings(dialect=dialect)))
    check_line_counts(records)
    ours, refused = sums(records), [record.message for record in only(Rejection, records)]
    refused += [f"{entry.entry_id} is to be predicted" for entry in only(Entry, records) if entry.lines is None]
    if theirs is None:
        return True if refused else (path.read_text(), "refused by the program only", ours)
    is_equal = set(ours) == set(theirs) and all(abs(ours[key] - theirs[key]) < TINY * 10 for key in ours)
    return True if is_equal else (path.read_text(), theirs, ours, refused)
