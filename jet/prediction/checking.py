"""Checks answers against reviewed entries: each is answered before it joins the books.

So every review says how good the answers are, and keeps the record of its company up to date
(`jet.confidence.record`). Only entries that somebody looked at count, so a record of reviews of unsure entries
alone says nothing of the sure ones: look at some of these at random.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from jet.books.schema import CHECKED, ENTRIES
from jet.books.tokens import set_key
from jet.books.withheld import without_lines
from jet.prediction.predictor import Predictor
from jet.prediction.table import decided
from jet.retrieval.columns import entry_columns

CHECKED_BY = ("date", "entity", "entry_id")
"""The order of checked answers."""


def checked_answers(predictor: Predictor, reviewed: pa.Table) -> pa.Table:
    """The answers (`CHECKED`) to `reviewed` entries (`ENTRIES`, with lines), in order of date.

    The predictor's method must be "ranker", whose answers the records count. Entries of companies that it
    doesn't know have no answers, nor have those without candidates.
    """
    reviewed = reviewed.select(ENTRIES.names)
    corpus = predictor.statistics.corpus
    true = entry_columns(reviewed, corpus.catalog, corpus.store).set_keys
    asked = without_lines(reviewed)
    answers = predictor.answers(asked)
    decisions = decided(predictor.bundle, predictor.settings.method, predictor.settings.promise, asked, answers)
    table = pa.Table.from_arrays(
        [
            reviewed["date"],
            reviewed["entity"],
            reviewed["entry_id"],
            pa.array(set_key(answers.tokens[:, :1])[:, 0] == true),
            pa.array(decisions.confidence.astype(np.float64)),
            pa.array(decisions.unstopped),
        ],
        schema=CHECKED,
    )
    return table.filter(pa.array(answers.answered)).sort_by([(name, "ascending") for name in CHECKED_BY])
