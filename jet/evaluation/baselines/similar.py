"""Baselines by similar descriptions: a vote of the ten nearest entries, or the nearest one's set.

Of equally similar entries the later one counts as nearer, by date and then by entry_id. Where no entry is
similar, they predict the entity's most frequent set with its share.

`TfidfVote` counts its own n-grams and needs nothing but the entries. `Nearest` reads a `TextStore`, which the
caller builds once for all baselines, since encoding is expensive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jet.evaluation.baselines.columns import fitted, ngram_vectorizer
from jet.evaluation.baselines.protocol import (
    MOST_SETS,
    BaselinePrediction,
    BaselinePredictions,
    EntityBooks,
    by_entity,
    collected,
)
from jet.evaluation.baselines.repeats import most_frequent
from jet.evaluation.line_sets import Multiset
from jet.texts.ngrams import idf, weigh
from jet.texts.store import TextStore

_NEIGHBORS = 10
_CELLS = 4_000_000

By = Literal["tfidf", "sentence", "combined"]
"""What makes two descriptions similar; see `Nearest`."""

Near = list[tuple[int, float]]
"""Places with their similarity, best first."""


class TfidfVote:
    """The sets of the ten most similar earlier descriptions, weighted by their similarity.

    The similarity is the cosine of TF-IDF vectors of character 2- to 4-grams within words, fitted on the
    entity's train texts. The confidence is the predicted set's share of the weight.
    """

    name = "tfidf_vote"

    def __init__(self, neighbors: int = _NEIGHBORS, cells: int = _CELLS) -> None:
        """Vote over `neighbors` entries; `cells` bounds the similarities held at once, 4 bytes each."""
        self.neighbors = neighbors
        self.cells = cells

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`."""
        predictions: dict[int, BaselinePrediction] = {}
        for books in by_entity(entries, split):
            nearest = self._nearest(books)
            for place, near, frequent in zip(books.queries, nearest, most_frequent(books), strict=True):
                predictions[books.row[place]] = _voted(books, near) if near else frequent
        return collected(predictions)

    def _nearest(self, books: EntityBooks) -> Iterator[Near]:
        texts, of_place = np.unique(np.array(books.text, dtype=object), return_inverse=True)
        train = [text for text, trains in zip(books.text, books.trains, strict=True) if trains]
        vectorizer = fitted(ngram_vectorizer("char_wb"), train)
        if vectorizer is None:
            return ([] for _ in books.queries)
        vectors = vectorizer.transform(texts)
        return nearest_places(
            books,
            of_place,
            lambda queries: (vectors[queries] @ vectors.T).toarray(),
            self.neighbors,
            self.cells,
        )


def _voted(books: EntityBooks, near: Near) -> BaselinePrediction:
    weight: dict[Multiset, float] = {}
    for place, similarity in near:
        weight[books.lines[place]] = weight.get(books.lines[place], 0.0) + similarity
    ranked = sorted(weight, key=lambda lines: -weight[lines])
    share = weight[ranked[0]] / sum(weight.values())
    return BaselinePrediction(ranked[:MOST_SETS], min(share, 1.0))


class Nearest:
    """The set of the single most similar earlier description.

    `by` is the similarity: "tfidf", the n-grams that retrieval uses, weighted by the entity's train texts;
    "sentence", the cosine of sentence vectors; "combined", half of each. The confidence is the share of its
    set among the ten nearest entries, weighted by their similarity.
    """

    def __init__(self, by: By, store: TextStore, cells: int = _CELLS) -> None:
        """`store` has the texts of all entries; `cells` bounds the similarities held at once.

        Raises ValueError where sentence vectors are needed and the store has none.
        """
        self.name = f"nearest_{by}"
        self.ngram_weight = {"tfidf": 1.0, "sentence": 0.0, "combined": 0.5}[by]
        if self.ngram_weight < 1 and not store.dimension:
            raise ValueError(f"{self.name} needs sentence vectors, and the text store has none")
        self.store = store
        self.cells = cells

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`. Raises ValueError where a text is not in the store."""
        predictions: dict[int, BaselinePrediction] = {}
        for books in by_entity(entries, split):
            nearest = self._nearest(books)
            for place, near, frequent in zip(books.queries, nearest, most_frequent(books), strict=True):
                predictions[books.row[place]] = _first(books, near) if near else frequent
        return collected(predictions)

    def _nearest(self, books: EntityBooks) -> Iterator[Near]:
        rows = self.store.rows(books.text)
        if (rows < 0).any():
            unknown = books.text[int((rows < 0).argmax())]
            raise ValueError(f"the text store of {self.name} lacks the description {unknown!r}")
        texts, of_place = np.unique(rows, return_inverse=True)
        train = np.unique(rows[books.trains])
        ngrams = weigh(self.store.ngrams[texts], idf(self.store.ngrams[train]))
        vectors = self.store.vectors[texts]

        def compare(queries: NDArray) -> NDArray:
            similarity = np.zeros((len(queries), len(texts)), np.float32)
            if self.ngram_weight > 0:
                similarity += self.ngram_weight * (ngrams[queries] @ ngrams.T).toarray()
            if self.ngram_weight < 1:
                similarity += (1 - self.ngram_weight) * (vectors[queries] @ vectors.T)
            return np.round(similarity, 5)  # smaller differences come from the order of summation

        return nearest_places(books, of_place, compare, _NEIGHBORS, self.cells)


def _first(books: EntityBooks, near: Near) -> BaselinePrediction:
    ranked = list(dict.fromkeys(books.lines[place] for place, _ in near))[:MOST_SETS]
    same = sum(similarity for place, similarity in near if books.lines[place] == ranked[0])
    return BaselinePrediction(ranked, min(same / sum(similarity for _, similarity in near), 1.0))


def nearest_places(
    books: EntityBooks,
    of_place: NDArray,
    compare: Callable[[NDArray], NDArray],
    neighbors: int,
    cells: int,
) -> Iterator[Near]:
    """The most similar strictly earlier booked places of each query, at most `neighbors`.

    `of_place` [places] numbers the places' texts; `compare` takes text numbers [n] and gives their similarity
    to all texts [n, texts]. Only what is above 0 is similar.
    """
    booked = np.array([bool(lines) for lines in books.lines])
    chunk = max(1, cells // max(1, len(books.text)))
    for first in range(0, len(books.queries), chunk):
        queries = books.queries[first : first + chunk]
        query_texts, of_query = np.unique(of_place[queries], return_inverse=True)
        by_text = compare(query_texts)
        for place, which in zip(queries, of_query, strict=True):
            end = books.earlier[place]
            similarity = np.where(booked[:end], by_text[which, of_place[:end]], 0)
            yield _top(similarity, neighbors)


def _top(similarity: NDArray, k: int) -> Near:
    """The `k` places of largest similarity above 0, of equals the later ones, best first."""
    least = np.partition(similarity, -k)[-k] if similarity.size > k else 0
    places = np.flatnonzero((similarity >= least) & (similarity > 0))
    best = places[np.lexsort((-places, -similarity[places]))][:k]
    return list(zip(best.tolist(), similarity[best].tolist(), strict=True))
