"""One logistic regression for every (account, side), together a distribution over sets of lines.

Unlike a classifier over whole sets, it can predict a set that was never booked. It assumes that the lines of an
entry are independent, which they are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from jet.books.catalog import Catalog
from jet.evaluation.baselines.columns import Columns, Facts, facts
from jet.evaluation.baselines.protocol import (
    MOST_SETS,
    BaselinePrediction,
    BaselinePredictions,
    EntityBooks,
    by_entity,
    collected,
)
from jet.evaluation.baselines.repeats import last_same_text
from jet.evaluation.baselines.svm import LEAST_ENTRIES

_C = 100.0


class LogisticMultilabel:
    """One-vs-rest logistic regression over an entity's (account, side) pairs, fitted once, on train.

    It predicts the most probable valid set, which has only accounts that are open on the date, and at least one
    debit and one credit: all pairs that are more likely than not, and the likeliest debit or credit where there
    would be none. The confidence is the product of all pairs' probabilities; the alternatives are the valid
    sets that differ in one pair. A pair is never booked twice.

    Where there are too few entries to train on, or no known account is open, it predicts the set of the last
    entry with the same text.
    """

    name = "logistic_multilabel"

    def __init__(self, accounts: pa.Table) -> None:
        """`accounts` are the charts, schema ACCOUNTS. Raises what `Catalog.from_accounts` does."""
        self.catalog = Catalog.from_accounts(accounts)

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`."""
        known = facts(entries)
        names = entries["entity"].to_pylist()
        days = entries["date"].cast(pa.int32()).to_numpy()
        predictions: dict[int, BaselinePrediction] = {}
        for books in by_entity(entries, split):
            fallback = last_same_text(books)
            learned = books.booked_train()
            if len(learned) < LEAST_ENTRIES:
                predicted: list[BaselinePrediction | None] = [None for _ in books.queries]
            else:
                pairs, probability = _probabilities(books, [known[row] for row in books.row], learned)
                query_days = days[[books.row[place] for place in books.queries]]
                is_open = self._open(names[books.row[0]], [account for account, _ in pairs], query_days)
                predicted = [_most_probable(pairs, *own) for own in zip(probability, is_open, strict=True)]
            for place, prediction, other in zip(books.queries, predicted, fallback, strict=True):
                predictions[books.row[place]] = prediction or other
        return collected(predictions)

    def _open(self, entity: str, accounts: Sequence[str], days: NDArray) -> NDArray[np.bool_]:
        """[days, accounts]: which accounts of the entity's chart may be booked to."""
        rows = self.catalog.rows(pa.array([entity] * len(accounts)), pa.array(accounts))
        return (rows >= 0) & self.catalog.is_open(rows, days[:, None])


def _probabilities(
    books: EntityBooks, own: Sequence[Facts], learned: Sequence[int]
) -> tuple[list[tuple[str, str]], NDArray[np.float64]]:
    """The pairs that were booked in `learned`, and P(pair) [queries, pairs]."""
    pairs = sorted({pair for place in learned for pair in books.lines[place]})
    texts, facts = [books.text[place] for place in learned], [own[place] for place in learned]
    columns = Columns(texts, facts)
    rows = columns.rows(texts, facts)
    queries = columns.rows(
        [books.text[place] for place in books.queries], [own[place] for place in books.queries]
    )
    probability = np.empty((len(books.queries), len(pairs)))
    for number, pair in enumerate(pairs):
        has = np.array([pair in books.lines[place] for place in learned])
        if has.all():
            probability[:, number] = (len(has) + 0.5) / (len(has) + 1)
        else:
            model = LogisticRegression(C=_C, solver="liblinear", random_state=0).fit(rows, has)
            probability[:, number] = expit(model.decision_function(queries))
    return pairs, probability


def _most_probable(
    pairs: Sequence[tuple[str, str]], probability: NDArray, is_open: NDArray
) -> BaselinePrediction | None:
    """The most probable valid sets; None where no debit or no credit account is open."""
    debit = np.array([side == "D" for _, side in pairs])
    if not (is_open & debit).any() or not (is_open & ~debit).any():
        return None
    odds = np.where(is_open, logit(np.clip(probability, 1e-12, 1 - 1e-12)), -np.inf)
    best = odds > 0
    for side in (debit, ~debit):
        if not (best & side).any():
            best[np.argmax(np.where(side, odds, -np.inf))] = True
    unsure = (at for at in np.argsort(np.abs(odds), kind="stable") if is_open[at])
    changed = (best ^ (np.arange(len(pairs)) == at) for at in unsure)
    valid = (own for own in changed if (own & debit).any() and (own & ~debit).any())
    sets = [
        tuple(pair for pair, has in zip(pairs, own, strict=True) if has)
        for own in [best, *islice(valid, MOST_SETS - 1)]
    ]
    agreed = np.where(best, probability, 1 - probability)[is_open]
    return BaselinePrediction(sets, float(np.prod(agreed)))
