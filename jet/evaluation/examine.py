"""Computes all that a report needs of booked entries, in one pass.

The predictions come with the neighbors and candidates that they were made from, for the metrics of retrieval,
and with whether the amounts proposed for the true set of lines are right.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jet.artifacts.tables import validate
from jet.books.schema import ENTRIES, PREDICTIONS
from jet.books.tokens import NOTHING
from jet.books.withheld import without_lines
from jet.prediction.amounts import minor_units
from jet.prediction.outcomes import padded_lines, priced
from jet.prediction.predictor import Predictor
from jet.prediction.table import predictions_table
from jet.retrieval.columns import entry_columns

_TOKENS = pa.list_(pa.list_(pa.int64()))


def examine(predictor: Predictor, entries: pa.Table) -> pa.Table:
    """One row for each of the booked `entries`, in order.

    Columns: entity, entry_id; predictions, a struct with the columns of `PREDICTIONS`; true, the entry's own
    lines as tokens; neighbors and candidates, lists of sets of tokens, best first (neighbors are the entity's
    own similar ones); total_known, amounts_known (of all its lines), amounts_right (those proposed for the true
    set), amounts_guessed (these can be wrong) and amount_confidence.
    """
    entries = validate(entries, ENTRIES, "entries to examine")
    bundle, size = predictor.bundle, len(entries)
    true = entry_columns(entries, bundle.corpus.catalog, predictor.statistics.corpus.store)
    tokens, amounts = padded_lines(true, bundle.model.max_lines)
    unseen = without_lines(entries)
    answers = predictor.empty_answers(size)
    neighbors: list[list[list[int]]] = [[] for _ in range(size)]
    candidates: list[list[list[int]]] = [[] for _ in range(size)]
    guessed, right, confidence = np.zeros(size, bool), np.zeros(size, bool), np.zeros(size)
    for rows, columns, scored in predictor.batches(unseen):
        predictor.choose(answers, rows, columns, scored)
        padded = np.resize(rows, len(scored.evidence))
        proposal = predictor.amounts(columns, padded, scored.evidence, tokens[padded])
        guessed[rows] = proposal.guessed[: len(rows)]
        right[rows] = (proposal.amounts == minor_units(amounts[padded])).all(axis=1)[: len(rows)]
        confidence[rows] = proposal.confidence(bundle.amount_calibration)[: len(rows)]
        similar = scored.evidence.lines[:, : bundle.retrieval.neighbors]
        for at, row in enumerate(rows.tolist()):
            neighbors[row] = _sets(similar[at])
            candidates[row] = _sets(scored.candidates.tokens[at])
    settings = predictor.settings
    predictions = predictions_table(bundle, settings.method, settings.promise, unseen, answers)
    return pa.table(
        {
            "entity": entries["entity"],
            "entry_id": entries["entry_id"],
            "predictions": _struct(predictions),
            "true": pa.ListArray.from_arrays(pa.array(true.offsets, pa.int32()), pa.array(true.tokens)),
            "neighbors": pa.array(neighbors, _TOKENS),
            "candidates": pa.array(candidates, _TOKENS),
            "total_known": ~np.isnan(true.total),
            "amounts_known": priced(tokens, amounts),
            "amounts_right": right,
            "amounts_guessed": guessed,
            "amount_confidence": confidence,
        }
    )


def predictions_of(examined: pa.Table) -> pa.Table:
    """The predictions (`PREDICTIONS`) in a table that `examine` made."""
    column = examined["predictions"].combine_chunks()
    return pa.Table.from_arrays([column.field(field.name) for field in PREDICTIONS], schema=PREDICTIONS)


def _sets(tokens: np.ndarray) -> list[list[int]]:
    """The non-empty sets of `tokens` [P, L]."""
    return [own[own != NOTHING].tolist() for own in tokens if own[0] != NOTHING]


def _struct(table: pa.Table) -> pa.StructArray:
    table = table.combine_chunks()
    columns = [table[field.name].combine_chunks() for field in PREDICTIONS]
    return pa.StructArray.from_arrays(columns, fields=list(PREDICTIONS))
