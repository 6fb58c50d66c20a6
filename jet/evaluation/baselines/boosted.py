"""Gradient-boosted trees in place of the set ranker, to measure what its network is worth.

Candidates, features and training rows are the same; but the trees classify each candidate alone, right or
wrong, where the network scores all candidates of an entry together. Trained once, over all entities.

Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics 2001, in the
histogram form of LightGBM (Ke et al., NeurIPS 2017), as scikit-learn has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier

from jet.books.split import CALIBRATION, TRAIN
from jet.books.tokens import NOTHING
from jet.books.words import SIDES
from jet.evaluation.baselines.protocol import (
    MOST_SETS,
    BaselinePrediction,
    BaselinePredictions,
    collected,
    places_of,
)
from jet.evaluation.line_sets import Multiset
from jet.ranking.candidates import Candidates, propose
from jet.ranking.evidence import gather
from jet.ranking.examples import Examples, newest
from jet.ranking.expert import line_scores
from jet.ranking.features import ranking_features, stacked
from jet.ranking.settings import RankerSettings
from jet.ranking.statistics import Statistics
from jet.training.data import TrainingData

_AT_ONCE = 64


class BoostedTrees:
    """The candidate with the largest probability of being right, by trees trained once, on train.

    Its confidence is that probability, and where an entry's candidates have more than 1 in all, their share.
    """

    name = "boosted_trees"

    def __init__(self, data: TrainingData) -> None:
        """`data` has the entries to predict."""
        self.data = data

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`. Trains first.

        Raises ValueError where `entries` and `split` are not those of the training data, or nothing can be
        learned from them.
        """
        data = self.data
        place = places_of(data, entries, split)
        statistics = Statistics.of(data.corpus, data.retrieval, data.model.max_lines)
        trees = self._trained(statistics)
        codes = data.corpus.catalog.accounts["code"].to_pylist()
        predictions: dict[int, BaselinePrediction] = {}
        for rows, candidates, features in self._batches(statistics, np.flatnonzero(data.split >= CALIBRATION)):
            chance = np.zeros(candidates.exists.shape)
            if candidates.exists.any():
                chance[candidates.exists] = trees.predict_proba(features[candidates.exists])[:, 1]
            best = np.argsort(-chance, axis=1, kind="stable")[:, :MOST_SETS]
            confidence = chance.max(axis=1) / np.maximum(chance.sum(axis=1), 1)
            for number, row in enumerate(rows.tolist()):
                best_tokens = candidates.tokens[number, best[number]]
                sets = [_lines(tokens, codes) for tokens in best_tokens if tokens[0] != NOTHING]
                predictions[int(place[row])] = BaselinePrediction(sets, float(confidence[number]))
        return collected(predictions)

    def _trained(self, statistics: Statistics) -> HistGradientBoostingClassifier:
        """Every candidate of a training row is a sample."""
        data, settings = self.data, RankerSettings()
        rows = newest(data.learnable(TRAIN), data.corpus.rows.entity, settings.rows)
        if not len(rows):
            raise ValueError("too few entries for boosted_trees: none to train on")
        examples = Examples.of(statistics, rows, data.hits.take(rows), settings)
        right = np.arange(examples.exists.shape[1]) == examples.target[:, None]
        features, right = examples.features[examples.exists], right[examples.exists]
        if right.all() or not right.any():
            raise ValueError("too few entries for boosted_trees: no candidate is right, or none is wrong")
        # Chosen on the calibration rows of two ledgers. Early stopping would hold out single candidates of
        # entries whose others it learns from.
        return HistGradientBoostingClassifier(
            learning_rate=0.05,
            max_iter=200,
            max_leaf_nodes=15,
            min_samples_leaf=40,
            l2_regularization=5.0,
            early_stopping=False,
            random_state=0,
        ).fit(features, right)

    def _batches(
        self, statistics: Statistics, rows: NDArray
    ) -> Iterator[tuple[NDArray, Candidates, NDArray[np.float32]]]:
        """Batches of `rows` with their candidates [B, D] and the features of these [B, D, F]."""
        data = self.data
        for start in range(0, len(rows), _AT_ONCE):
            some = rows[start : start + _AT_ONCE]
            evidence = gather(statistics, data.corpus.rows, some, data.hits.take(some))
            support = line_scores(evidence)
            candidates = propose(statistics, evidence, support, RankerSettings().candidates)
            yield some, candidates, stacked(ranking_features(statistics, evidence, support, candidates))


def _lines(tokens: NDArray, codes: Sequence[str]) -> Multiset:
    """A set of `tokens` [L] as accounts and sides; `codes` are the catalog's."""
    return tuple(sorted((codes[token // 2], SIDES[token % 2]) for token in tokens[tokens != NOTHING].tolist()))
