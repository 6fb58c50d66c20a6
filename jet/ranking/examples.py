"""Training examples of the ranker: booked entries, the features of their candidates, and the right candidate.

Prediction computes the same features, from strictly earlier entries; only the target comes from the entries'
lines. The decoder proposes no candidates here: it was trained on these rows, so its beams would be better than
in prediction.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.ranking.candidates import propose
from jet.ranking.evidence import gather
from jet.ranking.expert import line_scores
from jet.ranking.features import ranking_features, stacked
from jet.ranking.pretrained import prior_of
from jet.ranking.ranker import Ranker
from jet.ranking.settings import RankerSettings
from jet.ranking.statistics import Statistics
from jet.retrieval.collection import Hits
from jet.retrieval.columns import EntryColumns
from jet.retrieval.hiding import hide

_AT_ONCE = 256  # rows; a third faster than 64, and no slower than 512


@dataclass(frozen=True)
class Examples:
    """B booked entries with D candidates each and F features of each candidate."""

    names: tuple[str, ...]  # [F]
    features: np.ndarray  # float32 [B, D, F]
    exists: np.ndarray  # bool [B, D]
    target: np.ndarray  # int64 [B] the place of the true set, D where it isn't among the candidates
    entity: np.ndarray  # int64 [B]

    @classmethod
    def of(
        cls,
        statistics: Statistics,
        rows: np.ndarray,
        hits: Hits,
        settings: RankerSettings,
        hidden: np.ndarray | None = None,
    ) -> Examples:
        """The examples of `rows` int64 [B] of the corpus, from all their `hits` [B, K]; B is not 0.

        Entries where `hidden` bool [B] is true lack the total, and some more (`jet.retrieval.hiding`).
        """
        entries = statistics.corpus.rows.take(rows)
        return cls.of_entries(
            statistics, entries if hidden is None else hide(entries, rows, hidden), hits, settings
        )

    @classmethod
    def of_entries(
        cls,
        statistics: Statistics,
        entries: EntryColumns,
        hits: Hits,
        settings: RankerSettings,
        known_before: np.ndarray | None = None,
    ) -> Examples:
        """The examples of B booked `entries`, which needn't be in the corpus, from all their `hits` [B, K].

        They know what was booked before the day `known_before` int32 [B], as the hits do; None: their own.
        """
        parts = []
        for start in range(0, len(entries), _AT_ONCE):
            some = np.arange(start, min(start + _AT_ONCE, len(entries)))
            known = None if known_before is None else known_before[some]
            evidence = gather(statistics, entries, some, hits.take(some), known)
            support = line_scores(evidence)
            candidates = propose(statistics, evidence, support, settings.candidates)
            features = ranking_features(statistics, evidence, support, candidates)
            is_true = candidates.key == entries.set_keys[some][:, None]
            target = np.where(is_true.any(axis=1), is_true.argmax(axis=1), is_true.shape[1])
            parts.append(
                cls(tuple(features), stacked(features), candidates.exists, target, entries.entity[some])
            )
        return cls.joined(parts)

    @classmethod
    def joined(cls, parts: list[Examples]) -> Examples:
        """The examples of all `parts`."""
        return cls(
            parts[0].names,
            *(
                np.concatenate([getattr(part, name) for part in parts])
                for name in ("features", "exists", "target", "entity")
            ),
        )

    def take(self, rows: np.ndarray) -> Examples:
        """The examples of `rows`."""
        return Examples(
            self.names, self.features[rows], self.exists[rows], self.target[rows], self.entity[rows]
        )

    def fit(self, settings: RankerSettings, seed: int) -> Ranker:
        """A ranker trained on these examples, with its prior.

        Raises `ValueError` where the prior can't be read, or is of other features.
        """
        prior = prior_of(settings, self.names)
        ranker = Ranker.fit(self.names, self.features, self.exists, self.target, self.entity, settings, seed)
        return ranker if prior is None else ranker.with_prior(prior, len(self.target))


def with_and_without_totals(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`rows` [B] twice, and which of these 2B entries lack their totals: what a ranker is trained on.

    Each entry is seen both ways: with half of the totals hidden instead, exact match was .2 points lower on
    eight sources (docs/accuracy.md).
    """
    return np.tile(rows, 2), np.repeat([False, True], len(rows))


def newest(rows: np.ndarray, entity: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of `rows` (sorted by entity and date): the newest of each entity, as many of each as
    possible."""
    if len(rows) <= count:
        return rows
    _, start, size = np.unique(entity[rows], return_index=True, return_counts=True)
    low, high = 0, int(size.max())
    while low < high:  # the largest share that fits
        middle = (low + high + 1) // 2
        low, high = (middle, high) if np.minimum(size, middle).sum() <= count else (low, middle - 1)
    from_end = np.repeat(start + size, size) - np.arange(len(rows))
    return rows[from_end <= low]
