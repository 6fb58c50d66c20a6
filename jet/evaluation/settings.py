"""The settings of an evaluation.

Baselines are only named here, since every process reads the settings and few need the baselines' imports.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from jet.books.split import SplitSettings
from jet.confidence.settings import DriftSettings
from jet.prediction.settings import PredictSettings

ALL_BASELINES = (
    "majority",
    "last_same_text",
    "tfidf_vote",
    "nearest_tfidf",
    "nearest_sentence",
    "nearest_combined",
    "svm_static",
    "svm_refitted",
    "logistic_multilabel",
    "boosted_trees",
    "ancestor",
)
"""The names of all baselines, from the simplest to the heaviest."""

DEFAULT = ("last_same_text", "tfidf_vote", "svm_refitted")


@dataclass(kw_only=True)
class EvaluateSettings:
    """The report."""

    baselines: str = "default"
    """Baselines beside the model: default, all, none, or names with commas between them."""
    parts: bool = True
    """Measure also the other method of prediction: the decoder alone beside the ranker."""
    regimes: bool = True
    """Measure also as a batch, with the memory ending where the test begins, and without totals."""
    curve_rows: int = 400
    """Test entries that the learning curve of new companies is measured on, at most; 0: no curve."""

    def __post_init__(self) -> None:
        self.names()
        if self.curve_rows < 0:
            raise ValueError(f"evaluate.curve_rows must be at least 0, got {self.curve_rows}")

    def names(self) -> tuple[str, ...]:
        """The names of the baselines."""
        words = {"default": DEFAULT, "all": ALL_BASELINES, "none": ()}
        if self.baselines in words:
            return words[self.baselines]
        names = tuple(name.strip() for name in self.baselines.split(","))
        unknown = [name for name in names if name not in ALL_BASELINES]
        if unknown:
            raise ValueError(
                f"evaluate.baselines: {unknown[0]!r} is none of default, all, none, {', '.join(ALL_BASELINES)}"
            )
        return names


@dataclass(frozen=True, kw_only=True)
class ExamSettings:
    """All settings that change the results of an evaluation."""

    split: SplitSettings
    predict: PredictSettings
    drift: DriftSettings
    evaluate: EvaluateSettings
    seed: int = 0
    """The seed of the baselines."""

    def facts(self) -> dict[str, Any]:
        """The settings of the parts as JSON types."""
        return {name: asdict(getattr(self, name)) for name in ("split", "predict", "drift", "evaluate")}
