"""The survey of a whole table: its decimal mark, the order of its dates, its words for sides, and so on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from jet.books.importers.dates import Orders
from jet.books.importers.numbers import EITHER, read_amount
from jet.books.importers.tables.rows import AMOUNTS, Columns, Row, blank
from jet.books.importers.tables.shapes import Key
from jet.books.settings import ImportSettings

MOST_WORDS = 1_000
MOST_HELD_ROWS = 300_000
MOST_HELD_CHARACTERS = 1 << 26


@dataclass
class Survey:
    """The results of the survey."""

    mark: str = ""
    """The file's decimal mark, "." or ","; "" where no cell decides, or cells contradict each other."""
    proofs: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Line and text of the first cell that shows each mark, and under EITHER of the first with two readings."""
    orders: Orders = field(default_factory=Orders)
    """The orders that fit its dates."""
    words: set[str] = field(default_factory=set)
    """The words in the column of sides."""
    sides_by_sign: set[tuple[str, bool]] = field(default_factory=set)
    """Pairs of a word in the column of sides and whether the amount is negative; zeros are left out."""
    signed: set[str] = field(default_factory=set)
    """The fields that are negative in some entry to predict, whose sign is therefore the direction."""
    runs: Counter[Key] = field(default_factory=Counter)
    """The number of runs of each id, day and journal whose rows lie apart."""
    can_hold: bool = True
    """Whether the table is short enough to collect rows that lie apart."""

    @property
    def contradicts_itself(self) -> bool:
        """Whether some cells have a decimal point and others a decimal comma."""
        return "." in self.proofs and "," in self.proofs


def survey(rows: Iterable[tuple[Key, Row]], columns: Columns, settings: ImportSettings) -> Survey:
    """Survey all rows."""
    found = Survey()
    proofs, words, signed, runs = found.proofs, found.words, found.signed, found.runs
    amounts = [(field, columns.place(field)) for field in AMOUNTS if columns.has(field)]
    side_at, account_at, date_at = (columns.place(name) for name in ("side", "account", "date"))
    date: object = None
    seen: set[Key] = set()
    last: Key | None = None
    count = characters = 0
    for key, row in rows:
        if row.passed:
            continue
        if key != last:
            if key in seen:
                runs[key] += 1
            elif not key.number:
                seen.add(key)
            last = key
        count += 1
        characters += row.size
        if row.problem:
            continue
        cells = row.cells
        if cells[date_at] != date:
            date = cells[date_at]
            if isinstance(date, str | int):
                found.orders.add(str(date), row.number)
        word = cells[side_at]
        for name, at in amounts:
            value = cells[at]
            if isinstance(value, str):
                if not value:
                    continue
                try:
                    amount = read_amount(value)
                except ValueError:
                    continue
                if amount.mark and amount.mark not in proofs:
                    proofs[amount.mark] = row.number, value.strip()
                if amount.side and len(words) < MOST_WORDS:
                    words.add(amount.side)
                value = amount.point if amount.comma is None else amount.comma
            elif not isinstance(value, int | float | Decimal):
                continue
            if value < 0 and name not in signed and blank(cells[account_at]):
                signed.add(name)
            if name == "amount" and value and type(word) is str and len(words) < MOST_WORDS:
                found.sides_by_sign.add((word, value < 0))
        if word and isinstance(word, str) and len(words) < MOST_WORDS:
            words.add(word)
    found.can_hold = count <= MOST_HELD_ROWS and characters <= MOST_HELD_CHARACTERS
    for key in runs:
        runs[key] += 1
    if settings.decimal_comma is not None:
        found.mark = "," if settings.decimal_comma else "."
    elif not found.contradicts_itself:
        found.mark = next((mark for mark in (".", ",") if mark in proofs), "")
    return found


def undecided(found: Survey) -> bool:
    """Whether there are amounts with two readings, and no cell that decides between them."""
    return EITHER in found.proofs and not found.mark and not found.contradicts_itself
