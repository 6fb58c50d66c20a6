"""From the rows of an entry to the entry.

The fields of the entry (date, description, journal, total, direction) come from its first row. A debit of a
negative amount is a credit of the positive one, and vice versa, since many programs reverse entries that way. A
single row without an account is an entry to predict: its amount is the entry's total, and the sign, where the
file has both signs, the direction of the money. On a bank statement (`ImportSettings.tables_are_statements`)
such a row is a transaction, whose line on the bank's account is known: it needs no id, and its sign is always
the direction.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, NamedTuple

from jet.books.checks import EXACT, SMALLEST_UNIT, Rule
from jet.books.currencies import currency_code
from jet.books.importers.bank_accounts import Transaction, book_account
from jet.books.importers.common import BrokenRuleError, checked_amount
from jet.books.importers.numbers import ambiguity, read_amount
from jet.books.importers.tables.rows import AMOUNTS, Columns, Row, blank, day_of, text_of
from jet.books.importers.tables.shapes import NO_ID, Key, is_heading
from jet.books.importers.tables.survey import Survey
from jet.books.importers.tables.words import Sides, direction
from jet.books.records import Account, Entry, Line, total_of
from jet.books.settings import ImportSettings

_OTHER = {"D": "C", "C": "D"}
_STATEMENT = {"CRDT": "in", "DBIT": "out"}
"""The words of ISO 20022 for sides on a bank's statement. Other words may be the bank's view or the books'."""


class Cell(NamedTuple):
    """An amount as given, with the currency and side beside it."""

    value: Decimal
    currency: str = ""
    side: str = ""


class RowFault(BrokenRuleError):  # noqa: N818 (it stands for the error that it wraps)
    """A broken rule, with the row that breaks it."""

    def __init__(self, error: BrokenRuleError, row: Row) -> None:
        super().__init__(error.rule, str(error))
        self.row = row


class EntryReader:
    """Reads entries, and collects the accounts that they use."""

    def __init__(self, file: str, columns: Columns, settings: ImportSettings, found: Survey) -> None:
        self._file = file
        self._columns = columns
        self._settings = settings
        self._mark = found.mark
        self._orders = found.orders
        self._contradiction = found.contradicts_itself
        self._is_statement = settings.tables_are_statements
        tells = columns.has("side") or columns.has("direction")
        self._signed = {"amount", "total"} if self._is_statement and not tells else found.signed
        self._sides = Sides(found.words, settings.sides)
        self._positive = settings.sides.get("+", "D")
        self._sides_are_signs = self._sides.are_signs(found.sides_by_sign)
        self._at = {field: columns.place(field) for field in (*AMOUNTS, "account", "side", "currency", "text")}
        self._at |= {
            field: columns.place(field) for field in ("date", "description", "journal", "account_name")
        }
        self._direction_at, self._bank_at = columns.place("direction"), columns.place("bank_account")
        self._id_at = columns.place("entry_id")
        self._has_side, self._has_amount = columns.has("side"), columns.has("amount")
        self._has_currency = columns.has("currency")
        self._has_columns = columns.has("debit") or columns.has("credit")
        self._names: dict[tuple[str, str], str] = {}

    def accounts(self) -> Iterator[Account]:
        """The accounts of the lines, with the first name that a line gives them."""
        for (entity, code), name in self._names.items():
            yield Account(entity, code, name)

    def has_id(self, row: Row) -> bool:
        """Whether a row has an id."""
        return not blank(row.cells[self._id_at])

    def read(self, key: Key, rows: Sequence[Row], file_lines: int) -> Entry:
        """The entry of the rows of a key. Raises BrokenRuleError where they make none."""
        for row in rows:
            if row.problem:
                raise RowFault(BrokenRuleError(Rule.MALFORMED, row.problem), row)
        first = rows[0].cells
        is_booked = len(rows) > 1 or bool(text_of(first[self._at["account"]]))
        if not key.entry_id and (is_booked or not self._is_statement):
            raise BrokenRuleError(*NO_ID)
        if len(rows) == 1 and self._is_title(first):
            raise BrokenRuleError(
                Rule.MALFORMED, f"the row holds {key.entry_id[:40]!r} only: leave out titles and footers"
            )
        entry = Entry(
            entity=key.entity,
            entry_id=key.entry_id,
            date=self._date(rows),
            description=text_of(first[self._at["description"]]),
            currency="",
            journal=text_of(first[self._at["journal"]]),
            total=None,
            lines=None,
            file=self._file,
            file_line=rows[0].number,
            direction=self._given_direction(rows),
            file_lines=file_lines,
        )
        total = self._amount(first, "total")
        if not is_booked:
            self._to_predict(entry, first, total)
            if self._is_statement:
                entry = self._transaction(entry, first)
        elif all(blank(row.cells[self._at["account"]]) for row in rows):
            raise BrokenRuleError(
                Rule.DUPLICATE_ID,
                f"{len(rows)} rows without account have this id, and each is an entry to predict: give each an "
                "id of its own",
            )
        else:
            self._booked(entry, rows, total)
        return entry

    def _is_title(self, cells: Sequence[Any]) -> bool:
        """Whether a row has an id and nothing else."""
        return blank(cells[self._at["date"]]) and sum(not blank(cell) for cell in cells) == 1

    def _date(self, rows: Sequence[Row]) -> datetime.date:
        """The day of the first row; the other rows must have the same one, or none."""
        at, date_format = self._at["date"], self._settings.date_format
        first = rows[0].cells[at]
        try:
            day = day_of(first, date_format, self._orders)
            other = next(
                (row for row in rows if row.cells[at] != first and self._is_other_day(row.cells[at], day)), None
            )
        except BrokenRuleError:
            raise
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_DATE, str(error)) from None
        if other is not None:
            raise BrokenRuleError(
                Rule.INCONSISTENT,
                f"rows of the entry differ in their date, from line {other.number} on: give all the same",
            )
        return day

    def _is_other_day(self, value: Any, day: datetime.date) -> bool:
        return not blank(value) and day_of(value, self._settings.date_format, self._orders) != day

    def _given_direction(self, rows: Sequence[Row]) -> str:
        """The direction in its column; "" where there is none."""
        if self._direction_at < 0:
            return ""
        words = {text for row in rows if (text := text_of(row.cells[self._direction_at]))}
        if not words:
            return ""
        try:
            ways = {direction(word) for word in words}
        except ValueError as error:
            raise BrokenRuleError(Rule.MALFORMED, str(error)) from None
        if len(ways) > 1:
            raise BrokenRuleError(
                Rule.INCONSISTENT, "rows of the entry differ in their direction: give all the same"
            )
        return ways.pop()

    # --- entries to predict ---

    def _to_predict(self, entry: Entry, cells: Sequence[Any], total: Cell | None) -> None:
        """Complete an entry to predict: the amount is its total, the sign its direction."""
        amount, debit, credit = (self._amount(cells, field) for field in ("amount", "debit", "credit"))
        if debit and credit and debit.value and credit.value:
            raise BrokenRuleError(
                Rule.BAD_SIDE,
                "a row without account has both a debit and a credit: split it; where these are numbers of "
                "accounts, write a row for each, with its account, side and amount",
            )
        ways = {self._way(field, cell) for field, cell in (("total", total), ("amount", amount))}
        for cell, sign in ((debit, 1), (credit, -1)):
            if cell and cell.value:
                ways.add("in" if cell.value * sign > 0 else "out")
        if self._has_side:
            ways.add(_STATEMENT.get(text_of(cells[self._at["side"]]).upper(), ""))
        ways = (ways | {entry.direction}) - {""}
        if len(ways) > 1:
            raise BrokenRuleError(
                Rule.INCONSISTENT, "the row's sign and its direction contradict each other: correct one"
            )
        entry.direction = next(iter(ways), "")
        given = [cell for cell in (total, amount, debit, credit) if cell is not None]
        given = [cell for cell in given if cell.value] or given
        entry.currency = self._currency(cells, given[0] if given else None) or self._settings.default_currency
        entry.total = given[0].value.copy_abs() if given else None

    def _transaction(self, entry: Entry, cells: Sequence[Any]) -> Entry:
        """The entry of a row of a bank statement, of which the bank's line is known."""
        number = "".join(text_of(cells[self._bank_at]).split())
        account = book_account(number, self._settings)
        if not entry.direction or entry.total is None:
            raise BrokenRuleError(
                Rule.BAD_SIDE,
                "nothing says how much money came in or went out: name a column of amounts with a sign, "
                "columns of debits (in) and credits (out), or an amount and its direction in ingest.columns",
            )
        said = dict.fromkeys((entry.description, text_of(cells[self._at["text"]])))
        transaction = Transaction(
            number=number,
            account=account,
            date=entry.date,
            side="D" if entry.direction == "in" else "C",
            amount=entry.total,
            currency=entry.currency,
            reference=entry.entry_id,
            description=" ".join(filter(None, said)),
        )
        made = transaction.entry(entry.entity, entry.file, entry.file_line, entry.file_lines)
        return replace(made, entry_id=entry.entry_id or made.entry_id, journal=entry.journal)

    def _way(self, field: str, cell: Cell | None) -> str:
        if cell is None or not cell.value or field not in self._signed:
            return ""
        return "in" if cell.value > 0 else "out"

    # --- booked entries ---

    def _booked(self, entry: Entry, rows: Sequence[Row], total: Cell | None) -> None:
        lines: list[Line] = []
        name_at = self._at["account_name"]
        if is_heading(rows[0].cells, self._columns):
            entry.currency = self._currency(rows[0].cells, None)
            rows = rows[1:]
        for row in rows:
            try:
                line = self._line(row.cells, entry, is_first=row is rows[0])
                if line is None:
                    continue
                lines.append(line)
                if line.account and not self._names.get((entry.entity, line.account)):
                    self._names[entry.entity, line.account] = text_of(row.cells[name_at])
            except BrokenRuleError as error:
                raise RowFault(error, row) from None
        entry.lines = lines
        entry.total = total_of(lines, entry.currency) if total is None else total.value

    def _line(self, cells: Sequence[Any], entry: Entry, is_first: bool) -> Line | None:
        """The line of a row; None for a zero without a side. The first row's currency is the entry's."""
        at = self._at
        side, cell = self._side_and_amount(cells)
        currency = self._currency(cells, cell)
        if is_first:
            entry.currency = entry.currency or currency or self._settings.default_currency
        if not side:
            return None
        amount = None if cell is None else cell.value
        return Line(
            account=text_of(cells[at["account"]]),
            side=side,
            amount=amount,
            currency=currency or entry.currency,
            text=text_of(cells[at["text"]]),
        )

    def _currency(self, cells: Sequence[Any], cell: Cell | None) -> str:
        """The currency of a row, from its column or from the cell of the amount."""
        given = currency_code(text_of(cells[self._at["currency"]])) if self._has_currency else ""
        beside = cell.currency if cell is not None else ""
        if given and beside and given != beside:
            raise BrokenRuleError(
                Rule.BAD_AMOUNT, f"the amount is in {beside}, the row's currency is {given[:40]}: correct one"
            )
        return given or beside

    def _side_and_amount(self, cells: Sequence[Any]) -> tuple[str, Cell | None]:
        """The side and the amount of a row, which is not negative; the side is "" for a zero without one."""
        cell = self._amount(cells, "amount") if self._has_amount else None
        word = text_of(cells[self._at["side"]]) if self._has_side else ""
        if not word and cell is not None:
            word = cell.side
        if word:
            side = self._meaning(word)
            if cell is None and self._has_columns:
                cell = self._of_side(cells, side)
        elif self._has_side:
            raise BrokenRuleError(Rule.BAD_SIDE, "a line has no side: write D or C")
        else:
            if cell is None:
                side, cell = self._debit_or_credit(cells)
            else:
                side = self._positive
            if not cell.value:
                return "", cell
        if cell is not None and self._sides_are_signs:
            return side, cell._replace(value=cell.value.copy_abs())
        if cell is not None and cell.value < 0:
            return _OTHER[side], cell._replace(value=cell.value.copy_abs())
        return side, cell

    def _of_side(self, cells: Sequence[Any], side: str) -> Cell | None:
        """The amount of a row with a side, in a table with columns of debits and credits."""
        own, other = ("debit", "credit") if side == "D" else ("credit", "debit")
        cell = self._amount(cells, other)
        if cell is not None and cell.value:
            raise BrokenRuleError(Rule.BAD_SIDE, f"the row's side is {side}, and it has a {other}: correct one")
        return self._amount(cells, own)

    def _debit_or_credit(self, cells: Sequence[Any]) -> tuple[str, Cell]:
        debit, credit = self._amount(cells, "debit"), self._amount(cells, "credit")
        if debit is None and credit is None:
            raise BrokenRuleError(Rule.BAD_SIDE, "a line has neither side nor amount: give it an amount")
        if debit and credit and debit.value and credit.value:
            raise BrokenRuleError(Rule.BAD_SIDE, "a line has both a debit and a credit: make two lines of it")
        side, cell = ("D", debit) if (debit and debit.value) or credit is None else ("C", credit)
        assert cell is not None
        if cell.side and self._meaning(cell.side) != side:
            raise BrokenRuleError(
                Rule.BAD_SIDE, f"the word {cell.side!r} beside the amount contradicts its column: correct one"
            )
        return side, cell

    def _meaning(self, word: str) -> str:
        try:
            return self._sides.side(word)
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_SIDE, str(error)) from None

    def _amount(self, cells: Sequence[Any], field: str) -> Cell | None:
        value = cells[self._at[field]]
        if value is None or value == "":
            return None
        try:
            match value:
                case str():
                    return self._written(value) if value.strip() else None
                case float():  # has no exact decimals
                    if math.isnan(value):
                        return None
                    return Cell(checked_amount(Decimal(str(value))).quantize(SMALLEST_UNIT, context=EXACT))
                case bool():
                    raise ValueError("true and false are no amounts: convert the column")
                case int() | Decimal():
                    return Cell(checked_amount(Decimal(value)))
            raise ValueError(f"a cell of type {type(value).__name__} holds no amount: convert the column")
        except ValueError as error:
            raise BrokenRuleError(Rule.BAD_AMOUNT, f"{field}: {error}") from None

    def _written(self, text: str) -> Cell:
        cell = _cell(text, self._mark)
        if cell is None:
            raise ValueError(ambiguity(text, read_amount(text), self._contradiction))
        return cell


@lru_cache(maxsize=1 << 16)
def _cell(text: str, mark: str) -> Cell | None:
    """An amount as written in a file with the decimal `mark`; None where it has two readings."""
    amount = read_amount(text)
    value = amount.value(mark)
    return None if value is None else Cell(value, amount.currency, amount.side)
