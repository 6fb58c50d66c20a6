"""The records that importers yield: entries, accounts, rejections, and counts of lines.

They are plain Python objects, since an importer reads one entry at a time; `jet.books.importers.to_tables`
turns batches of them into the tables of `jet.books.schema`. Where a format has a faster way for entries that
break no rule, many of them come at once, as `Columns`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pyarrow as pa

from jet.books.schema import Use


@dataclass(slots=True)  # not frozen: that would double the time it takes to make the most frequent record
class Line:
    """A line (posting) of an entry. The amount is never negative: the side ("D" or "C") has the sign."""

    account: str
    side: str
    amount: Decimal | None
    currency: str = ""
    text: str = ""
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Entry:
    """A journal entry; `lines` is None for one to predict.

    `direction` is that of the money as seen from the bank: "in", "out", or "" where it isn't known.
    `file_lines` counts the lines of the file that were read as this entry. `tolerances` has, for formats with
    balancing rules of their own, how much debits and credits may differ in a currency. `known_lines` are lines
    that an entry to predict is known to have, as that of the bank; None where none is.
    """

    entity: str
    entry_id: str
    date: datetime.date
    description: str
    currency: str
    journal: str
    total: Decimal | None
    lines: list[Line] | None
    file: str
    file_line: int
    direction: str = ""
    file_lines: int = 1
    tolerances: dict[str, Decimal] | None = None
    known_lines: list[Line] | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """An account of an entity's chart."""

    entity: str
    code: str
    name: str
    parent: str | None = None
    nature: str | None = None
    opened: datetime.date | None = None
    closed: datetime.date | None = None
    stated: bool = field(default=True, compare=False)
    """Whether a row of its own says it, or a line that uses it (`jet.books.importers.stretches`)."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A part of a file that broke a rule, with the way out.

    `used_for` is what of it is used nevertheless. `file_lines` counts the rejected lines of the file; it is 0
    where they are counted with an entry that is used.
    """

    file: str
    file_line: int
    rule: str
    message: str
    entity: str | None
    entry_id: str | None
    excerpt: str
    used_for: Use = "nothing"
    file_lines: int = 1


@dataclass(frozen=True, slots=True)
class Passed:
    """Lines of a file that make no entry and break no rule.

    `reason` is why they are passed over: "blank", "comment", "header", "directive", "account" and so on.
    """

    file: str
    reason: str
    lines: int


@dataclass(frozen=True, slots=True)
class FileEnd:
    """The end of a file, with its number of lines, each of which is an entry's, passed over, or rejected."""

    file: str
    lines: int
    format: str
    dialect: str = ""
    """The dialect by whose rules the file was read; "" for a format without dialects."""
    entity: str = ""
    """The entity whose books the file has; "" for a format that names it in each row."""
    org_number: str = ""
    """The organization number of that company, in one spelling; "" where the file doesn't say it."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Entries of a file that follow one another, each of one line and valid but for its id, as a table."""

    file: str
    entries: pa.Table
    """`ENTRIES`, in the order of the file."""


Record = Entry | Account | Rejection | Passed | FileEnd | Columns


def entry_of(row: Mapping[str, Any], lines: list[Line] | None) -> Entry:
    """The entry of a row of `ENTRIES`, with `lines` in place of its own and without known ones."""
    return Entry(
        entity=row["entity"],
        entry_id=row["entry_id"],
        date=row["date"],
        description=row["description"],
        currency=row["currency"],
        journal=row["journal"],
        total=row["total"],
        lines=lines,
        file=row["file"],
        file_line=row["file_line"],
        direction=row["direction"],
    )


def lines_of(row: Mapping[str, Any]) -> list[Line] | None:
    """The lines of a row of `ENTRIES`; None for an entry to predict."""
    if row["lines"] is None:
        return None
    return [
        Line(
            line["account"],
            line["side"],
            line["amount"],
            line["currency"],
            line["text"],
            tuple((each["dimension"], each["object"]) for each in line["dimensions"]),
        )
        for line in row["lines"]
    ]


def total_of(lines: Iterable[Line], currency: str) -> Decimal | None:
    """The sum of the debits in `currency` or without a currency; None where an amount isn't known."""
    total = Decimal(0)
    for line in lines:
        if line.amount is None:
            return None
        if line.side == "D" and line.currency in (currency, ""):
            total += line.amount
    return total
