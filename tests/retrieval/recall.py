"""The recall of an approximate search."""

from __future__ import annotations

from jet.retrieval.collection import Hits, recall_counts


def recall_at_k(hits: Hits, exact: Hits) -> float:
    """The share of the `exact` hits that `hits` has, or an equally similar one for; 1 if there are none."""
    recalled, count = recall_counts(hits, exact)
    return recalled.sum() / count.sum() if count.any() else 1.0
