"""The formulas that give an amount from a total."""

from __future__ import annotations

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from jet.prediction.amounts.units import UNIT

TAX_RATES = (
    *("27", "25.5", "25", "24", "23", "22", "21", "20", "19", "18", "17", "16", "15", "14", "13.5", "13", "12"),
    *("11", "10", "9.5", "9", "8.1", "8", "7.7", "7", "6", "5.5", "5", "4.8", "4", "3", "2.6", "2.5", "2.1"),
)
"""Rates of value added tax and goods and services tax, in percent."""


class _Formula(NamedTuple):
    """`share` of the total, in multiples of `step`; or of the net in whole units, where `of_net` holds."""

    share: Fraction
    step: int
    of_net: bool
    tax: bool
    prior: float  # breaks ties: formulas that rarely hold by chance come first


def _formulas() -> list[_Formula]:
    """All formulas. Of equal ones the first stays."""
    made = []
    rates = [Fraction(rate) / 100 for rate in TAX_RATES]
    for rate in rates:
        made.append(_Formula(rate / (1 + rate), 1, False, True, 1.1))
        made.append(_Formula(1 / (1 + rate), 1, False, True, 1.1))
    for rate in rates:  # totals rounded to whole units, with a line for the rounding or without
        made.append(_Formula(rate / (1 + rate), 1, True, True, 1.05))
        made.append(_Formula(1 / (1 + rate), UNIT, False, True, 1.0))
        made.append(_Formula(rate / (1 + rate), UNIT, False, True, 0.9))
    made.append(_Formula(Fraction(1), UNIT, False, False, 1.02))
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
PRIOR = np.array([one.prior for one in _FORMULAS])
FIXED = -1
"""A formula's number: the same amount whatever the total."""


def parts(base: np.ndarray) -> np.ndarray:
    """int64 [..., V]: the amount of `base` by every formula, rounded half up."""
    base = base[..., None]
    plain = _part(base, _NUMERATOR, _DENOMINATOR * _STEP) * _STEP
    net = _part(base, _DENOMINATOR - _NUMERATOR, _DENOMINATOR * UNIT) * UNIT
    return np.where(_OF_NET, _part(net, _NUMERATOR, np.maximum(_DENOMINATOR - _NUMERATOR, 1)), plain)


def _part(amount: np.ndarray, numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    return (2 * amount * numerator + denominator) // (2 * denominator)


def is_tax(formula: np.ndarray) -> np.ndarray:
    """bool: whether each of `formula` is the tax or the net of a tax rate."""
    return (formula != FIXED) & _TAX[formula]
