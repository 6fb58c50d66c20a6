"""What keeps an answer from `auto`, whatever its confidence: each rule with its reason in words.

A confidence is fitted on what the calibration split looked like, and says nothing of what wasn't there. So an
answer is held where its evidence is missing or speaks with two voices:

- a line of it is a guess: no neighbor of the company was booked to this account on this side;
- the company has no earlier entries: the entry is of its first day, or older than its books, or it has none;
- it has fewer earlier entries than companies had in the calibration when the promise was kept
  (`jet.confidence.threshold.least_history`);
- the entry doesn't say which way the money goes, and the company booked its text both ways;
- the entry is in a currency that the company never booked, only others.

Beside the rules stands a bound: the confidence that all lines are right is never above the probability of the
least likely line (`jet.confidence.stack.least_line`).

Rows that a rule holds choose no threshold, since none will be automated. Decisions, calibration, reports and
benchmarks all come here: `held` says which rows, `cuts` what the others have to reach.

Shapes: B or N entries.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from jet.ranking.direction import UNKNOWN
from jet.ranking.evidence import Evidence
from jet.ranking.statistics import Statistics


@dataclass(frozen=True)
class Standing:
    """What the rules look at, of entries and not of their answers."""

    history: np.ndarray  # int64 [N] entries of the entity that are strictly earlier
    booked_out: np.ndarray  # int64 [N] how many of these with this text went out, where the entry doesn't say
    booked_in: np.ndarray  # int64 [N] and in
    strange_currency: np.ndarray  # bool [N] all of these are in other currencies

    @classmethod
    def nothing(cls, size: int) -> Standing:
        """Of entries that nothing is known of."""
        none = np.zeros(size, dtype=np.int64)
        return cls(none, none.copy(), none.copy(), np.zeros(size, dtype=bool))

    @classmethod
    def of(cls, statistics: Statistics, evidence: Evidence) -> Standing:
        """Of the entries whose `evidence` has been gathered."""
        who, limit = evidence.entity, evidence.limit
        out, back = statistics.past.ways(who, evidence.text, statistics.corpus.store, limit).T
        asks = evidence.direction == UNKNOWN
        strange = statistics.past.strange_currency(who, evidence.currency, limit)
        return cls(evidence.earlier, np.where(asks, out, 0), np.where(asks, back, 0), strange)

    @property
    def held(self) -> np.ndarray:
        """bool [N]: whether a rule keeps the entry from `auto`, whatever is answered."""
        return (self.history == 0) | ((self.booked_out > 0) & (self.booked_in > 0)) | self.strange_currency

    def put(self, rows: np.ndarray, other: Standing) -> None:
        """Write the first of `other` into `rows`."""
        for each in fields(self):
            getattr(self, each.name)[rows] = getattr(other, each.name)[: len(rows)]

    def reasons(self, row: int, guesses: list[str], currency: str, least: int, promise: float) -> list[str]:
        """Why an answer isn't booked by itself, one phrase a rule. `guesses` are its guessed lines in words,
        `currency` is the entry's, `least` the fewest earlier entries for the `promise`."""
        history, out, back = int(self.history[row]), int(self.booked_out[row]), int(self.booked_in[row])
        found = []
        if guesses:
            found.append(f"{' and '.join(guesses)} {'is a guess' if len(guesses) == 1 else 'are guesses'}")
        if not history:
            found.append("the company has no entries before this day")
        elif history < least:
            found.append(
                f"the company has {history} earlier {'entry' if history == 1 else 'entries'}, and {promise:.0%}"
                f" are known to be kept from {least} on"
            )
        if out and back:
            found.append(f"booked both ways: {out} out, {back} in; say the direction of the entry")
        if self.strange_currency[row]:
            found.append(f"the company has no earlier entry in {currency}")
        return found


def cuts(threshold: np.ndarray, held: np.ndarray, history: np.ndarray, least: int) -> np.ndarray:
    """float64 [N]: the confidence from which on each answer is `auto`; inf where a rule holds it."""
    return np.where(held | (history < least), np.inf, threshold)
