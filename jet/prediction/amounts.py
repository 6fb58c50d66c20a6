"""Amounts: what each line of a predicted set gets, where the entry's total is known.

Debits and credits each sum to the total, so a line that is alone on its side gets it all. Where several share
a side, the entry's neighbors decide. They vote, weighted by likeness, similarity and age, for the *formulas*
that would have given their own line to the cent: a fixed amount, the tax or the net of a tax rate, an even
part, a whole percentage, the total in whole units. The line that its formula explains least takes what is
left; so a fee and "the rest", a tax and its net, an amount and its rounding are one and the same step. A
neighbor with the same set and the same total is simply repeated. What nothing explains is split by the
neighbors' mean shares, and said to be a guess.

All arithmetic is on integers, minor units (hundredths) of the entry's currency: debits equal credits equal the
total exactly, whatever was guessed.

Shapes: N entries, T lines of a set, M neighbors, L lines of a neighbor, V formulas.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from jet.confidence.calibration import Calibration
from jet.confidence.judgment import AMOUNT_FIGURES

UNKNOWN = -1
"""An amount that isn't known, and the token and the amount where a set is padded."""

RULES = ("unknown", "single", "repeated", "formula", "split")
"""How an entry's amounts came about: not at all; one line a side; a neighbor's, repeated; formulas and the
rest; shares, where formulas left more than one line of a side open."""
_UNKNOWN, _SINGLE, _REPEATED, _FORMULA, _SPLIT = range(len(RULES))

GUESSED = _REPEATED
"""The rule from which on amounts can be wrong though the set is right."""

TAX_RATES = (
    *("27", "25.5", "25", "24", "23", "22", "21", "20", "19", "18", "17", "16", "15", "14", "13.5", "13", "12"),
    *("11", "10", "9.5", "9", "8.1", "8", "7.7", "7", "6", "5.5", "5", "4.8", "4", "3", "2.6", "2.5", "2.1"),
)
"""Rates of value added tax and goods and services tax, in percent."""

_UNIT = 100  # minor units of a whole one
_LARGEST = 10**15  # beyond it floats don't hold hundredths, nor int64 the products of `_part`
_MOST_AT_ONCE = 128  # entries, which bounds the memory of [N, M, V]

# Set by judgment. Halving or doubling them moves at most a few rows of two real ledgers; only a higher
# _LEAST_SUPPORT loses some.
_SHARPNESS = 5.0  # of similarity, as in the votes of jet.model.neighbor_features
_FORGETTING = 200.0  # days
# What neighbors weigh that have the same side, or just the line, beside one with the same set.
_SAME_SIDE, _SAME_LINE = 0.3, 0.1
_LEAST_SUPPORT = 0.3
_SURE = 0.9  # the support from which on a fixed amount is taken off before shares are sought


class _Formula(NamedTuple):
    """`share` of the total, in multiples of `step`; or of the net in whole units, where `of_net` holds."""

    share: Fraction
    step: int
    of_net: bool
    tax: bool
    prior: float  # settles ties: what is rarely true by chance comes first


def _formulas() -> list[_Formula]:
    """The vocabulary. Of two that say the same, the first stays."""
    made = []
    rates = [Fraction(rate) / 100 for rate in TAX_RATES]
    for rate in rates:
        made.append(_Formula(rate / (1 + rate), 1, False, True, 1.1))
        made.append(_Formula(1 / (1 + rate), 1, False, True, 1.1))
    for rate in rates:  # totals rounded to whole units, with a line for the rounding or without
        made.append(_Formula(rate / (1 + rate), 1, True, True, 1.05))
        made.append(_Formula(1 / (1 + rate), _UNIT, False, True, 1.0))
        made.append(_Formula(rate / (1 + rate), _UNIT, False, True, 0.9))
    made.append(_Formula(Fraction(1), _UNIT, False, False, 1.02))
    made += [_Formula(Fraction(1, parts), 1, False, False, 1.01) for parts in range(2, 9)]
    made += [_Formula(Fraction(percent, 100), 1, False, False, 0.95) for percent in range(1, 100)]
    distinct = {(one.share, one.step, one.of_net): one for one in reversed(made)}
    return list(reversed(distinct.values()))


_FORMULAS = _formulas()
_NUMERATOR = np.array([one.share.numerator for one in _FORMULAS])
_DENOMINATOR = np.array([one.share.denominator for one in _FORMULAS])
_STEP = np.array([one.step for one in _FORMULAS])
_OF_NET = np.array([one.of_net for one in _FORMULAS])
_TAX = np.array([one.tax for one in _FORMULAS])
_PRIOR = np.array([one.prior for one in _FORMULAS])
_FIXED = -1  # in place of a formula's number


@dataclass(frozen=True)
class PastAmounts:
    """Earlier booked entries, M >= 1 for each of N entries, in any order; their accounts are numbered as the
    entries' own. A neighbor whose amounts are not all known, or don't balance, is no evidence."""

    tokens: np.ndarray  # int64 [N, M, L], 2 * account + side; -1 where padded
    amounts: np.ndarray  # float64 [N, M, L], major units; nan: not known
    similarity: np.ndarray  # float32 [N, M], -inf: no neighbor
    age_days: np.ndarray  # [N, M]

    def of(self, rows: np.ndarray) -> PastAmounts:
        """The evidence of some of the entries."""
        return PastAmounts(self.tokens[rows], self.amounts[rows], self.similarity[rows], self.age_days[rows])


@dataclass(frozen=True)
class Proposal:
    """Amounts of N sets, in minor units, and what they rest on."""

    amounts: np.ndarray  # int64 [N, T], -1: not known, or padded
    rule: np.ndarray  # int64 [N], a place in RULES
    figures: np.ndarray  # float64 [N, len(AMOUNT_FIGURES)]

    @property
    def guessed(self) -> np.ndarray:
        """bool [N]: what can be wrong though the set is right, and so needs a confidence that was fitted."""
        return self.rule >= GUESSED

    def confidence(self, fitted: Calibration) -> np.ndarray:
        """float64 [N]: the probability that all amounts are right, provided that the set is.

        `fitted` on the rows of the calibration split whose set was right and whose amounts were `guessed`.
        """
        return np.where(self.guessed, fitted(self.figures), self.rule == _SINGLE)


def minor_units(amounts: np.ndarray) -> np.ndarray:
    """int64: `amounts` (major units) in hundredths; -1 for what is not known, negative, finer or too large."""
    scaled = np.where(np.isfinite(amounts), amounts, -1.0) * _UNIT
    whole = np.rint(scaled)
    known = (scaled >= 0) & (scaled < _LARGEST) & (np.abs(scaled - whole) < 1e-3)
    return np.where(known, whole, UNKNOWN).astype(np.int64)


def propose_amounts(total: np.ndarray, tokens: np.ndarray, evidence: PastAmounts) -> Proposal:
    """The amounts of the sets `tokens` int64 [N, T] (2 * account + side; -1 where padded) whose totals are
    `total` int64 [N], in minor units (see `minor_units`; -1 where not known).

    A set with a debit and a credit and a known total gets amounts >= 0 with debits = credits = total. An
    account booked twice on a side has its amounts in falling order.
    """
    lines = tokens >= 0
    debits = (lines & (tokens % 2 == 0)).sum(axis=1)
    credits = lines.sum(axis=1) - debits
    known = (total >= 0) & (total < _LARGEST) & (debits > 0) & (credits > 0)
    single = known & (debits == 1) & (credits == 1)
    amounts = np.where(lines & single[:, None], total[:, None], UNKNOWN)
    rule = np.where(single, _SINGLE, _UNKNOWN)
    figures = np.zeros((len(total), len(AMOUNT_FIGURES)))
    open_rows = np.flatnonzero(known & ~single)
    open_rows = open_rows[np.argsort(lines[open_rows].sum(axis=1), kind="stable")]  # short ones stay narrow
    for start in range(0, len(open_rows), _MOST_AT_ONCE):
        rows = open_rows[start : start + _MOST_AT_ONCE]
        width = int(np.flatnonzero(lines[rows].any(axis=0))[-1]) + 1
        amounts[rows, :width], rule[rows], figures[rows] = _propose(
            total[rows], tokens[rows, :width], evidence.of(rows)
        )
    return Proposal(amounts, rule, figures)


def _propose(
    total: np.ndarray, tokens: np.ndarray, evidence: PastAmounts
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Amounts, rules and figures of sets with more than one line on a side."""
    seen = _see(tokens, evidence)
    value, support, formula = _explain(total, tokens, seen)
    shares = _mean_shares(seen)
    amounts = np.full(tokens.shape, UNKNOWN)
    followed = np.zeros(tokens.shape, dtype=bool)
    divided = np.zeros(len(total), dtype=bool)
    for side in (0, 1):
        on = _on_side(tokens, side)
        trusted = _trusted(total, on, value, support)
        left = total - np.where(trusted, value, 0).sum(axis=1)
        free = on & ~trusted
        amounts = np.where(trusted, value, np.where(free, _split(left, shares, free), amounts))
        followed |= trusted
        divided |= free.sum(axis=1) > 1
    found, again, agreement = _repeat(total, seen)
    amounts = np.where(found[:, None], again, amounts)
    rule = np.where(found, _REPEATED, np.where(divided, _SPLIT, _FORMULA))
    weakest = np.where(followed, support, 1.0).min(axis=1) * followed.any(axis=1)
    support = np.where(found, agreement, weakest)
    return _falling(amounts, tokens), rule, _figures(tokens, seen, rule, support, followed, formula)


# --- the evidence ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Seen:
    """The evidence as the lines of the sets see it, neighbors in an order that only their content decides."""

    amount: np.ndarray  # int64 [N, M, T]: what the neighbor booked on the line; -1: it has no such line
    weight: np.ndarray  # float64 [N, M, T], 0 where it has no such line
    total: np.ndarray  # int64 [N, M]
    same_set: np.ndarray  # bool [N, M]
    similarity: np.ndarray  # float64 [N, M]


def _see(tokens: np.ndarray, evidence: PastAmounts) -> _Seen:
    booked = minor_units(evidence.amounts)
    order = _order_by_content(evidence, booked)
    theirs, booked = (np.take_along_axis(x, order[:, :, None], axis=1) for x in (evidence.tokens, booked))
    similarity, age = (
        np.take_along_axis(np.asarray(x, dtype=np.float64), order, axis=1)
        for x in (evidence.similarity, evidence.age_days)
    )
    known = ((booked >= 0) | (theirs < 0)).all(axis=2)
    debits, credits = (np.where(_on_side(theirs, side), booked, 0).sum(axis=2) for side in (0, 1))
    usable = known & np.isfinite(similarity) & (debits == credits) & (debits > 0) & (debits < _LARGEST)

    same_debits, same_credits = (_same_side(tokens, theirs, side) & usable for side in (0, 1))
    same_set = same_debits & same_credits
    same_side = np.where(tokens[:, None, :] % 2 == 0, same_debits[:, :, None], same_credits[:, :, None])
    closeness = np.where(same_set[:, :, None], 1.0, np.where(same_side, _SAME_SIDE, _SAME_LINE))
    similarity = np.where(usable, similarity, 0)
    likeness = np.exp(_SHARPNESS * similarity - np.maximum(age, 0) / _FORGETTING)
    amount = np.where(usable[:, :, None], _by_line(tokens, theirs, booked), UNKNOWN)
    weight = np.where(amount >= 0, likeness[:, :, None] * closeness, 0)
    return _Seen(amount, weight, np.where(usable, debits, 0), same_set, similarity)


def _order_by_content(evidence: PastAmounts, booked: np.ndarray) -> np.ndarray:
    """int64 [N, M]: neighbors by similarity, age and lines, whatever order they came in."""
    mixed = (evidence.tokens.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (booked.astype(np.uint64) + np.uint64(1))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(31))) * np.uint64(0x94D049BB133111EB)
    content = np.where(evidence.tokens >= 0, mixed, np.uint64(0)).sum(axis=2)
    return np.lexsort((content, evidence.age_days, -evidence.similarity), axis=1)


def _on_side(tokens: np.ndarray, side: int) -> np.ndarray:
    return (tokens >= 0) & (tokens % 2 == side)


def _same_side(tokens: np.ndarray, theirs: np.ndarray, side: int) -> np.ndarray:
    """bool [N, M]: whether the neighbor has just the set's lines on this side."""
    width = max(tokens.shape[1], theirs.shape[2])

    def lines(sets: np.ndarray) -> np.ndarray:
        ordered = np.sort(np.where(_on_side(sets, side), sets, UNKNOWN), axis=-1)
        missing = [(0, 0)] * (sets.ndim - 1) + [(width - sets.shape[-1], 0)]
        return np.pad(ordered, missing, constant_values=UNKNOWN)

    return (lines(tokens)[:, None] == lines(theirs)).all(axis=2)


def _by_line(tokens: np.ndarray, theirs: np.ndarray, booked: np.ndarray) -> np.ndarray:
    """int64 [N, M, T]: the neighbor's amount of each line. Where a side has an account k times, its i-th line
    is the i-th largest amount; a neighbor that has it more or less often has no such line."""
    same = tokens[:, :, None] == tokens[:, None, :]
    place, count = np.tril(same, -1).sum(axis=2), same.sum(axis=2)
    result = np.full((*theirs.shape[:2], tokens.shape[1]), UNKNOWN)
    for line in range(tokens.shape[1]):
        has = (theirs == tokens[:, line, None, None]) & (tokens[:, line] >= 0)[:, None, None]
        falling = -np.sort(np.where(has, -booked, -UNKNOWN), axis=2)
        at = np.minimum(place[:, line], theirs.shape[2] - 1)
        amount = np.take_along_axis(falling, at[:, None, None], axis=2)[:, :, 0]
        result[:, :, line] = np.where(has.sum(axis=2) == count[:, line, None], amount, UNKNOWN)
    return result


def _positive(weights: np.ndarray) -> np.ndarray:
    """`weights` to divide by."""
    return np.maximum(weights, 1e-300)


# --- the rules ------------------------------------------------------------------------------------------


def _repeat(total: np.ndarray, seen: _Seen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Same set, same total: rent, wages and installments come again to the cent.

    Returns where there is such a neighbor [N], its amounts [N, T], and how many of them, by weight, agree [N].
    """
    candidate = seen.same_set & (seen.total == total[:, None])
    weight = np.where(candidate, seen.weight.max(axis=2), 0)
    agree = (seen.amount[:, :, None] == seen.amount[:, None, :]).all(axis=3)
    votes = np.where(candidate, (agree * weight[:, None, :]).sum(axis=2), 0)
    best = votes.round(9).argmax(axis=1)
    rows = np.arange(len(total))
    return candidate.any(axis=1), seen.amount[rows, best], votes[rows, best] / _positive(weight.sum(axis=1))


def _explain(total: np.ndarray, tokens: np.ndarray, seen: _Seen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What most of the evidence says each line gets: by a fixed amount, by a share of the total, or, where
    there are fees, by a share of what they leave.

    Returns value int64, support (a share of the evidence) and number of the formula, each [N, T].
    """
    value, support = _fixed(seen)
    formula = np.full(tokens.shape, _FIXED)
    fees = (support >= _SURE) & _varied(seen)
    offers = [_share(total, seen.total, seen)]
    for side in (0, 1):
        fee = fees & _on_side(tokens, side)
        if not fee.any():
            continue
        left = total - np.where(fee, value, 0).sum(axis=1)
        their_left = seen.total - np.where(fee[:, None], np.maximum(seen.amount, 0), 0).sum(axis=2)
        offer = _share(np.maximum(left, 0), np.maximum(their_left, 0), seen)
        concerned = _on_side(tokens, side) & fee.any(axis=1, keepdims=True) & ~fee
        offers.append((offer[0], np.where(concerned, offer[1], 0), offer[2]))
    for offer in offers:
        better = offer[1] > support
        value, support, formula = (
            np.where(better, new, old) for new, old in zip(offer, (value, support, formula), strict=True)
        )
    return value, np.minimum(support, 1.0), formula


def _fixed(seen: _Seen) -> tuple[np.ndarray, np.ndarray]:
    """The same amount whatever the total: a fee, an installment. Once is no repetition, so it must have been
    seen twice. Value and support, each [N, T]."""
    same = (seen.amount[:, :, None] == seen.amount[:, None, :]) & (seen.amount[:, :, None] >= 0)
    votes = np.where(same.sum(axis=2) > 1, (same * seen.weight[:, None, :]).sum(axis=2), 0)
    best = votes.round(9).argmax(axis=1)[:, None]
    value, most = (np.take_along_axis(x, best, axis=1)[:, 0] for x in (seen.amount, votes))
    return value, most / _positive(seen.weight.sum(axis=1))


def _varied(seen: _Seen) -> np.ndarray:
    """bool [N, T]: whether the line was seen under totals that differ; otherwise anything looks fixed."""
    has = seen.amount >= 0
    totals = seen.total[:, :, None]
    return np.where(has, totals, 0).max(axis=1) > np.where(has, totals, _LARGEST).min(axis=1)


def _share(base: np.ndarray, their_base: np.ndarray, seen: _Seen) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The formula of `base` [N] that explains most of the neighbors' amounts by `their_base` [N, M].

    Returns value, support (with the formula's prior) and formula, each [N, T].
    """
    ours, theirs = _parts(base), _parts(their_base)
    votes = [
        (seen.weight[:, :, line, None] * (theirs == seen.amount[:, :, line, None])).sum(axis=1)
        for line in range(seen.amount.shape[2])
    ]
    support = np.stack(votes, axis=1) / _positive(seen.weight.sum(axis=1))[:, :, None] * _PRIOR
    formula = support.round(9).argmax(axis=2)
    value = np.take_along_axis(ours, formula, axis=1)
    return value, np.take_along_axis(support, formula[:, :, None], axis=2)[:, :, 0], formula


def _parts(base: np.ndarray) -> np.ndarray:
    """int64 [..., V]: what every formula makes of `base`, rounded half up."""
    base = base[..., None]
    plain = _part(base, _NUMERATOR, _DENOMINATOR * _STEP) * _STEP
    net = _part(base, _DENOMINATOR - _NUMERATOR, _DENOMINATOR * _UNIT) * _UNIT
    return np.where(_OF_NET, _part(net, _NUMERATOR, np.maximum(_DENOMINATOR - _NUMERATOR, 1)), plain)


def _part(amount: np.ndarray, numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return (2 * amount * numerator + denominator) // (2 * denominator)


def _trusted(total: np.ndarray, on: np.ndarray, value: np.ndarray, support: np.ndarray) -> np.ndarray:
    """bool [N, T]: the lines of a side that their formula decides. The least explained one, among equals the
    largest, takes the rest; where nothing would be left for it, the formulas contradict the total."""
    size = np.clip(value / _positive(total[:, None].astype(np.float64)), 0, 1)
    least = np.where(on, support.round(6) - 1e-7 * size, np.inf).argmin(axis=1)
    trusted = on & (support >= _LEAST_SUPPORT) & (np.arange(on.shape[1]) != least[:, None])
    rest = total - np.where(trusted, value, 0).sum(axis=1)
    return trusted & (rest > 0)[:, None]


def _mean_shares(seen: _Seen) -> np.ndarray:
    """float64 [N, T]: of the total, by the neighbors that have the line; nan where none has."""
    share = np.where(seen.amount >= 0, seen.amount / _positive(seen.total[:, :, None].astype(np.float64)), 0)
    weight = seen.weight.sum(axis=1)
    return np.where(weight > 0, (share * seen.weight).sum(axis=1) / _positive(weight), np.nan)


def _split(left: np.ndarray, shares: np.ndarray, free: np.ndarray) -> np.ndarray:
    """int64 [N, T]: `left` [N] over the `free` lines by their shares, a line without one like the mean line;
    by largest remainder, so that nothing is lost. Even parts where no share is known, or all are 0."""
    known = free & ~np.isnan(shares)
    mean = np.where(known, shares, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    part = np.where(free, np.where(known, shares, np.where(mean > 0, mean, 1.0)[:, None]), 0)
    part = np.where(part.sum(axis=1, keepdims=True) > 0, part, free)
    exact = left[:, None] * (part / _positive(part.sum(axis=1, keepdims=True)))
    whole = np.floor(exact.round(6)).astype(np.int64)
    missing = left - whole.sum(axis=1)
    order = np.argsort(np.where(free, whole - exact.round(6), np.inf), axis=1, kind="stable")
    whole += order.argsort(axis=1) < missing[:, None]
    # Products beyond 2^53 aren't exact: what they lost or won, the largest part bears.
    whole[np.arange(len(left)), whole.argmax(axis=1)] += left - whole.sum(axis=1)
    return whole


def _falling(amounts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """`amounts` with those of equal lines in falling order, as `_by_line` reads them."""
    order = np.lexsort((-amounts, tokens), axis=1)
    places = np.argsort(tokens, axis=1, kind="stable")
    result = np.empty_like(amounts)
    np.put_along_axis(result, places, np.take_along_axis(amounts, order, axis=1), axis=1)
    return result


# --- how sure -------------------------------------------------------------------------------------------


def _figures(
    tokens: np.ndarray,
    seen: _Seen,
    rule: np.ndarray,
    support: np.ndarray,
    followed: np.ndarray,
    formula: np.ndarray,
) -> np.ndarray:
    """float64 [N, len(AMOUNT_FIGURES)], in their order."""
    lines = tokens >= 0
    followed = followed & (rule != _REPEATED)[:, None]
    seen_by = (seen.amount >= 0).sum(axis=1)
    held = support.clip(0.01, 0.99)
    figures = {
        "support": np.log(held / (1 - held)),
        "same_set": np.log1p(seen.same_set.sum(axis=1)),
        "evidence": np.log1p(np.where(lines, seen_by, seen_by.max(initial=0)).min(axis=1)),
        "similarity": np.where(seen.same_set, seen.similarity, 0).max(axis=1, initial=0),
        "repeated": rule == _REPEATED,
        "tax": followed.any(axis=1) & (~followed | ((formula != _FIXED) & _TAX[formula])).all(axis=1),
        "fixed": (followed & (formula == _FIXED)).any(axis=1),
        "split": rule == _SPLIT,
        "lines": np.log1p(lines.sum(axis=1) - 2),
    }
    return np.stack([np.asarray(figures[name], dtype=np.float64) for name in AMOUNT_FIGURES], axis=1)
