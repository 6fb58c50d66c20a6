"""The rules that keep a prediction from `auto` whatever its confidence, each with its reason in words.

Confidence is fitted on the calibration split and says nothing about cases that the split didn't have. So a
prediction is held for review where its evidence is missing or contradicts itself:

- one of its lines is a guess: no neighbor of the company was booked to this account on this side;
- the company has no earlier entries;
- the company has fewer earlier entries than the promise is known to be kept with
  (`jet.confidence.threshold.least_history`);
- the entry doesn't say which way the money goes, and the company booked its text both ways;
- the company has earlier entries, but none in the entry's currency.

There is also a bound: the confidence that all lines are right is at most the probability of the least likely
line (`jet.confidence.scores.weakest_line`).

Held rows don't count towards thresholds, since none of them will be automated. Decisions
(`jet.confidence.decisions`), calibration, reports and benchmarks all use these rules: `held` says which rows
are held, `auto_thresholds` what confidence the others need.

Shapes: N entries.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from jet.confidence.regimes import NO_HISTORY
from jet.ranking.direction import UNSTATED
from jet.ranking.evidence import Evidence
from jet.ranking.statistics import Statistics


@dataclass(frozen=True)
class HoldFacts:
    """What the rules need to know about N entries, whatever is predicted for them."""

    history: np.ndarray  # int64 [N] strictly earlier entries of the entity
    booked_out: np.ndarray  # int64 [N] those with the same text that went out; 0 for a stated direction
    booked_in: np.ndarray  # int64 [N] likewise, those that came in
    new_currency: np.ndarray  # bool [N] there are earlier entries, all in other currencies
    gap: np.ndarray  # int64 [N] days since the newest earlier entry; NO_HISTORY

    @classmethod
    def empty(cls, size: int) -> HoldFacts:
        """Entries without any history."""
        none = np.zeros(size, dtype=np.int64)
        return cls(none, none.copy(), none.copy(), np.zeros(size, dtype=bool), np.full(size, NO_HISTORY))

    @classmethod
    def of(cls, statistics: Statistics, evidence: Evidence) -> HoldFacts:
        """The facts of the entries of `evidence`."""
        entity, limit = evidence.entity, evidence.limit
        out, back = statistics.past.direction_counts(entity, evidence.text, statistics.corpus.store, limit).T
        unstated = evidence.direction == UNSTATED
        strange = statistics.past.new_currency(entity, evidence.currency, limit)
        return cls(
            evidence.earlier,
            np.where(unstated, out, 0),
            np.where(unstated, back, 0),
            strange,
            np.where(evidence.earlier > 0, evidence.gap, NO_HISTORY),
        )

    @property
    def held(self) -> np.ndarray:
        """Whether a rule keeps the entry from `auto` whatever is predicted, bool [N]."""
        return (self.history == 0) | ((self.booked_out > 0) & (self.booked_in > 0)) | self.new_currency

    def take(self, rows: np.ndarray) -> HoldFacts:
        """The facts of some entries, by row numbers or a mask."""
        return HoldFacts(*(getattr(self, each.name)[rows] for each in fields(self)))

    def put(self, rows: np.ndarray, other: HoldFacts) -> None:
        """Overwrite `rows` with the first len(rows) entries of `other`."""
        for each in fields(self):
            getattr(self, each.name)[rows] = getattr(other, each.name)[: len(rows)]

    def reasons(self, row: int, guesses: list[str], currency: str, least: int, promise: float) -> list[str]:
        """The reasons why a prediction is held, one phrase for each rule.

        `guesses` are its guessed lines in words, `currency` is the entry's, `least` the fewest earlier entries
        with which `promise` is known to be kept.
        """
        history, out, back = int(self.history[row]), int(self.booked_out[row]), int(self.booked_in[row])
        phrases = []
        if guesses:
            phrases.append(f"{' and '.join(guesses)} {'is a guess' if len(guesses) == 1 else 'are guesses'}")
        if not history:
            phrases.append("the company has no entries before this day")
        elif history < least:
            phrases.append(
                f"the company has {history} earlier {'entry' if history == 1 else 'entries'}, and {promise:.0%}"
                f" are known to be kept from {least} on"
            )
        if out and back:
            phrases.append(f"booked both ways: {out} out, {back} in; say the direction of the entry")
        if self.new_currency[row]:
            phrases.append(f"the company has no earlier entry in {currency}")
        return phrases


def auto_thresholds(
    threshold: np.ndarray, held: np.ndarray, history: np.ndarray, least: int | np.ndarray
) -> np.ndarray:
    """The threshold from which on each prediction is `auto`, float64 [N]; inf where a rule holds it."""
    return np.where(held | (history < least), np.inf, threshold)
