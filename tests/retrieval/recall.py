"""How much of what exact search finds an approximate one finds."""

from __future__ import annotations

from jet.retrieval.memory import Hits
from jet.retrieval.neighbors import recalled


def recall_at_k(found: Hits, exact: Hits) -> float:
    """The share of the exact hits that `found` has, or an equally similar one for; 1 if there are none."""
    hit, wanted = recalled(found, exact)
    return hit / wanted if wanted else 1.0
