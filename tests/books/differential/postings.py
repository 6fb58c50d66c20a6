"""The patterns of a transaction's postings: each a list of (account, amount, what follows it)."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING

from amounts import Style, a_value

if TYPE_CHECKING:
    from journals import Writer

Rows = list[tuple[str, str, str]]

MOST_DECIMALS = 8
"""What jet stores; amounts of more are rounded by it, and said to be."""


def pattern(w: Writer) -> Rows:
    """The postings of one transaction."""
    kinds: list[tuple[str, Callable[[Writer], Rows]]] = [
        ("cost", at_cost),
        ("exchange", exchanged),
        ("exchange of three", exchanged),
        ("lot", bought_in_lots),
        ("sale", sold_from_lots),
        ("many commodities", of_many_commodities),
        ("assignment", assigned),
        ("single posting", single),
        ("expressions", by_expression),
    ]
    chosen = plain
    for feature, kind in kinds:
        if w.now(feature, 0.3):
            chosen = kind
            break
    rows = chosen(w)
    if len(rows) > 1 and w.now("mixed pool"):
        rows[-1] = (f"[{rows[-1][0]}]", *rows[-1][1:])
    if w.now("virtual"):
        style = w.draw.choice(w.styles)
        rows.insert(w.draw.randint(0, len(rows)), (f"({w.account()})", w.write(value(w, style), style), ""))
    if chosen is plain and w.now("pool"):
        style = w.draw.choice(w.styles)
        worth = value(w, style)
        rows.append((f"[{w.account()}]", w.write(worth, style), ""))
        rows.append((f"[{w.account()}]", w.write(-worth, style) if w.draw.random() < 0.6 else "", ""))
    return rows


def value(w: Writer, style: Style) -> Decimal:
    """A value that fits the style; with "huge" of many digits."""
    if w.now("huge"):
        return Decimal(w.draw.randint(10**15, 10**18))
    return a_value(w.draw, style.decimals)


def plain(w: Writer) -> Rows:
    """Some postings of one commodity, the last of them often without its amount."""
    style = w.draw.choice(w.styles)
    rows: Rows = []
    total = Decimal(0)
    for _ in range(w.draw.choice([1, 1, 1, 2, 2, 3, 5])):
        worth = value(w, style) * w.draw.choice([1, 1, -1])
        if w.now("zero"):
            worth = Decimal("-0.00") if w.draw.random() < 0.3 else Decimal(0)
        total += worth
        account = w.account()
        rows.append((account, w.write(worth, style), asserted(w, account, worth, style)))
    account = w.account()
    if w.now("unbalanced", 0.15):
        rows.append((account, w.write(-total + a_value(w.draw, 2), style), ""))
    elif w.now("off by a little", 0.2):
        rows.append((account, w.write(-total + a_little(w, style), style), ""))
    elif w.has("nothing left out") or w.draw.random() < 0.25:
        rows.append((account, w.write(-total, style), asserted(w, account, -total, style)))
    else:
        rows.append((account, "", asserted(w, account, -total, style)))
    if w.now("two left out", 0.2):
        rows.append((w.account(), "", ""))
    if not any(rest for _, _, rest in rows):
        w.draw.shuffle(rows)
    return rows


def a_little(w: Writer, style: Style) -> Decimal:
    """A difference about the size of the last digit: what rounding leaves."""
    digit = w.draw.choice([1, 2, 4, 5, 6, 9, 49, 50, 51])
    places = style.decimals + w.draw.choice([-1, 0, 0, 1, 1, 2, 3])
    return Decimal(digit).scaleb(-min(places, MOST_DECIMALS))


def asserted(w: Writer, account: str, worth: Decimal, style: Style) -> str:
    """A balance assertion, right where nothing renames the account; or nothing."""
    key = (account, style.symbol)
    w.balances[key] += worth
    if not w.now("assertion", 0.3):
        return ""
    stated = w.balances[key] + (1 if w.now("wrong assertion", 0.5) else 0)
    sign = "="
    if w.dialect == "hledger":
        sign = w.draw.choice(["=", "=="])
    return f"{sign}{w.draw.choice(['', ' ', ' '])}{w.write(stated, style)}"


def assigned(w: Writer) -> Rows:
    """An account set to a balance."""
    style = w.draw.choice(w.styles)
    account = w.draw.choice(w.accounts)
    worth = value(w, style)
    w.balances[account, style.symbol] = worth
    rows = [(account, "", f"= {w.write(worth, style)}"), (w.account(), "", "")]
    if w.draw.random() < 0.3:
        rows.insert(0, (w.account(), w.write(value(w, style), style), ""))
    return rows


def of_many_commodities(w: Writer) -> Rows:
    """Several commodities against one posting without an amount, or each against itself."""
    rows: Rows = []
    other = w.account()
    is_explicit = w.draw.random() < 0.4
    for style in w.draw.sample(w.styles, w.draw.randint(1, len(w.styles))):
        worth = value(w, style) * w.draw.choice([1, -1])
        rows.append((w.account(), w.write(worth, style), ""))
        if is_explicit:
            rows.append((other, w.write(-worth, style), ""))
    if not is_explicit:
        rows.append((other, "", ""))
    return rows


def at_cost(w: Writer) -> Rows:
    """Bought or sold for a price by the unit or in all."""
    bought, style = w.draw.choice(w.priced), w.draw.choice(w.styles)
    quantity = value(w, bought) * w.draw.choice([1, 1, -1]) if not w.now("zero", 0.2) else Decimal(0)
    price = min(value(w, style), Decimal(999)) if quantity > 10**15 else value(w, style)
    is_total = w.draw.random() < 0.5
    worth = (price if quantity >= 0 else -price) if is_total else quantity * price
    sign = "@@" if is_total else "@"
    if w.now("priced by @", 0.3):
        sign += " ="
    if w.now("virtual cost", 0.3):
        sign = f"({sign})"
    rest = f"{sign} {w.write(price, style)}"
    rows: Rows = [(w.account(), w.write(quantity, bought), rest)]
    return rows + counterpart(w, worth, style)


def counterpart(w: Writer, worth: Decimal, style: Style) -> Rows:
    """What pays for it: left out, to the last digit, or rounded as a bank would."""
    how = w.draw.random()
    if how < 0.4:
        return [(w.account(), "", "")]
    if how < 0.7:
        return [(w.account(), w.write(-round(worth, MOST_DECIMALS), style), "")]
    return [(w.account(), w.write(-round(worth, style.decimals), style), "")]


def exchanged(w: Writer) -> Rows:
    """Two commodities against each other, without a price."""
    first, second = w.draw.choice(w.priced), w.draw.choice(w.styles)
    rows: Rows = [(w.account(), w.write(value(w, first), first), "")]
    worth = value(w, second)
    rows.append((w.account(), w.write(-worth, second), ""))
    if w.now("exchange of three"):
        rows.append((w.account(), w.write(value(w, first), first), ""))
    return rows


def bought_in_lots(w: Writer) -> Rows:
    """A lot with its price in braces."""
    bought, style = w.draw.choice(w.priced), w.draw.choice(w.styles)
    quantity, price = value(w, bought), value(w, style)
    braces = w.draw.choice(["{%s}", "{%s}", "{{%s}}", "{=%s}"])
    is_total = braces.startswith("{{")
    worth = price if is_total else quantity * price
    rest = braces % w.write(price, style)
    if w.now("lot notes", 0.6):
        rest += w.draw.choice([" [2024-01-05]", " (lot 1)", " [2024/01/05] (lot 1)"])
    if w.draw.random() < 0.6:
        rest += f" {'@@' if is_total else '@'} {w.write(price, style)}"
    return [(w.account(), w.write(quantity, bought), rest), *counterpart(w, worth, style)]


def sold_from_lots(w: Writer) -> Rows:
    """A sale of a lot at another price, with or without the gain."""
    sold, style = w.draw.choice(w.priced), w.draw.choice(w.styles)
    quantity, price = round(value(w, sold), 2), round(value(w, style), 3)
    got = price + a_value(w.draw, min(style.decimals, 3))
    rest = f"{{{w.write(price, style)}}} @ {w.write(got, style)}"
    rows: Rows = [(w.account(), w.write(-quantity, sold), rest)]
    if w.draw.random() < 0.5:
        rows.append((w.account(), w.write(round(quantity * got, MOST_DECIMALS), style), ""))
        rows.append((w.account(), w.write(round(quantity * (price - got), MOST_DECIMALS), style), ""))
        return rows
    return rows + counterpart(w, -quantity * price, style)


def single(w: Writer) -> Rows:
    """One posting alone."""
    style = w.draw.choice(w.styles)
    return [(w.account(), w.write(value(w, style), style) if w.draw.random() < 0.9 else "", "")]


def by_expression(w: Writer) -> Rows:
    """An amount to be computed."""
    style = w.draw.choice(w.styles)
    one, two = w.write(a_value(w.draw, 2), style), w.write(a_value(w.draw, 2), style)
    expression = w.draw.choice([f"({one} + {two})", f"({one} * 2)", f"({one} - {two})", f"({one} / 4)"])
    return [(w.account(), expression, ""), (w.account(), "", "")]
