"""Judging: what was weighed for booked entries, answered without a look at their lines, beside what is true.

What calibration and promises are made from. Shapes: N entries, T lines, D candidates.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from jet.artifacts.tables import validate
from jet.books.schema import ENTRIES
from jet.confidence.judgment import AMOUNT_FIGURES
from jet.confidence.stack import Scores
from jet.model.columns import EntryColumns, entry_columns
from jet.model.tokens import NOTHING
from jet.prediction.amounts import minor_units
from jet.prediction.predictor import Predictor, without_lines


@dataclass(frozen=True)
class Judged:
    """What was weighed for N booked entries, and what is true of them."""

    scores: Scores
    right: np.ndarray  # int64 [N] the place of the true set among the candidates, D where it isn't
    amount_figures: np.ndarray  # float64 [N, len(AMOUNT_FIGURES)] of amounts proposed for the true set
    amounts_guessed: np.ndarray  # bool [N] they could be wrong, and it is known what is right
    amounts_right: np.ndarray  # bool [N] they are all right
    text_known: np.ndarray  # bool [N] the entity has booked the same text before
    nearest: np.ndarray  # float32 [N] similarity of the most similar earlier text
    held: (
        np.ndarray
    )  # bool [N] the entry is kept from `auto`, whatever is answered (see `jet.confidence.holds`)
    history: np.ndarray  # int64 [N] earlier entries of the entity


def judge(predictor: Predictor, entries: pa.Table) -> Judged:
    """Weigh booked `entries` without looking at their lines, then say what would have been right.

    An entry without any candidates, which can't be answered, has the place D too.
    """
    entries = validate(entries, ENTRIES, "entries to judge")
    bundle = predictor.bundle
    true = entry_columns(entries, bundle.catalog, predictor.library.store)
    size, width = len(entries), bundle.ranker.settings.candidates
    if predictor.settings.method != "ranker":
        width += predictor.settings.beams
    judged = Judged(
        scores=Scores.nothing(size, width),
        right=np.full(size, width),
        amount_figures=np.zeros((size, len(AMOUNT_FIGURES))),
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
        judged.right[rows] = np.where(hit.any(axis=1), hit.argmax(axis=1), width)
        for each in fields(Scores):
            getattr(judged.scores, each.name)[rows] = getattr(considered.scores, each.name)[:count]
        judged.text_known[rows] = considered.evidence.text_known[:count]
        judged.nearest[rows] = considered.evidence.nearest[:count]
        judged.held[rows] = considered.standing.held[:count]
        judged.history[rows] = considered.standing.history[:count]
        wanted = np.resize(rows, len(considered.evidence))
        proposal = predictor.amounts(columns, wanted, considered.evidence, tokens[wanted])
        judged.amount_figures[rows] = proposal.figures[:count]
        judged.amounts_guessed[rows] = proposal.guessed[:count] & priced(tokens, amounts)[rows]
        judged.amounts_right[rows] = (proposal.amounts == minor_units(amounts[wanted])).all(axis=1)[:count]
    return judged


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
