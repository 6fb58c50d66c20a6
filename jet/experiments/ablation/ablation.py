"""The grid of `jet ablate`: the questions that the ancestor's review left open, one row each.

A row differs from the baseline in one thing: settings of the training, the neighbors of the training entries,
or the inference of the trained network. Rows of the last kind need no training of their own: they use the
baseline's networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeVar

from jet.config import JetConfig
from jet.experiments.ablation.inference import Inference
from jet.experiments.ablation.trainings import AdaptiveLosses, RandomSplit

Neighbors = Literal["causal", "noncausal", "undated"]
"""Causal as `jet neighbors` finds them, the others as `jet.experiments.ablation.leaky_neighbors` does."""
BASELINE = "baseline"
Config = TypeVar("Config", bound=JetConfig)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One question of the grid, and how it is measured."""

    name: str
    question: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Settings by dotted name; the name of a part has the class that replaces the part."""
    neighbors: Neighbors = "causal"
    """`noncausal` changes the training only; `undated` the neighbors of the predicted entries too."""
    inference: Inference = "free"
    paired: bool = True
    """Whether it predicts the same entries as the baseline; else only the means are compared."""

    def applied(self, config: Config) -> Config:
        """`config` with the row's settings."""
        for name, value in self.settings.items():
            part, _, key = name.partition(".")
            old = getattr(config, part)
            config = replace(config, **{part: replace(old, **{key: value}) if key else value(**vars(old))})
        return config

    def as_dict(self) -> dict[str, Any]:
        """The settings, neighbors and inference as JSON types."""
        plain = {k: v.__name__ if isinstance(v, type) else v for k, v in self.settings.items()}
        return {"settings": plain, "neighbors": self.neighbors, "inference": self.inference}


GRID: tuple[Row, ...] = (
    Row(name=BASELINE, question="the default settings, answering freely"),
    Row(
        name="l2-off",
        question="What is the pointer's L2 norm worth?",
        settings={"model.l2_norm": False},
    ),
    Row(
        name="rebuilt-catalog",
        question="What did it cost to rebuild the catalog's vectors at random for inference?",
        inference="rebuilt-catalog",
    ),
    Row(
        name="forgotten-residuals",
        question="What does the network know of its accounts beyond their text?",
        inference="forgotten-residuals",
    ),
    Row(
        name="adaptive-scaling",
        question="What did one running deviation under three losses cost?",
        settings={"losses": AdaptiveLosses},
    ),
    Row(
        name="no-retrieval",
        question="What are neighbors worth?",
        settings={"model.memory": "none"},
    ),
    Row(
        name="memory-labels",
        question="Do labels in the memory earn anything, while the copy knows them too?",
        settings={"model.memory": "labels"},
    ),
    Row(
        name="memory-labels-no-copy",
        question="What is copying worth, beside attention to labels?",
        settings={"model.memory": "labels", "model.copy_share": 0.0},
    ),
    Row(
        name="memory-texts-no-copy",
        question="What are all labels of neighbors worth? (the ancestor's memory)",
        settings={"model.copy_share": 0.0},
    ),
    Row(
        name="noncausal-neighbors",
        question="What did it cost to learn from neighbors that include the entry itself and its future?",
        neighbors="noncausal",
    ),
    Row(
        name="zeroed-retrieval",
        question="What did it cost to train with neighbors and answer without?",
        inference="zeroed-retrieval",
    ),
    Row(
        name="random-split",
        question="What would a split at random report of itself, with strictly earlier neighbors?",
        settings={"split": RandomSplit},
        paired=False,
    ),
    Row(
        name="random-split-undated",
        question="And with neighbors of any date, as those who split at random have them?",
        settings={"split": RandomSplit},
        neighbors="undated",
        paired=False,
    ),
    Row(
        name="teacher-forced",
        question="What does teacher forcing flatter, where the stop counts?",
        inference="teacher-forced",
    ),
    Row(
        name="teacher-forced-length",
        question="And where the true number of lines is given, too?",
        inference="teacher-forced-length",
    ),
    Row(
        name="cut-at-length",
        question="And a free answer that is cut at the true number of lines?",
        inference="cut-at-length",
    ),
)


def rows_named(names: Sequence[str] | None) -> list[Row]:
    """The rows of the grid with these names (None: all), in the grid's order, the baseline always among them.

    Raises `ValueError` where there is no such row.
    """
    known = [row.name for row in GRID]
    for name in names or ():
        if name not in known:
            raise ValueError(f"there is no row {name!r}; the grid has {', '.join(known)}")
    return [row for row in GRID if names is None or row.name in (BASELINE, *names)]
