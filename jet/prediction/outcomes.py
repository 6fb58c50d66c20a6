"""Outcomes: booked entries answered without a look at their lines, beside what is true of them.

Shapes: N entries, T lines, D candidates.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pyarrow as pa

from jet.artifacts.tables import validate
from jet.books.schema import ENTRIES
from jet.books.tokens import NOTHING
from jet.confidence.judgment import AMOUNT_FEATURES
from jet.confidence.outcomes import Outcomes
from jet.confidence.stack import Scores
from jet.prediction.amounts import minor_units
from jet.prediction.predictor import Predictor, without_lines
from jet.retrieval.columns import EntryColumns, entry_columns


def outcomes_of(predictor: Predictor, entries: pa.Table) -> Outcomes:
    """The outcomes of booked `entries` (`ENTRIES`), in order.

    An entry without any candidates, which can't be answered, has the place D too.
    """
    entries = validate(entries, ENTRIES, "entries to calibrate with")
    bundle = predictor.bundle
    true = entry_columns(entries, bundle.corpus.catalog, predictor.statistics.corpus.store)
    size, width = len(entries), bundle.ranker.settings.candidates
    if predictor.settings.method != "ranker":
        width += predictor.settings.beams
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
    )
    tokens, amounts = padded_lines(true, bundle.model.max_lines)
    for rows, columns, considered in predictor.batches(without_lines(entries)):
        count = len(rows)
        hit = considered.candidates.key[:count] == true.set_keys[rows][:, None]
        outcomes.right[rows] = np.where(hit.any(axis=1), hit.argmax(axis=1), width)
        for each in fields(Scores):
            getattr(outcomes.scores, each.name)[rows] = getattr(considered.scores, each.name)[:count]
        outcomes.text_known[rows] = considered.evidence.text_known[:count]
        outcomes.nearest[rows] = considered.evidence.nearest[:count]
        outcomes.held[rows] = considered.hold_facts.held[:count]
        outcomes.history[rows] = considered.hold_facts.history[:count]
        wanted = np.resize(rows, len(considered.evidence))
        proposal = predictor.amounts(columns, wanted, considered.evidence, tokens[wanted])
        outcomes.amount_features[rows] = proposal.features[:count]
        outcomes.amounts_guessed[rows] = proposal.guessed[:count] & priced(tokens, amounts)[rows]
        outcomes.amounts_right[rows] = (proposal.amounts == minor_units(amounts[wanted])).all(axis=1)[:count]
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
    """bool [N]: whether the amounts of all lines are known, of what `padded_lines` gave; those of an entry that
    doesn't balance are not."""
    return np.asarray(((tokens == NOTHING) | ~np.isnan(amounts)).all(axis=1))
