"""The settings of all parts in one tree. Each part owns its dataclass, in a file without PyTorch and
pyarrow: a command line reads them before it needs either. Here they only get their names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import jsonargparse

from jet.books.settings import ExportSettings, ImportSettings
from jet.books.split import SplitSettings
from jet.confidence.settings import DriftSettings
from jet.evaluation.settings import EvaluateSettings
from jet.model.settings import ModelSettings
from jet.prediction.settings import PredictSettings, TableSettings
from jet.ranking.settings import RankerSettings
from jet.retrieval.settings import RetrievalSettings
from jet.review.settings import ReviewSettings
from jet.training.settings import LossSettings, OptimSettings, TrainSettings
from jet.training.tracking import TrackingSettings

Config = TypeVar("Config", bound="JetConfig")


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
    table: TableSettings = field(default_factory=TableSettings)
    export: ExportSettings = field(default_factory=ExportSettings)
    review: ReviewSettings = field(default_factory=ReviewSettings)

    def part(self, *names: str) -> dict[str, Any]:
        """The settings of some parts, as JSON can hold them: what an artifact keeps of its making."""
        return {name: asdict(getattr(self, name)) for name in names}


def with_settings(config: Config, settings: Mapping[str, Any]) -> Config:
    """`config` with some settings replaced, by dotted name, each read and checked as on a job's command line.

    Raises `ValueError` where a setting doesn't exist or can't have its value.
    """
    changed: dict[str, dict[str, Any]] = {}
    for dotted, value in settings.items():
        part, _, name = dotted.partition(".")
        changed.setdefault(part, {})[name] = value
    return replace(config, **{part: _rebuilt(config, part, values) for part, values in changed.items()})


def _rebuilt(config: JetConfig, part: str, changed: dict[str, Any]) -> Any:
    before = getattr(config, part)
    parser = _parser(type(before), part)
    try:
        return parser.instantiate(parser.parse_object({part: {**asdict(before), **changed}}))[part]
    except (jsonargparse.ArgumentError, ValueError) as error:
        why = " ".join(str(error).split())
        raise ValueError(f"{', '.join(f'{part}.{name}' for name in changed)} can't be set so: {why}") from None


def _parser(kind: Any, part: str) -> jsonargparse.ArgumentParser:
    parser = jsonargparse.ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, part)
    return parser
