"""The syntax of a transaction's first line and postings, in both dialects.

They differ:

- A comment after the payee needs two blanks or a tab in ledger, which otherwise takes it for the payee; in
  hledger a semicolon is enough.
- A single tab ends an account's name in ledger, and is part of it in hledger, where all blanks of Unicode are
  blanks.
- A number may be written `1 000,00`, `+5`, `.5` or `1e3` for hledger.
- Lot prices are part of what ledger balances; hledger passes over them.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Literal

from jet.books.checks import AMOUNT_LIMIT, EXACT, Rule
from jet.books.importers.common import BrokenRuleError
from jet.books.importers.journal.numbers import Numbers

Dialect = Literal["ledger", "hledger"]

BLANKS = " \t\v\f\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
"""The blanks of hledger, as a class of characters; ledger has only the first two."""

GAPS = {
    "ledger": re.compile(r"[ \t]*\t[ \t]*| {2,}(?:[ \t]+)?"),
    "hledger": re.compile(rf"[{BLANKS}]{{2,}}"),
}
"""Matches the gap between an account's name and an amount, by dialect."""

_DATE = re.compile(
    r"(?:(\d{4})([-/.]))?(\d{1,2})([-/.])(\d{1,2})(=(\d{4}[-/.])?\d{1,2}[-/.]\d{1,2})?(?=\s|$)", re.ASCII
)
_CODE = re.compile(r"\(([^)]*)\)\s*")
_NOTES = {"ledger": re.compile(r"(?: {2}|\t);"), "hledger": re.compile(";")}
_QUOTED = r'"[^"]*"'
_SYMBOLS = {
    "ledger": rf'(?:{_QUOTED}|[^\s\d.,;:?!+\-*/^&|=<>{{}}\[\]()@"\']+)',
    "hledger": rf'(?:{_QUOTED}|(?![{BLANKS}])[^\s\d.,;@*+\-"{{}}=\[\]()]+)',
}
_HLEDGER_DIGITS = r"(?:\.\d+|\d[\d.,]*+(?: \d[\d.,]*+)*+)(?:[eE][+-]?\d+(?![\d.,]))?"
_HLEDGER_AFTER_SYMBOL = rf"(?:{_HLEDGER_DIGITS}|(?<=[{BLANKS}+\-\"]),\d+(?:[eE][+-]?\d+)?(?![\d.,]))"
"""After a symbol and a blank a comma may begin a number; otherwise hledger takes it for part of the symbol."""
_SIMPLE = {
    dialect: re.compile(
        rf"(-?)({symbol})?+ ?(-?)(\d[\d.,]*+)(?<=\d)(?: ?({symbol}))?+[ \t]*+(?:;(.*))?", re.ASCII | re.DOTALL
    )
    for dialect, symbol in _SYMBOLS.items()
}
_AMOUNTS = {
    "ledger": re.compile(
        rf"(-?)[ \t]*+(?:({_SYMBOLS['ledger']})[ \t]*+(-?)([.,]*\d[\d.,]*+)"
        rf"|()()([.,]*\d[\d.,]*+)(?:[ \t]*+({_SYMBOLS['ledger']}))?+)",
        re.ASCII,
    ),
    "hledger": re.compile(
        rf"([-+]?)[{BLANKS}]*+(?:({_SYMBOLS['hledger']})[{BLANKS}]*+([-+]?)[{BLANKS}]*+({_HLEDGER_AFTER_SYMBOL})"
        rf"|()()({_HLEDGER_DIGITS})(?:[{BLANKS}]*+({_SYMBOLS['hledger']}))?+)",
        re.ASCII,
    ),
}
_TAIL = re.compile(
    rf".*\S[ \t](?:[-+]?(?:{_SYMBOLS['ledger']})[ ]?-?\d[\d.,]*|[-+]?\d[\d.,]*[ ]?(?:{_SYMBOLS['ledger']})"
    r"|[-+]?\d+[.,]\d[\d.,]*)",
    re.ASCII | re.DOTALL,
)
_TABBED = re.compile(r"\t[^\t]*\d")
_CHECKS = re.compile(r"(?:assert|check|expr)[ \t]")


@dataclass(slots=True)
class Money:
    """An amount as written, with its sign and the symbol of its commodity."""

    number: Decimal
    commodity: str


@dataclass(slots=True)
class Posting:
    """A posting as written.

    `kind` is "" for a real posting, "[" for a balanced virtual one, "(" for a virtual one. `cost` is the cost
    of the whole amount, with its sign. `lot` is the unit price at which it was bought, for ledger only;
    `is_lot` says that the amount is one of several lots.
    """

    account: str
    kind: str
    amount: Money | None
    cost: Money | None = None
    lot: Money | None = None
    is_lot: bool = False
    asserted: Money | None = None
    asserts: str = ""  # "=", "==", "=*" or "==*"
    note: str = ""


@lru_cache(10_000)
def _day(year: int, month: int, day: int) -> datetime.date:
    return datetime.date(year, month, day)


def read_header(text: str, dialect: str, year: int | None) -> tuple[datetime.date, str]:
    """Date and payee of a transaction's first line. Raises BrokenRuleError where it isn't valid."""
    found = _DATE.match(text)
    if found is None or (found[2] and found[2] != found[4]) or not (found[1] or year):
        raise BrokenRuleError(Rule.BAD_DATE, "the date can't be read: write it like 2025-01-31")
    try:
        date = _day(int(found[1] or year or 0), int(found[3]), int(found[5]))
    except ValueError:
        raise BrokenRuleError(Rule.BAD_DATE, f"there is no day {found[0]}: correct it") from None
    payee = _payee(text[found.end() :])
    if ";" in payee and (note := _NOTES[dialect].search(payee)):
        payee = payee[: note.start()].rstrip()
    return date, payee


def _payee(rest: str) -> str:
    """What follows a date without status and code, the comment still with it."""
    rest = rest.strip()
    if rest[:1] in ("*", "!"):
        rest = rest[1:].lstrip()
    code = _CODE.match(rest) if rest[:1] == "(" else None
    return rest[code.end() :].strip() if code else rest


def has_note_after_one_blank(text: str) -> bool:
    """Whether the first line has a part that ledger takes for the payee and hledger for a comment."""
    if ";" not in text:
        return False
    found = _DATE.match(text)
    payee = _payee(text[found.end() :] if found else text)
    note = _NOTES["ledger"].search(payee)
    return ";" in (payee[: note.start()] if note else payee)


def without_notes(text: str) -> str:
    """A line of a transaction without its comment, blanks collapsed, from which an id is made."""
    return " ".join(text.partition(";")[0].split())


class PostingReader:
    """Parses postings."""

    def __init__(self, dialect: Dialect, numbers: Numbers) -> None:
        self.dialect = dialect
        self.numbers = numbers
        self.aliases: dict[str, str] = {}  # of commodities
        self.default = ""  # the commodity of amounts without one
        self._gap = GAPS[dialect]
        self._blanks = " \t" if dialect == "ledger" else None  # to strip; None: all of Unicode
        self._simple = _SIMPLE[dialect]

    def read(self, text: str) -> Posting | None:
        """The posting of an indented line; None for an assertion of ledger. Raises BrokenRuleError."""
        if text[0] in "*!":
            text = text[1:].lstrip(self._blanks)
        elif self.dialect == "ledger" and text[0] in "ace" and _CHECKS.match(text):
            return None
        gap = self._gap.search(text)
        name, rest = (text[: gap.start()], text[gap.end() :]) if gap else (text, "")
        account, kind = name.rstrip(), ""
        if account and account[0] in "([<" and len(account) > 1:
            if account[0] + account[-1] in ("()", "[]"):
                account, kind = account[1:-1].strip(), account[0]
            elif self.dialect == "ledger" and account[0] + account[-1] == "<>":
                account = account[1:-1].strip()
        if not account or account[0] == ";":
            raise BrokenRuleError(Rule.MISSING_ACCOUNT, "a posting has no account: name it")
        if not rest or rest[0] == ";":
            return Posting(account, kind, None, note=rest[1:].strip())
        found = self._simple.fullmatch(rest)
        if found is None:
            return _Tail(self, rest).read(Posting(account, kind, None))
        amount = self.money(found[4], found[2], found[5], (found[1] == "-") != (found[3] == "-"), rest)
        note = found[6]
        return Posting(account, kind, amount, note=note.strip() if note else "")

    def money(
        self, digits: str, before: str | None, after: str | None, negative: bool, text: str, counts: bool = True
    ) -> Money:
        """The amount with these parts. Raises BrokenRuleError where it isn't valid."""
        if before and after:
            raise unreadable(text, "has a commodity on both sides")
        symbol = before or after or ""
        if symbol:
            symbol = symbol.strip('"')
            symbol = self.aliases.get(symbol, symbol) if self.aliases else symbol
        else:
            symbol = self.default
        try:
            number = self.numbers.read(digits, symbol, counts).value
        except ValueError as error:
            raise unreadable(text, str(error)) from None
        return Money(-number if negative else number, symbol)


def unreadable(text: str, reason: str) -> BrokenRuleError:
    """The error for an amount that can't be read."""
    shown = text.partition(";")[0].strip()[:40]
    if reason.startswith("amount"):
        return BrokenRuleError(Rule.BAD_AMOUNT, reason)
    return BrokenRuleError(
        Rule.BAD_AMOUNT, f"amount {shown!r} can't be read, since it {reason}: write it like -1,234.50 EUR"
    )


class _Tail:
    """Parses what follows a posting's account: an amount, its lot and cost, an assertion, and a comment."""

    def __init__(self, reader: PostingReader, text: str) -> None:
        self.reader = reader
        self.text = text
        self.at = 0
        self.is_ledger = reader.dialect == "ledger"

    def read(self, posting: Posting) -> Posting:
        if self.text[0] == "(" and self.is_ledger:
            raise unreadable(self.text, "is an expression, which isn't computed here")
        if self.text[0] != "=":
            posting.amount = self._money()
        lot_total = False
        while (next_ := self._next()) and next_ != ";":
            if next_ == "{" and posting.lot is None and posting.amount:
                posting.lot, lot_total = self._lot()
            elif next_ == "[":
                posting.is_lot = True
                self._skip_to("]")
            elif next_ == "@" or self.text.startswith("(@", self.at):
                self._once(posting.cost is None and posting.amount is not None)
                posting.cost = self._cost(posting.amount)
            elif next_ == "(" and self.is_ledger:
                posting.is_lot = True
                self._skip_to(")")
            elif next_ == "=" and posting.asserted is None:
                self._assertion(posting)
            else:
                raise unreadable(self.text, f"has {next_!r} where nothing more is expected")
        posting.note = self.text[self.at + 1 :].strip()
        posting.is_lot = (posting.is_lot or posting.lot is not None) and bool(
            posting.amount and posting.amount.commodity
        )
        if posting.lot and not (self.is_ledger and posting.amount and posting.amount.commodity):
            posting.lot = None
        elif posting.lot and lot_total and posting.amount and posting.amount.number:
            posting.lot.number = EXACT.divide(posting.lot.number, posting.amount.number.copy_abs())
        return posting

    def _once(self, is_first: bool) -> None:
        if not is_first:
            raise unreadable(self.text, "has two prices, or a price of nothing")

    def _next(self) -> str:
        text, at = self.text, self.at
        while at < len(text) and (text[at] in " \t" or (not self.is_ledger and text[at].isspace())):
            at += 1
        self.at = at
        return text[at : at + 1]

    def _skip_to(self, end: str) -> None:
        found = self.text.find(end, self.at)
        if found < 0:
            raise unreadable(self.text, f"has no {end!r} at its end")
        self.at = found + 1

    def _money(self, counts: bool = True) -> Money:
        self._next()
        found = _AMOUNTS[self.reader.dialect].match(self.text, self.at)
        if found is None:
            raise unreadable(self.text, "holds no number, or nothing but one")
        if found[2]:
            digits, after, group = found[4], None, 4
        else:
            digits, after, group = found[7], found[8], 7
        end = found.end()
        if self.is_ledger and not digits[-1].isdigit():
            digits = digits.rstrip(".,")
            after, end = None, found.start(group) + len(digits)
        self.at = end
        if self.is_ledger and after and not digits[0].isdigit():
            raise unreadable(self.text, "begins with its decimal mark, which ledger doesn't read")
        if not self.is_ledger and not (found[2] or after) and self._next() in tuple("(["):
            raise unreadable(self.text, "has no commodity, so that hledger takes the bracket for one")
        negative = (found[1] == "-") != ((found[3] or "") == "-")
        return self.reader.money(digits, found[2], after, negative, self.text, counts)

    def _lot(self) -> tuple[Money, bool]:
        is_total = self.text.startswith("{{", self.at)
        self.at += 2 if is_total else 1
        if self._next() == "=":
            self.at += 1
        price = self._money(counts=False)
        self._next()
        end = "}}" if is_total else "}"
        if not self.text.startswith(end, self.at):
            raise unreadable(self.text, f"has a lot price without {end!r} at its end")
        self.at += len(end)
        return price, is_total

    def _cost(self, amount: Money | None) -> Money:
        virtual = self.text[self.at] == "("
        self.at += 2 if virtual else 1
        is_total = self.text.startswith("@", self.at)
        self.at += is_total
        if virtual:
            self._skip_to(")")
        if self._next() == "=" and self.is_ledger:
            self.at += 1
        price = self._money(counts=False)
        quantity = amount.number if amount else Decimal(0)
        if self.is_ledger and price.number < 0:
            raise unreadable(self.text, "has a negative price")
        if is_total:
            worth = price.number if quantity >= 0 else -price.number
        else:
            worth = EXACT.multiply(price.number, quantity)
        if abs(worth) >= AMOUNT_LIMIT:
            raise BrokenRuleError(Rule.BAD_AMOUNT, f"{self.text.strip()[:40]!r} is too large: correct it")
        return Money(worth, price.commodity)

    def _assertion(self, posting: Posting) -> None:
        start = self.at
        while self.text[self.at : self.at + 1] in ("=", "*"):
            self.at += 1
        posting.asserts = self.text[start : self.at]
        if posting.asserts not in (("=",) if self.is_ledger else ("=", "==", "=*", "==*")):
            raise unreadable(
                self.text, f"has {posting.asserts!r} where {self.reader.dialect} knows no such sign"
            )
        posting.asserted = self._money(counts=False)
        if not self.is_ledger and self._next() == "@":
            self._cost(posting.asserted)


def swallowed_amount(posting: Posting) -> str:
    """The end of an account's name that is an amount after too small a gap; "" where there is none."""
    if posting.amount is not None or posting.asserted is not None:
        return ""
    name = posting.account
    return name if _TAIL.fullmatch(" ".join(name.split())) or _TABBED.search(name) else ""
