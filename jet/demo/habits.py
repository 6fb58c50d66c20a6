"""The habits of a company: what it books repeatedly, and the texts of these entries.

Notable: a habit decides the accounts, and all decisions but the slips can be learned: from the supplier's name,
the journal, the amount, the employee, or the date. Looking up the same text often fails on purpose: an invoice
number makes the text new, an invoice and its payment share a text, and shops are booked by the amount.
"""

from __future__ import annotations

import math
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

from jet.demo.business import DAYS, Business, Draft, Lines, net_of
from jet.demo.trades import (
    DATE_FORMAT,
    LANGUAGES,
    MONTHS,
    OUTLAYS,
    PHRASES,
    VAT,
    Goods,
)

SLIP = 0.06
"""The share of purchases that are booked to a random account, which nobody could learn."""
OTHER_WORDING = 0.05
MISSPELLED = 0.02
ABBREVIATED = 0.02
CREDIT_NOTE = 0.012


class _Stamps(NamedTuple):
    month: str
    my: str
    year: str
    date: str


STAMPS = {
    language: [
        _Stamps(
            month=MONTHS[language][day.month - 1],
            my=f"{day:%m/%y}",
            year=f"{day:%Y}",
            date=day.strftime(DATE_FORMAT[language]),
        )
        for day in DAYS
    ]
    for language in LANGUAGES
}
"""The date as wordings may use it, by language and day."""


def misspell(text: str, rnd: random.Random) -> str:
    """`text` with one letter dropped, doubled or swapped, never the first."""
    if len(text) < 4:
        return text
    at = rnd.randrange(1, len(text) - 1)
    kind = rnd.randrange(3)
    if kind == 0:
        return text[:at] + text[at + 1 :]
    if kind == 1:
        return text[:at] + text[at] + text[at:]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


def abbreviate(text: str, rnd: random.Random) -> str:
    """`text` with one of its longer words cut short and ended by a full stop."""
    words = text.split(" ")
    longer = [number for number, word in enumerate(words) if len(word) > 6 and word.isalpha()]
    if longer:
        number = rnd.choice(longer)
        words[number] = words[number][: rnd.randint(3, 5)] + "."
    return " ".join(words)


class Wording:
    """The texts for a supplier, a customer or an occasion: usually one wording, now and then another."""

    def __init__(
        self,
        company: Business,
        occasion: str,
        name: str = "",
        *,
        fresh: float = 0.22,
        chosen_by: random.Random | None = None,
    ) -> None:
        """With `chosen_by`, draw from it, so that the company's random generator stays as it is."""
        rnd = chosen_by or company.rnd
        constant, varying = PHRASES[company.language][occasion]
        usual = varying if varying and rnd.random() < fresh else constant
        self._all = [wording.replace("{name}", name) for wording in constant + varying]
        self._usual = rnd.choice(usual).replace("{name}", name)
        self._stamps = STAMPS[company.language]
        self._rnd = company.rnd

    def write(self, day: int, no: int = 0, employee: str = "", what: str = "") -> str:
        """The text of one entry."""
        rnd = self._rnd
        text = self._usual if rnd.random() > OTHER_WORDING else rnd.choice(self._all)
        if "{" in text:
            month, my, year, date = self._stamps[day]
            text = text.format(month=month, my=my, year=year, date=date, no=no, employee=employee, what=what)
        luck = rnd.random()
        if luck < MISSPELLED:
            return misspell(text, rnd)
        if luck < MISSPELLED + ABBREVIATED:
            return abbreviate(text, rnd)
        return text


class Habit(ABC):
    """Something that a company books repeatedly."""

    weight: float = 1.0
    """The frequency, relative to the company's other habits without a fixed day."""
    first_month: int = 0
    last_month: int = 35

    @abstractmethod
    def book(self, day: int) -> Draft | None:
        """The entry of that day; None where there is no reason for one."""


class Purchase(Habit):
    """Buying from one supplier, by invoice or paid at once."""

    def __init__(
        self,
        company: Business,
        goods: Goods,
        name: str,
        way: str,
        *,
        weight: float = 1.0,
        new_name: str = "",
        occasion: str = "",
    ) -> None:
        rnd = company.rnd
        self.company = company
        self.weight = weight
        self.name = name
        self.way = way
        self.role = company.use(goods.role)
        self.above = company.use(goods.above) if goods.above else ""
        self.rate = VAT[company.language][goods.vat]
        self.mu = company.log_cents(goods.price) + rnd.gauss(0, 0.25)
        self.sigma = goods.spread
        # Fixed prices are what subscriptions have. Where the amount decides, it has to vary.
        self.fixed = rnd.random() < 0.15 and not goods.above
        self.limit = company.cents(goods.price * 1.5)
        self.by_employee: list[tuple[str, str]] = []
        self.change_day = len(DAYS)
        self.role_after = self.role
        self.rename_day = rnd.randrange(365, len(DAYS)) if new_name else len(DAYS)
        # A subscription, the one kind with an occasion of its own, is too regular for slips.
        self.slip = 0.0 if occasion else SLIP
        self.occasion = occasion or ("purchase" if way == "i" else "bought")
        self.wording = self._wording(self.occasion, name, new_name)
        self.credit_wording = self._wording("credit", name, new_name)
        self.payment_wording = self._wording("payment", name, new_name)
        self.no = rnd.randrange(100, 90000)
        self.vat_role = company.vat_in(self.rate)
        company.use("payables")
        self.paid_from = company.use({"i": "payables", "b": "bank", "c": "card_due", "k": "cash"}[way])
        self.journal = {"i": "purchase", "b": "bank", "c": "bank", "k": "cash"}[way]

    def _wording(self, occasion: str, name: str, new_name: str) -> tuple[Wording, Wording]:
        wording = Wording(self.company, occasion, name)
        return wording, Wording(self.company, occasion, new_name) if new_name else wording

    def change(self, day: int, role: str) -> None:
        """From `day` on, book it to the account of another role."""
        self.change_day = day
        self.role_after = self.company.use(role)

    def replace(self, day: int, name: str, rnd: random.Random) -> None:
        """From `day` on, buy the same from the supplier `name`."""
        self.rename_day = day
        for occasion in ("wording", "credit_wording", "payment_wording"):
            kind = self.occasion if occasion == "wording" else occasion.removesuffix("_wording")
            before = getattr(self, occasion)[False]
            setattr(self, occasion, (before, Wording(self.company, kind, name, chosen_by=rnd)))

    def decide_by_employee(self, roles: tuple[str, str]) -> None:
        """Choose between two roles by the employee who bought, and name the employee in the text."""
        company = self.company
        self.by_employee = [
            (employee, company.use(roles[number % 2])) for number, employee in enumerate(company.employees)
        ]

    def amount(self, day: int) -> int:
        """Gross cents."""
        if self.fixed:
            return round(math.exp(self.mu) * (1 + 0.04 * (day // 365)))
        return max(100, round(self.company.rnd.lognormvariate(self.mu, self.sigma)))

    def payment_text(self, day: int, no: int) -> str:
        """The text of a payment of one of its invoices."""
        return self.payment_wording[day >= self.rename_day].write(day, no)

    def book(self, day: int) -> Draft:
        """An invoice or a purchase, rarely a credit note."""
        company, rnd = self.company, self.company.rnd
        gross = self.amount(day)
        role, employee = self.role, ""
        if day >= self.change_day:
            role = self.role_after
        elif self.above:
            role = self.role if gross < self.limit else self.above
        elif self.by_employee:
            employee, role = rnd.choice(self.by_employee)
        if rnd.random() < self.slip:
            role = rnd.choice(company.bought_roles)
        self.no += rnd.randrange(1, 40)
        renamed = day >= self.rename_day
        sign = 1
        if self.way == "i" and rnd.random() < CREDIT_NOTE:
            sign = -1
            text = self.credit_wording[renamed].write(day, self.no)
        else:
            text = self.wording[renamed].write(day, self.no)
            if employee:
                text = f"{text} {employee}"
            if self.way == "i":
                company.payables.append((day, self, gross, self.no))
        number = company.account
        net = net_of(gross, self.rate)
        lines = [(number(role, day), sign * net)]
        if net != gross:
            lines.append((number(self.vat_role, day), sign * (gross - net)))
        lines.append((number(self.paid_from, day), -sign * gross))
        return Draft(self.journal, text, company.currency, lines)


class ForeignPurchase(Purchase):
    """Buying by invoice in another currency; the buyer owes the value added tax and deducts it at once."""

    def __init__(
        self, company: Business, goods: Goods, name: str, *, weight: float, currency: str, price: float
    ) -> None:
        super().__init__(company, goods, name, "i", weight=weight)
        self.currency = currency
        self.price = price
        company.use("vat_in_reverse")
        company.use("vat_out_reverse")
        company.use("exchange_gain")
        company.use("exchange_loss")

    def book(self, day: int) -> Draft:
        """An invoice in the foreign currency, with the home amounts at the rate of that day."""
        company, rnd, number = self.company, self.company.rnd, self.company.account
        net = self.amount(day)
        vat = round(net * VAT[company.language]["std"] / 100)
        role = rnd.choice(company.bought_roles) if rnd.random() < SLIP else self.role
        self.no += rnd.randrange(1, 40)
        company.payables.append((day, self, round(net * self.price), self.no))
        lines = [
            (number(role, day), net),
            (number("vat_in_reverse", day), vat),
            (number("vat_out_reverse", day), -vat),
            (number("payables", day), -net),
        ]
        return Draft("purchase", self.wording[False].write(day, self.no), self.currency, lines)


class Payment(Habit):
    """Paying the oldest supplier invoice that is due."""

    def __init__(self, company: Business, weight: float) -> None:
        self.company = company
        self.weight = weight
        company.use("payables")
        company.use("bank")

    def book(self, day: int) -> Draft | None:
        """A payment; for a foreign invoice with the exchange difference."""
        company = self.company
        if not company.payables or company.payables[0][0] + 10 > day:
            return None
        _, supplier, owed, no = company.payables.popleft()
        number = company.account
        paid = owed
        lines = [(number("payables", day), owed)]
        if isinstance(supplier, ForeignPurchase):
            difference = round(owed * company.rnd.gauss(0.006, 0.012))
            paid += difference
            if difference:
                role = "exchange_loss" if difference > 0 else "exchange_gain"
                lines.append((number(role, day), difference))
        lines.append((number("bank", day), -paid))
        return Draft("bank", supplier.payment_text(day, no), company.currency, lines)


class Sale(Habit):
    """Invoices to one customer."""

    def __init__(
        self, company: Business, name: str, parts: list[tuple[str, str, float]], *, price: float, weight: float
    ) -> None:
        self.company = company
        self.weight = weight
        self.parts = company.sale_parts(parts)
        self.others = company.sale_parts([(role, vat, 1.0) for role, vat, _ in company.trade.sold])
        self.mu = company.log_cents(price) + company.rnd.gauss(0, 0.4)
        self.wordings = self._wordings(name)
        self.rename_day, self.wordings_after = len(DAYS), self.wordings
        company.use("receivables")

    def _wordings(self, name: str, chosen_by: random.Random | None = None) -> dict[str, Wording]:
        fresh = {"sale": 0.28, "credit": 0.22, "receipt": 0.22}
        return {
            occasion: Wording(self.company, occasion, name, fresh=share, chosen_by=chosen_by)
            for occasion, share in fresh.items()
        }

    def replace(self, day: int, name: str, rnd: random.Random) -> None:
        """From `day` on, sell the same to the customer `name`."""
        self.rename_day, self.wordings_after = day, self._wordings(name, rnd)

    def text(self, occasion: str, day: int, no: int) -> str:
        """The text of an invoice ("sale"), a credit note, or its payment ("receipt")."""
        wordings = self.wordings_after if day >= self.rename_day else self.wordings
        return wordings[occasion].write(day, no)

    def book(self, day: int) -> Draft:
        """An invoice, rarely a credit note."""
        company, rnd = self.company, self.company.rnd
        gross = max(1000, round(rnd.lognormvariate(self.mu, 0.6)))
        company.invoice_no += 1
        no = company.invoice_no
        parts = [rnd.choice(self.others)] if rnd.random() < SLIP / 2 else self.parts
        sign = 1
        if rnd.random() < CREDIT_NOTE:
            sign = -1
            text = self.text("credit", day, no)
        else:
            text = self.text("sale", day, no)
            company.receivables.append((day, self, gross, no))
        lines = [(company.account("receivables", day), sign * gross)]
        lines += [(account, -sign * cents) for account, cents in company.split_sale(parts, gross, day)]
        return Draft("sales", text, company.currency, lines)


class Receipt(Habit):
    """Payment of the oldest customer invoice that is due."""

    def __init__(self, company: Business, weight: float) -> None:
        self.company = company
        self.weight = weight
        company.use("bank")

    def book(self, day: int) -> Draft | None:
        """A payment by a customer."""
        company = self.company
        if not company.receivables or company.receivables[0][0] + 14 > day:
            return None
        _, customer, owed, no = company.receivables.popleft()
        lines = [(company.account("bank", day), owed), (company.account("receivables", day), -owed)]
        return Draft("bank", customer.text("receipt", day, no), company.currency, lines)


class Takings(Habit):
    """A day's counter sales, paid in cash and by card, at several rates of tax."""

    def __init__(self, company: Business, weight: float) -> None:
        self.company = company
        self.weight = weight
        self.parts = company.sale_parts(list(company.trade.cash_sold))
        self.mu = company.log_cents(company.trade.price)
        self.cash_share = company.rnd.uniform(0.1, 0.35)
        self.wording = Wording(company, "takings", fresh=0.12)
        self.no = company.rnd.randrange(100, 2000)
        company.use("cash")
        company.use("card_clearing")

    def book(self, day: int) -> Draft:
        """The takings of one day, or of one till of a larger company."""
        company, rnd = self.company, self.company.rnd
        gross = max(5000, round(rnd.lognormvariate(self.mu, 0.35)))
        cash = round(gross * self.cash_share * rnd.uniform(0.5, 1.5))
        self.no += 1
        lines = [
            (company.account("cash", day), cash),
            (company.account("card_clearing", day), gross - cash),
        ]
        lines += [(account, -cents) for account, cents in company.split_sale(self.parts, gross, day)]
        return Draft("cash", self.wording.write(day, self.no), company.currency, lines)


class Outlay(Habit):
    """Repayment of employees for what they bought for the company."""

    def __init__(self, company: Business, weight: float) -> None:
        self.company = company
        self.weight = weight
        self.kinds = [
            (company.use(role), VAT[company.language][vat], company.log_cents(price), words[company.language])
            for role, vat, price, words in OUTLAYS
        ]
        for _, rate, _, _ in self.kinds:
            company.vat_in(rate)
        self.wording = Wording(company, "outlay", fresh=0.12)
        self.paid_from = company.use("employee_due" if company.rnd.random() < 0.6 else "bank")
        self.no = company.rnd.randrange(10, 300)

    def book(self, day: int) -> Draft:
        """One claim of one employee for one thing."""
        company, rnd = self.company, self.company.rnd
        # Most claims are for the same few things by the same few people.
        role, rate, mu, words = self.kinds[int(len(self.kinds) * rnd.random() ** 2)]
        employee = company.employees[int(len(company.employees) * rnd.random() ** 2)]
        gross = max(100, round(rnd.lognormvariate(mu, 0.5)))
        if rnd.random() < SLIP:
            role = rnd.choice(company.bought_roles)
        self.no += 1
        net = net_of(gross, rate)
        lines = [(company.account(role, day), net)]
        if net != gross:
            lines.append((company.account(company.vat_in(rate), day), gross - net))
        lines.append((company.account(self.paid_from, day), -gross))
        text = self.wording.write(day, self.no, employee, rnd.choice(words))
        return Draft("general", text, company.currency, lines)


class Regular(Habit):
    """A habit with its own rule: `post` returns the lines of a day, or None."""

    def __init__(
        self,
        company: Business,
        occasion: str,
        journal: str,
        roles: str,
        post: Callable[[int], Lines | None],
        *,
        name: str = "",
        employee: str = "",
        what: str = "",
        weight: float = 1.0,
    ) -> None:
        self.company = company
        self.journal = journal
        self.post = post
        self.employee = employee
        self.what = what
        self.weight = weight
        self.wording = Wording(company, occasion, name)
        self.no = company.rnd.randrange(100, 90000)
        for role in roles.split():
            company.use(role)

    def book(self, day: int) -> Draft | None:
        """The entry by the rule."""
        lines = self.post(day)
        if not lines:
            return None
        text = self.wording.write(day, self.no, self.employee, self.what)
        return Draft(self.journal, text, self.company.currency, lines)
