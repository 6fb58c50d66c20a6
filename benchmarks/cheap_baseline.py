"""The cheap baseline of a whole pipeline: one script, one process, scikit-learn's TF-IDF and a vote.

    python -m benchmarks.cheap_baseline FOLDER OUTPUT

Reads JSON Lines, splits each company's entries by date (70, 15 and 15 %, as jet does), and books the last part:
the ten most similar strictly earlier entries of the same company vote, by their cosine, for their sets of
(account, side). Writes `entity`, `entry_id` and `lines`, a text like "1930C 5410D", to OUTPUT as parquet. It
has no checks, no amounts, no confidence and no report.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import linear_kernel

NEIGHBORS, AT_ONCE = 10, 1000


def main() -> None:
    """Read, book, write."""
    companies: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(Path(sys.argv[1]).glob("*.jsonl")):
        with path.open() as stream:
            for line in stream:
                row = json.loads(line)
                if row.get("type") != "account":
                    companies[row["entity"]].append(row)
    found = [booked for entries in companies.values() for booked in book(entries)]
    pd.DataFrame(found, columns=["entity", "entry_id", "lines"]).to_parquet(sys.argv[2])


def book(entries: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Lines for the last 15 % of a company's entries."""
    entries.sort(key=lambda row: (row["date"], row["entry_id"]))
    first = int(0.85 * len(entries))
    texts = [row["description"] for row in entries]
    sets = np.array([lines_of(row) for row in entries])
    dates = np.array([row["date"] for row in entries])
    earlier = np.searchsorted(dates, dates, side="left")
    rows = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True).fit_transform(texts)
    found = []
    for start in range(first, len(entries), AT_ONCE):
        queries = np.arange(start, min(start + AT_ONCE, len(entries)))
        similarity = linear_kernel(rows[queries], rows)
        similarity[np.arange(len(entries))[None, :] >= earlier[queries][:, None]] = -1
        nearest = np.argpartition(-similarity, NEIGHBORS, axis=1)[:, :NEIGHBORS]
        for query, own in zip(queries, nearest, strict=True):
            votes: dict[str, float] = defaultdict(float)
            for at in own:
                votes[sets[at]] += similarity[query - start, at]
            row = entries[query]
            found.append((row["entity"], row["entry_id"], max(votes, key=lambda name: votes[name])))
    return found


def lines_of(row: dict[str, Any]) -> str:
    """The set of (account, side), as a text."""
    return " ".join(sorted({f"{line['account']}{line['side']}" for line in row["lines"]}))


if __name__ == "__main__":
    main()
