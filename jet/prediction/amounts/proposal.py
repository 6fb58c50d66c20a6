"""Proposals: the amounts of whole sets, the rule of each, and the features of their confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.confidence.calibration import Calibration
from jet.confidence.judgment import AMOUNT_FEATURES
from jet.prediction.amounts.formulas import FIXED, is_tax
from jet.prediction.amounts.rules import explain, falling, mean_shares, repeat, split, trusted_lines
from jet.prediction.amounts.units import LARGEST, UNKNOWN_AMOUNT
from jet.prediction.amounts.votes import PastAmounts, Votes, count_votes, on_side

RULES = ("unknown", "single", "repeated", "formula", "split")
"""The rules of amounts: none; one line a side; a neighbor's amounts repeated; formulas and the rest; shares,
where formulas leave more than one line of a side open."""
_UNKNOWN, _SINGLE, _REPEATED, _FORMULA, _SPLIT = range(len(RULES))

GUESSED = _REPEATED
"""The first of the rules by which amounts can be wrong though the set is right."""

_MOST_AT_ONCE = 128  # entries, which bounds the memory of [N, M, V]


@dataclass(frozen=True)
class Proposal:
    """Amounts of N sets, in minor units, with their rules and features."""

    amounts: np.ndarray  # int64 [N, T], -1: not known, or padded
    rule: np.ndarray  # int64 [N], index into RULES
    features: np.ndarray  # float64 [N, len(AMOUNT_FEATURES)]

    @property
    def guessed(self) -> np.ndarray:
        """bool [N]: the amounts that can be wrong though the set is right, which need a fitted confidence."""
        return self.rule >= GUESSED

    def confidence(self, fitted: Calibration) -> np.ndarray:
        """float64 [N]: the probability that all amounts are right, provided that the set is.

        `fitted` on the rows of the calibration split whose set was right and whose amounts were `guessed`.
        """
        return np.where(self.guessed, fitted(self.features), self.rule == _SINGLE)


def propose_amounts(
    total: np.ndarray, tokens: np.ndarray, evidence: PastAmounts, given: np.ndarray | None = None
) -> Proposal:
    """The amounts of the sets `tokens` int64 [N, T] (2 * account + side; -1 where padded) whose totals are
    `total` int64 [N], in minor units (see `minor_units`; -1 where not known).

    A set with a debit and a credit and a known total gets amounts >= 0 with debits = credits = total. An
    account booked twice on a side has its amounts in falling order. Lines have the amounts that are `given`,
    int64 [N, T] (-1 where not), with which debits and credits can be the total.
    """
    if given is None:
        given = np.full(tokens.shape, UNKNOWN_AMOUNT)
    lines = tokens >= 0
    debits = (lines & (tokens % 2 == 0)).sum(axis=1)
    credits = lines.sum(axis=1) - debits
    known = (total >= 0) & (total < LARGEST) & (debits > 0) & (credits > 0)
    single = known & (debits == 1) & (credits == 1)
    amounts = np.where(lines & single[:, None], total[:, None], given)
    rule = np.where(single, _SINGLE, _UNKNOWN)
    features = np.zeros((len(total), len(AMOUNT_FEATURES)))
    open_rows = np.flatnonzero(known & ~single)
    open_rows = open_rows[np.argsort(lines[open_rows].sum(axis=1), kind="stable")]  # short ones stay narrow
    for start in range(0, len(open_rows), _MOST_AT_ONCE):
        rows = open_rows[start : start + _MOST_AT_ONCE]
        width = int(np.flatnonzero(lines[rows].any(axis=0))[-1]) + 1
        amounts[rows, :width], rule[rows], features[rows] = _propose(
            total[rows], tokens[rows, :width], evidence.of(rows), given[rows, :width]
        )
    return Proposal(amounts, rule, features)


def _propose(
    total: np.ndarray, tokens: np.ndarray, evidence: PastAmounts, given: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Amounts, rules and features of sets with more than one line on a side."""
    votes = count_votes(tokens, evidence)
    value, support, formula = explain(total, tokens, votes)
    shares = mean_shares(votes)
    amounts = given
    is_given = given != UNKNOWN_AMOUNT
    followed = np.zeros(tokens.shape, dtype=bool)
    divided = np.zeros(len(total), dtype=bool)
    for side in (0, 1):
        on = on_side(tokens, side) & ~is_given
        rest = total - np.where(is_given & on_side(tokens, side), given, 0).sum(axis=1)
        trusted = trusted_lines(rest, on, value, support)
        left = rest - np.where(trusted, value, 0).sum(axis=1)
        free = on & ~trusted
        amounts = np.where(trusted, value, np.where(free, split(left, shares, free), amounts))
        followed |= trusted
        divided |= free.sum(axis=1) > 1
    repeated, again, agreement = repeat(total, votes)
    repeated &= (~is_given | (again == given)).all(axis=1)
    amounts = np.where(repeated[:, None], again, amounts)
    rule = np.where(repeated, _REPEATED, np.where(divided, _SPLIT, _FORMULA))
    weakest = np.where(followed, support, 1.0).min(axis=1) * followed.any(axis=1)
    support = np.where(repeated, agreement, weakest)
    return falling(amounts, tokens), rule, _features(tokens, votes, rule, support, followed, formula)


def _features(
    tokens: np.ndarray,
    votes: Votes,
    rule: np.ndarray,
    support: np.ndarray,
    followed: np.ndarray,
    formula: np.ndarray,
) -> np.ndarray:
    """float64 [N, len(AMOUNT_FEATURES)], in their order."""
    lines = tokens >= 0
    followed = followed & (rule != _REPEATED)[:, None]
    seen_by = (votes.amount >= 0).sum(axis=1)
    held = support.clip(0.01, 0.99)
    features = {
        "support": np.log(held / (1 - held)),
        "same_set": np.log1p(votes.same_set.sum(axis=1)),
        "evidence": np.log1p(np.where(lines, seen_by, seen_by.max(initial=0)).min(axis=1)),
        "similarity": np.where(votes.same_set, votes.similarity, 0).max(axis=1, initial=0),
        "repeated": rule == _REPEATED,
        "tax": followed.any(axis=1) & (~followed | is_tax(formula)).all(axis=1),
        "fixed": (followed & (formula == FIXED)).any(axis=1),
        "split": rule == _SPLIT,
        "lines": np.log1p(lines.sum(axis=1) - 2),
    }
    return np.stack([np.asarray(features[name], dtype=np.float64) for name in AMOUNT_FEATURES], axis=1)
