"""JSON Lines, as `jet ingest` reads them: one entry a line, with nothing lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, BinaryIO

from jet.books.exporters.common import About, Booking, Place, Writer, with_head
from jet.books.records import Entry, Line


class JsonlExporter:
    """Writes JSON Lines."""

    prefix, suffix = "", ".jsonl"
    marks = False
    dimensions = True

    def place(self, _entry: Entry, _about: About) -> Place:
        """One file for all companies."""
        return Place()

    def begin(self, _place: Place, about: About) -> Writer:
        """The writer of a file."""
        return _Lines(about.settings.accounts)


class _Lines:
    def __init__(self, accounts: Mapping[str, str]) -> None:
        self._accounts = accounts

    def add(self, booking: Booking) -> bytes:
        return json_line(booking.entry, booking.names, self._accounts)

    def finish(self, body: BinaryIO, file: BinaryIO) -> None:
        with_head(b"", body, file)


def json_line(entry: Entry, names: Mapping[str, str], accounts: Mapping[str, str] | None = None) -> bytes:
    """An entry as a line of JSON: `names` of accounts by their codes, and other codes of some `accounts`."""
    others = accounts or {}
    row: dict[str, Any] = {
        "entry_id": entry.entry_id,
        "entity": entry.entity,
        "date": entry.date.isoformat(),
        "description": entry.description,
        "currency": entry.currency,
        "journal": entry.journal,
        "direction": entry.direction,
    }
    row = {key: value for key, value in row.items() if value or key == "description"}
    if entry.total is not None:
        row["total"] = _number(entry.total)
    if entry.lines is not None:
        row["lines"] = [_line(line, entry.currency, names, others) for line in entry.lines]
    return f"{json.dumps(row, ensure_ascii=False, separators=(',', ':'))}\n".encode()


def _line(line: Line, currency: str, names: Mapping[str, str], others: Mapping[str, str]) -> dict[str, Any]:
    row: dict[str, Any] = {"account": others.get(line.account, line.account)}
    if name := names.get(line.account):
        row["account_name"] = name
    row["side"] = line.side
    if line.amount is not None:
        row["amount"] = _number(line.amount)
    if line.currency not in ("", currency):
        row["currency"] = line.currency
    if line.text:
        row["text"] = line.text
    if line.dimensions:
        row["dimensions"] = [{"dimension": each, "object": name} for each, name in line.dimensions]
    return row


def _number(amount: Decimal) -> str:
    """An amount, without the zeros behind its cents."""
    text = f"{amount:f}"
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest.rstrip('0').ljust(2, '0')}"
