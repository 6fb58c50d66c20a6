"""What jet must beat: two ways to book an entry from its entity's own past that need no training to speak of.

They answer under the same protocol as the model, rolling memory: every entry that the entity booked on a
strictly earlier date may be used, those of the same day may not. So an entry's own lines, and whatever was
booked on its day or later, can't reach its prediction.

Where two earlier entries are equally good, the later one counts for more, by date and then by entry_id; the
answers don't depend on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from jet.books.schema import ENTRIES, validate
from jet.books.split import CALIBRATION, TRAIN, date_order
from jet.evaluation.metrics import Multiset, Scored, line_sets, score_sets
from jet.retrieval.text import normalize_all

ANSWERS = 3
"""How many answers an entry gets at most: the prediction and its alternatives."""


@dataclass
class BaselinePredictions:
    """The answers of a baseline, one element per answered row everywhere."""

    row: NDArray[np.intp]
    """Row numbers in `entries`, ascending: those of calibration and test."""
    sets: list[Multiset]
    """The answer; () where the entity had booked nothing yet."""
    confidence: NDArray[np.float64]
    alternatives: list[list[Multiset]]


class Baseline(Protocol):
    """Something that answers the calibration and test rows of a split by date."""

    name: str

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """Predict every row of calibration and test from strictly earlier entries of its entity.

        `entries` has the schema ENTRIES and holds all books in any order; `split`, shape (rows,), is what
        `split_by_date` gives. Raises ValueError where a split is not by date.
        """
        ...


@dataclass(frozen=True)
class _Answer:
    """Sets, best first, at most `ANSWERS`, and the share of the votes that the first one got."""

    sets: list[Multiset]
    confidence: float


_NOTHING = _Answer([], 0.0)


@dataclass(frozen=True)
class _Books:
    """The entries of one entity in the order of their dates; one element per place in it."""

    row: list[int]
    earlier: list[int]
    """How many entries, from the first on, are strictly earlier."""
    text: list[str]
    lines: list[Multiset]
    """() where they are not known."""
    trains: NDArray[np.bool_]
    asked: list[int]
    """The places to answer."""


class _Votes:
    """Which sets were booked how often, and the most frequent of them at any time."""

    def __init__(self) -> None:
        self.count: dict[Multiset, int] = {}
        self.best: list[Multiset] = []
        self.total = 0
        self.last: Multiset = ()

    def add(self, lines: Multiset) -> None:
        """Count one more; of equally frequent sets the one that was added last is the better one."""
        self.count[lines] = self.count.get(lines, 0) + 1
        self.total += 1
        self.last = lines
        # Only this set's count rose, so the best are it and the old best. A stable sort keeps it in front.
        ranked = [lines, *(other for other in self.best if other != lines)]
        self.best = sorted(ranked, key=lambda other: -self.count[other])[:ANSWERS]

    def most_frequent(self) -> _Answer:
        """The most frequent sets, with the share of the first; nothing where nothing was added."""
        if not self.total:
            return _NOTHING
        return _Answer(list(self.best), self.count[self.best[0]] / self.total)


class LastSameText:
    """What the last entry with the same normalized description was booked to; else the most frequent set.

    The confidence is the share that the answer has of all earlier entries with this description, and where
    there is none, of all earlier entries.
    """

    name = "last_same_text"

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`."""
        answers: dict[int, _Answer] = {}
        for books in _by_entity(entries, split):
            of_text: dict[str, _Votes] = {}
            of_all = _Votes()
            learned = 0
            for place in books.asked:
                for earlier in range(learned, books.earlier[place]):
                    if books.lines[earlier]:
                        of_all.add(books.lines[earlier])
                        of_text.setdefault(books.text[earlier], _Votes()).add(books.lines[earlier])
                learned = books.earlier[place]
                same = of_text.get(books.text[place])
                if same is None:
                    answers[books.row[place]] = of_all.most_frequent()
                else:
                    others = [*same.best, *of_all.best]
                    ranked = list(dict.fromkeys([same.last, *others]))[:ANSWERS]
                    answers[books.row[place]] = _Answer(ranked, same.count[same.last] / same.total)
        return _collected(answers)


class TfidfVote:
    """The sets of the ten most similar earlier descriptions, weighted by their similarity.

    The similarity is the cosine of TF-IDF vectors of character 2- to 4-grams within words, fitted on the
    entity's train texts. The confidence is the share of the weight that the answer got. Where nothing is
    similar at all, the answer is the entity's most frequent set with its share.
    """

    name = "tfidf_vote"

    def __init__(self, neighbors: int = 10, cells: int = 4_000_000) -> None:
        """Vote over `neighbors` entries; `cells` bounds the similarities held at once, 4 bytes each."""
        self.neighbors = neighbors
        self.cells = cells

    def predict(self, entries: pa.Table, split: NDArray) -> BaselinePredictions:
        """See `Baseline.predict`."""
        answers: dict[int, _Answer] = {}
        for books in _by_entity(entries, split):
            frequent = _Votes()
            learned = 0
            for place, neighbors in zip(books.asked, self._neighbors(books), strict=True):
                for earlier in range(learned, books.earlier[place]):
                    if books.lines[earlier]:
                        frequent.add(books.lines[earlier])
                learned = books.earlier[place]
                weight: dict[Multiset, float] = {}
                for neighbor, similarity in neighbors:
                    lines = books.lines[neighbor]
                    weight[lines] = weight.get(lines, 0.0) + similarity
                if weight:
                    ranked = sorted(weight, key=lambda lines: -weight[lines])
                    share = weight[ranked[0]] / sum(weight.values())
                    answers[books.row[place]] = _Answer(ranked[:ANSWERS], min(share, 1.0))
                else:
                    answers[books.row[place]] = frequent.most_frequent()
        return _collected(answers)

    def _neighbors(self, books: _Books) -> Iterator[list[tuple[int, float]]]:
        """For every asked place the most similar earlier places, with their similarity, best first."""
        texts, of_place = np.unique(np.array(books.text, dtype=object), return_inverse=True)
        vectorizer = TfidfVectorizer(
            analyzer="char_wb", ngram_range=(2, 4), lowercase=False, dtype=np.float32, sublinear_tf=True
        )
        try:
            vectorizer.fit([text for text, trains in zip(books.text, books.trains, strict=True) if trains])
        except ValueError:  # no train text has a single n-gram
            yield from ([] for _ in books.asked)
            return
        vectors = vectorizer.transform(texts)
        booked = np.array([bool(lines) for lines in books.lines])
        chunk = max(1, self.cells // max(1, len(books.text)))
        for first in range(0, len(books.asked), chunk):
            asked = books.asked[first : first + chunk]
            asked_texts, of_asked = np.unique(of_place[asked], return_inverse=True)
            by_text = (vectors[asked_texts] @ vectors.T).toarray()
            for place, which in zip(asked, of_asked, strict=True):
                end = books.earlier[place]
                similarity = np.where(booked[:end], by_text[which, of_place[:end]], 0)
                yield _top(similarity, self.neighbors)


def _top(similarity: NDArray, k: int) -> list[tuple[int, float]]:
    """The `k` places of largest similarity above 0, of equals the later ones, best first."""
    least = np.partition(similarity, -k)[-k] if similarity.size > k else 0
    places = np.flatnonzero((similarity >= least) & (similarity > 0))
    best = places[np.lexsort((-places, -similarity[places]))][:k]
    return list(zip(best.tolist(), similarity[best].tolist(), strict=True))


BASELINES: dict[str, Baseline] = {"last_same_text": LastSameText(), "tfidf_vote": TfidfVote()}
"""The baselines that every report shows, by name."""


def score_baseline(
    entries: pa.Table,
    predictions: BaselinePredictions,
    rows: NDArray,
    *,
    strata: dict[str, NDArray] | None = None,
    accounts: pa.Table | None = None,
) -> Scored:
    """Put a baseline's answers for `rows` of `entries` (row numbers or a mask) beside their truth.

    `strata` has one element per picked row; `accounts` is the chart, see `metrics.score_sets`. Raises
    ValueError where a row was not answered.
    """
    rows = np.arange(entries.num_rows)[rows]
    at = np.searchsorted(predictions.row, rows)
    found = np.append(predictions.row, -1)[at] == rows
    if not found.all():
        raise ValueError(f"the baseline did not answer row {rows[int(np.argmin(found))]}")
    return score_sets(
        entries.take(pa.array(rows)),
        [predictions.sets[i] for i in at],
        predictions.confidence[at],
        [predictions.alternatives[i] for i in at],
        strata=strata,
        accounts=accounts,
    )


def _by_entity(entries: pa.Table, split: NDArray) -> Iterator[_Books]:
    entries = validate(entries, ENTRIES, "entries")
    split = np.asarray(split)
    if split.shape != (entries.num_rows,):
        raise ValueError(f"split has shape {split.shape}, must be ({entries.num_rows},)")
    entity = entries["entity"].to_numpy()
    entry_id = np.array(entries["entry_id"].to_pylist(), dtype=object)
    order = date_order(entity, entries["date"].to_numpy(), np.unique(entry_id, return_inverse=True)[1])
    texts = normalize_all(entries["description"]).to_pylist()
    sets = line_sets(entries["lines"])
    for start in np.unique(order.entity_start).tolist():
        end = int(order.entity_end[start])
        rows = order.row[start:end]
        asked = np.flatnonzero(split[rows] >= CALIBRATION)
        if not asked.size:
            continue
        earlier = order.day_start[start:end] - start
        trains = split[rows] == TRAIN
        if np.any(trains[earlier[asked[0]] :]):
            raise ValueError(f"entity {entity[rows[0]]!r}: train reaches into later splits, split it by date")
        yield _Books(
            row=rows.tolist(),
            earlier=earlier.tolist(),
            text=[texts[row] for row in rows],
            lines=[sets[row] for row in rows],
            trains=trains,
            asked=asked.tolist(),
        )


def _collected(answers: dict[int, _Answer]) -> BaselinePredictions:
    rows = sorted(answers)
    return BaselinePredictions(
        row=np.array(rows, dtype=np.intp),
        sets=[answers[row].sets[0] if answers[row].sets else () for row in rows],
        confidence=np.array([answers[row].confidence for row in rows], dtype=np.float64),
        alternatives=[answers[row].sets[1:] for row in rows],
    )
