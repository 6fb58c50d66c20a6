"""Journals of ledger and hledger: one file a company, `*` for what is booked and `!` for what is pending.

What a text holds can mean something in a journal, so that a description could change a date. Notable:

- The entry's id is its code, in parentheses, which a description that begins with one is not mistaken for.
- A semicolon begins a comment for hledger wherever it is, for ledger after two blanks: it becomes a comma.
- A comment has dates (`[2025-01-31]`, `date:2025-01-31`) and tags (`Payee: x`, `x:: expression`), which
  the programs follow: in a line's text, brackets become parentheses, and colons dashes, but for times.
- hledger guesses the kinds of accounts from English names: declarations say them (`type:A`), so that its
  balance sheet knows accounts that have numbers only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Literal

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

_LETTERS = re.compile(r"[^\W\d_]+")
_NO_TIME = re.compile(r" *:(?![0-9])|(?<![0-9]) *:")
_NO_ACCOUNT = re.compile(r"[^\w]|(?:assert|check|expr) ")
"""Matches how an account's name can't begin: what stands there has a meaning."""
_IN_ID = str.maketrans("();", "[],")
_IN_COMMENT = str.maketrans("[];", "(),")
_TYPES = {"asset": "A", "liability": "L", "equity": "E", "income": "R", "expense": "X"}


class JournalExporter:
    """Writes journals in one of the two dialects."""

    prefix = ""
    marks = True
    dimensions = False

    def __init__(self, dialect: Literal["ledger", "hledger"]) -> None:
        self._dialect = dialect
        self.suffix = ".ledger" if dialect == "ledger" else ".journal"

    def place(self, entry: Entry, _about: About) -> Place:
        """One file a company."""
        return Place(entry.entity)

    def begin(self, place: Place, about: About) -> Writer:
        """The writer of a company's journal."""
        return _Journal(self._dialect, place, about)


class _Journal:
    def __init__(self, dialect: str, place: Place, about: About) -> None:
        self._is_ledger = dialect == "ledger"
        self._place, self._about = place, about
        self._names = Names(_name, about.settings)
        self._used: dict[str, Account] = {}

    def add(self, booking: Booking) -> bytes:
        entry = booking.entry
        code = one_blank(entry.entry_id).translate(_IN_ID)
        text = one_blank(entry.description).replace(";", ",")
        head = f"{entry.date.isoformat()} {'!' if booking.pending else '*'} ({code}) {text}".rstrip(" ")
        lines = [self._line(line, entry.currency) for line in entry.lines or ()]
        for line in entry.lines or ():
            self._used[self._names(line.account)] = self._about.account(line.account, booking)
        return "".join(f"{line}\n" for line in (head, *lines, "")).encode()

    def finish(self, body: BinaryIO, file: BinaryIO) -> None:
        lines = [f"; {_comment(self._place.entity)}, written by jet"]
        if not self._is_ledger:
            lines.append("decimal-mark .")
        lines.append("")
        if self._about.settings.declare:
            for name in sorted(self._used):
                lines += self._declared(name, self._used[name])
            lines.append("")
        with_head("".join(f"{line}\n" for line in lines).encode(), body, file)

    def _declared(self, name: str, account: Account) -> Iterator[str]:
        said = _comment(account.name)
        said = "" if said == name.rpartition(":")[2] else said
        kind = _TYPES.get(account.nature or "", "")
        if self._is_ledger:
            yield f"account {name}"
            if said:
                yield f"    note {said}"
        else:
            yield f"account {name}" + (f"  ; type:{kind}" if kind else "")
            if said:
                yield f"    ; {said}"

    def _line(self, line: Line, currency: str) -> str:
        currency = line.currency or currency
        said = f"    {self._names(line.account)}  {amount_text(signed(line), currency)}{_commodity(currency)}"
        text = _comment(line.text)
        return f"{said}  ; {text}" if text else said


def _name(code: str) -> str:
    """The name of an account. Raises `Unsayable` where journals can have none like it."""
    name = one_blank(code)
    parts = name.split(":")
    if _NO_ACCOUNT.match(name) or ";" in name or any(not part or part != part.strip() for part in parts):
        raise Unsayable(
            f"account {code!r} is no name for a journal: it begins with a mark, has a semicolon, or an empty "
            "part between colons: give it another one in export.accounts"
        )
    return name


def _comment(text: str) -> str:
    """A text that is nothing but a comment."""
    return one_blank(_NO_TIME.sub(" -", one_blank(text).translate(_IN_COMMENT)))


def _commodity(currency: str) -> str:
    """What stands behind the number for a currency."""
    if not currency:
        return ""
    if '"' in currency or one_blank(currency) != currency:
        raise Unsayable(f"currency {currency!r} can't stand in a journal: correct it")
    return f" {currency}" if _LETTERS.fullmatch(currency) else f' "{currency}"'
