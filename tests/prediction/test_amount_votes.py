"""The formulas that neighbors vote for are those that a comparison of every amount with every formula finds."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.prediction.amounts.formulas import PRIOR, parts
from jet.prediction.amounts.rules import _fixed, _share
from jet.prediction.amounts.votes import Votes, positive


def drawn(seed):
    """Votes of five neighbors on three lines of two sets: amounts that formulas give of few totals."""
    draw = np.random.default_rng(seed)
    total = draw.choice([0, 1000, 1250, 12500], (2, 5))
    formulas = parts(total)
    which = draw.choice([0, 1, 60, 70, 120], (2, 5, 3))
    amount = np.take_along_axis(formulas, which, axis=2)
    amount = np.where(draw.random(amount.shape) < 0.3, -1, amount)
    weight = np.where(amount >= 0, draw.random(amount.shape), 0.0)
    return Votes(amount, weight, total, draw.random((2, 5)) < 0.5, draw.random((2, 5)))


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_shares_of_the_total(seed):
    votes = drawn(seed)
    base = np.array([12500, 777])
    matching = parts(votes.total)[:, :, None, :] == votes.amount[:, :, :, None]
    support = np.where(matching, votes.weight[:, :, :, None], 0.0).sum(axis=1)
    support = support / positive(votes.weight.sum(axis=1))[:, :, None] * PRIOR
    best = support.round(9).argmax(axis=2)
    value, found, formula = _share(base, votes.total, votes)
    assert np.array_equal(formula, best)
    assert np.array_equal(found, np.take_along_axis(support, best[:, :, None], axis=2)[:, :, 0])
    assert np.array_equal(value, np.take_along_axis(parts(base), best, axis=1))


@settings(max_examples=50)
@given(st.integers(0, 10_000))
def test_amounts_that_do_not_depend_on_the_total(seed):
    votes = drawn(seed)
    value, support = _fixed(votes)
    for entry in range(2):
        for line in range(3):
            amounts, weights = votes.amount[entry, :, line], votes.weight[entry, :, line]
            seen = {int(a): weights[amounts == a].sum() for a in amounts if a >= 0 and (amounts == a).sum() > 1}
            most = max(seen.values(), default=0.0)
            np.testing.assert_allclose(support[entry, line], most / positive(weights.sum()))
            if seen:
                np.testing.assert_allclose(seen[int(value[entry, line])], most)
