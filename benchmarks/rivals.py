"""Linear SVMs, as people have them: what the benchmarks over all sources compare jet with."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from benchmarks.sources import Books
from jet.books.split import TEST, TRAIN
from jet.books.withheld import without_totals
from jet.evaluation.baselines.protocol import score_baseline
from jet.evaluation.baselines.svm import LinearSvm


def rivals_of(books: Books) -> pa.Table:
    """Whether each support vector machine is right: setting, rival, source, entity, entry_id and right."""
    split = np.where(books.is_asked, TEST, TRAIN)
    source = [books.source[name] for name in books.asked["entity"].to_pylist()]
    parts = []
    for total in (True, False):
        full = books.entries if total else without_totals(books.entries)
        for rival, entries in rival_entries(full).items():
            for refitted in (False, True):
                answers = LinearSvm(refitted=refitted).predict(entries, split)
                scored = score_baseline(books.entries, answers, np.flatnonzero(books.is_asked))
                made = {
                    "source": source,
                    "entity": books.asked["entity"],
                    "entry_id": books.asked["entry_id"],
                    "right": scored.counts["exact"] > 0,
                }
                name = f"{rival}{', refitted' if refitted else ''}"
                for memory in ("rolling",) if refitted else ("rolling", "batch"):
                    setting = memory if total else f"{memory}, no total"
                    columns = {"setting": [setting] * len(source), "rival": [name] * len(source)}
                    parts.append(pa.table(columns | made))
    return pa.concat_tables(parts)


def rival_entries(entries: pa.Table) -> dict[str, pa.Table]:
    """What each support vector machine reads of `entries`, by its name."""
    return {"all facts": entries, "text and journal": _plain(entries)}


def _plain(entries: pa.Table) -> pa.Table:
    """`entries` without totals and currencies."""
    entries = without_totals(entries)
    place = entries.schema.get_field_index("currency")
    nothing = pa.array([""] * len(entries), pa.string())
    return entries.set_column(place, entries.schema.field("currency"), nothing)
