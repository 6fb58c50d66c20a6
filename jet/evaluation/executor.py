"""Runs the parts of an evaluation: in this process, or, by another `Executor`, on a cluster.

`jet.evaluation.measure` decides what is computed, an `Executor` computes it. All executors return the same to
the bit; tables are sorted by entity and entry_id.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import pyarrow as pa
from numpy.typing import NDArray

from jet.bundle.bundle import Bundle
from jet.evaluation.baselines.registry import Materials, make_baseline
from jet.evaluation.baselines.run import BaselineRun, run_baseline
from jet.evaluation.examine import examine
from jet.evaluation.learning_curve import CurveFold, CurvePredictions, predict_fold
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
from jet.ranking.examples import Examples, with_and_without_totals
from jet.ranking.settings import RankerSettings
from jet.ranking.statistics import Statistics
from jet.retrieval.collection import Hits
from jet.retrieval.neighbors import make_encoder
from jet.texts.encoder import Encoder

BY_ENTRY = [("entity", "ascending"), ("entry_id", "ascending")]


class Executor(Protocol):
    """Computes the parts of an evaluation."""

    def examine(self, bundle: Bundle, settings: PredictSettings, entries: pa.Table) -> pa.Table:
        """`jet.evaluation.examine.examine` of booked `entries`."""
        ...

    def predict(self, bundle: Bundle, settings: PredictSettings, entries: pa.Table) -> pa.Table:
        """`PREDICTIONS` of `entries`, without use of their own lines."""
        ...

    def run_baselines(
        self, names: Sequence[str], entries: pa.Table, split: NDArray, materials: Materials
    ) -> dict[str, BaselineRun]:
        """`run_baseline` of each name. Raises `ValueError` for unknown names and missing materials before any
        run."""
        ...

    def ranker_examples(
        self, statistics: Statistics, hits: Hits, rows: NDArray, settings: RankerSettings
    ) -> Examples:
        """The ranker's training examples from `rows` of the corpus, with and without their totals; `hits` are
        those of all its rows."""
        ...

    def predict_folds(
        self, bundle: Bundle, examples: Examples, books_split: NDArray, folds: Sequence[CurveFold]
    ) -> list[dict[int, CurvePredictions]]:
        """`jet.evaluation.learning_curve.predict_fold` of each fold, in order."""
        ...


class InProcess:
    """Computes everything in this process, one part after another.

    `encoder` is that of the bundles, if it is loaded already; else the first part loads it.
    """

    def __init__(self, encoder: Encoder | None = None) -> None:
        self.encoder = encoder

    def examine(self, bundle: Bundle, settings: PredictSettings, entries: pa.Table) -> pa.Table:
        """See `Executor`."""
        return examine(self._predictor(bundle, settings, entries), entries).sort_by(BY_ENTRY)

    def predict(self, bundle: Bundle, settings: PredictSettings, entries: pa.Table) -> pa.Table:
        """See `Executor`."""
        return self._predictor(bundle, settings, entries)(entries).sort_by(BY_ENTRY)

    def run_baselines(
        self, names: Sequence[str], entries: pa.Table, split: NDArray, materials: Materials
    ) -> dict[str, BaselineRun]:
        """See `Executor`."""
        for name in names:
            make_baseline(name, materials)
        return {name: run_baseline(name, entries, split, materials) for name in dict.fromkeys(names)}

    def ranker_examples(
        self, statistics: Statistics, hits: Hits, rows: NDArray, settings: RankerSettings
    ) -> Examples:
        """See `Executor`."""
        rows, hidden = with_and_without_totals(rows)
        return Examples.of(statistics, rows, hits.take(rows), settings, hidden)

    def predict_folds(
        self, bundle: Bundle, examples: Examples, books_split: NDArray, folds: Sequence[CurveFold]
    ) -> list[dict[int, CurvePredictions]]:
        """See `Executor`."""
        return [predict_fold(bundle, examples, books_split, fold) for fold in folds]

    def _predictor(self, bundle: Bundle, settings: PredictSettings, entries: pa.Table) -> Predictor:
        self.encoder = self.encoder or make_encoder(bundle.retrieval)
        return Predictor.for_entries(bundle, settings, entries, self.encoder)
