"""Evaluates on a cluster: slices of entries on a pool of actors, a task for each baseline and each fold."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import ray
from numpy.typing import NDArray

from jet.bundle.bundle import Bundle
from jet.evaluation.baselines import BaselineRun, Materials
from jet.evaluation.learning_curve import CurveFold, CurvePredictions, predict_fold
from jet.prediction.settings import PredictSettings
from jet.ranking.examples import Examples
from jet.ranking.settings import RankerSettings
from jet.ranking.statistics import Statistics
from jet.retrieval.collection import Hits
from ray_jobs.runtime.settings import RuntimeSettings
from ray_jobs.spread.baselines import run_baselines
from ray_jobs.spread.predicting import (
    ExamineSlice,
    PredictSlice,
    over_slices,
    ranker_examples,
    shared_predictor,
)


class OnCluster:
    """The `jet.evaluation.executor.Executor` of a cluster; Ray must be connected."""

    def __init__(self, runtime: RuntimeSettings) -> None:
        self.runtime = runtime

    def examine(self, bundle: Bundle, settings: PredictSettings, entries: pa.Table) -> pa.Table:
        """See `Executor`."""
        shared = shared_predictor(bundle, settings, [entries["description"]], self.runtime)
        return over_slices(ExamineSlice, shared, entries, self.runtime)

    def predict(self, bundle: Bundle, settings: PredictSettings, entries: pa.Table) -> pa.Table:
        """See `Executor`."""
        shared = shared_predictor(bundle, settings, [entries["description"]], self.runtime)
        return over_slices(PredictSlice, shared, entries, self.runtime)

    def run_baselines(
        self, names: Sequence[str], entries: pa.Table, split: NDArray, materials: Materials
    ) -> dict[str, BaselineRun]:
        """See `Executor`."""
        return run_baselines(names, entries, split, materials)

    def ranker_examples(
        self, statistics: Statistics, hits: Hits, rows: NDArray, settings: RankerSettings
    ) -> Examples:
        """See `Executor`."""
        return ranker_examples(statistics, hits, rows, settings, self.runtime)

    def predict_folds(
        self, bundle: Bundle, examples: Examples, books_split: NDArray, folds: Sequence[CurveFold]
    ) -> list[dict[int, CurvePredictions]]:
        """See `Executor`."""
        shared = ray.put((bundle, examples, books_split))
        task = ray.remote(num_cpus=self.runtime.actor_cpus)(_predict_fold)
        # In a list, so that the task gets the reference and fetches a shared view itself.
        return ray.get([task.remote([shared], fold) for fold in folds])


def _predict_fold(shared: list[ray.ObjectRef], fold: CurveFold) -> dict[int, CurvePredictions]:
    bundle, examples, books_split = ray.get(shared[0])
    return predict_fold(bundle, examples, books_split, fold)
