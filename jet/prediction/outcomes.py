"""Computes outcomes: booked entries predicted without their lines, compared with these.

Shapes: N entries, T lines, D candidates.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jet.artifacts.tables import validate
from jet.books.schema import ENTRIES
from jet.books.tokens import NOTHING
from jet.books.withheld import without_lines
from jet.confidence.judgment import AMOUNT_FEATURES
from jet.confidence.outcomes import Outcomes
from jet.confidence.regimes import NO_HISTORY
from jet.confidence.scores import Scores
from jet.prediction.amounts import minor_units
from jet.prediction.predictor import Predictor
from jet.ranking.counts import joined_key
from jet.retrieval.columns import EntryColumns, entry_columns


def outcomes_of(predictor: Predictor, entries: pa.Table, known_before: np.ndarray | None = None) -> Outcomes:
    """The outcomes of booked `entries` (`ENTRIES`), in order.

    `known_before` is as in `Predictor.batches`. `right` is D for an entry without candidates, too.
    """
    entries = validate(entries, ENTRIES, "entries to calibrate with")
    bundle = predictor.bundle
    store = predictor.statistics.corpus.store
    true = entry_columns(entries, bundle.corpus.catalog, store)
    size, width = len(entries), bundle.ranker.settings.candidates + predictor.settings.beams
    outcomes = Outcomes(
        scores=Scores.empty(size, width),
        right=np.full(size, width),
        amount_features=np.zeros((size, len(AMOUNT_FEATURES))),
        amounts_guessed=np.zeros(size, dtype=bool),
        amounts_right=np.zeros(size, dtype=bool),
        text_known=np.zeros(size, dtype=bool),
        nearest=np.zeros(size, dtype=np.float32),
        held=np.ones(size, dtype=bool),
        history=np.zeros(size, dtype=np.int64),
        gap=np.full(size, NO_HISTORY),
        group=joined_key(true.entity, store.masked[true.text]).view(np.int64),
    )
    tokens, amounts = padded_lines(true, bundle.model.max_lines)
    for rows, columns, scored in predictor.batches(without_lines(entries), known_before):
        count = len(rows)
        hit = scored.candidates.key[:count] == true.set_keys[rows][:, None]
        outcomes.right[rows] = np.where(hit.any(axis=1), hit.argmax(axis=1), width)
        outcomes.scores.put(rows, scored.scores)
        outcomes.text_known[rows] = scored.evidence.text_known[:count]
        outcomes.nearest[rows] = scored.evidence.nearest[:count]
        outcomes.held[rows] = scored.hold_facts.held[:count]
        outcomes.history[rows] = scored.hold_facts.history[:count]
        outcomes.gap[rows] = scored.hold_facts.gap[:count]
        padded = np.resize(rows, len(scored.evidence))
        proposal = predictor.amounts(columns, padded, scored.evidence, tokens[padded])
        outcomes.amount_features[rows] = proposal.features[:count]
        outcomes.amounts_guessed[rows] = proposal.guessed[:count] & priced(tokens, amounts)[rows]
        outcomes.amounts_right[rows] = (proposal.amounts == minor_units(amounts[padded])).all(axis=1)[:count]
    return outcomes


def padded_lines(entries: EntryColumns, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Tokens int64 and amounts float64 [N, longest] of all entries, padded with NOTHING and nan.

    An entry with more lines has none.
    """
    place = np.arange(longest)
    inside = (place < entries.lengths[:, None]) & (entries.lengths <= longest)[:, None]
    if not inside.any():
        return np.full(inside.shape, NOTHING), np.full(inside.shape, np.nan)
    at = np.where(inside, entries.offsets[:-1, None] + place, 0)
    return np.where(inside, entries.tokens[at], NOTHING), np.where(inside, entries.amounts[at], np.nan)


def priced(tokens: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """bool [N]: whether the amounts of all lines are known, from the arrays of `padded_lines`.

    Those of an entry that doesn't balance are not known.
    """
    return np.asarray(((tokens == NOTHING) | ~np.isnan(amounts)).all(axis=1))
