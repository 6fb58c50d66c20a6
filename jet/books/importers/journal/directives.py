"""Directives: the effect of each on the entries that follow.

A directive that can change entries is followed or refused, never ignored in silence. The scope is that of the
dialect: in hledger, commodity directives hold from there on in all files, and all others end with the file; in
ledger, aliases, the bucket and commodities stay, and "apply" directives end with the file.
"""

from __future__ import annotations

import re

from jet.books.checks import Rule
from jet.books.importers.common import BrokenRuleError
from jet.books.importers.journal.names import (
    MOST_ALIASES,
    MOST_PATTERNS,
    joined,
    safe_pattern,
)
from jet.books.importers.journal.numbers import HledgerNumbers
from jet.books.importers.journal.state import Applied, State
from jet.books.importers.journal.syntax import GAPS

_WITHOUT_EFFECT = {
    "ledger": frozenset(
        ["N", "P", "tag", "value", "define", "def", "eval", "expr", "assert", "check", "h", "b"]
    ),
    "hledger": frozenset(["N", "P", "C", "tag", "pop", "payee"]),
}
_LEDGER_OPTIONS = ("--strict", "--pedantic", "--explicit", "--check-payees", "--price-db", "--date-format")
_OF_HLEDGER = ("decimal-mark", "pop")
_STYLE = re.compile(
    r"""("[^"]*"|[^\s\d.,;"+-]*)[ ]?[-+]?(\d[\d., ]*)[ ]?("[^"]*"|[^\s\d.,;"]*)\s*(?:;.*)?""", re.ASCII
)


class Directives:
    """Applies the directives of one file to the state, and restores at its end what doesn't outlast it."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.word = ""  # of the directive whose indented lines follow
        self._subject = ""
        self._depth = len(state.applied)
        self._names = state.names
        self._before = state.year, state.names.above, state.reader.default
        if not state.is_ledger:
            state.names = state.names.copy()
        if state.by_hledger is not None:
            self._marks = state.by_hledger.mark, state.by_hledger.default

    def end(self) -> None:
        """Restore what ends with the file."""
        state = self.state
        above = self._before[1]
        del state.applied[self._depth :]
        state.year, _, state.reader.default = self._before
        if state.is_ledger:
            state.names.apply(above)
        else:
            state.names = self._names
        if state.by_hledger is not None:
            state.by_hledger.mark, state.by_hledger.default = self._marks

    def read(self, text: str) -> tuple[Rule, str] | None:
        """Apply the first line of a directive; returns its fault where it isn't followed."""
        line = text.lstrip("!@") if self.state.is_ledger else text.removeprefix("!")
        word, _, rest = line.replace("\t", " ").partition(" ")
        self.word, self._subject = word, ""
        try:
            return self._read(word, rest.strip())
        except BrokenRuleError as error:
            return error.rule, str(error)

    def _read(self, word: str, rest: str) -> tuple[Rule, str] | None:
        state = self.state
        match word:
            case "account":
                self._declare(rest)
            case "alias":
                name, equals, target = rest.partition("=")
                if rest.startswith("/") and not state.is_ledger:
                    found = re.match(r"(/[^/]*/)\s*=(.*)", rest)
                    name, equals, target = (found[1], "=", found[2]) if found else (rest, "", "")
                if not equals:
                    return _unsupported("the alias has no '=': write it like alias old=new")
                state.names.alias(name.strip(), target.strip())
            case "apply":
                return self._apply(rest)
            case "end":
                return self._end(rest)
            case "Y":
                return self._take_year(rest, "year")
            case "year" if state.is_ledger:
                return self._take_year(rest, "year")
            case "commodity" | "D":
                return self._take_commodity(word, rest)
            case "payee":
                self._subject = rest.partition(";")[0].strip() if state.is_ledger else rest
            case "bucket" | "A" if state.is_ledger and rest:
                state.bucket = state.names.full(rest)
                state.chart.known.add(state.bucket)
            case "decimal-mark" if not state.is_ledger:
                return self._take_mark(rest)
            case _ if re.fullmatch(r"Y\d+", word, re.ASCII):
                return self._take_year(word[1:], "year")
            case _ if state.is_ledger and word.startswith("--"):
                return self._take_option(word)
            case _ if word not in _WITHOUT_EFFECT[state.choice.dialect]:
                return self._unknown(word)
        return None

    def read_below(self, text: str) -> tuple[Rule, str] | None:
        """Apply an indented line below a directive; returns its fault where it isn't followed."""
        try:
            return self._read_below(text)
        except BrokenRuleError as error:
            return error.rule, str(error)

    def _read_below(self, text: str) -> tuple[Rule, str] | None:
        state = self.state
        if text[0] == ";":
            if self.word == "account" and self._subject:
                state.chart.take_type(self._subject, text)
            return None
        word, _, rest = text.replace("\t", " ").partition(" ")
        rest = rest.strip()
        if not state.is_ledger and self.word not in ("account", "commodity"):
            return Rule.MALFORMED, f"an indented line below {self.word[:40]!r} is nothing to hledger: remove it"
        match self.word, word:
            case "commodity", "format":
                return self._take_style(rest, self._subject)
            case "commodity", _ if not state.is_ledger:
                return _unsupported(f"{word[:40]!r} below a commodity is nothing to hledger: remove the line")
            case "commodity", "alias":
                state.reader.aliases[rest.strip('"')] = self._subject
            case "account", "alias" if state.is_ledger:
                if rest == self._subject:
                    return _unsupported(f"account {rest[:40]} can't be an alias of itself: remove the line")
                state.names.aliases[rest] = self._subject
                state.names.known.clear()
            case "account", "payee" if state.is_ledger:
                self._add_pattern(state.unknown, rest)
            case "account", "default" if state.is_ledger:
                state.bucket = self._subject
            case "payee", "alias" if state.is_ledger:
                self._add_pattern(state.payees, rest)
            case "payee", "uuid" if state.is_ledger:
                return _unsupported("a payee by uuid isn't followed: write the payee in the entries")
        return None

    def _add_pattern(self, patterns: list[tuple[re.Pattern[str], str]], text: str) -> None:
        repeating = sum(bool(re.search("[*+?{]", each.pattern)) for each, _ in patterns)
        if len(patterns) >= MOST_ALIASES or repeating >= MOST_PATTERNS:
            raise BrokenRuleError(
                Rule.UNSUPPORTED_DIRECTIVE,
                f"more than {MOST_PATTERNS} patterns with * + ?, or {MOST_ALIASES:,}, are too many: use names",
            )
        patterns.append((safe_pattern(text), self._subject))

    def _declare(self, rest: str) -> None:
        name, _, comment = rest.partition(";")
        name = name.strip() if self.state.is_ledger else GAPS["hledger"].split(name.strip(), maxsplit=1)[0]
        self._subject = self.state.names.full(name)
        self.state.chart.known.add(self._subject)
        self.state.chart.take_type(self._subject, comment)

    def _apply(self, rest: str) -> tuple[Rule, str] | None:
        kind, _, argument = rest.partition(" ")
        state = self.state
        state.applied.append(
            Applied(kind, state.year, state.names.above)
        )  # an "end" follows, whatever comes of it
        match kind:
            case "account":
                above, argument = state.names.above, argument.strip()
                state.names.apply(joined(above, argument))
            case "year" if state.is_ledger:
                state.applied.pop()
                return self._take_year(argument, "year")
            case "tag" if state.is_ledger:
                return None
            case _:
                return _unsupported(f"apply {kind[:40]!r} isn't followed: write what it says into the entries")
        return None

    def _end(self, rest: str) -> tuple[Rule, str] | None:
        state = self.state
        if rest in ("aliases", "tag") and not state.is_ledger:
            if rest == "aliases":
                state.names.end_aliases()
            return None
        if not state.is_ledger and rest.split() != ["apply", "account"]:
            return self._unknown(f"end {rest}")
        kind = rest.removeprefix("apply").strip()
        if len(state.applied) <= self._depth:
            return _unsupported("an 'end' without an 'apply' before it: remove the line")
        if kind and kind != state.applied[-1].kind:
            return _unsupported(
                f"ends {kind[:40]!r}, while {state.applied[-1].kind!r} is applied: correct the line"
            )
        last = state.applied.pop()
        state.year = last.year
        if state.names.above != last.above:
            state.names.apply(last.above)
        return None

    def _take_year(self, text: str, kind: str) -> tuple[Rule, str] | None:
        year = text.strip()
        if not (year.isascii() and year.isdecimal() and len(year) == 4 and int(year)):
            return _unsupported(f"year {year[:40]!r} is not one: write it like 2025")
        if self.state.is_ledger:
            self.state.applied.append(Applied(kind, self.state.year, self.state.names.above))
        self.state.year = int(year)
        return None

    def _take_mark(self, rest: str) -> tuple[Rule, str] | None:
        mark = rest.partition(";")[0].strip()
        if mark not in (".", ","):
            return _unsupported(f"decimal mark {mark[:10]!r} is neither '.' nor ',': write one of them")
        if self.state.by_hledger is not None:
            self.state.by_hledger.mark = mark
        return None

    def _take_commodity(self, word: str, rest: str) -> tuple[Rule, str] | None:
        if word == "commodity":
            self._subject = rest.partition(";")[0].strip().strip('"')
            if not re.search(r"\d", re.sub(r'"[^"]*"|;.*', "", rest)):
                return None
        return self._take_style(rest, None, is_default=word == "D")

    def _take_style(self, text: str, subject: str | None, is_default: bool = False) -> tuple[Rule, str] | None:
        """Apply the number format of a commodity; `subject` is the commodity of a format below it."""
        found = _STYLE.fullmatch(text.strip())
        symbol = (
            (found[1] or found[3].lstrip(None if not self.state.is_ledger else "")).strip('"') if found else ""
        )
        if found is None:
            return _unsupported(f"{text[:40]!r} is no number with its commodity: write it like 1,000.00 EUR")
        digits = found[2].strip()
        if subject is not None and (symbol != subject or (self.state.is_ledger and _is_cut(digits, found[3]))):
            return _unsupported(
                f"{text[:40]!r} is no format of {subject[:40]!r} to {self.state.choice.dialect}: "
                f"write it like 1,000.00 {subject[:40]}"
            )
        if self.state.by_ledger is not None and (is_default or subject is not None):
            try:
                take = self.state.by_ledger.read if is_default else self.state.by_ledger.fix
                take(digits.replace(" ", ""), symbol)
            except ValueError as error:
                if self.state.is_ledger:
                    return _unsupported(f"{text[:40]!r} {error}: correct it")
        if self.state.by_hledger is not None:
            fault = self._tell_hledger(self.state.by_hledger, symbol, digits, is_default)
            if fault and not self.state.is_ledger:
                return _unsupported(f"{text[:40]!r} {fault}")
        return None

    def _tell_hledger(self, numbers: HledgerNumbers, symbol: str, digits: str, is_default: bool) -> str:
        """Declare hledger's number format of a commodity; returns its fault where it isn't valid.

        A number without a symbol is in the commodity of an earlier `D`, whose mark stays.
        """
        known = numbers.mark_of(symbol)
        mark = _mark_of(digits, known)
        decimals = len(digits) - digits.rfind(mark) - 1 if mark else 0
        if not symbol and numbers.default is not None:
            symbol, mark, least = numbers.default
            decimals = max(decimals, least)
        if not mark and _mark_of(digits, ""):
            return (
                f"has another decimal mark than {known!r}, which a directive before it says: write it with that"
            )
        if not mark:
            return "has no decimal mark, which hledger wants: write it like 1000. EUR"
        if is_default:
            numbers.default = symbol, mark, decimals
            if not self.state.is_ledger:
                self.state.reader.default = symbol
        else:
            numbers.declare(symbol, mark, decimals)
        return ""

    def _take_option(self, word: str) -> tuple[Rule, str] | None:
        if word == "--decimal-comma" and self.state.by_ledger is not None:
            self.state.by_ledger.decimal_comma = True
        elif not word.startswith(_LEDGER_OPTIONS):
            return _unsupported(f"option {word[:40]} isn't followed: remove the line")
        return None

    def _unknown(self, word: str) -> tuple[Rule, str]:
        dialect = self.state.choice.dialect
        if word in _OF_HLEDGER and self.state.is_ledger:
            return _unsupported(
                f"{word} is a directive of hledger, and ledger's rules hold here: set "
                "ingest.dialect to hledger, or remove the line"
            )
        return _unsupported(f"{word[:40]!r} begins no directive of {dialect} that is followed: remove the line")


def _mark_of(digits: str, known: str) -> str:
    """The decimal mark of a commodity's format; a lone mark other than `known` groups digits."""
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0 or digits.count(digits[last]) > 1:
        return ""
    is_lone = digits[:last].isdigit()
    return "" if is_lone and known not in ("", digits[last]) else digits[last]


def _is_cut(digits: str, after: str) -> bool:
    """Whether ledger cuts a number before its commodity: at a blank, or at a mark that no digit follows."""
    return bool(after) and (" " in digits or not digits[-1].isdigit())


def _unsupported(message: str) -> tuple[Rule, str]:
    return Rule.UNSUPPORTED_DIRECTIVE, message
