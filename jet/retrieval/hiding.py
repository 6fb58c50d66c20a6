"""Hides what some entries state, since entries to predict often lack it: the total above all.

Every booked entry has a total, so a model that is trained on booked entries as they are trusts it, and knows
nothing of entries without one. Training and calibration therefore also see entries whose total is hidden, and
in some of these the journal, the currency or the direction of the money.

What is hidden is drawn from the entry's row number, so that it doesn't depend on how the work is spread.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from jet.books.tokens import mixed
from jet.retrieval.columns import EntryColumns
from jet.retrieval.similarity import NO_CURRENCY, NO_JOURNAL

ALSO = ("journal", "currency", "direction")
"""What may be hidden beside a total."""

SHARE = 0.1
"""The share of the entries without a total that also lack the journal; likewise for the others of ALSO."""


def drawn(rows: np.ndarray, share: float, number: int) -> np.ndarray:
    """bool [N]: a pseudo-random `share` of the row numbers `rows` int64 [N], another for each `number`."""
    return mixed(rows * 16 + number) < np.uint64(share * 2.0**63) * np.uint64(2)


def also_hidden(rows: np.ndarray) -> dict[str, np.ndarray]:
    """bool [N] each: which of `rows` lack the journal, the currency or the direction, if they lack the
    total."""
    return {name: drawn(rows, SHARE, number) for number, name in enumerate(ALSO)}


def hide(columns: EntryColumns, rows: np.ndarray, hidden: np.ndarray) -> EntryColumns:
    """`columns` whose entries where `hidden`, bool [N], is true lack the total, and some more.

    `rows` int64 [N] are the entries' numbers in the corpus. Their neighbors don't change: these were found by
    all that the entry states.
    """
    also = {name: hidden & some for name, some in also_hidden(rows).items()}
    return replace(
        columns,
        total=np.where(hidden, np.nan, columns.total),
        journal=np.where(also["journal"], NO_JOURNAL, columns.journal),
        currency=np.where(also["currency"], NO_CURRENCY, columns.currency),
        direction=np.where(also["direction"], 0, columns.direction).astype(columns.direction.dtype),
    )
