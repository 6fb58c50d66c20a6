"""The data of the page: predictions with their entries and charts, as JSON columns.

There is a list for each column, and what repeats (companies, currencies, accounts, past entries, reasons)
stands once and is named by its index: ten thousand entries take some megabytes, and the browser makes no object
of what it doesn't show. `js/entries.js` reads it.

A line is a token, account * 2 + side (0 debit, 1 credit), as everywhere in jet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from jet.books.currencies import decimals
from jet.books.schema import AUTO, joined_keys
from jet.texts.normalize import mask_digits, normalize

FORMAT = 1


def review_data(predictions: pa.Table, entries: pa.Table, accounts: pa.Table) -> dict[str, Any]:
    """The data of `predictions` (`PREDICTIONS`) of `entries` (`ENTRIES`), with the charts `accounts`
    (`ACCOUNTS`), later rows of which add the names that earlier ones lack.

    Raises `ValueError` where a prediction has no entry.
    """
    found = _Columns()
    for row in accounts.select(["entity", "code", "name"]).to_pylist():
        found.account(row["entity"], row["code"], row["name"])
    asked = _by_key(entries, predictions)
    for prediction in predictions.to_pylist():
        entry = asked.get((prediction["entity"], prediction["entry_id"]))
        if entry is None:
            raise ValueError(
                f"entry {prediction['entry_id']!r} of {prediction['entity']!r} is predicted, and not in "
                "--ledgers: give what was predicted"
            )
        found.add(prediction, entry)
    return found.as_dict()


def _by_key(entries: pa.Table, predictions: pa.Table) -> dict[tuple[str, str], dict[str, Any]]:
    """The entries that are predicted, by company and id, without their lines."""
    wanted = set(joined_keys(predictions["entity"], predictions["entry_id"]).to_pylist())
    keys = joined_keys(entries["entity"], entries["entry_id"]).to_pylist()
    rows = pa.array([row for row, key in enumerate(keys) if key in wanted], pa.int64())
    without = entries.select([name for name in entries.column_names if name != "lines"])
    return {(row["entity"], row["entry_id"]): row for row in without.take(rows).to_pylist()}


class _Once(dict[Any, int]):
    """Values by the index of the first time they came."""

    def __missing__(self, value: Any) -> int:
        self[value] = len(self)
        return self[value]


class _Columns:
    def __init__(self) -> None:
        self.companies, self.currencies, self.files, self.reasons, self.groups = (_Once() for _ in range(5))
        self.accounts, self.past = _Once(), _Once()
        self.names: dict[int, str] = {}
        self.entries: dict[str, list[Any]] = {}

    def account(self, entity: str, code: str, name: str) -> int:
        """The index of an account of a company."""
        index = self.accounts[self.companies[entity], code]
        self.names[index] = self.names.get(index) or name
        return index

    def add(self, prediction: Mapping[str, Any], entry: Mapping[str, Any]) -> None:
        """Add a row."""
        entity = entry["entity"]
        lines = prediction["lines"]
        row = {
            "company": self.companies[entity],
            "id": entry["entry_id"],
            "date": entry["date"].isoformat(),
            "text": entry["description"],
            "group": self.groups[entity, mask_digits(normalize(entry["description"]))],
            "currency": self.currencies[entry["currency"]],
            "journal": entry["journal"],
            "direction": entry["direction"],
            "total": None if entry["total"] is None else _amount(entry["total"]),
            "file": self.files[entry["file"]],
            "fileLine": entry["file_line"],
            "audit": int(prediction["decision"] == AUTO),
            "confidence": round(prediction["confidence"], 4),
            "amountConfidence": _rounded(prediction["amount_confidence"]),
            "reason": self.reasons[prediction["reason"]],
            "tokens": [self.token(entity, line) for line in lines],
            "amounts": [None if line["amount"] is None else _amount(line["amount"]) for line in lines],
            "sure": [_rounded(line["probability"]) for line in lines],
            "guess": [int(line["guess"]) for line in lines],
            "alternatives": [
                [self.token(entity, line) for line in each["lines"]] for each in prediction["alternatives"]
            ],
            "shares": [_rounded(each["probability"]) for each in prediction["alternatives"]],
            "evidence": [each for past in prediction["evidence"] for each in self.evidence(past)],
        }
        for name, value in row.items():
            self.entries.setdefault(name, []).append(value)

    def token(self, entity: str, line: Mapping[str, Any]) -> int:
        """The token of a predicted line."""
        return 2 * self.account(entity, line["account"], line["name"]) + int(line["side"] == "C")

    def evidence(self, past: Mapping[str, Any]) -> Iterable[int]:
        """A past entry, and whether it has the same text (1) and the same lines (2)."""
        key = self.companies[past["entity"]], past["entry_id"], past["date"].isoformat()
        return self.past[key], past["same_text"] + 2 * past["same_lines"]

    def as_dict(self) -> dict[str, Any]:
        """The data."""
        return {
            "format": FORMAT,
            "companies": list(self.companies),
            "currencies": list(self.currencies),
            "decimals": [decimals(each) for each in self.currencies],
            "files": list(self.files),
            "reasons": list(self.reasons),
            "accounts": {
                "company": [company for company, _ in self.accounts],
                "code": [code for _, code in self.accounts],
                "name": [self.names[index] for index in range(len(self.accounts))],
            },
            "past": {
                name: [each[place] for each in self.past]
                for place, name in enumerate(("company", "id", "date"))
            },
            "entries": self.entries,
        }


def _amount(value: Any) -> str:
    """A decimal without an exponent and without the zeros at its end."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
