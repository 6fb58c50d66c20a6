"""Amounts of the lines of predicted sets, where the entry's total is known.

Debits and credits each sum to the total, so a single line of a side gets the total. Where several lines share a
side, the entry's neighbors vote, weighted by shared lines, similarity and age, for the *formulas* that give
their own amounts to the cent: a fixed amount, the tax or the net of a tax rate, an even part, a whole
percentage, the total in whole units. The line with the least support takes what is left. So a fee and the rest,
a tax and its net, an amount and its rounding need no rules of their own. The amounts of a neighbor with the
same set and the same total are repeated. Lines without a formula are split by the neighbors' mean shares, and
are marked as guesses.

All arithmetic is on integers, minor units (hundredths) of the entry's currency, so debits, credits and total
are always equal.

Shapes, here and below: N entries, T lines of a set, M neighbors, L lines of a neighbor, V formulas.
"""

from jet.prediction.amounts.formulas import TAX_RATES
from jet.prediction.amounts.proposal import GUESSED, RULES, Proposal, propose_amounts
from jet.prediction.amounts.units import UNKNOWN_AMOUNT, minor_units
from jet.prediction.amounts.votes import PastAmounts

__all__ = [
    "GUESSED",
    "RULES",
    "TAX_RATES",
    "UNKNOWN_AMOUNT",
    "PastAmounts",
    "Proposal",
    "minor_units",
    "propose_amounts",
]
