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
