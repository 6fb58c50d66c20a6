"""What ledger, hledger and beancount themselves make of a journal, to the last digit.

Notable:

- Amounts are taken at cost, the one of jet's lines: what a posting costs is what balances.
- ledger's `quantity(cost)` and hledger's `aquantity` are exact; reports round. A share that it computed, ledger
  tells with six decimals more than its commodity has, unless a factor makes it tell more. A long mantissa
  hledger writes with an exponent ("5.1624840669118428767255e22"): read as a float, it would lose its last
  digits.
- ledger counts `h` and `m` in seconds.
- Postings in parentheses are left out, as by jet.
"""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from pathlib import Path

SECONDS = 20
CODES = {"$": "USD", "€": "EUR", "£": "GBP"}
"""The signs that jet takes for a currency's code."""

EXACT = Context(prec=200)
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "LC_ALL": "C.UTF-8",
    "HOME": "/nonexistent",
    "PATH": os.environ.get("PATH", ""),
}
_FIELDS = (
    '%(format_date(xact.date, "%Y-%m-%d"))',
    "%(display_account)",
    "%(quantity(cost) * 1.0000000000)",
    "%(commodity(cost))",
    "%(xact.payee)",
)
_RECORD, _FIELD = "\x1e", "\x1f"
_LEDGER_FORMAT = _RECORD + _FIELD.join(_FIELDS)

_HLEDGER_CAUSES = ("not balance", "' sum", "can't have", "assertion:", "unexpected", "expecting", "Error")

Key = tuple[str, str, str]
"""Date, account, currency."""


@dataclass
class Reading:
    """What somebody makes of a journal: a refusal, or sums, and dates and descriptions of entries."""

    refusal: str = ""
    sums: dict[Key, Decimal] = field(default_factory=dict)
    texts: set[tuple[str, str]] = field(default_factory=set)
    slack: Decimal = Decimal(0)
    """What sums may be off by, since a price was rounded before it was multiplied."""
    dialect: str = ""
    doubt: str = ""
    """Of jet: a balance that the books assert and that isn't so. The entry is read nonetheless."""
    failure: str = ""


class Sums:
    """Adds up amounts by date, account and currency, exactly."""

    def __init__(self) -> None:
        self._sums: defaultdict[Key, Decimal] = defaultdict(Decimal)

    def add(self, date: str, account: str, currency: str, amount: Decimal) -> None:
        """Add an amount; debits are positive."""
        key = (date, account, CODES.get(currency, currency))
        self._sums[key] = EXACT.add(self._sums[key], amount)

    def result(self) -> dict[Key, Decimal]:
        """The sums that aren't zero."""
        return {key: EXACT.plus(amount) for key, amount in sorted(self._sums.items()) if amount}


@functools.cache
def version(tool: str) -> str:
    """The first line of a tool's `--version`; empty where it isn't installed."""
    if shutil.which(tool) is None:
        return ""
    done = subprocess.run([tool, "--version"], capture_output=True, text=True, env=_ENVIRONMENT, timeout=60)
    return done.stdout.partition("\n")[0].strip()


def by_ledger(path: Path) -> Reading:
    """What ledger makes of a journal."""
    command = ["ledger", "--args-only", "--file", path.name, "register", "--empty", "--format", _LEDGER_FORMAT]
    done = _run(command, path.parent)
    if done.returncode:
        return Reading(refusal=_telling(done.stderr, "Error:"))
    reading, sums = Reading(), Sums()
    for record in done.stdout.split(_RECORD)[1:]:
        date, account, quantity, commodity, payee = record.split(_FIELD)
        if (account[0], account[-1]) == ("(", ")") or not Decimal(quantity):
            continue
        if (account[0], account[-1]) == ("[", "]"):
            account = account[1:-1]
        if commodity == "s":
            quantity, commodity = EXACT.divide(Decimal(quantity), 3600), "h"
        sums.add(date, account, commodity.strip('"'), Decimal(quantity))
        reading.texts.add((date, payee.strip().replace("<Unspecified payee>", "")))
    reading.sums = sums.result()
    return reading


def by_hledger(path: Path) -> Reading:
    """What hledger makes of a journal."""
    done = _run(["hledger", "-f", path.name, "print", "-x", "-O", "json"], path.parent)
    if done.returncode:
        return Reading(refusal=_telling(done.stderr, *_HLEDGER_CAUSES))
    reading, sums = Reading(), Sums()
    for transaction in json.loads(done.stdout, parse_float=Decimal):
        date = transaction["tdate"]
        for posting in transaction["tpostings"]:
            for each in posting["pamount"]:
                currency, amount = _at_cost(each)
                reading.slack += _slack(each)
                if amount and posting["ptype"] != "VirtualPosting":
                    sums.add(date, posting["paccount"], currency, amount)
                    reading.texts.add((date, transaction["tdescription"].strip()))
    reading.sums = sums.result()
    return reading


def _at_cost(amount: dict) -> tuple[str, Decimal]:
    quantity = _decimal(amount["aquantity"])
    price = amount.get("aprice")  # "acost" from 1.26 on
    if price is None:
        return amount["acommodity"], quantity
    each = _decimal(price["contents"]["aquantity"])
    worth = EXACT.multiply(quantity, each) if price["tag"] == "UnitPrice" else each.copy_sign(quantity)
    return price["contents"]["acommodity"], worth


def _slack(amount: dict) -> Decimal:
    """By how much a worth may be off: of a price that hledger computes, where two commodities are exchanged, it
    tells ten decimals."""
    price = amount.get("aprice")
    if price is None or price["tag"] != "UnitPrice" or price["contents"]["aquantity"]["decimalPlaces"] < 10:
        return Decimal(0)
    return abs(_decimal(amount["aquantity"])).scaleb(-10, EXACT)


def _decimal(quantity: dict) -> Decimal:
    with localcontext(EXACT):
        return Decimal(quantity["decimalMantissa"]).scaleb(-int(quantity["decimalPlaces"]))


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        cwd=folder,
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        timeout=SECONDS,
    )


def _telling(text: str, *words: str) -> str:
    """The lines of an error that tell its cause, without the excerpts."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    telling = [line for line in lines if any(word in line for word in words)]
    return ", ".join(telling or lines[:2] or ["refused without a word"])[:250]


TOOLS = {"ledger": by_ledger, "hledger": by_hledger}
