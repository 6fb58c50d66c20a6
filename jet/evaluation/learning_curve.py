"""The learning curve of new companies: exact match by the number of their earlier entries.

Companies are split into folds. For each fold the set ranker is trained on the other companies' entries alone,
and predicts the newest entries of the fold's companies from their charts of accounts and their last 0, 10, 50,
150 or 500 entries before the test begins. The entries of the other companies stay, as peers. So the companies
of the fold are new to the ranker.

The ranker never asks the decoder, which was trained on these companies too and would have to be trained again
for each fold. A linear SVM over sets is measured beside it, which is trained on the same entries of the company
only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.split import TEST, TRAIN
from jet.books.withheld import without_lines
from jet.bundle.bundle import Bundle
from jet.evaluation.baselines.protocol import score_baseline
from jet.evaluation.baselines.svm import LinearSvm
from jet.evaluation.metrics import group_metrics
from jet.evaluation.scored import Scored, score_predictions
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
from jet.ranking.examples import Examples
from jet.ranking.ranker import Ranker
from jet.ranking.settings import RankerSettings

HISTORIES = (0, 10, 50, 150, 500)
FOLDS = 4
CURVE_NOTE = (
    "Each company as a new one: the set ranker alone, trained on the other companies, knowing the new one's "
    "chart of accounts, its last so many entries before the test, and its peers' books. The SVM learns from "
    "the same entries of the company, and from nothing else."
)


@dataclass(frozen=True)
class CurveFold:
    """One fold: the companies that are new, and the entries to predict."""

    companies: np.ndarray  # int64, numbers in the bundle's catalog
    known: pa.Table  # all their booked entries before the test, sorted by company, date and id
    queries: pa.Table  # booked test entries of these companies


@dataclass(frozen=True)
class CurvePredictions:
    """The predictions of a fold's entries, with a given number of earlier entries known."""

    queries: pa.Table
    predictions: pa.Table
    svm_right: np.ndarray  # bool, of each of them


def company_folds(split: np.ndarray, entity: np.ndarray) -> list[np.ndarray]:
    """The companies that have test rows, in at most FOLDS groups of like numbers of these rows.

    `split` and `entity` [N] are of all booked rows. Empty where there is only one company, as there are no
    others to train on.
    """
    counts = np.bincount(entity[split == TEST])
    tested = np.flatnonzero(counts)
    if len(np.unique(entity[split == TRAIN])) < 2:
        return []
    folds: list[list[int]] = [[] for _ in range(min(FOLDS, len(tested)))]
    for company in tested[np.argsort(-counts[tested], kind="stable")].tolist():
        min(folds, key=lambda some: int(counts[some].sum())).append(company)
    return [np.array(sorted(some)) for some in folds]


def curve_folds(entries: pa.Table, entity: np.ndarray, split: np.ndarray, limit: int) -> list[CurveFold]:
    """The folds of booked `entries` [N], sorted by entity, date and id; at most `limit` test entries are
    queries, spread evenly over all of them.

    `entity` are their companies' numbers in the bundle's catalog, `split` is theirs. A fold without
    queries is left out.
    """
    test = np.flatnonzero(split == TEST)
    test = test[np.linspace(0, len(test) - 1, min(limit, len(test))).astype(int)]
    before = np.flatnonzero(split != TEST)

    def of(rows: np.ndarray, companies: np.ndarray) -> pa.Table:
        return entries.take(pa.array(rows[np.isin(entity[rows], companies)]))

    folds = [
        CurveFold(companies, known=of(before, companies), queries=of(test, companies))
        for companies in company_folds(split, entity)
    ]
    return [fold for fold in folds if len(fold.queries)]


def fold_ranker(examples: Examples, fold: CurveFold, settings: RankerSettings) -> Ranker:
    """A ranker trained on the `examples` of all companies but the fold's."""
    others = examples.take(np.flatnonzero(~np.isin(examples.entity, fold.companies)))
    return others.fit(replace(settings, nets=1), seed=0)


def predict_queries(
    bundle: Bundle, ranker: Ranker, fold: CurveFold, books_split: np.ndarray, history: int
) -> pa.Table:
    """Predictions of the fold's entries with `history` entries of each of its companies known.

    `ranker` is that of `fold_ranker`; `books_split` int8 [N] is the split of the corpus's rows.
    """
    books = bundle.corpus
    keep = np.ones(len(books.ids), dtype=bool)
    for company in fold.companies.tolist():
        rows = np.flatnonzero(books.rows.entity == company)
        keep[rows] = False
        known = rows[books_split[rows] != TEST]
        keep[known[len(known) - min(history, len(known)) :]] = True
    new = replace(bundle, ranker=ranker).with_rows(np.flatnonzero(keep))
    return Predictor(new, PredictSettings(), decoder=False)(without_lines(fold.queries))


def predict_fold(
    bundle: Bundle, examples: Examples, books_split: np.ndarray, fold: CurveFold
) -> dict[int, CurvePredictions]:
    """The predictions of a fold by history, by a ranker trained on the other companies' `examples` and by an
    SVM."""
    ranker = fold_ranker(examples, fold, bundle.ranker.settings)
    return {
        history: CurvePredictions(
            fold.queries, predict_queries(bundle, ranker, fold, books_split, history), svm_right(fold, history)
        )
        for history in HISTORIES
    }


def svm_right(fold: CurveFold, history: int) -> np.ndarray:
    """bool: which of the fold's entries a linear SVM predicts right that is trained on the same `history`."""
    from_end = pa.array(_places_from_end(fold.known["entity"]))
    known = fold.known.filter(pc.less(from_end, history))
    split = np.repeat([TRAIN, TEST], [len(known), len(fold.queries)])
    predictions = LinearSvm(refitted=False).predict(
        pa.concat_tables([known, without_lines(fold.queries)]), split
    )
    booked = pa.concat_tables([known, fold.queries])
    return score_baseline(booked, predictions, split == TEST).counts["exact"] > 0


def _places_from_end(entity: pa.ChunkedArray) -> np.ndarray:
    """int64: 0 for the last row of each entity, whose rows lie together, 1 for the one before, and so on."""
    codes = pc.dictionary_encode(entity.combine_chunks()).indices.to_numpy()
    return np.searchsorted(codes, codes, side="right") - 1 - np.arange(len(codes))


def learning_curve(by_history: dict[int, list[CurvePredictions]]) -> list[dict[str, Any]]:
    """The points of the curve, from the predictions of all folds by history."""
    points = []
    for history, parts in sorted(by_history.items()):
        scored, by_svm = _scored(parts)
        metrics = group_metrics(scored, np.arange(len(scored)))
        names = ("n", "entry_exact_match", "line_f1", "validity")
        points.append(
            {
                "history": history,
                "entities": len(np.unique(scored.entity)),
                **{name: metrics[name] for name in names},
                "svm_exact_match": float(by_svm.mean()),
            }
        )
    return points


def curve_rows(by_history: dict[int, list[CurvePredictions]]) -> pa.Table:
    """The predictions of the curve: entity, entry_id, history, and whether ranker and SVM are right."""
    tables = []
    for history, parts in sorted(by_history.items()):
        scored, by_svm = _scored(parts)
        columns = {"entity": scored.entity.tolist(), "entry_id": scored.entry_id}
        right = {"right": scored.counts["exact"] > 0, "svm_right": by_svm}
        tables.append(pa.table({**columns, "history": np.full(len(scored), history), **right}))
    return pa.concat_tables(tables)


def _scored(parts: list[CurvePredictions]) -> tuple[Scored, np.ndarray]:
    queries = pa.concat_tables([part.queries for part in parts])
    scored = score_predictions(queries, pa.concat_tables([part.predictions for part in parts]))
    return scored, np.concatenate([part.svm_right for part in parts])
