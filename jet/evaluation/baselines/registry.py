"""Makes baselines by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import pyarrow as pa

from jet.evaluation.baselines.ancestor import Ancestor
from jet.evaluation.baselines.boosted import BoostedTrees
from jet.evaluation.baselines.logistic import LogisticMultilabel
from jet.evaluation.baselines.protocol import Baseline
from jet.evaluation.baselines.repeats import LastSameText, Majority
from jet.evaluation.baselines.similar import By, Nearest, TfidfVote
from jet.evaluation.baselines.svm import LinearSvm
from jet.evaluation.settings import ALL_BASELINES
from jet.texts.store import TextStore
from jet.training.data import TrainingData

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Materials:
    """The inputs of baselines beside the entries to predict. Most need none."""

    store: TextStore | None = None
    """The texts of all entries, for `nearest_*`; with vectors for the two that compare sentences."""
    accounts: pa.Table | None = None
    """The charts (`ACCOUNTS`), for the logistic regression."""
    data: TrainingData | None = None
    """The entries with their neighbors and split, for baselines that are trained as jet is."""
    seed: int = 0
    """The seed of random numbers."""


def _required(value: T | None, name: str, what: str) -> T:
    if value is None:
        raise ValueError(f"the baseline {name!r} needs {what}")
    return value


def _nearest(by: By, materials: Materials) -> Baseline:
    return Nearest(by, _required(materials.store, f"nearest_{by}", "a text store"))


_MAKERS: dict[str, Callable[[Materials], Baseline]] = {
    "majority": lambda _: Majority(),
    "last_same_text": lambda _: LastSameText(),
    "tfidf_vote": lambda _: TfidfVote(),
    "nearest_tfidf": partial(_nearest, "tfidf"),
    "nearest_sentence": partial(_nearest, "sentence"),
    "nearest_combined": partial(_nearest, "combined"),
    "svm_static": lambda _: LinearSvm(refitted=False),
    "svm_refitted": lambda _: LinearSvm(refitted=True),
    "logistic_multilabel": lambda materials: LogisticMultilabel(
        _required(materials.accounts, "logistic_multilabel", "the charts of accounts")
    ),
    "boosted_trees": lambda materials: BoostedTrees(
        _required(materials.data, "boosted_trees", "training data")
    ),
    "ancestor": lambda materials: Ancestor(
        _required(materials.data, "ancestor", "training data"), materials.seed
    ),
}

OF_SENTENCES = ("nearest_sentence", "nearest_combined")
"""Those that need sentence vectors in the text store."""


def make_baseline(name: str, materials: Materials | None = None) -> Baseline:
    """The baseline called `name`, one of `ALL_BASELINES`.

    Raises ValueError where there is none of this name, or the materials lack what it needs.
    """
    if name not in ALL_BASELINES:
        raise ValueError(f"there is no baseline {name!r}; there are {', '.join(ALL_BASELINES)}")
    return _MAKERS[name](materials or Materials())
