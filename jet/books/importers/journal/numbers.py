"""Numbers as ledger and hledger read them: the same text is 1 in one and 1000 in the other.

- hledger takes a lone separator for the decimal mark, unless a `decimal-mark`, `commodity` or `D` directive
  names the mark.
- ledger takes a comma before three digits for grouping, and a point for the decimal mark, until a decimal comma
  occurs in that commodity; from then on it is the other way round. So the order matters.

The number of decimals of each commodity is kept here too, since an entry balances at that precision.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Protocol

from jet.books.importers.common import checked_amount
from jet.books.importers.numbers import parse_amount

LONE_MARK = re.compile(r"[0-9]+([.,])((?:[0-9]{3})+)")
"""Matches a number with two readings: one separator, with a multiple of three digits after it."""

_SPACED = re.compile(r"[0-9]+(?:([., ])[0-9]+(?:\1[0-9]+)*)?(?:([.,])[0-9]*)?")
_EXPONENT = re.compile(r"[eE]([+-]?[0-9]{1,4})$")
_SHORT = 20
"""A number with at most this many characters is within all limits."""


@dataclass(slots=True)
class Number:
    """A number, with the number of decimals that it was written with."""

    value: Decimal
    decimals: int


class Numbers(Protocol):
    """Reads numbers by the rules of a program, and knows the precision of each commodity."""

    def read(self, text: str, commodity: str, counts: bool = True) -> Number:
        """The number without its sign; with `counts`, its decimals count for the commodity's precision.

        Raises ValueError where `text` isn't a number.
        """

    def precision(self, commodity: str) -> int | None:
        """The decimals at which an entry balances in a commodity; None where it must balance exactly."""

    def is_governed(self, commodity: str) -> bool:
        """Whether a directive names the decimal mark of this commodity."""


def plain(text: str) -> Number:
    """The value of digits with at most a decimal point, without grouping."""
    point = text.find(".")
    decimals = 0 if point < 0 else len(text) - point - 1
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError("holds more than digits and one point") from None
    return Number(value if len(text) < _SHORT and decimals <= 8 else checked_amount(value), decimals)


def grouped(text: str, mark: str) -> Number:
    """The number with the decimal mark `mark`, and all other separators removed."""
    whole, _, fraction = text.rpartition(mark) if mark and mark in text else (text, "", "")
    digits = re.sub("[., ]", "", whole) or "0"
    return plain(f"{digits}.{fraction}" if fraction else digits)


class LedgerNumbers:
    """Numbers of ledger 3.3, which learns the mark of a commodity from its numbers so far."""

    def __init__(self, decimal_comma: bool = False) -> None:
        self.decimal_comma = decimal_comma  # by its option --decimal-comma
        self._commas: set[str] = set()
        self._precision: dict[str, int] = {}
        self._fixed: set[str] = set()

    def read(self, text: str, commodity: str, counts: bool = True) -> Number:
        comma = self.decimal_comma or commodity in self._commas
        if "," not in text and not comma:
            if text.count(".") > 1:
                raise ValueError(
                    "has more than one point: ledger groups by comma until it has seen a decimal comma"
                )
            number = plain(text)
        else:
            number, comma = _scanned(text, comma)
        if counts and commodity and commodity not in self._fixed:
            if comma:
                self._commas.add(commodity)
            self.count(commodity, number.decimals)
        return number

    def count(self, commodity: str, decimals: int) -> None:
        """Take note of a number that was written with so many decimals."""
        if decimals > self._precision.get(commodity, 0):
            self._precision[commodity] = decimals

    def fix(self, text: str, commodity: str) -> None:
        """Apply a `format` of the `commodity` directive, which fixes mark and precision."""
        self.read(text, commodity)
        self._fixed.add(commodity)

    def precision(self, commodity: str) -> int | None:
        return self._precision.get(commodity, 0) if commodity else None

    def is_governed(self, commodity: str) -> bool:
        return commodity in self._fixed or self.decimal_comma


def _scanned(text: str, comma: bool) -> tuple[Number, bool]:
    """A number by ledger's scan from its end, and whether it has a decimal comma."""
    seen_comma = seen_point = no_commas = no_points = False
    decimals = offset = 0
    for character in reversed(text):
        if character == ".":
            if no_points:
                raise ValueError("has too many points, or one before a grouping comma")
            if comma or seen_comma:
                if offset % 3:
                    raise ValueError("has a point that groups other than three digits")
                no_commas = no_commas or comma
                comma = True
            else:
                no_points, decimals, offset = True, offset, 0
            seen_point = True
        elif character == ",":
            if no_commas:
                raise ValueError("has too many commas")
            if comma and seen_point:
                raise ValueError("has a decimal comma before a point")
            if comma or offset % 3:
                if not comma and (seen_comma or seen_point):
                    raise ValueError("has a comma that groups other than three digits")
                comma, no_commas, decimals, offset = True, True, offset, 0
            else:
                no_points = True
            seen_comma = True
        else:
            offset += 1
    digits = text.replace(",", "").replace(".", "")
    return plain(f"{digits[: len(digits) - decimals]}.{digits[-decimals:]}" if decimals else digits), comma


class HledgerNumbers:
    """Numbers of hledger 1.25, where a lone separator is the decimal mark unless a directive names it."""

    def __init__(self) -> None:
        self.mark = ""  # by decimal-mark
        self.default: tuple[str, str, int] | None = None  # by D: commodity, mark, decimals
        self._declared: dict[str, tuple[str, int]] = {}
        self.seen: dict[str, int] = {}

    def read(self, text: str, commodity: str, counts: bool = True) -> Number:
        text, exponent = self._without_exponent(text)
        number = (
            plain(text) if text.isdigit() else self._separated(text, self.mark_of(commodity), bool(exponent))
        )
        if exponent:
            number = Number(checked_amount(number.value.scaleb(exponent)), max(0, number.decimals - exponent))
        if counts:
            self.count(commodity, number.decimals)
        return number

    def count(self, commodity: str, decimals: int) -> None:
        """Take note of a number that was written with so many decimals."""
        if decimals > self.seen.get(commodity, -1):
            self.seen[commodity] = decimals

    def declare(self, commodity: str, mark: str, decimals: int) -> None:
        """Apply a `commodity` directive with a number."""
        self._declared[commodity] = mark, decimals

    def precision(self, commodity: str) -> int | None:
        if commodity in self._declared:
            return self._declared[commodity][1]
        if self.default is not None and self.default[0] == commodity:
            return self.default[2]
        return self.seen.get(commodity)

    def is_governed(self, commodity: str) -> bool:
        return bool(self.mark_of(commodity))

    def mark_of(self, commodity: str) -> str:
        """The decimal mark that a directive names for a commodity; "" where none does."""
        if self.mark:
            return self.mark
        if commodity in self._declared:
            return self._declared[commodity][0]
        return self.default[1] if self.default is not None else ""

    @staticmethod
    def _without_exponent(text: str) -> tuple[str, int]:
        found = _EXPONENT.search(text) if "e" in text or "E" in text else None
        return (text[: found.start()], int(found[1])) if found else (text, 0)

    @staticmethod
    def _separated(text: str, mark: str, has_exponent: bool) -> Number:
        if text[0] in ".,":
            return plain(f"0.{text[1:]}")
        found = _SPACED.fullmatch(text)
        if found is None or (found[1] and found[1] == found[2]):
            raise ValueError("has separators where hledger allows none")
        first, second = found[1], found[2]
        if second is not None:
            if has_exponent and first:
                raise ValueError("has both digit groups and an exponent")
            return grouped(text, second)
        if first != " " and text.count(first) == 1 and mark in ("", first):
            return grouped(text, first)
        return grouped(text, "")


class FixedNumbers:
    """Numbers with the decimal mark of the settings, and the precision of `numbers`."""

    def __init__(self, numbers: LedgerNumbers | HledgerNumbers, decimal_comma: bool) -> None:
        self._numbers = numbers
        self._decimal_comma = decimal_comma

    def read(self, text: str, commodity: str, counts: bool = True) -> Number:
        value = parse_amount(text, self._decimal_comma)
        fraction = re.split("[.,]", text)[-1] if "." in text or "," in text else ""
        is_fraction = int(re.sub("[^0-9]", "", text) or "0") == value.scaleb(len(fraction))
        decimals = len(fraction) if is_fraction else 0
        if counts:
            self._numbers.count(commodity, decimals)
        return Number(value, decimals)

    def precision(self, commodity: str) -> int | None:
        return self._numbers.precision(commodity)

    def is_governed(self, _commodity: str) -> bool:
        return True
