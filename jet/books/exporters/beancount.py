"""Files of beancount: one a company, `*` for what is booked and `!` for what is pending.

An account of beancount begins with one of five words, and its parts with a capital or a figure. So an account
is the word for its nature with its own name behind it, and `Assets:` stays where it is there; what no part may
hold becomes a hyphen. `export.accounts` names others. The nature is the one that the chart of accounts says.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from typing import BinaryIO

from jet.books.exporters.common import (
    About,
    Booking,
    Names,
    Place,
    Unsayable,
    Writer,
    amount_text,
    one_blank,
    signed,
    with_head,
)
from jet.books.records import Account, Entry, Line

ROOTS = {
    "asset": "Assets",
    "liability": "Liabilities",
    "equity": "Equity",
    "income": "Income",
    "expense": "Expenses",
}
_SPELLINGS = {each.lower(): root for nature, root in ROOTS.items() for each in (nature, root)} | {
    "revenue": "Income",
    "revenues": "Income",
}
_CURRENCY = re.compile(r"[A-Z](?:[A-Z0-9'._-]{0,22}[A-Z0-9])?")
_LAST_YEAR = 2099


class BeancountExporter:
    """Writes files of beancount."""

    prefix, suffix = "", ".beancount"
    marks = True
    dimensions = False

    def place(self, entry: Entry, _about: About) -> Place:
        """One file a company."""
        return Place(entry.entity)

    def begin(self, place: Place, about: About) -> Writer:
        """The writer of a company's file."""
        return _File(place, about)


class _File:
    def __init__(self, place: Place, about: About) -> None:
        self._place, self._about = place, about
        self._names = Names(self._name, about.settings)
        self._opened: dict[str, tuple[datetime.date, str]] = {}  # name: the first day, what it is called

    def add(self, booking: Booking) -> bytes:
        entry = booking.entry
        if entry.date.year > _LAST_YEAR:
            raise Unsayable(f"beancount reads no date after {_LAST_YEAR}, and this is {entry.date}: correct it")
        flag = "!" if booking.pending else "*"
        lines = [f"{entry.date.isoformat()} {flag} {quoted(entry.description)}"]
        lines.append(f"  entry_id: {quoted(entry.entry_id)}")
        if entry.journal:
            lines.append(f"  journal: {quoted(entry.journal)}")
        for line in entry.lines or ():
            lines += self._posting(line, entry.currency)
        for line in entry.lines or ():
            self._open(entry.date, self._about.account(line.account, booking))
        return "".join(f"{line}\n" for line in (*lines, "")).encode()

    def finish(self, body: BinaryIO, file: BinaryIO) -> None:
        lines = [f'option "title" {quoted(self._place.entity)}', ""]
        if self._about.settings.declare:
            for name, (day, called) in sorted(self._opened.items()):
                lines.append(f"{day.isoformat()} open {name}")
                if called:
                    lines.append(f"  name: {quoted(called)}")
            lines.append("")
        with_head("".join(f"{line}\n" for line in lines).encode(), body, file)

    def _posting(self, line: Line, currency: str) -> list[str]:
        currency = line.currency or currency
        if not _CURRENCY.fullmatch(currency):
            raise Unsayable(
                "it has no currency, which beancount needs: give export.currency"
                if not currency
                else f"currency {currency!r} is none for beancount, which has capitals and figures: correct it"
            )
        said = [f"  {self._names(line.account)}  {amount_text(signed(line), currency)} {currency}"]
        return [*said, f"    text: {quoted(line.text)}"] if line.text else said

    def _open(self, day: datetime.date, account: Account) -> None:
        name = self._names(account.code)
        first, before = self._opened.get(name, (day, ""))
        self._opened[name] = min(first, day), before or account.name

    def _name(self, code: str) -> str:
        first, *rest = code.split(":")
        root = _SPELLINGS.get(first.strip().lower()) if rest else None
        if root is None:
            account = self._about.charts.get((self._place.entity, code))
            if account is None or account.nature is None:
                raise Unsayable(
                    f"nobody says whether account {code!r} is an asset, a liability, equity, income or an "
                    "expense: give its chart by --books, or its name in export.accounts"
                )
            root, rest = ROOTS[account.nature], [first, *rest]
        return ":".join([root, *(self._part(part, code) for part in rest)])

    @staticmethod
    def _part(part: str, code: str) -> str:
        """A part of an account's name as beancount has it."""
        letters = unicodedata.normalize("NFC", part)
        allowed = (each if unicodedata.category(each)[0] == "L" or _is_digit(each) else "-" for each in letters)
        name = re.sub("-+", "-", "".join(allowed)).strip("-")
        if not name:
            raise Unsayable(
                f"account {code!r} has a part without letters and figures: name it in export.accounts"
            )
        if not _is_digit(name[0]):
            capital = name[0].upper() if len(name[0].upper()) == 1 else name[0]
            name = capital + name[1:] if unicodedata.category(capital) == "Lu" else f"X{name}"
        return name


def _is_digit(letter: str) -> bool:
    return unicodedata.category(letter) == "Nd"


def quoted(text: str) -> str:
    """A text in quotes."""
    escaped = one_blank(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
