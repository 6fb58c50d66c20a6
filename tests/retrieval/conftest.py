"""Random books whose texts share words, so that some are similar and some the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest

from jet.books.schema import ENTRIES

WORDS = [
    "invoice",
    "rent",
    "office",
    "stripe",
    "payout",
    "fee",
    "bank",
    "hyra",
    "telefon",
    "årsavgift",
    "försäkring",
    "hosting",
    "postage",
    "salary",
    "tax",
    "cloud",
    "travel",
    "lunch",
    "taxi",
    "paper",
    "ink",
    "license",
    "domain",
    "audit",
]


def books(
    seed: int, entries: int, entities: int = 2, days: int = 30, words: int = 3, prefix: str = "e"
) -> pa.Table:
    """Entries of the schema ENTRIES in no order; many on the same day, many with the same text."""
    draw = np.random.default_rng(seed)
    rows = []
    for number in draw.permutation(entries):
        text = " ".join(draw.choice(WORDS, size=draw.integers(0, words + 1)))
        if draw.random() < 0.4:
            text += f" {draw.integers(50)}"
        rows.append(
            {
                "entity": f"company {draw.integers(entities)}",
                "entry_id": f"{prefix}{number}",
                "date": date(2024, 1, 1) + timedelta(days=int(draw.integers(days))),
                "description": text,
                "currency": "SEK",
                "journal": ["", "A", "B"][draw.integers(3)],
                "total": None,
                "lines": [],
                "file": "",
                "file_line": 1,
                "direction": "",
            }
        )
    return pa.Table.from_pylist(rows, schema=ENTRIES)


@pytest.fixture(scope="session")
def make_books() -> Callable[..., pa.Table]:
    return books
