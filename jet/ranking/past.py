"""Counts of an entity's strictly earlier entries: texts by direction, lines by currency.

Neighbors are a selection of these. What must hold of all earlier entries (that a text never was a refund, that
none has this currency) is counted over all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.ranking.counts import Counts, joined_key
from jet.ranking.direction import IN, OUT, UNSTATED
from jet.retrieval.columns import EntryColumns
from jet.retrieval.similarity import NO_CURRENCY
from jet.texts.store import TextStore


@dataclass(frozen=True)
class Past:
    """Counts over booked entries."""

    texts: Counts  # by entity, text and direction
    masked: Counts  # by entity, text without its digits, and direction
    text_sets: Counts  # by text and set of lines
    masked_sets: Counts  # by text without its digits, and set of lines
    currencies: Counts  # by entity and currency
    with_currency: Counts  # by entity, where the currency is known
    lines: Counts  # by token and currency, where it is known
    lines_with_currency: Counts  # by token, where the currency is known

    @classmethod
    def of(cls, booked: EntryColumns, direction: np.ndarray, store: TextStore) -> Past:
        """The counts of booked entries with `direction` int8 [N]."""
        row = np.arange(len(booked))
        known = np.flatnonzero(booked.currency != NO_CURRENCY)
        of_line = np.repeat(row, booked.lengths)
        token, of_line = np.unique(np.stack([booked.tokens, of_line]), axis=1)
        has = booked.currency[of_line] != NO_CURRENCY
        token, of_line = token[has], of_line[has]
        return cls(
            Counts.of(joined_key(booked.entity, booked.text, direction), row),
            Counts.of(joined_key(booked.entity, store.masked[booked.text], direction), row),
            Counts.of(joined_key(booked.text, booked.set_keys), row),
            Counts.of(joined_key(store.masked[booked.text], booked.set_keys), row),
            Counts.of(joined_key(booked.entity, booked.currency), row),
            Counts.of(joined_key(booked.entity[known]), known),
            Counts.of(joined_key(token, booked.currency[of_line]), of_line),
            Counts.of(joined_key(token), of_line),
        )

    def direction_counts(
        self, entity: np.ndarray, text: np.ndarray, store: TextStore, limit: np.ndarray
    ) -> np.ndarray:
        """int64 [B, 2]: how many of the entity's entries below `limit` with this text went out, and in.

        Where it has none with the text, entries count whose texts differ in nothing but their digits.
        """
        directions = np.array([OUT, UNSTATED, IN])
        per_text = []
        for counts, what in ((self.texts, text), (self.masked, store.masked[text])):
            key = joined_key(entity[:, None], what[:, None], directions)
            per_text.append(counts.before(key, limit[:, None]))
        exact, masked = per_text
        return np.where(exact.any(axis=1, keepdims=True), exact, masked)[:, [0, 2]]

    def set_shares(
        self, entity: np.ndarray, text: np.ndarray, key: np.ndarray, store: TextStore, limit: np.ndarray
    ) -> dict[str, np.ndarray]:
        """How the entity booked this text, exactly or but for its digits, below `limit`: by name, float64
        [B, D].

        The share of these entries that have the candidate's set, `key` uint64 [B, D] (shrunk toward 0 where
        there are few), and their number (log1p). Other than votes, they count all earlier entries.
        """
        figures = {}
        for name, what, of_text, of_set in (
            ("text", text, self.texts, self.text_sets),
            ("masked", store.masked[text], self.masked, self.masked_sets),
        ):
            directions = joined_key(entity[:, None], what[:, None], np.array([OUT, UNSTATED, IN]))
            count = of_text.before(directions, limit[:, None]).sum(axis=1, keepdims=True)
            same = of_set.before(joined_key(what[:, None], key), limit[:, None])
            figures[f"{name}_share"] = same / (count + 1.0)
            figures[f"{name}_count"] = np.broadcast_to(np.log1p(count), key.shape)
        return figures

    def new_currency(self, entity: np.ndarray, currency: np.ndarray, limit: np.ndarray) -> np.ndarray:
        """bool [B]: whether the currency is known, and the entity has entries below `limit` in known
        currencies, but none in this one."""
        same = self.currencies.before(joined_key(entity, currency), limit)
        any_known = self.with_currency.before(joined_key(entity), limit)
        return (currency != NO_CURRENCY) & (same == 0) & (any_known > 0)

    def other_currency(self, token: np.ndarray, currency: np.ndarray, limit: np.ndarray) -> np.ndarray:
        """float64 [n]: the share of entries below `limit` with the line `token` that are in another currency
        than `currency`, each int64 [n]; 0 where that isn't known. It is shrunk toward 0 where there are few
        entries."""
        known = self.lines_with_currency.before(joined_key(token), limit)
        same = self.lines.before(joined_key(token, currency), limit)
        return np.where(currency != NO_CURRENCY, (known - same) / (known + 1), 0.0)
