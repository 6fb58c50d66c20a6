"""Rules: the amount of each line of a side, from the votes of the neighbors."""

from __future__ import annotations

import numpy as np

from jet.prediction.amounts.formulas import FIXED, PRIOR, parts
from jet.prediction.amounts.units import LARGEST, UNKNOWN_AMOUNT
from jet.prediction.amounts.votes import Votes, on_side, positive
from jet.retrieval.similarity import ranges

# Chosen by hand. Halving or doubling them moves at most a few rows of two real ledgers; only a higher
# _LEAST_SUPPORT loses some.
_LEAST_SUPPORT = 0.3  # of a formula that is followed
_SURE = 0.9  # the least support of a fixed amount that is subtracted before shares are computed


def repeat(total: np.ndarray, votes: Votes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Amounts of neighbors with the same set and the same total, as of rent, wages and installments.

    Returns where there is such a neighbor [N], its amounts [N, T], and how many of them, by weight, agree [N].
    """
    candidate = votes.same_set & (votes.total == total[:, None])
    found = candidate.any(axis=1)
    amounts = np.full(votes.amount[:, 0].shape, UNKNOWN_AMOUNT)
    agreement = np.zeros(len(total))
    some = np.flatnonzero(found)
    candidate, amount = candidate[some], votes.amount[some]
    weight = np.where(candidate, votes.weight[some].max(axis=2), 0)
    agree = (amount[:, :, None] == amount[:, None, :]).all(axis=3)
    agreeing = np.where(candidate, (agree * weight[:, None, :]).sum(axis=2), 0)
    best = agreeing.round(9).argmax(axis=1)
    rows = np.arange(len(some))
    amounts[some] = amount[rows, best]
    agreement[some] = agreeing[rows, best] / positive(weight.sum(axis=1))
    return found, amounts, agreement


def explain(total: np.ndarray, tokens: np.ndarray, votes: Votes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The amount of each line by most votes: a fixed amount, a share of the total, or, where there are fees,
    a share of what they leave.

    Returns value int64, support (a share of the evidence) and number of the formula, each [N, T].
    """
    value, support = _fixed(votes)
    formula = np.full(tokens.shape, FIXED)
    fees = (support >= _SURE) & _varied(votes)
    offers = [_share(total, votes.total, votes)]
    for side in (0, 1):
        fee = fees & on_side(tokens, side)
        some = np.flatnonzero(fee.any(axis=1))
        if not len(some):
            continue
        fee, own = fee[some], votes.of(some)
        left = total[some] - np.where(fee, value[some], 0).sum(axis=1)
        their_left = own.total - np.where(fee[:, None], np.maximum(own.amount, 0), 0).sum(axis=2)
        found = _share(np.maximum(left, 0), np.maximum(their_left, 0), own)
        offer = value.copy(), np.zeros(support.shape), formula.copy()
        offer[0][some], offer[2][some] = found[0], found[2]
        offer[1][some] = np.where(on_side(tokens[some], side) & ~fee, found[1], 0)
        offers.append(offer)
    for offer in offers:
        better = offer[1] > support
        value, support, formula = (
            np.where(better, new, old) for new, old in zip(offer, (value, support, formula), strict=True)
        )
    return value, np.minimum(support, 1.0), formula


def _fixed(votes: Votes) -> tuple[np.ndarray, np.ndarray]:
    """Amounts that don't depend on the total, as of fees and installments: value and support, each [N, T].

    They must occur at least twice."""
    entry, _, line = there = np.nonzero(votes.amount >= 0)
    _, amount = np.unique(votes.amount[there], return_inverse=True)
    on = entry * votes.amount.shape[2] + line
    _, group, count = np.unique(
        on * (amount.max(initial=0) + 1) + amount, return_inverse=True, return_counts=True
    )
    repeated = np.zeros(votes.amount.shape)
    repeated[there] = np.where(count > 1, np.bincount(group, votes.weight[there], len(count)), 0)[group]
    best = repeated.round(9).argmax(axis=1)[:, None]
    value, most = (np.take_along_axis(x, best, axis=1)[:, 0] for x in (votes.amount, repeated))
    return value, most / positive(votes.weight.sum(axis=1))


def _varied(votes: Votes) -> np.ndarray:
    """bool [N, T]: whether the line occurs with different totals; otherwise any amount looks fixed."""
    has = votes.amount >= 0
    totals = votes.total[:, :, None]
    return np.where(has, totals, 0).max(axis=1) > np.where(has, totals, LARGEST).min(axis=1)


def _share(base: np.ndarray, their_base: np.ndarray, votes: Votes) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The formula of `base` [N] that explains most of the neighbors' amounts by `their_base` [N, M].

    Returns value, support (with the formula's prior) and formula, each [N, T].
    """
    ours = parts(base)
    size, neighbors, lines = votes.amount.shape
    entry, neighbor, line = there = np.nonzero(votes.weight)
    # Few amounts of few totals: each pair of both is compared with the formulas once.
    totals, of_total = np.unique(their_base, return_inverse=True)
    amounts, of_amount = np.unique(votes.amount[there], return_inverse=True)
    number = of_total.reshape(size, neighbors)[entry, neighbor] * len(amounts) + of_amount
    pairs, pair = np.unique(number, return_inverse=True)
    first, second = np.divmod(pairs, max(len(amounts), 1))
    of_pair, matching = np.nonzero(parts(totals)[first] == amounts[second][:, None])
    start = np.searchsorted(of_pair, np.arange(len(pairs) + 1))
    formula, of = ranges(start[pair], start[pair + 1])
    at = (entry[of] * lines + line[of]) * ours.shape[1] + matching[formula]
    weight = np.bincount(at, votes.weight[there][of], size * lines * ours.shape[1])
    weight = weight.reshape(size, lines, -1)
    support = weight / positive(votes.weight.sum(axis=1))[:, :, None] * PRIOR
    formula = support.round(9).argmax(axis=2)
    value = np.take_along_axis(ours, formula, axis=1)
    return value, np.take_along_axis(support, formula[:, :, None], axis=2)[:, :, 0], formula


def trusted_lines(total: np.ndarray, on: np.ndarray, value: np.ndarray, support: np.ndarray) -> np.ndarray:
    """bool [N, T]: the lines of a side whose formula decides.

    The line with the least support, among equals the largest, takes the rest; where nothing would be left for
    it, no formula decides."""
    size = np.clip(value / positive(total[:, None].astype(np.float64)), 0, 1)
    least = np.where(on, support.round(6) - 1e-7 * size, np.inf).argmin(axis=1)
    trusted = on & (support >= _LEAST_SUPPORT) & (np.arange(on.shape[1]) != least[:, None])
    rest = total - np.where(trusted, value, 0).sum(axis=1)
    return trusted & (rest > 0)[:, None]


def mean_shares(votes: Votes) -> np.ndarray:
    """float64 [N, T]: the mean share of the total by the neighbors with the line; nan where none has it."""
    share = np.where(votes.amount >= 0, votes.amount / positive(votes.total[:, :, None].astype(np.float64)), 0)
    weight = votes.weight.sum(axis=1)
    return np.where(weight > 0, (share * votes.weight).sum(axis=1) / positive(weight), np.nan)


def split(left: np.ndarray, shares: np.ndarray, free: np.ndarray) -> np.ndarray:
    """int64 [N, T]: `left` [N] split over the `free` lines by their shares and the largest remainder.

    A line without a share gets the mean share; the parts are even where no share is known, or all are 0."""
    known = free & ~np.isnan(shares)
    mean = np.where(known, shares, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
    part = np.where(free, np.where(known, shares, np.where(mean > 0, mean, 1.0)[:, None]), 0)
    part = np.where(part.sum(axis=1, keepdims=True) > 0, part, free)
    exact = left[:, None] * (part / positive(part.sum(axis=1, keepdims=True)))
    whole = np.floor(exact.round(6)).astype(np.int64)
    missing = left - whole.sum(axis=1)
    order = np.argsort(np.where(free, whole - exact.round(6), np.inf), axis=1, kind="stable")
    whole += order.argsort(axis=1) < missing[:, None]
    # Products beyond 2^53 aren't exact; the largest part takes the difference.
    whole[np.arange(len(left)), whole.argmax(axis=1)] += left - whole.sum(axis=1)
    return whole


def falling(amounts: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """`amounts` with those of equal lines in falling order, as `_by_line` reads them."""
    order = np.lexsort((-amounts, tokens), axis=1)
    places = np.argsort(tokens, axis=1, kind="stable")
    result = np.empty_like(amounts)
    np.put_along_axis(result, places, np.take_along_axis(amounts, order, axis=1), axis=1)
    return result
