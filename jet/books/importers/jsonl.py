"""JSON Lines: one JSON object a line, which is an entry with all of its lines, or an account.

The keys are those of the tables in `jet.books.schema`. An entry to predict has no `lines`, or null; it may have
`known_lines`, which are some of its lines, with or without amounts. Their accounts are no accounts of the chart
by that: a misspelled one must not become an account. Amounts are
numbers or strings, read as decimals, never as floats. The chart comes from objects of type "account", and from
the lines for accounts without one. A record with an unknown key is rejected, since a misspelled "amount" must
not be taken for an unknown amount.

A negative debit is a credit, and vice versa. The sign of the total of an entry to predict is the direction of
the money: out for a negative one; in for a positive one, if the file has negative ones.
"""

from __future__ import annotations

import datetime
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import chain
from typing import Any

from jet.books.checks import Rule, check_account, reject
from jet.books.currencies import currency_code
from jet.books.importers.common import (
    Block,
    BrokenRuleError,
    Source,
    UnreadableFile,
    checked_amount,
    file_stem,
    has_suffix,
    parse_date,
    text_blocks,
    unsigned,
    without_mark,
)
from jet.books.importers.jsonl_columns import careful_parts, parts_of
from jet.books.importers.jsonl_signs import has_signed_total
from jet.books.importers.stretches import Chart, Stretch, Within, stretches, whole_lines
from jet.books.records import Account, Columns, Entry, FileEnd, Line, Passed, Record, total_of
from jet.books.schema import DIRECTIONS, NATURES
from jet.books.settings import ImportSettings
from jet.books.words import SIDES

ENTRY_KEYS = frozenset(
    (
        *("type", "entry_id", "entity", "date", "description", "currency", "journal", "total", "direction"),
        *("lines", "known_lines"),
    )
)
NOTE_KEYS = frozenset(("reviewed_by", "reviewed_at"))
"""What the page of `jet review` notes of an entry, for people: nothing is made of it."""
_CHART_KEYS = ("account_name", "parent", "nature", "opened", "closed")
LINE_KEYS = frozenset((*_CHART_KEYS, "account", "side", "amount", "currency", "text", "dimensions"))
KNOWN_LINE_KEYS = frozenset(("account", "side", "amount", "currency"))
_SIDES = dict.fromkeys(("d", "dr", "debit"), "D") | dict.fromkeys(("c", "cr", "credit"), "C")
_HEAD_BYTES = 1 << 16
_IS_ONE_VALUE = re.compile(r"\s*(?:\[\s*\{|\{[ \t]*\n[ \t]*\")")
"""Matches the first lines of a file that is one list, or one object over several lines."""
_ACCOUNT_KEYS = frozenset(("type", "entity", "code", "name", "parent", "nature", "opened", "closed"))


class JsonlImporter:
    """Reads JSON Lines."""

    name = "jsonl"

    def recognizes(self, path: str, head: bytes) -> bool:
        """Whether the extension is JSON's, or the file begins with an object or a list of objects."""
        text = without_mark(head).lstrip()
        is_list = text.startswith(b"[") and text[1:].lstrip().startswith(b"{")
        return has_suffix(path, ".jsonl", ".ndjson") or text.startswith(b"{") or is_list

    def records(self, source: Source, settings: ImportSettings) -> Iterator[Record]:
        """The entries in the order of the file, then the chart of accounts."""
        if (kind := _one_value(source)) is not None:
            what, way = kind
            raise UnreadableFile(
                f"{source.file}: a JSON {what}, where each line must be an entry: write it so, as jq -c "
                f"'{way}' does"
            )
        signed = any(has_signed_total(block) for block in whole_lines(source.stream))
        source.stream.seek(0)
        reader = _Reader(source.file, settings, signed)
        blocks = text_blocks(source.stream, source.file, settings.encoding)
        yield from _records(blocks, reader, source.columns)

    def stretches(self, source: Source, settings: ImportSettings, size: int) -> list[Stretch]:
        """Where a large file can be read apart (`jet.books.importers.stretches`); none where it can't be."""
        if _one_value(source) is not None:
            return []
        signed = False

        def look(block: bytes) -> None:
            nonlocal signed
            signed = signed or has_signed_total(block)

        found = stretches(source, size, settings.encoding, look)
        return [replace(stretch, signed_totals=signed) for stretch in found]

    def stretch(self, source: Source, settings: ImportSettings, stretch: Stretch) -> Iterator[Record]:
        """As `records`, but of some lines, which say an account as far as they know it."""
        stream = Within(source.stream, stretch)
        blocks = text_blocks(stream, source.file, stretch.encoding, lines_before=stretch.lines_before)
        reader = _Reader(source.file, settings, stretch.signed_totals)
        yield from _records(blocks, reader, source.columns, stretch)


def _records(
    blocks: Iterable[Block], reader: _Reader, columns: bool, stretch: Stretch | None = None
) -> Iterator[Record]:
    """What the lines of a file say, or those of a stretch; with `columns`, plain ones many at once."""
    before = 0 if stretch is None else stretch.lines_before
    number, blank, charts = before, 0, 0
    as_parts = parts_of if columns and reader.has_plain_names() else careful_parts
    for part in chain.from_iterable(as_parts(block, reader) for block in blocks):
        if isinstance(part, Columns):
            number = part.entries["file_line"][-1].as_py()
            yield part
            continue
        number, text = part
        if not text or text.isspace():
            blank += 1
            continue
        row: Any = None
        try:
            row = _parse(text)
            if row.get("type") == "account":
                reader.read_account(row)
                charts += 1
            else:
                yield reader.entry(row, number)
        except BrokenRuleError as error:
            yield reject(
                error.rule,
                str(error),
                file=reader.file,
                file_line=number,
                entity=_known_text(row, "entity"),
                entry_id=_known_text(row, "entry_id"),
                excerpt=text,
            )
    yield from reader.chart.accounts() if stretch is None else reader.chart.said()
    yield Passed(reader.file, "blank", blank)
    yield Passed(reader.file, "account", charts)
    yield FileEnd(reader.file, number - before, JsonlImporter.name)


def _one_value(source: Source) -> tuple[str, str] | None:
    """What the file is where it is one value and no lines, and jq's way out; leaves the stream at its start."""
    head = without_mark(source.stream.read(_HEAD_BYTES)).decode("utf-8", "replace").replace("\r\n", "\n")
    source.stream.seek(0)
    first = "\n".join(head.split("\n" if "\n" in head else "\r")[:2])
    if _IS_ONE_VALUE.match(first) is None:
        return None
    return ("list", ".[]") if first.lstrip().startswith("[") else ("object over several lines", ".")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no amount")


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice, _ = Counter(key for key, _ in pairs).most_common(1)[0]
        raise ValueError(f"{twice[:40]!r} comes twice in an object: keep one")
    return found


_decode = json.JSONDecoder(
    object_pairs_hook=_without_repeats, parse_float=Decimal, parse_constant=_no_constant
).decode


def _parse(text: str) -> dict[str, Any]:
    try:
        row = _decode(text)
    except (ValueError, ArithmeticError, RecursionError) as error:
        raise BrokenRuleError(Rule.MALFORMED, f"the line is not valid JSON: {error}") from None
    if not isinstance(row, dict):
        raise BrokenRuleError(
            Rule.MALFORMED, "the line is not a JSON object: write one entry a line, in braces"
        )
    return row


def _known_text(row: Any, key: str) -> str | None:
    value = row.get(key) if isinstance(row, dict) else None
    return value if isinstance(value, str) else None


def _text(row: dict[str, Any], key: str) -> str:
    """The text at `key`, "" where there is none; a whole number is taken as its digits."""
    value = row.get(key)
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**20:
        return str(value)
    raise BrokenRuleError(Rule.MALFORMED, f"{key} must be a text: put it in quotes")


def _amount(row: dict[str, Any], key: str) -> Decimal | None:
    value = row.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise BrokenRuleError(Rule.BAD_AMOUNT, f"{key} must be a number, alone or in quotes")
    try:
        return checked_amount(Decimal(value))
    except ArithmeticError:
        raise BrokenRuleError(
            Rule.BAD_AMOUNT, f"{key} {str(value)[:40]!r} can't be read: write it like 1234.5"
        ) from None
    except ValueError as error:
        raise BrokenRuleError(Rule.BAD_AMOUNT, str(error)) from None


def _direction(row: dict[str, Any], total: Decimal | None, signed_totals: bool) -> str:
    """The direction of the money, as stated or by the sign of the total; "" where it isn't known."""
    said = _text(row, "direction")
    if said not in DIRECTIONS:
        raise BrokenRuleError(
            Rule.BAD_DIRECTION, f"direction {said[:40]!r} must be in or out, as seen from the bank, or left out"
        )
    by_sign = ""
    if total is not None and total and signed_totals:
        by_sign = "out" if total < 0 else "in"
    if said and by_sign and said != by_sign:
        raise BrokenRuleError(
            Rule.BAD_DIRECTION,
            f"direction {said} contradicts the total {total}, since in this file a minus is out, none is in: "
            "correct one of them",
        )
    return said or by_sign


def _rows(row: dict[str, Any], key: str) -> list[Any] | None:
    """The list at `key`; None where there is none."""
    rows = row.get(key)
    if rows is not None and not isinstance(rows, list):
        raise BrokenRuleError(Rule.MALFORMED, f"{key} must be a list, or left out to have them predicted")
    return rows


def _date(row: dict[str, Any], key: str) -> datetime.date | None:
    text = _text(row, key)
    try:
        return parse_date(text) if text else None
    except ValueError as error:
        raise BrokenRuleError(Rule.BAD_DATE, f"{key}: {error}") from None


def _check_keys(row: dict[str, Any], known: frozenset[str], what: str) -> None:
    if not row.keys() <= known:
        unknown = ", ".join(sorted(row.keys() - known))
        raise BrokenRuleError(
            Rule.UNKNOWN_KEY,
            f"{what} has no key {unknown[:200]}: remove it, or name it one of {', '.join(sorted(known))}",
        )


def _dimensions(value: Any) -> tuple[tuple[str, str], ...]:
    """Pairs of a dimension and an object, from an object or from a list of {"dimension", "object"}."""
    if isinstance(value, list) and all(isinstance(row, dict) for row in value):
        for row in value:
            _check_keys(row, frozenset(("dimension", "object")), "a dimension")
        return tuple((_text(row, "dimension"), _text(row, "object")) for row in value)
    if isinstance(value, dict):
        return tuple((dimension, _text(value, dimension)) for dimension in value)
    raise BrokenRuleError(Rule.MALFORMED, 'dimensions must be like {"project": "P1"}')


class _Reader:
    """Turns rows into records, and collects the accounts."""

    def __init__(self, file: str, settings: ImportSettings, signed_totals: bool) -> None:
        self.file = file
        self.settings = settings
        self.signed_totals = signed_totals
        self.default_entity = file_stem(file)
        self.chart = Chart()
        self.said: dict[tuple[str, str], list[Any]] = {}  # by the last line about it: what the next repeats

    def has_plain_names(self) -> bool:
        """Whether what entries without an entity and a currency get breaks no rule."""
        names = Account(self.settings.entity or self.default_entity, "1", self.settings.default_currency)
        return check_account(names, self.file) is None

    def entry(self, row: dict[str, Any], number: int) -> Entry:
        """The entry of a row."""
        _check_keys(row, ENTRY_KEYS | NOTE_KEYS, "an entry")
        if row.get("type", "entry") != "entry":
            raise BrokenRuleError(Rule.MALFORMED, f"type {str(row['type'])[:40]!r} must be entry or account")
        date = _date(row, "date")
        if date is None:
            raise BrokenRuleError(Rule.BAD_DATE, "the entry has no date: give it one like 2025-01-31")
        entity = self._entity(row)
        currency = currency_code(_text(row, "currency")) or self.settings.default_currency
        total = _amount(row, "total")
        lines = known = None
        if (rows := _rows(row, "lines")) is not None:
            lines = [self._line(line, entity, currency) for line in rows]
        if (rows := _rows(row, "known_lines")) is not None:
            known = [self._known_line(line, currency) for line in rows]
        direction = _direction(row, total, self.signed_totals and lines is None)
        if total is not None:
            total = total.copy_abs()
        elif lines is not None:
            total = total_of(lines, currency)
        return Entry(
            entity=entity,
            entry_id=_text(row, "entry_id"),
            date=date,
            description=_text(row, "description"),
            currency=currency,
            journal=_text(row, "journal"),
            total=total,
            lines=lines,
            file=self.file,
            file_line=number,
            direction=direction,
            known_lines=known or None,
        )

    def read_account(self, row: dict[str, Any]) -> None:
        """Add an account row."""
        _check_keys(row, _ACCOUNT_KEYS, "an account")
        account = self._account(row, self._entity(row), _text(row, "code"), _text(row, "name"))
        if not account.code:
            raise BrokenRuleError(Rule.MISSING_ACCOUNT, "the account has no code: give it one")
        self.chart.add(account)

    def _entity(self, row: dict[str, Any]) -> str:
        if self.settings.entity is not None:
            return self.settings.entity
        return _text(row, "entity") or self.default_entity

    def _line(self, row: Any, entity: str, currency: str) -> Line:
        line = self._plain_line(row, currency, LINE_KEYS, "a line")
        self.use(row, entity, line.account)
        line.text = _text(row, "text")
        if dimensions := row.get("dimensions"):
            line.dimensions = _dimensions(dimensions)
        return line

    def _known_line(self, row: Any, currency: str) -> Line:
        return self._plain_line(row, currency, KNOWN_LINE_KEYS, "a known line")

    def _plain_line(self, row: Any, currency: str, keys: frozenset[str], what: str) -> Line:
        if not isinstance(row, dict):
            raise BrokenRuleError(
                Rule.MALFORMED, f'{what} must be an object like {{"account": "1930", "side": "D"}}'
            )
        _check_keys(row, keys, what)
        side, amount = self.side(_text(row, "side")), _amount(row, "amount")
        if amount is not None and side in SIDES:
            side, amount = unsigned(side, amount)
        return Line(_text(row, "account"), side, amount, currency_code(_text(row, "currency")) or currency)

    def side(self, word: str) -> str:
        """D or C for a word for it; other words unchanged."""
        return word if word in SIDES else self.settings.sides.get(word) or _SIDES.get(word.lower(), word)

    def use(self, row: dict[str, Any], entity: str, code: str) -> None:
        """Add the account of a line, with the name and nature of the first line that has them."""
        if not code:
            return
        said = [row.get(key) for key in _CHART_KEYS]
        if self.said.get((entity, code)) == said:
            return
        account = self._account(row, entity, code, _text(row, "account_name"))
        self.chart.add(replace(account, stated=False))
        self.said[entity, code] = said

    def _account(self, row: dict[str, Any], entity: str, code: str, name: str) -> Account:
        nature = _text(row, "nature") or None
        if nature is not None and nature not in NATURES:
            raise BrokenRuleError(
                Rule.BAD_NATURE, f"nature {nature[:40]!r} must be one of {', '.join(NATURES)}"
            )
        opened, closed = _date(row, "opened"), _date(row, "closed")
        if opened and closed and closed < opened:
            raise BrokenRuleError(
                Rule.BAD_PERIOD, f"closed on {closed}, before it was opened on {opened}: correct one"
            )
        return Account(entity, code, name, _text(row, "parent") or None, nature, opened, closed)
