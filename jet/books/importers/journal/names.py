"""Account names: aliases, applied parents, and the chart of all accounts.

Aliases work differently in the two programs. ledger replaces a whole name or its first part once, without the
applied parent; hledger prepends the applied parent, turns every kind of blank into a space, then tries every
alias, the newest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from jet.books.checks import MAX_TEXT_BYTES, Rule
from jet.books.importers.common import BrokenRuleError
from jet.books.importers.journal.syntax import BLANKS
from jet.books.records import Account

MOST_LEVELS = 32
"""The most parts of an account's name; the name up to each part is an account."""

MOST_PATTERN = 200
MOST_MATCHED = 200
"""The most characters of a pattern, and of a text that it is matched with, which bounds the time."""

MOST_ALIASES = 1_000
MOST_PATTERNS = 100
"""The most aliases that are tried on a name, and the most patterns among them."""

_BLANK = re.compile(f"[{BLANKS}]+")
_TYPE_TAG = re.compile(r"\btype:\s*(\w+)", re.IGNORECASE)
_TYPES = {"a": "asset", "c": "asset", "cash": "asset", "l": "liability", "e": "equity", "v": "equity"} | {
    "conversion": "equity",
    "r": "income",
    "revenue": "income",
    "x": "expense",
    "asset": "asset",
    "liability": "liability",
    "equity": "equity",
    "income": "income",
    "expense": "expense",
}
_TOP_NAMES = {
    "asset": "asset assets aktiva vermögen actif actifs tillgång tillgångar",
    "liability": "liability liabilities debts verbindlichkeiten fremdkapital passif passifs dettes skulder",
    "equity": "equity eigenkapital capitaux fonds-propres kapital",
    "income": "income revenue revenues einnahmen erträge ertrag einkommen revenus produits intäkter",
    "expense": "expense expenses ausgaben aufwand aufwendungen kosten dépenses charges utgifter kostnader",
}
_NATURES = {name: nature for nature, names in _TOP_NAMES.items() for name in names.split()} | {
    "eget kapital": "equity",
    "capitaux propres": "equity",
}


def checked_name(name: str) -> str:
    """The name of an account, checked. Raises BrokenRuleError where it isn't valid."""
    if len(name) < MOST_LEVELS:
        return name
    levels = name.count(":") + 1
    if levels > MOST_LEVELS:
        raise BrokenRuleError(
            Rule.MALFORMED,
            f"account {name[:40]!r}… has {levels:,} parts, more than {MOST_LEVELS}: shorten its name",
        )
    if len(name) > MAX_TEXT_BYTES:
        raise BrokenRuleError(
            Rule.TEXT_TOO_LONG,
            f"account {name[:40]!r}… has more than {MAX_TEXT_BYTES:,} characters: shorten its name",
        )
    return name


def joined(above: str, name: str) -> str:
    """The name of an account below another one. Raises BrokenRuleError where it isn't valid."""
    return checked_name(f"{above}:{name}" if above and name else above or name)


def safe_pattern(text: str) -> re.Pattern[str]:
    """A pattern of a journal, compiled; only one that matches every bounded text in bounded time.

    Raises BrokenRuleError for one with more than two repetitions, three alternatives, or anything beyond
    letters, classes, groups and anchors.
    """
    bare = re.sub(r"\\.|\[\^?\]?[^\]]*\]", "x", text[:MOST_PATTERN])
    repeated = len(re.findall(r"[*+?{]", bare))
    is_safe = (
        len(text) <= MOST_PATTERN
        and repeated <= 2
        and bare.count("|") <= 3
        and not re.search(r"\(\?|\)[*+?{]|[*+?{][*+?{]", bare)
        and not re.search(r"\\[0-9A-Zbgk]", text)
    )
    try:
        if is_safe:
            return re.compile(text, re.IGNORECASE)
    except (re.error, OverflowError, RecursionError):
        pass
    raise BrokenRuleError(
        Rule.UNSUPPORTED_DIRECTIVE,
        f"the pattern {text[:60]!r} isn't followed: write it with at most two of * + ? and three of |, "
        "or use the names",
    )


def matches(pattern: re.Pattern[str], text: str) -> bool:
    """Whether a pattern is found in a text; never in one that is too long to try."""
    return pattern.search(text[:MOST_MATCHED]) is not None


Alias = tuple[str, re.Pattern[str] | None, str]
"""The name that is replaced, its pattern if it is one, and the replacement."""


@dataclass(slots=True)
class Names:
    """The aliases and applied parents that turn a written name into a full one."""

    is_ledger: bool
    above: str = ""  # what "apply account" put before all names
    aliases: dict[str, str] = field(default_factory=dict)  # of ledger
    rules: list[Alias] = field(default_factory=list)  # of hledger, the oldest first
    known: dict[str, str] = field(default_factory=dict)  # names that were completed

    def copy(self) -> Names:
        """A copy, for a file that hledger includes and whose changes end with it."""
        return Names(self.is_ledger, self.above, dict(self.aliases), list(self.rules))

    def full(self, name: str) -> str:
        """The full name of an account. Raises BrokenRuleError where it isn't valid."""
        full = self.known.get(name)
        if full is None:
            full = self._by_ledger(name) if self.is_ledger else self._by_hledger(name)
            if len(self.known) > 100_000:
                self.known.clear()
            self.known[name] = full
        return full

    def apply(self, above: str) -> None:
        """Set the applied parent."""
        self.above = above
        self.known.clear()

    def alias(self, name: str, target: str) -> None:
        """Add an alias. Raises BrokenRuleError where it isn't valid."""
        if len(self.aliases) + len(self.rules) >= MOST_ALIASES:
            raise BrokenRuleError(
                Rule.UNSUPPORTED_DIRECTIVE,
                f"more than {MOST_ALIASES:,} aliases aren't followed: rename the accounts",
            )
        if self.is_ledger:
            self.aliases[name] = f"{self.above}:{target}" if self.above else target
        elif name.startswith("/"):
            self._add_pattern(name, target)
        else:
            self.rules.append((name, None, target))
        self.known.clear()

    def _add_pattern(self, name: str, target: str) -> None:
        if sum(pattern is not None for _, pattern, _ in self.rules) >= MOST_PATTERNS:
            raise BrokenRuleError(
                Rule.UNSUPPORTED_DIRECTIVE,
                f"more than {MOST_PATTERNS} aliases by pattern aren't followed: rename the accounts",
            )
        pattern, slash, rest = name[1:].rpartition("/")
        if not slash or rest.strip():
            raise BrokenRuleError(
                Rule.UNSUPPORTED_DIRECTIVE,
                "the pattern of an alias has no end: write it like alias /old/ = new",
            )
        self.rules.append((name, safe_pattern(pattern), re.sub(r"\\(?![0-9])", r"\\\\", target)))

    def end_aliases(self) -> None:
        """Remove all aliases."""
        self.aliases.clear()
        self.rules.clear()
        self.known.clear()

    def _by_ledger(self, name: str) -> str:
        if name in self.aliases:
            return checked_name(self.aliases[name])
        head, colon, rest = name.partition(":")
        if colon and head in self.aliases:
            return checked_name(f"{self.aliases[head]}:{rest}")
        return joined(self.above, name)

    def _by_hledger(self, name: str) -> str:
        name = _BLANK.sub(" ", joined(self.above, name))
        for old, pattern, target in reversed(self.rules):
            if pattern is not None:
                if len(name) > MOST_MATCHED:
                    raise BrokenRuleError(
                        Rule.TEXT_TOO_LONG,
                        f"account {name[:40]!r}… is too long for the alias {old[:40]!r}: shorten its name",
                    )
                try:
                    name = pattern.sub(target, name)
                except (re.error, IndexError):
                    raise BrokenRuleError(
                        Rule.UNSUPPORTED_DIRECTIVE,
                        f"alias {old[:40]!r} names a group that it hasn't: correct it",
                    ) from None
            elif name == old or name.startswith(old + ":"):
                name = target + name[len(old) :]
            checked_name(name)
        return name


@dataclass(slots=True)
class Chart:
    """Every account that is declared or used."""

    known: set[str] = field(default_factory=set)
    types: dict[str, str] = field(default_factory=dict)

    def take_type(self, account: str, comment: str) -> None:
        """The nature that a "type:" tag gives an account."""
        tag = _TYPE_TAG.search(comment)
        if tag and tag[1].lower() in _TYPES:
            self.types[account] = _TYPES[tag[1].lower()]

    def accounts(self, entity: str) -> Iterator[Account]:
        """All accounts and their parents, sorted by name."""
        names = set(self.known)
        for name in self.known:
            while ":" in name:
                name = name.rpartition(":")[0]
                names.add(name)
        for name in sorted(names):
            if name:
                parent, _, last = name.rpartition(":")
                yield Account(entity, name, last, parent or None, self._nature(name))

    def _nature(self, name: str) -> str | None:
        above = name
        while above:
            if above in self.types:
                return self.types[above]
            above = above.rpartition(":")[0]
        return _NATURES.get(name.partition(":")[0].strip().lower())
