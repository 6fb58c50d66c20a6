"""FEC: the 18 columns of French law (article A47 A-1 of the LPF), which French programs import.

One file a company, in UTF-8, with tabs between fields. EcritureNum and PieceRef are the entry's id. ValidDate
is empty, as in a draft: who imports the file validates it. Amounts are in euros, and accounts begin with three
figures of the plan comptable général, as the law has it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import BinaryIO

from jet.books.exporters.common import (
    About,
    Booking,
    Names,
    Place,
    Unsayable,
    Writer,
    cents,
    one_blank,
    one_currency,
    with_head,
)
from jet.books.records import Entry, Line

COLUMNS = (
    *("JournalCode", "JournalLib", "EcritureNum", "EcritureDate", "CompteNum", "CompteLib"),
    *("CompAuxNum", "CompAuxLib", "PieceRef", "PieceDate", "EcritureLib", "Debit", "Credit"),
    *("EcritureLet", "DateLet", "ValidDate", "Montantdevise", "Idevise"),
)
EUROS = "EUR"
OTHER_JOURNAL = "OD"
"""The code of the journal of miscellaneous operations (opérations diverses)."""
_ACCOUNT = re.compile(r"[0-9]{3}[0-9A-Za-z]*")


class FecExporter:
    """Writes FEC files."""

    prefix, suffix = "", ".txt"
    marks = False
    dimensions = False

    def place(self, entry: Entry, _about: About) -> Place:
        """One file a company."""
        if (currency := one_currency(entry)) not in ("", EUROS):
            raise Unsayable(f"it is in {currency}, and the amounts of a FEC are in euros: convert them")
        return Place(entry.entity)

    def begin(self, _place: Place, about: About) -> Writer:
        """The writer of a company's file."""
        return _Rows(about)


class _Rows:
    def __init__(self, about: About) -> None:
        self._about = about
        self._names = Names(_number, about.settings)

    def add(self, booking: Booking) -> bytes:
        rows = [self._row(line, booking) for line in booking.entry.lines or ()]
        return "".join(f"{row}\r\n" for row in rows).encode()

    def finish(self, body: BinaryIO, file: BinaryIO) -> None:
        header = "\t".join(COLUMNS)
        with_head(f"{header}\r\n".encode(), body, file)

    def _row(self, line: Line, booking: Booking) -> str:
        entry = booking.entry
        day = f"{entry.date:%Y%m%d}"
        journal = entry.journal or OTHER_JOURNAL
        account = [self._names(line.account), self._about.account(line.account, booking).name]
        said = " - ".join(text for text in (entry.description, line.text) if text)
        amount = cents(line.amount or Decimal(0)).replace(".", ",")
        amounts = [amount, "0,00"] if line.side == "D" else ["0,00", amount]
        fields = [journal, journal, entry.entry_id, day, *account, "", "", entry.entry_id, day, said, *amounts]
        return "\t".join(map(one_blank, [*fields, *[""] * (len(COLUMNS) - len(fields))]))


def _number(code: str) -> str:
    """The number of an account. Raises `Unsayable` for what isn't one."""
    if _ACCOUNT.fullmatch(code):
        return code
    raise Unsayable(
        f"account {code!r} doesn't begin with three figures, as those of the plan comptable général: give its "
        f"number in export.accounts, as in --export.accounts '{{{code}: 512000}}'"
    )
