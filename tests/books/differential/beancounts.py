"""The same books said twice, as a journal and for beancount, and what beancount makes of them.

beancount is under the GPL: it is only run, in a process of its own (`bean_sums.py`). Its tolerances are not
those of the journals' programs, so what is generated balances to the last digit, or is off by far.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import random
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal, localcontext
from pathlib import Path

from tools import Reading

HERE = Path(__file__).parent
ROOTS = ["Assets", "Liabilities", "Equity", "Income", "Expenses"]
PARTS = ["Bank", "Büro", "1410", "Café", "Food:Out", "Travel", "Übrige-2", "Ärzte"]
CURRENCIES = ["EUR", "USD", "CHF", "JPY"]
HOLDINGS = ["ACME", "VW3", "BTC"]
LEFT_OUT = 0.45


@dataclass
class Booking:
    """A posting: an amount (None: left out) and what it cost ("@" or "@@", price, currency)."""

    account: str
    amount: Decimal | None
    currency: str
    cost: tuple[str, Decimal, str] | None = None


@dataclass
class Twofold:
    """Books, to be written for either program."""

    entries: list[tuple[date, str, str, list[Booking]]] = field(default_factory=list)

    def journal(self) -> str:
        """As ledger and hledger read it."""
        lines = []
        for day, flag, text, bookings in self.entries:
            lines.append(f"{day} {flag} {text}")
            lines += [f"    {one.account}{_amount(one, quoted)}" for one in bookings]
            lines.append("")
        return "\n".join(lines)

    def beancount(self) -> str:
        """As beancount reads it."""
        accounts = sorted({one.account for *_, bookings in self.entries for one in bookings})
        lines = [f"2000-01-01 open {account}" for account in accounts]
        for day, flag, text, bookings in self.entries:
            lines.append(f'{day} {flag} "{text}"')
            lines += [f"  {one.account}{_amount(one, str)}" for one in bookings]
            lines.append("")
        return "\n".join(lines)


def quoted(currency: str) -> str:
    """A commodity with figures in its name is quoted in a journal."""
    return currency if currency.isalpha() else f'"{currency}"'


def _amount(one: Booking, name) -> str:
    if one.amount is None:
        return ""
    text = f"  {one.amount} {name(one.currency)}"
    if one.cost is not None:
        sign, price, currency = one.cost
        text += f" {sign} {price} {name(currency)}"
    return text


def twofold(seed: int) -> Twofold:
    """The books of a seed."""
    draw = random.Random(seed)
    books = Twofold()
    day = date(2024, 1, 1)
    accounts = [f"{draw.choice(ROOTS)}:{draw.choice(PARTS)}" for _ in range(5)]
    with localcontext(prec=60):
        for _ in range(draw.randint(1, 5)):
            day += timedelta(draw.randint(0, 40))
            text = draw.choice(["Shop", "Café | coffee", "株式会社", "Rent 2/3", "x"])
            books.entries.append((day, draw.choice("*!"), text, _bookings(draw, accounts)))
    return books


def _bookings(draw: random.Random, accounts: list[str]) -> list[Booking]:
    currency = draw.choice(CURRENCIES)
    decimals = draw.choice([0, 2, 2, 2, 3, 5])

    def value(places: int = decimals) -> Decimal:
        return Decimal(draw.randint(1, 10 ** draw.randint(1, 9))).scaleb(-places)

    made = []
    total = Decimal(0)
    how = draw.random()
    for _ in range(draw.randint(1, 4)):
        amount = value() * draw.choice([1, -1])
        total += amount
        made.append(Booking(draw.choice(accounts), amount, currency))
    if draw.random() < 0.3:
        places = 3 if how > LEFT_OUT else 0  # beancount rounds what it fills in to the decimals of the others
        number, price = value(places), value()
        # of a total beancount makes a price of 28 digits; what that loses, whole numbers don't tolerate
        sign = draw.choice(["@", "@@"]) if decimals else "@"
        made.append(Booking(draw.choice(accounts), number, draw.choice(HOLDINGS), (sign, price, currency)))
        total += price if sign == "@@" else number * price
    if how < LEFT_OUT:
        made.append(Booking(draw.choice(accounts), None, currency))
    elif total:
        made.append(Booking(draw.choice(accounts), -total + (0 if how < 0.95 else 1000), currency))
    if draw.random() < 0.02:
        made += [Booking(draw.choice(accounts), None, currency)] * 2
    return made


def version() -> str:
    """beancount's version; empty where it isn't installed."""
    return importlib.metadata.version("beancount") if importlib.util.find_spec("beancount") else ""


def by_beancount(paths: list[Path]) -> list[Reading]:
    """What beancount makes of its files, all in one process."""
    done = subprocess.run(
        [sys.executable, str(HERE / "bean_sums.py")],
        input="\n".join(map(str, paths)),
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    readings = []
    for line in done.stdout.splitlines():
        refusal, rows = json.loads(line)
        sums = {tuple(key): Decimal(amount) for *key, amount in rows}
        readings.append(Reading(refusal=refusal, sums=sums))
    return readings
