"""Baselines: other ways to predict an entry, from the last entry with its text to jet's ancestor.

All follow the protocol of the model, rolling memory: they may use what an entity booked on strictly earlier
dates, and nothing of the same day or later. So an entry's own lines can't reach its prediction. Those that are
trained say at which points.

Their hyperparameters (features, C, temperatures) were chosen on the calibration rows of real ledgers, never on
the test rows.

Each file has one idea; `registry` makes all baselines by name. To add one, write a class with a name and
`predict`, and add it to `registry` and to `jet.evaluation.settings.ALL_BASELINES`.
"""

from jet.evaluation.baselines.ancestor import Ancestor
from jet.evaluation.baselines.boosted import BoostedTrees
from jet.evaluation.baselines.logistic import LogisticMultilabel
from jet.evaluation.baselines.protocol import (
    MOST_SETS,
    Baseline,
    BaselinePredictions,
    score_baseline,
)
from jet.evaluation.baselines.registry import OF_SENTENCES, Materials, make_baseline
from jet.evaluation.baselines.repeats import LastSameText, Majority
from jet.evaluation.baselines.run import BaselineRun, run_baseline
from jet.evaluation.baselines.similar import Nearest, TfidfVote
from jet.evaluation.baselines.svm import LinearSvm

__all__ = [
    "MOST_SETS",
    "OF_SENTENCES",
    "Ancestor",
    "Baseline",
    "BaselinePredictions",
    "BaselineRun",
    "BoostedTrees",
    "LastSameText",
    "LinearSvm",
    "LogisticMultilabel",
    "Majority",
    "Materials",
    "Nearest",
    "TfidfVote",
    "make_baseline",
    "run_baseline",
    "score_baseline",
]
