"""Amounts as people and programs write them, and whether the decimal mark is a point or a comma.

A number with both marks (1.234,50), or with one that can't be a separator of thousands (12.5, 0,125,
1.234.567), shows its decimal mark. "1.080" and "1,234" have two readings, a factor of a thousand apart, and
nothing here guesses. So all cells of a file are checked for their mark (`Amount.mark`) before any is read.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from jet.books.currencies import MOST_DECIMALS, decimals
from jet.books.importers.common import checked_amount

EITHER = "?"
"""The mark of an amount that has two readings."""

LONGEST_AMOUNT = 100
"""The most characters of an amount; bounds the time to parse one."""

_SPACES = " \u00a0\u2009\u202f'\u2019"
_PLAIN = re.compile(r"-?[0-9]{1,18}\.[0-9]{1,2}")
_SCIENTIFIC = re.compile(r"([0-9]+)(?:([.,])([0-9]*))?[eE]([+-]?[0-9]{1,10})")
_SPACED = re.compile(rf"([0-9]{{1,3}}([{_SPACES}])[0-9]{{3}}(?:\2[0-9]{{3}})*)(?:([.,])([0-9]*))?")
_INDIAN = r"[1-9][0-9]?(?:,[0-9]{2})+,[0-9]{3}"
_WITH_POINT = re.compile(rf"(?=[.]?[0-9])([0-9]*|[1-9][0-9]{{0,2}}(?:,[0-9]{{3}})+|{_INDIAN})(?:\.([0-9]*))?")
_WITH_COMMA = re.compile(r"(?=,?[0-9])([0-9]*|[1-9][0-9]{0,2}(?:\.[0-9]{3})+)(?:,([0-9]*))?")
_CORE = re.compile(r"(?:(?<![^\W\d_])[.,])?[0-9](?:.*[0-9])?(?:[.,](?![-\u2013\u2014=]))?", re.DOTALL)
_NO_DECIMALS = re.compile(r"[.,](?:--?|[\u2013\u2014=])")
_DASHES = {"-", "--", "\u2013", "\u2014"}

_MONEY_WORDS = {
    "kr",
    "kr.",
    "kn",
    "kč",
    "zł",
    "ft",
    "lei",
    "din",
    "din.",
    "rs",
    "rs.",
    "fr",
    "fr.",
    "sfr",
    "sfr.",
    "rp",
    "rm",
    "руб",
    "руб.",
    "р",
    "р.",
    "грн",
    "лв",
    "лв.",
}
_SIDE_WORDS = {"d", "dr", "db", "debit", "dbit", "c", "cr", "credit", "crdt", "s", "h", "soll", "haben"}
"""Words for sides beside a number; without K, M, T and B, which may mean thousands, millions and so on."""


class Amount(NamedTuple):
    """The number in a cell, by both readings, with the currency and side beside it."""

    point: Decimal | None
    """The number if a point is the decimal mark; None where it can't be."""
    comma: Decimal | None
    mark: str
    """The decimal mark that the number shows, "." or ","; "" where both readings are equal, else EITHER."""
    currency: str = ""
    """The ISO code in the cell."""
    side: str = ""
    """The word for a side in the cell, in lower case."""

    def value(self, mark: str) -> Decimal | None:
        """The number if the file's decimal mark is `mark` ("": not known); None where two readings remain."""
        if self.mark == EITHER:
            return {".": self.point, ",": self.comma}.get(mark)
        return self.comma if self.point is None else self.point


def parse_amount(text: str, decimal_comma: bool | None = False) -> Decimal:
    """The number of a text such as 1234.5, -1,234.50, 1.234,50, 1 234,50, (12.00) or 12.00-.

    `decimal_comma` decides between the readings of one such as 1,234. Raises ValueError where the text isn't a
    number, and where `decimal_comma` is None and it has two readings.
    """
    amount = _number(_within_bounds(text))
    value = amount.value("" if decimal_comma is None else "," if decimal_comma else ".")
    if value is None:
        raise ValueError(ambiguity(text, amount))
    return value


@lru_cache(maxsize=1 << 16)
def read_amount(text: str) -> Amount:
    """The amount in a cell, a number with or without a currency or side; a dash is zero. Raises ValueError."""
    text = _within_bounds(text)
    if _PLAIN.fullmatch(text):
        value = checked_amount(Decimal(text))
        return Amount(value, value if not value else None, "" if not value else ".")
    if text in _DASHES:
        return Amount(Decimal(0), Decimal(0), "")
    found = _CORE.search(text)
    if found is None:
        raise ValueError(_unreadable(text))
    before, after = text[: found.start()], _NO_DECIMALS.sub("", text[found.end() :], count=1)
    before, after = before.replace("\N{MINUS SIGN}", "-"), after.replace("\N{MINUS SIGN}", "-")
    words = f"{before} {after}".translate({ord(sign): " " for sign in "-+()"}).split()
    signs = "".join(sign for sign in f"{before}0{after}" if sign in "-+()0")
    if not words:
        return _number(f"{before.strip()}{found[0]}{after.strip()}")
    currency, side = _beside(words, text)
    return _number(signs.replace("0", found[0]))._replace(currency=currency, side=side)


def ambiguity(text: str, amount: Amount, has_both: bool = False) -> str:
    """The message for an amount with two readings, in a file without a clear mark or (`has_both`) with both."""
    why = "the file's other amounts have both marks" if has_both else "nothing in the file decides"
    return (
        f"amount {text.strip()[:40]!r} is {_short(amount.point)} with a decimal point and "
        f"{_short(amount.comma)} with a decimal comma, and {why}: set ingest.decimal_comma to true (a comma) "
        "or false (a point)"
    )


def _short(amount: Decimal | None) -> str:
    return f"{amount or 0:f}".rstrip("0").rstrip(".")


def _within_bounds(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST_AMOUNT:
        raise ValueError(f"amount {text[:40]!r}... has {len(text):,} characters, and is none: correct it")
    return text


def _beside(words: list[str], text: str) -> tuple[str, str]:
    """The ISO code and the side among the words that stand beside a number."""
    currency = side = ""
    for word in words:
        if decimals(word.upper()) < MOST_DECIMALS and not currency:
            currency = word.upper()
        elif word.lower().rstrip(".") in _SIDE_WORDS and not side:
            side = word.lower().rstrip(".")
        elif word == "€" and not currency:
            currency = "EUR"
        elif word.lower() not in _MONEY_WORDS and unicodedata.category(word[-1]) != "Sc":
            raise ValueError(_unreadable(text))
    return currency, side


def _number(text: str) -> Amount:
    """The readings of a number with its sign."""
    body = text.replace("\N{MINUS SIGN}", "-")
    sign = ""
    if body.startswith("(") and body.endswith(")"):
        sign, body = "-", body[1:-1].strip()
    elif body[:1] in ("-", "+"):
        sign, body = body[0], body[1:].lstrip()
    elif body[-1:] in ("-", "+"):
        sign, body = body[-1], body[:-1].rstrip()
    try:
        point, comma = (None if digits is None else _decimal(sign + digits) for digits in _readings(body))
    except ArithmeticError:
        raise ValueError(_unreadable(text)) from None
    if point is None and comma is None:
        raise ValueError(_unreadable(text))
    if point == comma or not (point or comma):
        mark = ""
    else:
        mark = "," if point is None else "." if comma is None else EITHER
    return Amount(point, comma, mark)


def _decimal(text: str) -> Decimal:
    return checked_amount(Decimal(text))


def _readings(body: str) -> tuple[str | None, str | None]:
    """The digits with a decimal point, as read with a decimal point and with a decimal comma."""
    if found := _SCIENTIFIC.fullmatch(body):
        return _by_mark(found[2], f"{found[1]}.{found[3] or 0}e{found[4]}")
    if found := _SPACED.fullmatch(body):
        whole = found[1].replace(found[2], "")
        return _by_mark(found[3], f"{whole}.{found[4] or 0}")
    point, comma = _WITH_POINT.fullmatch(body), _WITH_COMMA.fullmatch(body)
    return (
        f"{point[1].replace(',', '')}.{point[2] or ''}" if point else None,
        f"{comma[1].replace('.', '')}.{comma[2] or ''}" if comma else None,
    )


def _by_mark(mark: str | None, digits: str) -> tuple[str | None, str | None]:
    return (None if mark == "," else digits, None if mark == "." else digits)


def _unreadable(text: str) -> str:
    return f"amount {text.strip()[:40]!r} can't be read: correct it"
