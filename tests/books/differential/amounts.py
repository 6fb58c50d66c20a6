"""Numbers and commodities in every spelling that ledger and hledger know, and some that they refuse."""

from __future__ import annotations

import random
from dataclasses import dataclass
from decimal import Decimal

SYMBOLS = ["EUR", "USD", "$", "€", "£", "kr", "CHF", "Ft", "₿", '"Fund 1"', '"A-b"', "SEK", "hrs", ""]
PRICED = ["ACME", '"VW 3"', "BTC", "units", "GBP"]

_ODDITIES = ["plus", "trailing", "leading", "zeros", "long", "inner", "blank", "swap", "lone", "lone", "side"]


@dataclass(frozen=True)
class Style:
    """How one commodity's amounts are written."""

    symbol: str
    is_left: bool
    is_spaced: bool
    decimals: int
    mark: str
    group: str

    def sample(self, ends_in_mark: bool = True) -> str:
        """The amount that a directive shows its format by; where it has no decimals, hledger wants a mark, and
        ledger none."""
        mark = self.mark if self.decimals or ends_in_mark else ""
        return self.dressed(f"1{self.group}000{mark}" + "0" * self.decimals)

    def dressed(self, number: str, sign: str = "", is_sign_first: bool = True) -> str:
        """A number with its commodity and sign."""
        blank = " " if self.is_spaced else ""
        if not self.symbol:
            return f"{sign}{number}"
        if not self.is_left:
            return f"{sign}{number}{blank}{self.symbol}"
        if is_sign_first:
            return f"{sign}{self.symbol}{blank}{number}"
        return f"{self.symbol}{blank}{sign}{number}"


def a_style(draw: random.Random, symbol: str, marks: str, has_groups: bool, has_blanks: bool) -> Style:
    """A style for `symbol`: the sides that people write it on, more often than the other one."""
    is_short = symbol in ("$", "€", "£", "₿")
    is_left = draw.random() < (0.8 if is_short else 0.1)
    mark = draw.choice(marks)
    groups = ["," if mark == "." else ".", *" " * has_blanks]
    return Style(
        symbol=symbol,
        is_left=is_left,
        is_spaced=draw.random() < (0.1 if is_left and is_short else 0.9),
        decimals=draw.choice([0, 1, 2, 2, 2, 2, 2, 3, 3, 4, 6, 8]),
        mark=mark,
        group=draw.choice(groups) if has_groups else "",
    )


def a_value(draw: random.Random, decimals: int) -> Decimal:
    """A positive value that a journal might hold, of at most so many decimals; seldom a huge or a tiny one."""
    top = draw.choice([9, 99, 999, 9_999, 9_999, 99_999, 2_000_000, 10 ** draw.randint(7, 15)])
    whole = draw.choice([draw.randint(0, top), draw.randint(1, 9) * 10 ** draw.randint(0, 6)])
    places = draw.choice([0, decimals, decimals, decimals])
    value = Decimal(whole) + Decimal(draw.randint(0, 10**places - 1)).scaleb(-places)
    return value or Decimal(1)


def grouped(digits: str, group: str) -> str:
    """Digits in threes from the right."""
    parts = []
    while len(digits) > 3:
        parts.append(digits[-3:])
        digits = digits[:-3]
    return group.join([digits, *reversed(parts)])


def written(draw: random.Random, value: Decimal, style: Style, odd: float = 0.0) -> str:
    """`value` in a style; with the probability `odd` in one of the spellings that are unusual."""
    sign = "-" if value < 0 else ""
    whole, _, part = f"{abs(value):f}".partition(".")
    part = part.ljust(style.decimals if draw.random() < 0.9 else 0, "0")
    if draw.random() < odd:
        oddity = draw.choice(_ODDITIES)
        if oddity == "plus" and not sign:
            sign = "+"
        elif oddity == "trailing" and not part.strip("0"):
            return style.dressed(f"{whole}{style.mark}", sign, is_sign_first=draw.random() < 0.5)
        elif oddity == "leading" and whole == "0" and part:
            return style.dressed(f"{style.mark}{part}", sign)
        elif oddity == "zeros":
            whole = "0" * draw.randint(1, 3) + whole
        elif oddity == "long":
            part = part.ljust(draw.randint(1, 8), "0")
        elif oddity == "inner" and len(whole) > 4:  # a separator where none belongs
            at = draw.randint(1, len(whole) - 1)
            separator = draw.choice([",", ".", " ", "'"])
            return style.dressed(f"{whole[:at]}{separator}{whole[at:]}", sign)
        elif oddity == "exponent" and not part.strip("0"):
            return style.dressed(f"{whole}{draw.choice('eE')}{draw.randint(0, 3)}", sign)
        elif oddity == "blank" and sign:
            sign += " "
        elif oddity == "lone":
            at = max(1, len(whole) - 3)
            return style.dressed(f"{whole[:at]}{draw.choice(',.')}{(whole[at:] + '000')[:3]}", sign)
        elif oddity == "side":
            style = Style(
                style.symbol, not style.is_left, draw.random() < 0.5, style.decimals, style.mark, style.group
            )
        elif oddity == "swap":
            mark = "," if style.mark == "." else "."
            style = Style(style.symbol, style.is_left, style.is_spaced, style.decimals, mark, "")
    if style.group and len(whole) > 3 and draw.random() < 0.8:
        whole = grouped(whole, style.group)
    number = f"{whole}{style.mark}{part}" if part else whole
    return style.dressed(number, sign, is_sign_first=draw.random() < 0.6)
