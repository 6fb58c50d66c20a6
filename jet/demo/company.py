"""One company of the demo ledger: its habits, its suppliers and customers, and its entries month by month.

Notable: everything comes from one `random.Random` seeded with the ledger's seed and the company's number, so
that a company doesn't depend on the others, and only its open invoices and account balances are in memory while
its entries stream by. A habit names its roles when it is made; then the chart is closed, so no entry can use an
account that the chart lacks.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator
from functools import partial
from operator import itemgetter

from jet.demo.business import CLOSED_ROLE, DAYS, Business, Draft, Lines, net_of
from jet.demo.habits import (
    ForeignPurchase,
    Habit,
    Outlay,
    Payment,
    Purchase,
    Receipt,
    Regular,
    Sale,
    Takings,
)
from jet.demo.trades import (
    AMBIGUOUS_GOODS,
    CUSTOMER_PATTERNS,
    FIRST_NAMES,
    FOREIGN,
    FOREIGN_SUPPLIERS,
    GOODS,
    SOCIAL_RATE,
    SUPPLIER_PATTERNS,
    SURNAMES,
    VAT,
    Goods,
)

NEW_WORDS = ("Nova", "Orbit", "Delta", "Polar", "Astra", "Fjord", "Titan", "Quant")
"""Words that only the names of suppliers and customers have who come when habits change."""

SCHEDULED_SHARE = 0.5
"""The largest share of a company's entries that have a fixed day, which leaves small companies fewer habits."""

_MONTH_OF_DAY = [(day.year - 2022) * 12 + day.month - 1 for day in DAYS]
_DAYS_OF_MONTH = [[day for day, month in enumerate(_MONTH_OF_DAY) if month == number] for number in range(36)]


def apportion(total: int, weights: list[float], least: int = 0) -> list[int]:
    """Integers that add up to `total`, in proportion to `weights`, none below `least`."""
    rest = total - least * len(weights)
    scale = rest / sum(weights)
    exact = [weight * scale for weight in weights]
    shares = [math.floor(share) for share in exact]
    order = sorted(range(len(weights)), key=lambda number: (shares[number] - exact[number], number))
    for number in order[: rest - sum(shares)]:
        shares[number] += 1
    return [share + least for share in shares]


class Company(Business):
    """A company and its books. `entries` may be called once, since it goes through the three years."""

    def __init__(self, seed: int, number: int, size: int) -> None:
        super().__init__(seed, number, size)
        self._names: set[str] = set()
        self._scheduled: list[tuple[int, Habit]] = []
        self._schedule()
        self._core: list[Purchase] = []
        self._casual = self._make_casual()
        self._close_chart()

    # What is booked on fixed days.

    def _schedule(self) -> None:
        """Take regular habits in the order of their importance while their entries fit.

        All but the smallest companies have the first four every month; only larger ones have the others.
        """
        room = int(self.size * SCHEDULED_SHARE)
        for rank, (day_of_month, step, make) in enumerate(self._regular_habits()):
            monthly = self.size >= (400 if rank < 4 else 1200)
            months = range(0, 36, step if monthly else max(step, 3))
            if len(months) > room:
                break
            room -= len(months)
            habit = make()
            for month in months:
                days = _DAYS_OF_MONTH[month]
                self._scheduled.append((days[min(day_of_month, len(days)) - 1], habit))
        self._scheduled.sort(key=itemgetter(0))

    def _regular_habits(self) -> Iterator[tuple[int, int, Callable[[], Habit]]]:
        """Day of the month, step in months, and maker of each habit; the most important first."""
        swedish, german = self.language == "sv", self.language == "de"
        subscription = Goods(
            role=self._opened_role, vat="std", price=120, spread=0.2, often=1, ways="b", known={}, words={}
        )
        phone = Goods(role=CLOSED_ROLE, vat="std", price=70, spread=0.25, often=1, ways="b", known={}, words={})
        payday = {"sv": 25, "de": 27, "en": 28}[self.language]
        teams = 1 + self.size // 1500
        yield payday, 1, partial(self._payroll, 0)
        yield 2, 1, self._rent
        yield 5, 1, partial(self._subscription, subscription)
        yield 8, 1, partial(self._subscription, phone)
        yield 12, 1, self._payroll_taxes
        yield 31, 1 if german else 3, self._vat
        yield 31, 1, self._bank_fees
        if self.has("net_pay"):
            yield payday + 1, 1, self._net_pay
        yield 31, 1, self._depreciation
        yield 15, 1, self._card_bill
        yield 30, 1, self._loan
        yield 14, 1 if german else 3, self._vat_payment
        yield 20, 1, self._employee_payout
        yield 1, 12, self._insurance
        yield 31, 1, self._insurance_release
        accrued: list[int] = []
        yield 31, 1, partial(self._accrual, accrued)
        yield 1, 1, partial(self._reversal, accrued)
        yield 12, 1 if swedish else 3, self._income_tax
        yield 31, 12, self._stock_change
        for team in range(1, teams):
            yield payday, 1, partial(self._payroll, team)
        for _ in range(teams):
            yield 3, 1, self._leasing

    def _payroll(self, team: int) -> Habit:
        rnd = self.rnd
        roles = [("wages",), ("salaries",), ("wages", "salaries")][rnd.randrange(3)]
        pay = [self.cents(rnd.uniform(2200, 9000)) for _ in roles]
        social_rate = SOCIAL_RATE[self.language]
        net_role = "net_pay" if self.has("net_pay") else "bank"
        has_holiday, has_pension = self.has("holiday_pay"), self.has("pension")
        names = ["employer_social", "payroll_tax", "social_due", net_role, *roles]
        names += ["holiday_pay", "holiday_due"] * has_holiday + ["pension", "pension_due"] * has_pension

        def post(day: int) -> Lines:
            number = self.account
            grosses = [round(cents * (1 + 0.025 * (day // 365)) * rnd.gauss(1, 0.02)) for cents in pay]
            gross = sum(grosses)
            tax = round(gross * 0.23)
            social = round(gross * social_rate)
            withheld = 0 if self.language == "sv" else round(gross * 0.11)
            lines = [(number(role, day), cents) for role, cents in zip(roles, grosses, strict=True)]
            lines.append((number("employer_social", day), social))
            if has_holiday:
                lines.append((number("holiday_pay", day), gross // 8))
            if has_pension:
                lines.append((number("pension", day), gross // 33))
            lines.append((number("payroll_tax", day), -tax))
            lines.append((number("social_due", day), -social - withheld))
            if has_holiday:
                lines.append((number("holiday_due", day), -(gross // 8)))
            if has_pension:
                lines.append((number("pension_due", day), -(gross // 33)))
            lines.append((number(net_role, day), -(gross - tax - withheld)))
            return lines

        return Regular(self, "payroll", "payroll", " ".join(names), post, employee=self.employees[team])

    def _rent(self) -> Habit:
        rent = self.cents(self.rnd.uniform(900, 3200))
        tax = self.vat_in(VAT[self.language]["std"]) if self.rnd.random() < 0.5 else ""

        def post(day: int) -> Lines:
            gross = round(rent * (1 + 0.03 * (day // 365)))
            net = net_of(gross, VAT[self.language]["std"]) if tax else gross
            lines = [(self.account("rent", day), net)]
            if tax:
                lines.append((self.account(tax, day), gross - net))
            return [*lines, (self.account("bank", day), -gross)]

        return Regular(self, "rent", "bank", "rent bank", post)

    def _subscription(self, goods: Goods) -> Habit:
        # The role of an account that is opened or closed isn't a role of the suppliers' goods.
        catalog = {"phone_old": "phone"}.get(goods.role, goods.role)
        known = next(other for other in GOODS if other.role == catalog).known[self.language]
        return Purchase(self, goods, self._unused(self.rnd.choice(known)), "b", occasion="subscription")

    def _payroll_taxes(self) -> Habit:
        def post(day: int) -> Lines | None:
            return self.clear("payroll_tax social_due pension_due", "bank", day)

        return Regular(self, "payroll_taxes", "bank", "payroll_tax social_due bank", post)

    def _vat(self) -> Habit:
        taxes = "vat_out_std vat_out_mid vat_out_low vat_in vat_in_mid"

        def post(day: int) -> Lines | None:
            return self.clear(taxes, "vat_due", day)

        return Regular(self, "vat", "general", "vat_due", post)

    def _vat_payment(self) -> Habit:
        def post(day: int) -> Lines | None:
            return self.clear("vat_due", "bank", day)

        return Regular(self, "vat_payment", "bank", "vat_due bank", post)

    def _net_pay(self) -> Habit:
        def post(day: int) -> Lines | None:
            return self.clear("net_pay", "bank", day)

        return Regular(self, "net_pay", "bank", "net_pay bank", post)

    def _card_bill(self) -> Habit:
        def post(day: int) -> Lines | None:
            return self.clear("card_due", "bank", day)

        return Regular(self, "card_bill", "bank", "card_due bank", post)

    def _employee_payout(self) -> Habit:
        def post(day: int) -> Lines | None:
            return self.clear("employee_due", "bank", day)

        return Regular(self, "employee_payout", "bank", "employee_due bank", post)

    def _between(
        self, occasion: str, journal: str, debit: str, credit: str, units: float, spread: float = 0.0
    ) -> Habit:
        """A habit of two lines with about the same amount every time."""
        mu = self.log_cents(units)

        def post(day: int) -> Lines:
            cents = max(1, round(self.rnd.lognormvariate(mu, spread)))
            return [(self.account(debit, day), cents), (self.account(credit, day), -cents)]

        return Regular(self, occasion, journal, f"{debit} {credit}", post)

    def _bank_fees(self) -> Habit:
        return self._between("bank_fees", "bank", "bank_fees", "bank", 18, 0.4)

    def _depreciation(self) -> Habit:
        indirect = self.has("equipment_depreciation")
        asset = "equipment_depreciation" if indirect else "equipment"
        return self._between("depreciation", "general", "depreciation", asset, self.rnd.uniform(150, 900))

    def _income_tax(self) -> Habit:
        return self._between("income_tax", "bank", "income_tax", "bank", self.rnd.uniform(300, 1500))

    def _insurance(self) -> Habit:
        return self._between("insurance", "bank", "prepaid", "bank", 1440)

    def _insurance_release(self) -> Habit:
        return self._between("release", "general", "insurance", "prepaid", 120)

    def _stock_change(self) -> Habit:
        return self._between("stock", "general", "stock", "stock_change", 2500, 0.6)

    def _loan(self) -> Habit:
        principal = self.cents(self.rnd.uniform(300, 1200))

        def post(day: int) -> Lines:
            interest = max(1, round(principal * 0.3 * (1 - day / 2000)))
            return [
                (self.account("loan", day), principal),
                (self.account("interest", day), interest),
                (self.account("bank", day), -principal - interest),
            ]

        return Regular(self, "loan", "bank", "loan interest bank", post)

    def _accrual(self, accrued: list[int]) -> Habit:
        mu = self.log_cents(260)

        def post(day: int) -> Lines:
            cents = round(self.rnd.lognormvariate(mu, 0.3))
            accrued.append(cents)
            return [(self.account("electricity", day), cents), (self.account("accrued", day), -cents)]

        return Regular(self, "accrual", "general", "electricity accrued", post)

    def _reversal(self, accrued: list[int]) -> Habit:
        def post(day: int) -> Lines | None:
            if not accrued:
                return None
            cents = accrued.pop()
            return [(self.account("accrued", day), cents), (self.account("electricity", day), -cents)]

        return Regular(self, "reversal", "general", "electricity accrued", post)

    def _leasing(self) -> Habit:
        rnd = self.rnd
        plate = f"{''.join(rnd.choices('ABCDEFGHJKLMNPRSTUWXYZ', k=3))} {rnd.randrange(100, 1000)}"
        gross = self.cents(rnd.uniform(250, 700))
        net = net_of(gross, VAT[self.language]["std"])
        tax = self.vat_in(VAT[self.language]["std"])

        def post(day: int) -> Lines:
            return [
                (self.account("leasing", day), net),
                (self.account(tax, day), gross - net),
                (self.account("bank", day), -gross),
            ]

        return Regular(self, "leasing", "bank", "leasing bank", post, what=plate)

    # What is booked on any day.

    def _make_casual(self) -> list[Habit]:
        trade, rnd = self.trade, self.rnd
        suppliers = self._suppliers()
        bought = sum(supplier.weight for supplier in suppliers)
        for supplier in suppliers:
            supplier.weight *= trade.purchases / bought
        invoiced = sum(supplier.weight for supplier in suppliers if supplier.way == "i")
        casual: list[Habit] = [
            *suppliers,
            Payment(self, invoiced),
            *self._customers(),
            Receipt(self, trade.sales),
        ]
        if trade.takings:
            casual.append(Takings(self, trade.takings))
            casual.append(self._settlement(trade.takings * 0.4))
            casual.append(self._deposit(trade.takings * 0.12))
        casual.append(Outlay(self, trade.outlays))
        for occasion, debit, credit in (("saved", "savings", "bank"), ("unsaved", "bank", "savings")):
            transfer = self._between(occasion, "bank", debit, credit, 3000, 0.8)
            transfer.weight = 0.004
            casual.append(transfer)
        rnd.shuffle(casual)
        return casual

    def _settlement(self, weight: float) -> Habit:
        def post(day: int) -> Lines | None:
            owed = self._balances[self.account("card_clearing", day)]
            if owed < 100:
                return None
            fee = max(1, round(owed * 0.017))
            return [
                (self.account("bank", day), owed - fee),
                (self.account("bank_fees", day), fee),
                (self.account("card_clearing", day), -owed),
            ]

        return Regular(self, "settlement", "bank", "bank bank_fees card_clearing", post, weight=weight)

    def _deposit(self, weight: float) -> Habit:
        def post(day: int) -> Lines | None:
            there = self._balances[self.account("cash", day)]
            if there < self.cents(100):
                return None
            cents = there // self.cents(10) * self.cents(10)
            return [(self.account("bank", day), cents), (self.account("cash", day), -cents)]

        return Regular(self, "deposit", "bank", "bank cash", post, weight=weight)

    def _unused(self, name: str) -> str:
        """The name, with a number where the company knows somebody of that name."""
        for suffix in itertools.chain([""], (f" {number}" for number in itertools.count(2))):
            if name + suffix not in self._names:
                self._names.add(name + suffix)
                break
        return name + suffix

    def _supplier_name(self, goods: Goods, known_share: float) -> str:
        rnd, language = self.rnd, self.language
        known = [name for name in goods.known[language] if name not in self._names]
        words = goods.words[language]
        if known and (not words or rnd.random() < known_share):
            return self._unused(rnd.choice(known))
        if not words:
            return self._unused(rnd.choice(goods.known[language]))
        pattern = rnd.choice(SUPPLIER_PATTERNS[language])
        return self._unused(pattern.format(surname=rnd.choice(SURNAMES[language]), word=rnd.choice(words)))

    def _suppliers(self) -> list[Purchase]:
        """The suppliers, those whose account depends on something first."""
        rnd, trade = self.rnd, self.trade
        count = max(10, round(self.size**0.55))
        catalog = [*GOODS, *trade.bought]
        weights = [goods.often for goods in catalog]
        # Every company needs several roles that a slip may pick from.
        chosen = rnd.choices(catalog, weights, k=count)
        self.bought_roles = sorted({self.use(goods.role) for goods in chosen})
        suppliers: list[Purchase] = []
        for number in range(1 + count // 10):
            goods = AMBIGUOUS_GOODS[(number + rnd.randrange(2)) % len(AMBIGUOUS_GOODS)]
            way = rnd.choice(goods.ways)
            weight = self._popularity(number * 3)
            suppliers.append(Purchase(self, goods, self._supplier_name(goods, 1), way, weight=weight))
        for _ in range(1 + count // 40):
            office = next(goods for goods in GOODS if goods.role == "office")
            weight = self._popularity(rnd.randrange(count // 2))
            supplier = Purchase(self, office, self._supplier_name(office, 0.8), "c", weight=weight)
            supplier.decide_by_employee(("office", rnd.choice(("software", "training", "consumables"))))
            suppliers.append(supplier)
        for _ in range(1 + count // 25):
            suppliers.append(self._foreign_supplier(self._popularity(rnd.randrange(count))))
        for number, goods in enumerate(chosen):
            suppliers.append(self._plain_supplier(goods, self._popularity(number)))
        self._core = [
            supplier for supplier in suppliers if not supplier.first_month and supplier.last_month == 35
        ]
        return suppliers

    def _popularity(self, rank: int) -> float:
        """The relative frequency of the supplier or customer of a rank."""
        return (rank + 3) ** -0.9 * self.rnd.uniform(0.6, 1.4)

    def _plain_supplier(self, goods: Goods, weight: float) -> Purchase:
        rnd = self.rnd
        newcomer = rnd.random() < 0.25
        name = self._supplier_name(goods, 0.15 if newcomer else 0.6)
        new_name = self._supplier_name(goods, 0.3) if rnd.random() < 0.06 else ""
        supplier = Purchase(self, goods, name, rnd.choice(goods.ways), weight=weight, new_name=new_name)
        if newcomer:
            supplier.first_month = rnd.randrange(4, 36)
        elif rnd.random() < 0.1:
            supplier.last_month = rnd.randrange(12, 35)
        if rnd.random() < 0.12:
            supplier.change(rnd.randrange(365, len(DAYS)), rnd.choice(self.bought_roles))
        return supplier

    def _foreign_supplier(self, weight: float) -> Purchase:
        rnd = self.rnd
        role, names = rnd.choice(FOREIGN_SUPPLIERS)
        currency, price = rnd.choice(FOREIGN[self.language])
        goods = Goods(
            role=role,
            vat="none",
            price=(1500.0 if role == "goods" else 60.0) / price,
            spread=0.4,
            often=1,
            ways="i",
            known={self.language: names},
            words={self.language: ()},
        )
        name = self._supplier_name(goods, 1)
        return ForeignPurchase(self, goods, name, weight=weight, currency=currency, price=price)

    def change_habits(self, day: int, share: float) -> None:
        """From `day` on, book a `share` of the suppliers to other accounts, and replace two thirds of these,
        and the same share of the customers, by others.

        Uses a random generator of its own, so that the days before don't change.
        """
        rnd = random.Random(f"{self._seed}/change")
        surnames = SURNAMES[self.language]
        never = len(DAYS)
        suppliers = [each for each in self._casual if type(each) is Purchase]
        suppliers = [each for each in suppliers if each.change_day == each.rename_day == never]
        for number, supplier in enumerate(rnd.sample(suppliers, round(share * len(suppliers)))):
            roles = [role for role in self.bought_roles if role != supplier.role]
            if roles:
                supplier.change_day, supplier.role_after = day, rnd.choice(roles)
            if number % 3:
                pattern = rnd.choice(SUPPLIER_PATTERNS[self.language])
                name = pattern.format(surname=rnd.choice(surnames), word=rnd.choice(NEW_WORDS))
                supplier.replace(day, name, rnd)
        customers = [each for each in self._casual if isinstance(each, Sale)]
        for customer in rnd.sample(customers, round(share * len(customers))):
            pattern = rnd.choice(CUSTOMER_PATTERNS[self.language])
            first, word = rnd.choice(FIRST_NAMES[self.language]), rnd.choice(NEW_WORDS)
            name = pattern.format(surname=rnd.choice(surnames), other=rnd.choice(surnames), first=first)
            customer.replace(day, f"{name} {word}", rnd)

    def _customers(self) -> list[Habit]:
        rnd, trade = self.rnd, self.trade
        surnames = SURNAMES[self.language]
        customers: list[Habit] = []
        count = max(4, round(0.6 * (self.size * trade.sales) ** 0.6))
        popularity = [self._popularity(rank) for rank in range(count)]
        for weight in popularity:
            name = rnd.choice(CUSTOMER_PATTERNS[self.language]).format(
                surname=rnd.choice(surnames),
                other=rnd.choice(surnames),
                first=rnd.choice(FIRST_NAMES[self.language]),
            )
            role, vat, _ = rnd.choices(trade.sold, [share for _, _, share in trade.sold])[0]
            parts = [(role, vat, 1.0)]
            if rnd.random() < 0.12:
                parts = [(role, vat, 0.9), ("sales_freight", "std", 0.1)]
            weight *= trade.sales / sum(popularity)
            customer = Sale(self, self._unused(name), parts, price=trade.price, weight=weight)
            if rnd.random() < 0.2:
                customer.first_month = rnd.randrange(3, 36)
            customers.append(customer)
        customers[0].first_month = 0
        return customers

    # The three years.

    def entries(self) -> Iterator[tuple[int, Draft]]:
        """All entries with their days, in order; as many as the company's size."""
        rnd = self.rnd
        by_month: list[list[tuple[int, Habit]]] = [[] for _ in range(36)]
        for day, habit in self._scheduled:
            by_month[_MONTH_OF_DAY[day]].append((day, habit))
        growth = [(1 + 0.008 * month) * rnd.uniform(0.85, 1.15) for month in range(36)]
        counts = apportion(self.size - len(self._scheduled), growth)
        weekend = 0.8 if self.trade.takings else 0.15
        for month, count in enumerate(counts):
            days = _DAYS_OF_MONTH[month]
            day_weights = [weekend if DAYS[day].weekday() >= 5 else 1.0 for day in days]
            active = [habit for habit in self._casual if habit.first_month <= month <= habit.last_month]
            habits = rnd.choices(active, [habit.weight for habit in active], k=count)
            plan = by_month[month] + list(zip(rnd.choices(days, day_weights, k=count), habits, strict=True))
            plan.sort(key=itemgetter(0))
            for day, habit in plan:
                # Where there is nothing to pay or to settle, something is bought instead: the number of
                # entries was promised.
                draft = habit.book(day) or rnd.choice(self._core).book(day)
                if draft.currency == self.currency:
                    for number, cents in draft.lines:
                        self._balances[number] += cents
                yield day, draft
