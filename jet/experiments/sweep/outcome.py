"""The outcome of a sweep: its trials, its winner, and the winner's gain on the test split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from numpy.typing import NDArray

from jet.experiments.sweep.finals import Final, final_facts, gain_of
from jet.experiments.sweep.trials import Trial, winner


@dataclass(frozen=True)
class Outcome:
    """A finished sweep."""

    trials: Sequence[Trial]
    finals: Sequence[Final]
    trainings: Sequence[Trial]
    """Every training of the sweep, the final ones included, for the cost."""
    rows: int
    """Calibration entries that each trial is scored on."""
    test_entities: NDArray
    """The company of each test entry."""

    @cached_property
    def best(self) -> Trial:
        """The winner."""
        return winner(self.trials, self.rows)

    @cached_property
    def gain(self) -> dict[str, float] | None:
        """The gain in exact match of the winner over the base config; None without finals."""
        return gain_of(self.finals, self.test_entities)

    def facts(self) -> dict[str, Any]:
        """The facts for the manifest and the job's last line."""
        score = self.best.best
        assert score is not None
        return {
            "trials": len(self.trials),
            "statuses": dict(Counter(trial.status for trial in self.trials)),
            "best": self.best.key,
            "calibration_exact_match": round(score["exact_match"], 4),
            "test": final_facts(self.finals, self.gain),
            "trial_seconds": round(sum(trial.seconds for trial in self.trainings), 1),
        }
