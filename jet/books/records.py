"""What an importer yields: an entry, an account, the reason why something was left out, or a count of lines.

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
    """A journal entry; `lines` is None for one whose lines are to be predicted.

    `direction` says which way the money goes, as seen from the bank: "in", "out", or "" where nothing says it.
    `file_lines` counts the lines of the file that were read as this entry. `tolerances` has the most by which
    debits and credits may differ in a currency where the format's own rules say it: the entry was balanced by
    these.
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
    """Something of a file that broke a rule, the way out, and what of it is used all the same.

    `used_for` is one of `jet.books.schema.USES`. `file_lines` counts the lines of the file that were rejected
    with it: 0 where they are counted elsewhere, since an entry of theirs is used.
    """

    file: str
    file_line: int
    rule: str
    message: str
    entity: str | None
    entry_id: str | None
    excerpt: str
    used_for: str = "nothing"
    file_lines: int = 1


@dataclass(frozen=True, slots=True)
class Passed:
    """Lines of a file that make no entry and break no rule, and why they are passed over ("blank", "comment",
    "header", "directive", "account" and so on)."""

    file: str
    reason: str
    lines: int


@dataclass(frozen=True, slots=True)
class FileEnd:
    """The end of a file that was read whole: how many lines it has. Every one of them is an entry's, passed
    over, or rejected."""

    file: str
    lines: int
    format: str
    dialect: str = ""
    """Of a format with several: the one whose rules were followed."""
    entity: str = ""
    """Whose books the file holds, where these are one company's by its format."""
    org_number: str = ""
    """What the authorities call that company, where the file says it, in one spelling."""


Record = Entry | Account | Rejection | Passed | FileEnd


def total_of(lines: Iterable[Line], currency: str) -> Decimal | None:
    """The sum of the debits in `currency`, lines without one counted in; None where an amount is not known."""
    total = Decimal(0)
    for line in lines:
        if line.amount is None:
            return None
        if line.side == "D" and line.currency in (currency, ""):
            total += line.amount
    return total
