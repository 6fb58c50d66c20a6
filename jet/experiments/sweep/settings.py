"""The settings of a sweep: the `tune` section of a space file."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

Searcher = Literal["random", "grid", "optuna", "pbt"]

GRID_LIMIT = 100
"""The most trials of a grid without --yes: above it, a point too many is likelier than a wish."""

DOZEN = 12
"""The most trials for which `auto` means random search; with more, Optuna's TPE can model the space."""


@dataclass(kw_only=True)
class TuneSettings:
    """A sweep. Everything else in the file is the base config, whose fields the space varies."""

    space: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What is varied: the dotted name of a setting, and how (see `jet.experiments.sweep.space`)."""
    searcher: Literal["auto", "random", "grid", "optuna", "pbt"] = "auto"
    """auto: random for up to a dozen trials, Optuna's TPE for more."""
    trials: int = 16
    """Trials; with pbt, the members of the population. A grid has as many as it has."""
    seed: int = 0
    """Seed of the search. The trainings all have `train.seed`."""
    stop_early: bool = True
    """Stop trials early whose score is low among all at the same epoch (ASHA). Not with pbt."""
    grace: float = 0.25
    """Share of the epochs before a trial may be stopped."""
    concurrent: int = 0
    """Trials at a time, at most; 0: as many as the cluster's free resources hold."""
    final_seeds: int = 1
    """Fresh trainings of the winner and of the base config, scored on the test split; 0: none."""

    def __post_init__(self) -> None:
        if self.trials < 1:
            raise ValueError(f"tune.trials must be at least 1, got {self.trials}")
        for name in ("seed", "concurrent", "final_seeds"):
            if getattr(self, name) < 0:
                raise ValueError(f"tune.{name} must be at least 0, got {getattr(self, name)}")
        if not 0 < self.grace <= 1:
            raise ValueError(f"tune.grace must be above 0 and at most 1, got {self.grace}")
        if self.searcher == "pbt" and self.trials < 2:
            raise ValueError(f"tune.trials must be at least 2 for a population, got {self.trials}")

    @property
    def method(self) -> Searcher:
        """The searcher, with `auto` decided."""
        if self.searcher != "auto":
            return self.searcher
        return "optuna" if self.trials > DOZEN else "random"
