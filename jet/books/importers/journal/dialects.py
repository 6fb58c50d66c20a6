"""The choice of a journal's dialect: ledger's rules or hledger's.

Syntax that only one of them has decides. Otherwise numbers do: a file with `2,50` or `1,234.50` shows its
decimal mark, and the dialect is the one that reads all of its numbers with that mark. Otherwise it is the one
that accepts the file where the other refuses it, and at last the file's extension decides.

Where the two still differ, one rejection a file says so. An amount that stays ambiguous isn't read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from jet.books.importers.common import has_suffix
from jet.books.importers.journal.numbers import (
    LONE_MARK,
    HledgerNumbers,
    LedgerNumbers,
    Number,
    grouped,
)
from jet.books.importers.journal.syntax import Dialect

_LEDGER_WORDS = {
    "A",
    "bucket",
    "apply",
    "year",
    "end",
    "test",
    "value",
    "python",
    "import",
    "capture",
    "fixed",
} | {
    *("endfixed", "assert", "check", "def", "define", "eval", "expr"),
}
_NUMBER = re.compile(r"(?<![\d.,])\d[\d.,]*+(?<=\d)", re.ASCII)
_BEFORE = re.compile(r"""([^\s\d.,;@="+-]+)[ ]?-?""", re.ASCII)
_AFTER = re.compile(r"""[ ]?([^\s\d.,;@="+-]+|"[^"]*")""", re.ASCII)
_SPACED = re.compile(r"[^\s\d]{0,8}[ ]?[-+]?\d{1,3} \d{3}(?!\d)", re.ASCII)
_HLEDGER_NUMBER = re.compile(
    r"[^\s\d;.+-]{0,8} ?(?:-?\d[\d.,]*[eE][+-]?\d|\+ ?[^\s\d;+]{0,8} ?\d)|\.\d+ ?[^\s\d]", re.ASCII
)
_STAR_ASSERTION = re.compile(r"==|=\*")
_LEDGER_PARTS = {
    "account": ("alias", "payee", "default", "value", "assert", "check", "eval", "expr"),
    "commodity": ("alias", "value", "nomarket", "default", "note"),
    "payee": ("alias", "uuid"),
    "tag": ("assert", "check"),
}
_GAP = re.compile(r"\t| {2}")
_MARKED = re.compile(r"\d[.,]")


LONGEST_SURVEYED = 300
"""The most characters of a posting that are surveyed."""


@dataclass(slots=True)
class Survey:
    """Evidence for the dialect, from the lines of a journal and of the files that it includes."""

    needs: Counter[str] = field(default_factory=Counter)
    points: int = 0
    commas: int = 0
    """The numbers with an unambiguous decimal mark, by that mark."""
    wrong: Counter[tuple[str, str]] = field(default_factory=Counter)
    """The numbers that a dialect doesn't read with a mark, by dialect and mark."""
    has_price: bool = False
    has_assertion: bool = False
    is_ordered: bool = True
    is_prone: bool = False
    """Whether it has syntax that the programs may read differently, other than numbers and comments."""
    _commas_of: set[str] = field(default_factory=set)
    _default_mark: str = ""
    _is_open: bool = False
    _word: str = ""
    _date: str = ""
    _ends: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """The decimal mark that all numbers agree on; "" where there is none, or two."""
        return "." if self.points and not self.commas else "," if self.commas and not self.points else ""

    def add(self, line: str) -> None:
        """Survey a line."""
        first = line[:1]
        if self._ends:
            self._ends = () if line.startswith(self._ends) else self._ends
        elif first and first in " \t" and line.strip():
            self._add_indented(line)
            return
        elif first.isdigit():
            self._word = ""
            self._add_date(line[:10].replace("/", "-").replace(".", "-"))
        elif first and first not in " \t;#*":
            self._add_directive(line)
        self._is_open = bool(line.strip()) and first not in ";#*"

    def _add_date(self, date: str) -> None:
        if len(date) < 10 or date[4] != "-" or not date[8:].isdigit() or date < self._date:
            self.is_ordered = False
        self._date = date

    def _add_directive(self, line: str) -> None:
        if line[0] in "|%@-":
            self.needs["ledger"] += 1
        word, _, rest = line.lstrip("!@").partition(" ")
        rest = rest.strip()
        self._word = word
        if word in ("comment", "test"):
            self._ends = ("end comment", "end test")
        if (
            word in ("decimal-mark", "pop")
            or (word == "end" and rest in ("aliases", "tag"))
            or (word == "alias" and rest.startswith("/"))
            or (word == "include" and ("**" in rest or re.search(r"[*?\[].*/", rest)))
            or (word == "commodity" and re.search(r"\d", re.sub('"[^"]*"|;.*', "", rest)))
        ):
            self.needs["hledger"] += 1
        elif word in _LEDGER_WORDS and not (word in ("apply", "end") and rest in ("account", "apply account")):
            self.needs["ledger"] += not (word == "apply" and rest.startswith("account"))
        self.is_prone |= word in ("D", "alias")
        if word in ("D", "commodity"):
            self._add_numbers(rest)
            if word == "D" and (found := re.search(r"\d([.,])\d*[^\d.,]*$", rest)):
                self._default_mark = found[1]

    def _add_indented(self, line: str) -> None:
        if not self._is_open:
            self.needs["hledger"] += line.lstrip().startswith(";")
        if self._word:
            part, _, rest = line.strip().partition(" ")
            if part in _LEDGER_PARTS.get(self._word, ()):
                self.needs["ledger"] += 1
            if part == "format":
                self.is_prone = True
                self._add_numbers(rest)
            if self._word not in ("=", "~"):
                return
        self.has_assertion |= "=" in line
        self.has_price |= "@" in line
        self.is_prone |= "=" in line or "{" in line
        self._add_posting(line.strip()[:LONGEST_SURVEYED])

    def _add_posting(self, text: str) -> None:
        gap = _GAP.search(text)
        rest = text[gap.end() :].lstrip().partition(";")[0] if gap else ""
        if not rest:
            return
        if "=" in rest:
            self.needs["hledger"] += _STAR_ASSERTION.search(rest) is not None
        if gap and gap[0] == "\t" and text[gap.start() - 1 : gap.start()] != " " and rest[:1].strip():
            self.needs["ledger"] += text[gap.end()] not in " \t" and text[gap.end()].isascii()
        self.needs["ledger"] += rest[0] == "(" and not rest.startswith("(@")
        if _MARKED.search(rest):
            self._add_numbers(rest)
        self.needs["hledger"] += bool(_HLEDGER_NUMBER.match(rest) or _SPACED.match(rest))

    def _add_numbers(self, text: str) -> None:
        for found in _NUMBER.finditer(text):
            digits = found[0]
            if "." not in digits and "," not in digits:
                continue
            side = _AFTER.match(text, found.end()) or _BEFORE.fullmatch(
                text[: found.start()].rpartition("  ")[2]
            )
            symbol = side[1].strip('"') if side else ""
            lone = LONE_MARK.fullmatch(digits)
            is_open = lone is not None and len(digits) - len(lone[2]) <= 4 and digits[0] != "0"
            if lone:
                self._add_lone(lone[1], symbol)
            if not is_open and (mark := _sure_mark(digits)):
                self.points += mark == "."
                self.commas += mark == ","
                if digits.count(".") > 1 and symbol not in self._commas_of and "," not in digits:
                    self.needs["hledger"] += 1
                elif mark == "," and symbol and not lone:
                    self._commas_of.add(symbol)

    def _add_lone(self, mark: str, symbol: str) -> None:
        by_ledger = "," if symbol in self._commas_of else "."
        by_hledger = self._default_mark or mark
        for dialect, decimal in (("ledger", by_ledger), ("hledger", by_hledger)):
            for own in ".,":
                self.wrong[dialect, own] += (mark == decimal) != (mark == own)


def _sure_mark(digits: str) -> str:
    """The decimal mark of a number with one reading; "" where it has no mark, or two readings."""
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return ""
    mark, other = digits[last], "," if digits[last] == "." else "."
    if digits.count(mark) > 1:
        return other if other not in digits else ""
    return mark


@dataclass(frozen=True, slots=True)
class Choice:
    """The dialect of a journal, with the reason for it."""

    dialect: Dialect
    basis: str  # "setting", "need", "mark", "balance", "extension" or "none"
    mark: str = ""
    """The decimal mark that the file's numbers agree on."""

    @property
    def other(self) -> Dialect:
        return "hledger" if self.dialect == "ledger" else "ledger"


def choose(survey: Survey, file: str) -> Choice:
    """Choose the dialect of a journal for which no setting names it."""
    needs = [dialect for dialect in ("ledger", "hledger") if survey.needs[dialect]]
    mark = survey.mark
    if len(needs) == 1:
        return Choice("ledger" if needs == ["ledger"] else "hledger", "need", mark)
    by_ledger, by_hledger = survey.wrong["ledger", mark], survey.wrong["hledger", mark]
    if mark and bool(by_ledger) != bool(by_hledger):
        return Choice("hledger" if by_ledger else "ledger", "mark", mark)
    if has_suffix(file, ".ledger", ".ldg"):
        return Choice("ledger", "extension", mark)
    if has_suffix(file, ".hledger", ".journal"):
        return Choice("hledger", "extension", mark)
    return Choice("ledger", "none", mark)


class ComparedNumbers:
    """Reads numbers by the chosen dialect, and compares them with the other's reading and the file's mark."""

    def __init__(
        self,
        chosen: LedgerNumbers | HledgerNumbers,
        other: LedgerNumbers | HledgerNumbers,
        choice: Choice,
        note: Callable[[str, str], None],
    ) -> None:
        self.chosen = chosen
        self.other = other
        self._choice = choice
        self._note = note

    def read(self, text: str, commodity: str, counts: bool = True) -> Number:
        number = self.chosen.read(text, commodity, counts)
        if "," in text or ("." in text and LONE_MARK.fullmatch(text)):
            try:
                other: Number | None = self.other.read(text, commodity, counts)
            except ValueError:
                other = None
            self._compare(text, commodity, number, other)
        return number

    def precision(self, commodity: str) -> int | None:
        return self.chosen.precision(commodity)

    def is_governed(self, commodity: str) -> bool:
        return self.chosen.is_governed(commodity)

    def _compare(self, text: str, commodity: str, number: Number, other: Number | None) -> None:
        mark, lone = self._choice.mark, LONE_MARK.fullmatch(text)
        by_mark = grouped(text, mark).value if mark and lone else number.value
        differs = other is not None and other.value != number.value
        if not differs and by_mark == number.value:
            return
        if self.chosen.is_governed(commodity):
            pass
        elif by_mark != number.value or (not mark and self._choice.basis == "none"):
            raise ValueError(self._ambiguous(text, number, other, by_mark if mark else None))
        if differs and other is not None and self._choice.basis in ("mark", "extension", "none"):
            self._note(f"{text} as {_shown(number.value)}", f"as {_shown(other.value)}")

    def _ambiguous(self, text: str, number: Number, other: Number | None, by_mark: Decimal | None) -> str:
        readings = [f"{_shown(number.value)} for {self._choice.dialect}"]
        if other is not None:
            readings.append(f"{_shown(other.value)} for {self._choice.other}")
        if by_mark is not None:
            readings.append(f"{_shown(by_mark)} by the decimal mark of the file's other numbers")
        return (
            f"amount {text[:40]!r} is {', '.join(readings)}, and nothing says which is meant: "
            "set ingest.dialect to ledger or hledger, or ingest.decimal_comma to true or false"
        )


def _shown(number: Decimal) -> str:
    """A number without trailing zeros, which could be taken for thousands."""
    return f"{number.normalize():f}"


def numbers_of(dialect: Dialect) -> LedgerNumbers | HledgerNumbers:
    """A new reader of numbers by the rules of a dialect."""
    return LedgerNumbers() if dialect == "ledger" else HledgerNumbers()
