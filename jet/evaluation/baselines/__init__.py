"""What jet must beat: other ways to book an entry, from "what was it last time" to the model jet comes from.

All answer under the same protocol as the model, rolling memory: what an entity booked on a strictly earlier
date may be used, what it booked on the same day or later may not. So an entry's own lines can't reach its
answer. Those that learn do so at fixed points, and say at which.

They are meant to be strong: whoever beats them must have beaten something. What they were tuned by (features,
C, temperatures) was chosen on the calibration rows of real ledgers, never on test.

One idea a file; `registry` makes all of them by name. A further one is a class with a name and `predict`, a
line there, and its name in `jet.evaluation.settings.ALL`.
"""

from jet.evaluation.baselines.ancestor import Ancestor
from jet.evaluation.baselines.boosted import BoostedTrees
from jet.evaluation.baselines.logistic import LogisticMultilabel
from jet.evaluation.baselines.protocol import (
    ANSWERS,
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
    "ANSWERS",
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
