"""FEC, the file of entries that French law asks of every company (article A47 A-1 of the LPF).

Notable, since real files differ from the law's 18 columns:

- Columns are found by name: files for cash accounting (BNC, BA) have 21 or 22, and some headers end with an
  empty one. Amounts are `Debit` and `Credit`, or `Montant` and `Sens`.
- Which rows are an entry: see `jet.books.importers.fec_rows`. They may lie apart, and have texts of their own;
  the first text is the entry's.
- A negative debit is a credit.
- The journal of balances carried forward ("à-nouveaux") is passed over: it shows no habit. It names accounts.
- The file doesn't name the company. Its name has the SIREN: 123456789FEC20241231.txt.
- A number begins anew with a year, so an id is journal, number and year.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import PurePath

from jet.books.checks import EXCERPT_CHARACTERS, Rule, reject
from jet.books.identity import made_id
from jet.books.importers.common import (
    BrokenRuleError,
    Extent,
    Source,
    by_prefix,
    entity_of,
    unsigned,
    without_mark,
)
from jet.books.importers.fec_rows import FecTable, Group, Reading, Row, columns, survey
from jet.books.importers.tables.rows import day_of
from jet.books.records import Account, Entry, FileEnd, Line, Passed, Record, Rejection, total_of
from jet.books.settings import ImportSettings

MOST_HELD_BYTES = 1 << 28
"""About the memory for rows of entries of which more rows are to come."""

ROW_BYTES = 800
_SIREN = re.compile(r"(?<![0-9])([0-9]{9})FEC[0-9]{8}(?![0-9])", re.IGNORECASE)
_NATURES = (
    dict.fromkeys(("10", "11", "12", "13", "14"), "equity")
    | dict.fromkeys(("15", "16", "17", "40", "42", "43", "519"), "liability")
    | dict.fromkeys(("2", "3", "41", "5"), "asset")
    | {"6": "expense", "7": "income"}
)
"""By the beginning of an account's number in the plan comptable général; what may be either isn't here."""


class FecImporter:
    """Reads FEC files: fields between tabs or pipes, one row for each line of an entry."""

    name = "fec"

    def recognizes(self, path: str, head: bytes) -> bool:  # noqa: ARG002 (no extension is a FEC's own)
        """Whether the first line names the columns of a FEC."""
        first = re.split(rb"[\r\n]", without_mark(head), maxsplit=1)[0]
        return columns(first.decode("latin-1")) is not None

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order in which they are complete, then the accounts."""
        yield from _Book(source, settings).records()


@dataclass(slots=True)
class _Voucher:
    """Rows of an entry, as far as they are kept."""

    rows: list[Row] = field(default_factory=list)
    extent: Extent = field(default_factory=Extent)
    kept: int = 0
    """About the memory that the rows take."""
    is_given_up: bool = False

    def add(self, row: Row) -> int:
        """Add a row; returns about the memory that it takes from now on."""
        fits = self.extent.add(len(row.raw)) and not self.is_given_up
        if not fits and self.rows:
            return 0
        self.rows.append(row)
        size = 2 * len(row.raw) + ROW_BYTES
        self.kept += size
        return size

    def give_up(self) -> None:
        """Keep what names the entry, and no more."""
        self.is_given_up = True
        first = self.rows[0]
        self.rows = [first._replace(raw=first.raw[:EXCERPT_CHARACTERS])]
        self.kept = 0


class _Book:
    """The import of one file."""

    def __init__(self, source: Source, settings: ImportSettings) -> None:
        self.file = source.file
        self.settings = settings
        self.table = FecTable(source.stream, source.file, settings)
        siren = _SIREN.search(PurePath(source.file).name)
        self.siren = siren[1] if siren else ""
        self.entity = entity_of(settings, "", self.siren, source.file)
        self.currency = settings.default_currency or "EUR"
        self.names: dict[str, str] = {}

    def records(self) -> Iterator[Record]:
        self.found = survey(self.table, self.settings)
        self.reading = Reading(self.found, self.settings)
        passed: Counter[str] = Counter()
        waiting: dict[Group, _Voucher] = {}
        number = held = 0
        for row in self.table.rows():
            number = row.number
            if row.comptenum and not self.names.get(row.comptenum):
                self.names[row.comptenum] = row.comptelib
            if row.passed:
                passed[row.passed] += 1
                continue
            group = self.found.group(row)
            voucher = waiting.setdefault(group, _Voucher())
            held += voucher.add(row)
            if row.number == self.found.last[group]:
                del waiting[group]
                held -= voucher.kept
                yield self._entry(group, voucher)
            elif held > MOST_HELD_BYTES:
                for each in waiting.values():
                    each.give_up()
                held = 0
        yield from (
            Account(self.entity, code, name, nature=by_prefix(code, _NATURES))
            for code, name in self.names.items()
        )
        for reason, lines in passed.items():
            yield Passed(self.file, reason, lines)
        yield FileEnd(self.file, number, FecImporter.name, entity=self.entity, org_number=self.siren)

    def _entry(self, group: Group, voucher: _Voucher) -> Entry | Rejection:
        first = voucher.rows[0]
        entry_id = None
        try:
            if voucher.is_given_up:
                raise BrokenRuleError(
                    Rule.NOT_ADJACENT,
                    "the rows of too many entries lie apart to wait for them: sort the file by JournalCode and "
                    "EcritureNum",
                )
            if (fault := voucher.extent.fault()) is not None:
                raise BrokenRuleError(*fault)
            try:
                date = day_of(first.ecrituredate, self.settings.date_format, self.found.orders)
            except ValueError as error:
                raise BrokenRuleError(Rule.BAD_DATE, str(error)) from None
            parts = (*group[:2], *group[3:])  # the day is in the date
            entry_id = "-".join((*filter(None, parts), f"{date.year}"))
            lines = [line for row in voucher.rows if (line := self._line(row)) is not None]
            if not group[1] and not group[3:]:
                content = (
                    f"{row.comptenum} {row.debit} {row.credit} {row.ecriturelib}" for row in voucher.rows
                )
                entry_id = made_id(date, [group[0], *content])
        except BrokenRuleError as error:
            return reject(
                error.rule,
                str(error),
                file=self.file,
                file_line=first.number,
                entity=self.entity,
                entry_id=entry_id,
                excerpt=first.raw,
                file_lines=voucher.extent.lines,
            )
        return Entry(
            entity=self.entity,
            entry_id=entry_id,
            date=date,
            description=next((row.ecriturelib for row in voucher.rows if row.ecriturelib), ""),
            currency=self.currency,
            journal=first.journalcode,
            total=total_of(lines, self.currency),
            lines=lines,
            file=self.file,
            file_line=first.number,
            file_lines=voucher.extent.lines,
        )

    def _line(self, row: Row) -> Line | None:
        """The line of a row; None for a zero. Raises BrokenRuleError."""
        if row.problem:
            raise BrokenRuleError(Rule.MALFORMED, f"line {row.number}: {row.problem}")
        amount = self._amount(row)
        if not amount:
            return None
        side, amount = unsigned("D", amount)
        dimensions = (("CompAux", row.compauxnum),) if row.compauxnum else ()
        return Line(row.comptenum, side, amount, self.currency, row.ecriturelib, dimensions)

    def _amount(self, row: Row) -> Decimal:
        """The amount of a row; debits are positive."""
        where = f"line {row.number}, account {row.comptenum[:40]}"
        try:
            debit, credit = self.reading.amount(row.debit), self.reading.amount(row.credit)
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_AMOUNT, f"{where}: {error}") from None
        if debit and credit:
            raise BrokenRuleError(Rule.BAD_SIDE, f"{where}: both a debit and a credit: make two lines of it")
        if not row.montant and not row.sens:
            return debit - credit
        try:
            self.reading.amount(row.montant)
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_AMOUNT, f"{where}: {error}") from None
        try:
            return self.reading.by_side(row)
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_SIDE, f"{where}: {error}") from None
