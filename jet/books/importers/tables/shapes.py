"""The assignment of rows to entries, for the shapes in which programs export tables.

Usually every row has its entry's id. Odoo and GnuCash fill in id and date in the first row only: the rows below
belong to the entry above. Reports have sums and balances between the rows, which are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from jet.books.checks import Rule
from jet.books.importers.common import file_stem
from jet.books.importers.dates import without_time
from jet.books.importers.numbers import read_amount
from jet.books.importers.tables.rows import AMOUNTS, Columns, Row, blank, text_or_none
from jet.books.settings import FIELDS, ImportSettings

_SUMS = (
    *("total", "totals", "total général", "total general", "grand total", "subtotal", "sub-total", "sub total"),
    *("sum", "sums", "summe", "summen", "zwischensumme", "gesamt", "gesamtsumme", "endsumme", "übertrag"),
    *("saldo", "saldi", "saldovortrag", "anfangssaldo", "endsaldo", "anfangsbestand", "endbestand"),
    *("summa", "delsumma", "slutsumma", "omslutning", "ingående saldo", "ingående balans", "utgående saldo"),
    *("utgående balans", "sum total", "i alt", "inngående saldo", "utgående saldo", "inngående balanse"),
    *("sous-total", "sous total", "totaux", "solde", "solde initial", "solde final", "report", "à reporter"),
    *("à nouveau", "totaal", "subtotaal", "beginsaldo", "eindsaldo", "beginbalans", "eindbalans"),
    *("totale", "subtotale", "saldo iniziale", "saldo finale", "suma", "sumas", "saldo inicial", "saldo final"),
    *("razem", "ogółem", "celkem", "součet", "spolu", "összesen", "yhteensä", "välisumma", "итого", "всего"),
    *("сальдо", "合計", "小計", "総計", "合计", "小计", "期首残高", "期末残高", "前期繰越", "次期繰越"),
    *(
        "opening balance",
        "closing balance",
        "beginning balance",
        "ending balance",
        "balance",
        "balance forward",
    ),
    *("balance brought forward", "balance carried forward", "brought forward", "carried forward"),
)
_IS_SUM = re.compile(
    rf"(?:{'|'.join(map(re.escape, sorted(_SUMS, key=len, reverse=True)))})(?!\w)", re.IGNORECASE
)


class Key(NamedTuple):
    """The key that the rows of an entry share: entity, id, day and journal, since numbering restarts with a
    year and in each journal."""

    entity: str
    entry_id: str
    number: int = 0
    """0; for a row that belongs to no entry its line, so that its key is unique."""
    day: str = ""
    journal: str = ""


class Keys:
    """Assigns the rows of a table to entries."""

    def __init__(self, columns: Columns, file: str, settings: ImportSettings) -> None:
        self._at = {field: columns.place(field) for field in FIELDS}
        self._shared = [self._at[field] for field in ("entity", "date", "journal") if columns.has(field)]
        self._amounts = [columns.place(field) for field in AMOUNTS if columns.has(field)]
        self._columns = columns
        self._default = file_stem(file)
        self._settings = settings

    def of(self, rows: Iterable[Row]) -> Iterator[tuple[Key, Row]]:
        """The rows with their keys; sums are marked as passed over, and such rows have the key before them."""
        key = Key("", "")
        shared: list[
            tuple[int, tuple[Any, ...]]
        ] = []  # what a row has, or leaves empty, that goes on with an entry
        last: Row | None = None  # of the entry that is read, which rows without an id may continue
        id_at, date_at = self._at["entry_id"], self._at["date"]
        for row in rows:
            cells = row.cells
            if row.passed or (
                last is not None
                and cells[id_at] == last.cells[id_at]
                and all(cells[at] in values for at, values in shared)
            ):
                yield key, row
            else:
                entry_id, date = text_or_none(cells[id_at]), text_or_none(cells[date_at])
                if not (entry_id and date) and self._is_sum(cells, entry_id, date):
                    last = None
                    yield key, row._replace(passed="total")
                elif entry_id:
                    last = row
                    shared = [(at, (cells[at], "", None)) for at in self._shared]
                    journal = text_or_none(cells[self._at["journal"]])
                    key = Key(self._entity(row), entry_id, 0, without_time(date), journal)
                    yield key, row
                elif last is not None and self._continues(cells, last.cells, date):
                    yield key, row
                else:
                    yield Key(self._entity(row), "", row.number), row

    def _entity(self, row: Row) -> str:
        return self._settings.entity or text_or_none(row.cells[self._at["entity"]]) or self._default

    def _continues(self, cells: Any, first: Any, date: str) -> bool:
        """Whether a row without an id belongs to the entry of `first`.

        It does where it has an account and no other day, and `first` has an account too or only the entry's
        fields.
        """
        account_at = self._at["account"]
        if blank(cells[account_at]) or date not in ("", text_or_none(first[self._at["date"]])):
            return False
        return not blank(first[account_at]) or is_heading(first, self._columns)

    def _is_sum(self, cells: Any, entry_id: str, date: str) -> bool:
        """Whether a row is a sum of others, by its words or its shape."""
        if entry_id:
            return not date and _IS_SUM.match(entry_id) is not None
        texts = [
            text_or_none(cell)
            for place, cell in enumerate(cells)
            if place not in self._amounts and isinstance(cell, str)
        ]
        if date or text_or_none(cells[self._at["account"]]):
            return any(_IS_SUM.fullmatch(text.rstrip(" :")) for text in texts)
        if any(_IS_SUM.match(text) for text in texts):
            return True
        given = [cells[place] for place in self._amounts if _is_amount(cells[place])]
        return len(given) > 1 and not any(texts)


def is_heading(cells: Any, columns: Columns) -> bool:
    """Whether a row has fields of an entry, and no line."""
    return all(blank(cells[columns.place(field)]) for field in ("account", "side", "amount", "debit", "credit"))


def _is_amount(value: Any) -> bool:
    if not isinstance(value, str):
        return not blank(value)
    try:
        return bool(value.strip()) and read_amount(value) is not None
    except ValueError:
        return False


NO_ID = (
    Rule.MISSING_ID,
    "the row has no entry_id: give it one, or leave both id and date empty in the rows below an entry's first",
)
