"""The methods of prediction and the settings of drift, which every process reads: without pyarrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Method = Literal["ranker", "decoder"]
METHODS: tuple[Method, ...] = ("ranker", "decoder")

Statistic = Literal["new_text", "similarity"]
STATISTICS: tuple[Statistic, ...] = ("new_text", "similarity")


@dataclass(kw_only=True)
class DriftSettings:
    """How far new entries may differ from the calibration before jet warns.

    A limit is the largest distance of the two distributions that is allowed, from 0 to 1; 0 switches it off.
    """

    new_text: float = 0.1
    """Limit for the share of texts that the company never booked before."""
    similarity: float = 0.1
    """Limit for the similarity of the most similar earlier text."""
    least: int = 50
    """The fewest entries, in the calibration and among the new ones, for a company to be compared alone."""
    hold: bool = False
    """Leave all entries of companies with drift to review, instead of only warning."""

    def __post_init__(self) -> None:
        for statistic in STATISTICS:
            if not 0 <= getattr(self, statistic) < 1:
                raise ValueError(
                    f"drift.{statistic} must be at least 0 (off) and below 1, got {getattr(self, statistic)}"
                )
        if self.least < 1:
            raise ValueError(f"drift.least must be at least 1, got {self.least}")
