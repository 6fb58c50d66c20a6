"""What reading a table by some settings gives: how many of its entries balance, and what is left undecided."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from decimal import Decimal

from jet.books.checks import check_entry
from jet.books.importers.common import Source
from jet.books.importers.numbers import EITHER, ambiguity, read_amount
from jet.books.importers.tables.survey import Survey
from jet.books.importers.tabular import TableImport, table_of
from jet.books.records import Entry, Rejection
from jet.books.settings import ImportSettings

SHARE = Decimal("0.9")
"""Of the entries so many must balance at least: real books have mistakes, and a wrong reading balances by
chance alone."""


@dataclass
class Trial:
    """A reading of a table."""

    settings: ImportSettings
    found: Survey
    good: int = 0
    """Entries that break no rule."""
    bad: int = 0
    """Entries that break one, and rows that make none."""
    without_account: list[int] = field(default_factory=list)
    """Lines of entries without lines, the first ones."""
    first_fault: str = ""
    entries: str = ""
    """A digest of the entries: two readings with the same have the same ones."""
    groups: str = ""
    """A digest of the lines that entries begin in."""
    has_line_texts: bool = False
    """Whether lines have texts other than their entry's."""

    @property
    def fits(self) -> bool:
        """Whether the entries balance, but for some."""
        return self.good > 0 and self.good >= SHARE * (self.good + self.bad)

    @property
    def undecided(self) -> list[str]:
        """What of its numbers and dates has two readings, in words, with the way out."""
        doubts = []
        either = self.found.proofs.get(EITHER)
        if either is not None and self.settings.decimal_comma is None and not self.found.mark:
            line, text = either
            doubts.append(f"line {line}: {ambiguity(text, read_amount(text), self.found.contradicts_itself)}")
        if self.settings.date_format is None and (doubt := self.found.orders.undecided):
            doubts.append(doubt)
        return doubts


def tried(source: Source, settings: ImportSettings) -> Trial:
    """Read the whole table. Raises UnreadableFile where it hasn't the columns."""
    table = TableImport(source.file, table_of(source, settings), settings, "tabular")
    found = table.surveyed()
    trial = Trial(settings, found)
    tolerance = Decimal(str(settings.tolerance))
    entries, groups = hashlib.sha256(), hashlib.sha256()
    for record in table.records(found):
        fault = ""
        if isinstance(record, Rejection):
            fault = f"line {record.file_line}: {record.message}"
        elif isinstance(record, Entry):
            entries.update(repr(record).encode("utf-8", "replace"))
            groups.update(b"%d " % record.file_line)
            broken = check_entry(record, tolerance)
            if broken is not None:
                fault = f"line {record.file_line}: {broken.message}"
            elif record.lines is None:
                trial.without_account.append(record.file_line)
                continue
            for line in record.lines or ():
                trial.has_line_texts |= line.text not in ("", record.description)
        else:
            continue
        trial.good += not fault
        trial.bad += bool(fault)
        trial.first_fault = trial.first_fault or fault
    trial.entries, trial.groups = entries.hexdigest(), groups.hexdigest()
    return trial
