"""What an importer yields: an entry, an account, or the reason why something was left out.

These are plain Python records, not Arrow rows: an importer reads one entry at a time, and `to_tables` in
`jet.books.importers` turns batches of them into the tables of `jet.books.schema`.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal


@dataclass(slots=True)  # not frozen: that would double the time it takes to make the most frequent record
class Line:
    """One posting of an entry. Amounts are never negative: the side ("D" or "C") carries the sign."""

    account: str
    side: str
    amount: Decimal | None
    currency: str = ""
    text: str = ""
    dimensions: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Entry:
    """A journal entry; `lines` is None for one whose lines are to be predicted."""

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


@dataclass(frozen=True, slots=True)
class Account:
    """One account of an entity's chart."""

    entity: str
    code: str
    name: str
    parent: str | None = None
    nature: str | None = None
    opened: datetime.date | None = None
    closed: datetime.date | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """Something of a file that was not imported, the rule that it broke and the way out."""

    file: str
    file_line: int
    rule: str
    message: str
    entity: str | None
    entry_id: str | None
    excerpt: str


Record = Entry | Account | Rejection


def total_of(lines: Iterable[Line], currency: str) -> Decimal | None:
    """The sum of the debits in `currency`; None where an amount is not known."""
    total = Decimal(0)
    for line in lines:
        if line.amount is None:
            return None
        if line.side == "D" and line.currency == currency:
            total += line.amount
    return total
