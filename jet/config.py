"""The settings of all parts in one tree. Each part owns its dataclass; here they only get their names."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from jet.books.importers import ImportSettings
from jet.books.split import SplitSettings
from jet.confidence.drift import DriftSettings
from jet.evaluation.settings import EvaluateSettings
from jet.model.settings import ModelSettings
from jet.prediction.predictor import PredictSettings
from jet.ranking.ranker import RankerSettings
from jet.retrieval.settings import RetrievalSettings
from jet.training.loop import TrainSettings
from jet.training.losses import LossSettings
from jet.training.optim import OptimSettings
from jet.training.tracking import TrackingSettings


@dataclass(kw_only=True)
class JetConfig:
    """All settings that bear on what comes out."""

    ingest: ImportSettings = field(default_factory=ImportSettings)
    split: SplitSettings = field(default_factory=SplitSettings)
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    losses: LossSettings = field(default_factory=LossSettings)
    optim: OptimSettings = field(default_factory=OptimSettings)
    train: TrainSettings = field(default_factory=TrainSettings)
    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    ranker: RankerSettings = field(default_factory=RankerSettings)
    predict: PredictSettings = field(default_factory=PredictSettings)
    drift: DriftSettings = field(default_factory=DriftSettings)
    evaluate: EvaluateSettings = field(default_factory=EvaluateSettings)

    def part(self, *names: str) -> dict[str, Any]:
        """The settings of some parts, as JSON can hold them: what an artifact keeps of its making."""
        return {name: asdict(getattr(self, name)) for name in names}
