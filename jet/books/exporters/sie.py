"""SIE 4I: the import files of Swedish accounting programs, one a company and currency.

Notable, by the association's standard:

- Vouchers have a series (the entry's journal) and no number: the program that imports them numbers them.
- An account is a number. Code page 437: letters that it lacks are written without their marks, typographic
  quotes and dashes as plain ones.
- Dimensions are numbered: the reserved ones by their names, others from 20 on.
- A quote in a text is `\\"`. A backslash of its own would be read in two ways: it becomes a slash.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import BinaryIO

from jet.books.exporters.common import (
    About,
    Booking,
    Names,
    Place,
    Unsayable,
    Writer,
    cents,
    digits_only,
    encoded,
    one_blank,
    one_currency,
    signed,
    with_head,
)
from jet.books.records import Account, Entry, Line

ENCODING = "cp437"
CROWNS = "SEK"
MOST_DIGITS = 20
FIRST_OWN_DIMENSION = 20
RESERVED = {
    "resultatenhet": "1",
    "kostnadsställe": "1",
    "kostnadsbärare": "2",
    "projekt": "6",
    "anställd": "7",
    "kund": "8",
    "leverantör": "9",
    "faktura": "10",
}
_TYPES = {"asset": "T", "liability": "S", "equity": "S", "income": "I", "expense": "K"}


class SieExporter:
    """Writes SIE 4I."""

    prefix, suffix = "", ".si"
    marks = False
    dimensions = True

    def place(self, entry: Entry, _about: About) -> Place:
        """One file a company and currency."""
        return Place(entry.entity, one_currency(entry))

    def begin(self, place: Place, about: About) -> Writer:
        """The writer of a file."""
        return _Book(place, about)


class _Book:
    def __init__(self, place: Place, about: About) -> None:
        self._place, self._about = place, about
        self._names = Names(digits_only(MOST_DIGITS, "SIE"), about.settings)
        self._used: dict[str, Account] = {}
        self._dimensions: dict[str, str] = {}  # name: number
        encoded(quoted(place.entity) + quoted(place.currency), ENCODING)

    def add(self, booking: Booking) -> bytes:
        entry = booking.entry
        day = f"{entry.date:%Y%m%d}"
        lines = [f"#VER {quoted(entry.journal)} {quoted('')} {day} {quoted(entry.description)}", "{"]
        lines += [self._trans(line) for line in entry.lines or ()]
        content = encoded("".join(f"{line}\r\n" for line in (*lines, "}")), ENCODING)
        used = {
            self._names(line.account): self._about.account(line.account, booking) for line in entry.lines or ()
        }
        for account in used.values():
            encoded(quoted(account.name), ENCODING)
        self._used |= used
        return content

    def finish(self, body: BinaryIO, file: BinaryIO) -> None:
        place = self._place
        lines = [
            "#FLAGGA 0",
            f"#PROGRAM {quoted('jet')} {version('jet-ledger')}",
            "#FORMAT PC8",
            f"#GEN {self._about.made:%Y%m%d}",
            "#SIETYP 4",
            f"#FNAMN {quoted(place.entity)}",
        ]
        if place.currency not in ("", CROWNS):
            lines.append(f"#VALUTA {quoted(place.currency)}")
        for number, account in sorted(self._used.items()):
            lines.append(f"#KONTO {number} {quoted(account.name)}")
            if account.nature:
                lines.append(f"#KTYP {number} {_TYPES[account.nature]}")
        numbered = sorted((int(number), name) for name, number in self._dimensions.items())
        lines += [f"#DIM {number} {quoted(name)}" for number, name in numbered if name != str(number)]
        with_head(encoded("".join(f"{line}\r\n" for line in lines), ENCODING), body, file)

    def _trans(self, line: Line) -> str:
        objects = " ".join(
            f"{quoted(self._dimension(dimension))} {quoted(name)}" for dimension, name in line.dimensions
        )
        said = f"#TRANS {self._names(line.account)} {{{objects}}} {cents(signed(line))}"
        return f"{said} {quoted('')} {quoted(line.text)}" if one_blank(line.text) else said

    def _dimension(self, name: str) -> str:
        """The number of a dimension."""
        if name not in self._dimensions:
            if name.isascii() and name.isdigit() and 1 <= int(name) < FIRST_OWN_DIMENSION:
                number = str(int(name))
            else:
                own = sum(int(each) >= FIRST_OWN_DIMENSION for each in self._dimensions.values())
                number = RESERVED.get(name.lower(), str(FIRST_OWN_DIMENSION + own))
            if number in self._dimensions.values():
                raise Unsayable(f"dimension {name!r} has the number {number} of another one: call both alike")
            encoded(quoted(name), ENCODING)
            self._dimensions[name] = number
        return self._dimensions[name]


def quoted(text: str) -> str:
    """A text in quotes."""
    plain = one_blank(text).replace("\\", "/")
    return '"' + plain.replace('"', '\\"') + '"'
