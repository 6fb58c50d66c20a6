"""Decisions: which predictions are booked without review, and what keeps the others from it.

A prediction is `auto` where its confidence, calibrated in the regime that it was made in, reaches the threshold
of its company and regime, and nothing holds it: no rule of `jet.confidence.holds`, no misfit of its company,
no stop of its company (`jet.confidence.record`), and no day further ahead than was calibrated.

Shapes: N predictions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jet.confidence.calibration import Misfit
from jet.confidence.holds import HoldFacts, auto_thresholds
from jet.confidence.judgment import Judgment
from jet.confidence.regimes import NO_HISTORY, REGIMES, regime_numbers


@dataclass(frozen=True)
class Decisions:
    """The decisions on N predictions, and what they are made by."""

    regime: np.ndarray  # int64 [N] index into REGIMES
    confidence: np.ndarray  # float32 [N] that all lines are right
    auto: np.ndarray  # bool [N]
    held: np.ndarray  # bool [N] it is not `auto` whatever its confidence
    threshold: np.ndarray  # float64 [N] of its company in its regime; inf where nothing is promised
    pooled: np.ndarray  # float64 [N] of all companies; inf where nothing is promised in its regime
    least_history: np.ndarray  # int64 [N] the fewest earlier entries with which the promise is kept
    longest: np.ndarray  # float64 [N] the longest gap that was calibrated, in days
    misfits: tuple[Misfit | None, ...]  # [N] of its company in its regime
    stops: tuple[tuple[int, int] | None, ...]  # [N] of its company: looks and wrong ones among them
    unstopped: np.ndarray  # bool [N] it would be `auto` if its company were not stopped
    promise: float

    @classmethod
    def of(  # noqa: PLR0913 - the columns of answers, which stand above this room
        cls,
        judgment: Judgment,
        promise: float,
        entity: Sequence[str],
        total_known: np.ndarray,
        features: np.ndarray,
        most: np.ndarray,
        held: np.ndarray,
        facts: HoldFacts,
    ) -> Decisions:
        """Decide on predictions with `features` float64 [N, len(FEATURES)].

        `most` float64 [N] bounds the confidence, `held` bool [N] are those that a rule keeps from `auto`.
        """
        size = len(held)
        regime = regime_numbers(judgment.horizon.is_batch(facts.gap), total_known)
        confidence = np.zeros(size)
        threshold, pooled = np.full(size, np.inf), np.full(size, np.inf)
        least = np.zeros(size, dtype=np.int64)
        misfits: list[Misfit | None] = [None] * size
        for number in range(len(REGIMES)):
            rows = np.flatnonzero(regime == number)
            if not len(rows):
                continue
            calibration = judgment.calibrations[number]
            confidence[rows] = calibration(features[rows])
            thresholds = judgment.calibrations.thresholds(promise)[number]
            names = [entity[row] for row in rows.tolist()]
            threshold[rows] = thresholds.of(names)
            pooled[rows] = np.inf if thresholds.pooled is None else thresholds.pooled
            least[rows] = thresholds.least_history
            for row, name in zip(rows.tolist(), names, strict=True):
                misfits[row] = calibration.misfits.get(name)
        confidence = np.minimum(confidence, most).astype(np.float32)
        longest = judgment.horizon.longest(entity)
        beyond = (facts.gap > longest) & (facts.gap < NO_HISTORY)
        held = held | beyond | np.array([each is not None for each in misfits], dtype=bool)
        unstopped = confidence >= auto_thresholds(threshold, held, facts.history, least)
        by_name = judgment.records.stopped(promise)
        stops = tuple(by_name.get(name) for name in entity)
        stopped = np.array([each is not None for each in stops], dtype=bool)
        return cls(
            regime=regime,
            confidence=confidence,
            auto=unstopped & ~stopped,
            held=held | stopped,
            threshold=threshold,
            pooled=pooled,
            least_history=least,
            longest=longest,
            misfits=tuple(misfits),
            stops=stops,
            unstopped=unstopped,
            promise=promise,
        )

    def reasons(self, row: int, facts: HoldFacts) -> list[str]:
        """Why the calibration keeps a prediction from `auto`, one phrase for each reason."""
        promised, regime = f"{self.promise:.0%}", REGIMES[self.regime[row]]
        misfit, gap = self.misfits[row], int(facts.gap[row])
        if misfit is not None:
            return [
                f"this company is taken out of the promise ({regime}): of its {misfit.rows} sure answers in "
                f"the calibration {misfit.right} were right, and {misfit.expected:.1f} should have been"
            ]
        phrases = []
        if (stop := self.stops[row]) is not None:
            phrases.append(
                f"this company is stopped: {stop[1]} of its last {stop[0]} automatic answers that people "
                f"checked were wrong, too many for {promised}"
            )
        if self.longest[row] < gap < NO_HISTORY:
            phrases.append(
                f"{gap} days after the company's newest known entry, further ahead than was calibrated "
                f"({self.longest[row]:.0f} days)"
            )
        if not np.isfinite(self.pooled[row]):
            phrases.append(f"no confidence was high enough in the calibration to promise {promised} ({regime})")
        elif not np.isfinite(self.threshold[row]):
            phrases.append(
                f"this company kept less than {promised} at any confidence in the calibration ({regime})"
            )
        elif self.confidence[row] < self.threshold[row]:
            own = ", this company's own threshold" if self.threshold[row] != self.pooled[row] else ""
            phrases.append(
                f"{promised} are promised from a confidence of {self.threshold[row]:.3f} on ({regime}{own})"
            )
        return phrases
