"""Strata: groups of entries by what their entity had booked before."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jet.artifacts.tables import validate
from jet.books.schema import ENTRIES
from jet.books.split import date_order
from jet.evaluation.line_sets import Multiset, line_sets
from jet.texts.normalize import normalize_all

STRATA: dict[str, tuple[str, ...]] = {
    "text": ("seen", "new"),
    "set": ("seen", "new"),
    "new_account": ("no", "yes"),
    "lines": ("1", "2", "3", "4+"),
    "history": ("0-9", "10-49", "50-149", "150-499", "500+"),
}
"""The strata of `strata`, and the values of each in their order."""

_HISTORY_EDGES = (10, 50, 150, 500)


def strata(entries: pa.Table, rows: NDArray) -> dict[str, NDArray]:
    """The strata of some entries, by what their entity had booked on strictly earlier dates.

    `entries` has the schema ENTRIES and holds all books; `rows` picks those to describe, as row numbers or
    as a mask. Returns for every stratum of `STRATA` an array of its values, in the order of the picked rows:

    - text: whether an earlier entry had the same normalized description
    - set: whether an earlier entry had the same lines. The share of "seen" is the repeat ceiling, the most
      that a method that only repeats can get right.
    - new_account: whether the entry books an account that the entity never booked before
    - lines: how many lines it has
    - history: how many entries the entity had booked

    Entries without lines are no history. One pass through the books in the order of their dates.
    """
    entries = validate(entries, ENTRIES, "entries")
    rows = np.arange(entries.num_rows)[rows]
    picked = np.zeros(entries.num_rows, bool)
    picked[rows] = True
    texts = normalize_all(entries["description"]).to_pylist()
    sets = line_sets(entries["lines"])
    order = date_order(entries["entity"].to_numpy(), entries["date"].to_numpy())
    values: dict[str, NDArray] = {
        name: np.zeros(entries.num_rows, np.int64) for name in ("text", "set", "new_account", "history")
    }
    seen_texts: set[str] = set()
    seen_sets: set[Multiset] = set()
    seen_accounts: set[str] = set()
    booked = learned = 0
    places = zip(order.row.tolist(), order.entity_start.tolist(), order.day_start.tolist(), strict=True)
    in_order = order.row.tolist()
    for place, (row, entity_start, day_start) in enumerate(places):
        if place == entity_start:
            seen_texts, seen_sets, seen_accounts = set(), set(), set()
            booked, learned = 0, place
        while learned < day_start:
            earlier = in_order[learned]
            learned += 1
            if sets[earlier]:
                seen_texts.add(texts[earlier])
                seen_sets.add(sets[earlier])
                seen_accounts.update(account for account, _ in sets[earlier])
                booked += 1
        if picked[row]:
            values["text"][row] = texts[row] not in seen_texts
            values["set"][row] = sets[row] not in seen_sets
            values["new_account"][row] = any(account not in seen_accounts for account, _ in sets[row])
            values["history"][row] = booked
    values["history"] = np.searchsorted(_HISTORY_EDGES, values["history"], side="right")
    values["lines"] = np.clip([len(lines) for lines in sets], 1, 4) - 1
    return {name: np.array(names)[values[name][rows]] for name, names in STRATA.items()}
