"""A business as its habits see it: its chart of accounts, its prices and taxes, its open invoices.

Habits and the company that has them share it, and it knows neither. A habit names the roles it books to when it
is made (`Business.use`); the chart is closed after that, so no entry can reach an account that the chart lacks.
"""

from __future__ import annotations

import datetime
import itertools
import math
import random
import unicodedata
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, Protocol

from jet.demo.charts import CHARTS, GROUPS, NATIONAL
from jet.demo.trades import CURRENCY, FIRST_NAMES, LANGUAGES, PRICE_LEVEL, SURNAMES, TRADES, VAT

FIRST_DAY = datetime.date(2022, 1, 1)
DAYS = [FIRST_DAY + datetime.timedelta(days=day) for day in range(1096)]
"""The days of the three years of every demo ledger. Everywhere else a day is an index into this list."""

OPENED_DAY = DAYS.index(date(2024, 1, 1))
"""The day in year three on which an account is opened."""

OPENED_ROLES = {"cloud": "software", "online_advertising": "advertising", "charging": "fuel"}
"""The role of the account that may be opened in year three, and the role that is used until then."""

CLOSED_ROLE, CLOSED_ROLE_AFTER = "phone_old", "phone"

Lines = list[tuple[int, int]]
"""Pairs of an account's index in the company's chart and cents, positive for a debit, negative for a credit."""


class Draft(NamedTuple):
    """A journal entry without its number."""

    journal: str  # what kind: a key of trades.JOURNALS
    text: str
    currency: str
    lines: Lines


@dataclass(frozen=True, kw_only=True)
class ChartRow:
    """One account, or one group of accounts, of a company."""

    code: str
    name: str
    parent: str | None
    nature: str | None
    opened: date | None = None
    closed: date | None = None


def net_of(gross: int, rate: int) -> int:
    """`gross` cents without value added tax of `rate` per cent, rounded to the cent."""
    return (gross * 200 + 100 + rate) // (2 * (100 + rate))


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return "-".join("".join(c if c.isalnum() else " " for c in plain.casefold()).split())


class Supplier(Protocol):
    """Whose invoices are paid."""

    def payment_text(self, day: int, no: int) -> str:
        """How the payment of invoice `no` is written down."""


class Customer(Protocol):
    """Who pays invoices."""

    def text(self, occasion: str, day: int, no: int) -> str:
        """How an `occasion` with invoice `no` is written down."""


class Business:
    """The chart of one business, and what its books stand at."""

    def __init__(self, seed: int, number: int, size: int) -> None:
        self._seed = f"{seed}/{number}"
        self.rnd = rnd = random.Random(self._seed)
        self.size = size
        self.language = LANGUAGES[number % len(LANGUAGES)]
        self.trade = TRADES[number % len(TRADES)]
        self.currency = CURRENCY[self.language]
        surnames = SURNAMES[self.language]
        self.name = f"{rnd.choice(self.trade.words[self.language])} {rnd.choice(surnames)}"
        self.entity = f"{_slug(self.name)}-{number + 1:03d}"
        self.employees = self._staff(3 + size // 600)
        self.payables: deque[tuple[int, Supplier, int, int]] = deque()
        self.receivables: deque[tuple[int, Customer, int, int]] = deque()
        self.invoice_no = rnd.randrange(100, 5000)

        self._national = NATIONAL[rnd.choice(CHARTS[self.language])]
        self._groups = next(groups for chart, groups in GROUPS.items() if NATIONAL[chart] is self._national)
        self._used: dict[str, None] = {}
        self._opened_role = rnd.choice(list(OPENED_ROLES))
        self.closed_day = rnd.choice([180, 364, 545])
        for role in (self._opened_role, OPENED_ROLES[self._opened_role], CLOSED_ROLE, CLOSED_ROLE_AFTER):
            self.use(role)
        self.bought_roles: list[str] = []

    def _staff(self, count: int) -> list[str]:
        """The names of `count` employees: first names, then with surnames, then with numbers."""
        surnames = itertools.chain([""], (f" {surname}" for surname in SURNAMES[self.language]))
        numbered = (f" {number}" for number in itertools.count(2))
        names = (
            first + last for last in itertools.chain(surnames, numbered) for first in FIRST_NAMES[self.language]
        )
        return list(itertools.islice(names, count))

    # What habits need while they are made.

    def use(self, role: str) -> str:
        """Add the account of a role to the chart; returns the role."""
        if role and role not in self._national:
            raise KeyError(f"the charts of {self.language!r} have no account for {role!r}")
        if role:
            self._used[role] = None
        return role

    def has(self, role: str) -> bool:
        """Whether the national chart has an account for a role."""
        return role in self._national

    def cents(self, units: float) -> int:
        """An amount at the common price level, in cents of the home currency."""
        return round(units * PRICE_LEVEL[self.language] * 100)

    def log_cents(self, units: float) -> float:
        """The logarithm of `cents`, the mean around which amounts are drawn."""
        return math.log(self.cents(units))

    def vat_in(self, rate: int) -> str:
        """The role of the deductible tax at a rate, added to the chart; "" where there is no tax."""
        if not rate:
            return ""
        reduced = rate < VAT[self.language]["energy"] and self.has("vat_in_mid")
        return self.use("vat_in_mid" if reduced else "vat_in")

    def sale_parts(self, sold: list[tuple[str, str, float]]) -> list[tuple[str, str, int, float]]:
        """The roles of income and tax, the rate and the share of each part of the sales, added to the chart."""
        parts = []
        for role, vat, share in sold:
            rate = VAT[self.language][vat]
            tax = ""
            if rate:
                tax = "vat_out_" + (vat if self.has(f"vat_out_{vat}") else "std")
                self.use(tax)
            parts.append((self.use(role), tax, rate, share))
        return parts

    # What habits need while they book.

    def account(self, role: str, day: int) -> int:
        """The index of a role's account on a day."""
        if role == self._opened_role and day < OPENED_DAY:
            role = OPENED_ROLES[role]
        elif role == CLOSED_ROLE and day > self.closed_day:
            role = CLOSED_ROLE_AFTER
        return self._numbers[role]

    def split_sale(self, parts: list[tuple[str, str, int, float]], gross: int, day: int) -> Lines:
        """Income and tax in positive cents, which add up to `gross`; taxes on one account are one line."""
        income: Lines = []
        taxes: dict[int, int] = {}
        left = gross
        for number, (role, tax, rate, share) in enumerate(parts):
            part = left if number == len(parts) - 1 else round(gross * share * self.rnd.uniform(0.85, 1.1))
            left -= part
            net = net_of(part, rate)
            income.append((self.account(role, day), net))
            if net != part:
                account = self.account(tax, day)
                taxes[account] = taxes.get(account, 0) + part - net
        return income + list(taxes.items())

    def clear(self, roles: str, against: str, day: int) -> Lines | None:
        """The lines that clear the accounts of `roles` to another one; None where they add up to zero."""
        lines = []
        for role in roles.split():
            number = self._numbers.get(role)
            if number is not None and self._balances[number]:
                lines.append((number, -self._balances[number]))
        rest = sum(cents for _, cents in lines)
        if not rest:
            return None
        return [*lines, (self.account(against, day), -rest)]

    # The chart.

    def _close_chart(self) -> None:
        rnd = self.rnd
        for role in self._national:  # accounts that nobody uses
            if role not in self._used and role not in OPENED_ROLES and rnd.random() < 0.5:
                self.use(role)
        taken = {account.code for account in self._national.values()}
        rows: list[tuple[str, ChartRow]] = []
        for role in self._used:
            account = self._national[role]
            code, name = account.code, rnd.choice(account.names)
            own = str(int(code) + 1).zfill(len(code))
            if account.nature in ("expense", "income") and own not in taken and rnd.random() < 0.12:
                taken.add(own)
                code = own
            rows.append(
                (
                    role,
                    ChartRow(
                        code=code,
                        name=name,
                        parent=code[:2],
                        nature=account.nature,
                        opened=DAYS[OPENED_DAY] if role == self._opened_role else None,
                        closed=DAYS[self.closed_day] if role == CLOSED_ROLE else None,
                    ),
                )
            )
        rows.sort(key=lambda row: row[1].code)
        self.accounts = [row for _, row in rows]
        self._numbers = {role: number for number, (role, _) in enumerate(rows)}
        self._balances = [0] * len(rows)

    def chart(self) -> Iterator[ChartRow]:
        """The groups and the accounts, each group before what is in it."""
        by_prefix: dict[str, list[ChartRow]] = {}
        for row in self.accounts:
            by_prefix.setdefault(row.code[:1], []).append(row)
            by_prefix.setdefault(row.code[:2], []).append(row)
        for code in sorted(by_prefix):
            natures = {row.nature for row in by_prefix[code]}
            yield ChartRow(
                code=code,
                name=self._groups[code],
                parent=code[:1] if len(code) == 2 else None,
                nature=natures.pop() if len(natures) == 1 else None,
            )
            if len(code) == 2:
                yield from by_prefix[code]
