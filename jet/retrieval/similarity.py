"""The one formula of similarity, and which rows of a block can be hits by it.

Similarity = sentence_weight * cosine of the sentence vectors + ngram_weight * dot product of the n-gram rows
+ bonuses for the same journal, the same digit-masked text and recency - penalties for another currency and for
money that goes the other way. What isn't known of the query costs nothing, since it costs all rows the same.

Notable:

- **Queries don't disturb each other.** Their texts are scored in batches of a fixed number of rows, the last
  one padded, and from these scores every query has the hits that it would have alone, bit for bit.
- **Few rows are ranked.** Most rows have texts so far behind the best that no bonus helps them, and of equal
  text, journal, currency, direction and owner only the K most recent can be hits.

Legend: Q queries, K neighbors, n rows and U distinct texts of a block, D dimensions of a sentence vector, F
leading texts of a query.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from jet.retrieval.memory import ERROR, Block, Hits, Memory, Queries
from jet.retrieval.products import products
from jet.retrieval.settings import RetrievalSettings
from jet.texts.ngrams import weigh
from jet.texts.normalize import stable_hash

BATCH = 64
"""Distinct texts scored at once, always exactly so many."""

NO_JOURNAL = stable_hash("")
"""A journal that isn't known is never the same as another one that isn't known."""

NO_CURRENCY = stable_hash("")

_DECIMALS = np.float32(1e5)  # similarities are rounded to multiples of one of these
_RECENCY_DAYS = 365
_LEADING = 4  # times K texts that are looked at to find out which can have hits
_FOLDED = 256  # dimensions that the dense vectors have for the n-grams
_GROUPS = 4  # groups of columns for each one that is looked for: see `_highest`


@dataclass(frozen=True)
class Features:
    """What is known of a batch of 64 query texts; the last batch is filled up with zeros."""

    vectors: np.ndarray  # float32 [64, D]
    ngrams: sp.csr_matrix  # float32 [64, 8192], weighed
    masked: np.ndarray  # int64 [64]; -1: filled up


@dataclass(frozen=True)
class Asked:
    """What a block is asked by Q queries: for each the `k` most similar rows of those that it may see."""

    queries: Queries
    eligible: np.ndarray  # int64 [Q] how many rows it may see, from the block's first
    floor: np.ndarray  # float32 [Q] only rows more similar than this are wanted
    k: int

    def __len__(self) -> int:
        return len(self.queries)


class Contents:
    """A block's rows and distinct texts as arrays, and the one formula of similarity."""

    def __init__(
        self, block: Block, memory: Memory, settings: RetrievalSettings, by_column: bool = False
    ) -> None:
        """The vectors lie in memory row by row, or `by_column`."""
        rows = slice(block.start, block.stop)
        store = memory.store
        self.block = block
        self.store = store
        self.idf = memory.idf
        self.settings = settings
        self.texts, self._first_row, self.text = np.unique(  # [U], [U], [n]
            memory.text[rows], return_index=True, return_inverse=True
        )
        self.date = memory.date[rows]
        self.journal = memory.journal[rows]
        self.owner = None if memory.owner is None else memory.owner[rows]
        self.currency = None if memory.currency is None else memory.currency[rows]
        self.direction = None if memory.direction is None else memory.direction[rows]
        self.vectors = store.vectors[self.texts]
        if by_column:  # torch turns them ten times as fast as NumPy
            self.vectors = torch.from_numpy(self.vectors).T.contiguous().numpy().T
        self.ngrams = weigh(store.ngrams[self.texts], memory.idf)
        self.masked = store.masked[self.texts]
        self._currencies = np.empty(0) if self.currency is None else np.unique(self.currency)
        self._by_masked = np.argsort(self.masked)
        self._masked = self.masked[self._by_masked]
        self._most_bonus = np.float32(settings.journal_bonus + settings.recency_bonus) * (1 + ERROR)
        days = np.arange(16 * _RECENCY_DAYS)  # after 16 years nothing is left of the bonus
        self._recency = (settings.recency_bonus * np.exp(-days / _RECENCY_DAYS)).astype(np.float32)
        # Rows by kind, then age: of one kind only the most recent can be hits.
        some = (self.text, self.journal, self.owner, self.currency, self.direction)
        kinds = [each for each in some if each is not None]
        self._rows = by_kind = np.lexsort(kinds[::-1])
        new = np.ones(len(by_kind), dtype=bool)
        new[1:] = np.any([np.diff(each[by_kind]) != 0 for each in kinds], axis=0)
        self._kind_start = np.append(np.flatnonzero(new), len(by_kind))
        self._text_kinds = np.searchsorted(self.text[by_kind][new], np.arange(len(self.texts) + 1))
        kind = np.cumsum(new) - 1
        # Sorted, so one search finds a limit within a kind.
        self._kind_and_row = kind * len(by_kind) + by_kind

    def asked(self, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None) -> Asked:
        """What `queries` ask that may see rows of the memory below `limit`, int64 [Q]; see `BlockIndex.search`.

        Raises ValueError where a limit lets in a row that isn't strictly earlier.
        """
        count = np.clip(limit - self.block.start, 0, self.block.stop - self.block.start)
        count = np.where(queries.entity == self.block.entity, count, 0)
        late = (count > 0) & (self.date[count - 1] >= queries.date)
        if late.any():
            raise ValueError(f"the limit of query {int(late.argmax())} lets in entries that aren't earlier")
        if floor is None:
            floor = np.full(len(queries), -np.inf, dtype=np.float32)
        return Asked(queries, count, floor, k)

    def owned(self, asked: Asked) -> np.ndarray:
        """How many of the eligible rows are the query's owner's, int64 [Q]."""
        owners = asked.queries.owner
        count = np.zeros(len(asked), dtype=np.int64)
        if self.owner is not None and owners is not None:
            for owner in np.unique(owners):
                asks = owners == owner
                count[asks] = np.searchsorted(np.flatnonzero(self.owner == owner), asked.eligible[asks])
        return count

    def look_up(self, queries: Queries, texts: np.ndarray) -> Features:
        """The features of at most 64 query texts."""
        store = queries.store or self.store
        if store.dimension != self.store.dimension:
            raise ValueError(f"queries have {store.dimension} dimensions, the memory {self.store.dimension}")
        missing = BATCH - len(texts)
        ngrams = weigh(store.ngrams[texts], self.idf)
        ngrams.resize(BATCH, ngrams.shape[1])
        return Features(
            vectors=np.pad(store.vectors[texts], ((0, missing), (0, 0))),
            ngrams=ngrams,
            masked=np.pad(store.masked[texts], (0, missing), constant_values=-1),
        )

    def score_all(self, features: Features) -> np.ndarray:
        """What the texts alone say of each query text and each text of the block, float32 [64, U]."""
        scores = products(features.vectors, self.vectors)
        scores *= np.float32(self.settings.sentence_weight)
        if self.settings.ngram_weight:
            scores += self._ngram_scores(self.ngrams, features).T
        first = np.searchsorted(self._masked, features.masked, "left")
        same, query = ranges(first, np.searchsorted(self._masked, features.masked, "right"))
        scores[query, self._by_masked[same]] += np.float32(self.settings.same_masked_text_bonus)
        return scores

    def score_some(self, features: Features, texts: np.ndarray) -> np.ndarray:
        """As `score_all`, but for the block's texts number `texts`, int64 [64, W] (-1: any value)."""
        scores = np.einsum("qd,qwd->qw", features.vectors, self.vectors[texts])
        scores *= np.float32(self.settings.sentence_weight)
        if self.settings.ngram_weight:
            some, place = np.unique(texts, return_inverse=True)
            scores += self._ngram_scores(self.ngrams[some], features)[place, np.arange(BATCH)[:, None]]
        same = features.masked[:, None] == self.masked[texts]
        scores += same * np.float32(self.settings.same_masked_text_bonus)
        return scores

    def _ngram_scores(self, ngrams: sp.csr_matrix, features: Features) -> np.ndarray:
        """Of some of the block's texts, by row, and each query text: float32 [n, 64]."""
        return (ngrams @ features.ngrams.T.toarray(order="C")) * np.float32(self.settings.ngram_weight)

    def leading(self, scores: np.ndarray, k: int) -> np.ndarray:
        """Some times `k` texts with the highest `scores` float32 [n, U], best first: int64 [n, F]."""
        return _highest(scores, min(_LEADING * k, scores.shape[1]))

    def most_kinds(self, texts: np.ndarray) -> int:
        """How many kinds of rows the texts of a row of `texts` [n, F] have at most."""
        return int(np.diff(self._text_kinds)[texts].sum(axis=1).max())

    def promising(
        self, asked: Asked, query: np.ndarray, scores: np.ndarray, leading: np.ndarray, at: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Texts that hold all rows that can be hits of some queries: pairs of a place in `query` and a text.

        `scores` float32 [64, U] is what the texts alone say, `leading` [64, F] names the best of them, and `at`
        [n] is the row of both that each of `query` [n] has. A text that scores less than the floor by more than
        all bonuses together can have no hit. Where that leaves more than the leading texts, the same goes for
        the last text that it takes to have k eligible rows. Only where the last of the leading texts still
        may have hits, all texts are looked at. Returns int64 [m] each.
        """
        leading = leading[at]  # [n, F]
        score = scores[at[:, None], leading]
        # A hit is half a unit of the last decimal above the floor; a tenth is left for float32's noise.
        lowest = asked.floor[query] + np.float32(0.4) / _DECIMALS - self._most_bonus
        weak = np.flatnonzero(score[:, -1] >= lowest)
        if len(weak):
            held = self._lowest_of(asked, query[weak], score[weak], leading[weak])
            lowest[weak] = np.maximum(lowest[weak], self._below(held, asked.queries, query[weak]))
        reached = score >= lowest[:, None]
        few = leading.shape[1]
        beyond = np.flatnonzero(reached[:, -1]) if few < scores.shape[1] else np.zeros(0, dtype=np.int64)
        reached[beyond] = False
        place, column = np.nonzero(reached)
        others, text = self._all_promising(asked, query[beyond], scores[at[beyond]], lowest[beyond])
        return np.append(place, beyond[others]), np.append(leading[place, column], text)

    def _all_promising(
        self, asked: Asked, query: np.ndarray, scores: np.ndarray, lowest: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of a place in `query` [n] and a text, of those that reach `lowest` [n] by their `scores` [n, U]
        and have an eligible row. Where k of them have, others must not lie too far behind these."""
        scores = np.where(self._first_row < asked.eligible[query, None], scores, -np.inf)
        all_count = asked.queries.owner is None or self.owner is None
        if all_count and asked.k <= scores.shape[1]:
            best = torch.topk(torch.from_numpy(scores), asked.k).values[:, -1].numpy()
            lowest = np.maximum(lowest, self._below(best, asked.queries, query))
        reached = (scores >= lowest[:, None]) & (scores > -np.inf)
        return np.divmod(np.flatnonzero(reached), scores.shape[1])

    def _below(self, score: np.ndarray, queries: Queries, query: np.ndarray) -> np.ndarray:
        """What a text must score to have a hit before the eligible rows of one with this `score`, for each of
        `query`; two units of the last decimal are more than rounding both can change."""
        return score - self._most_bonus - self._most_penalty(queries, query) - 2 / _DECIMALS

    def _most_penalty(self, queries: Queries, query: np.ndarray) -> np.ndarray:
        """float32 [n]: more than what is taken off any row for each of `query`."""
        most = np.zeros(len(query), dtype=np.float32)
        if self.currency is not None and queries.currency is not None:
            asked = queries.currency[query]
            known = (asked != NO_CURRENCY) & ((self._currencies[0] != asked) | (len(self._currencies) > 1))
            most += known * np.float32(self.settings.other_currency_penalty)
        if self.direction is not None and queries.direction is not None:
            most += (queries.direction[query] != 0) * np.float32(self.settings.other_direction_penalty)
        return most * (1 + ERROR)

    def _lowest_of(self, asked: Asked, query: np.ndarray, score: np.ndarray, leading: np.ndarray) -> np.ndarray:
        """The `score` [n, F] of the last of the `leading` texts [n, F] that it takes to have k eligible rows,
        for each of `query` [n]; -inf where all of them have fewer."""
        few = leading.shape[1]
        kinds, of = ranges(self._text_kinds[leading.ravel()], self._text_kinds[leading.ravel() + 1])
        start, stop = self._eligible_of(asked, query[of // few], kinds)
        rows = (stop - start) * self._others(asked, query[of // few], kinds)
        so_far = np.bincount(of, rows, leading.size).reshape(leading.shape).cumsum(axis=1)
        needed = np.minimum((so_far < asked.k).sum(axis=1), few - 1)
        return np.where(so_far[:, -1] < asked.k, -np.inf, score[np.arange(len(query)), needed])

    def _others(self, asked: Asked, query: np.ndarray, kinds: np.ndarray) -> np.ndarray | bool:
        """Whether the rows of each of `kinds` aren't those of the owner of the `query` beside it."""
        if asked.queries.owner is None or self.owner is None:
            return True
        return self.owner[self._rows[self._kind_start[kinds]]] != asked.queries.owner[query]

    def _eligible_of(self, asked: Asked, query: np.ndarray, kinds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the rows of each of `kinds` that can be hits of the `query` beside it begin and end."""
        stop = np.searchsorted(self._kind_and_row, kinds * len(self._rows) + asked.eligible[query])
        return np.maximum(self._kind_start[kinds], stop - asked.k), stop

    def rank(self, hits: Hits, asked: Asked, query: np.ndarray, text: np.ndarray, score: np.ndarray) -> None:
        """Write the best rows of some texts into `hits`.

        One value for each pair of a query and a text of the block: int64 `query` and `text`, float32 `score`,
        which is what the texts alone say. The pairs of a query stand together, and in one call only.
        """
        kinds, of = ranges(self._text_kinds[text], self._text_kinds[text + 1])
        start, stop = self._eligible_of(asked, query[of], kinds)
        there = (stop > start) & self._others(asked, query[of], kinds)
        start, stop, query, score = start[there], stop[there], query[of[there]], score[of[there]]
        # The newest eligible row of a kind is the most similar one: but for their age they are alike.
        lowest = np.rint(asked.floor[query] * _DECIMALS)
        good = self._rounded(asked.queries, query, self._rows[stop - 1], score) > lowest
        place, of = ranges(start[good], stop[good])
        rows, query, lowest = self._rows[place], query[good][of], lowest[good][of]
        rounded = self._rounded(asked.queries, query, rows, score[good][of])
        good = rounded > lowest
        rows, query, rounded = rows[good], query[good], rounded[good]
        if not len(rows):
            return
        # One integer says it all: the query, then the rounded similarity, then the row. No two are equal.
        size = len(self.text)
        key = rounded.astype(np.int64) * size + rows
        highest = key.max()
        span = highest - key.min() + 1
        first = np.flatnonzero(np.diff(query, prepend=-1))
        asking, number = query[first], np.repeat(np.arange(len(first)), np.diff(first, append=len(query)))
        key = highest - np.sort(number * span + (highest - key)) % span
        column = np.arange(len(key)) - first[number]
        best = column < asked.k
        rounded, row = np.divmod(key[best], size)
        goal = asking[number[best]], column[best]
        hits.row[goal] = self.block.start + row
        hits.similarity[goal] = (rounded / float(_DECIMALS)).astype(np.float32)

    def _rounded(self, queries: Queries, query: np.ndarray, rows: np.ndarray, score: np.ndarray) -> np.ndarray:
        """Similarity, in units of the fifth decimal, of each of `query` and the block's row beside it, whose
        texts alone say `score`; float32 [n]."""
        similarity = score + self._recency.take(queries.date[query] - self.date[rows], mode="clip")
        same = (self.journal[rows] == queries.journal[query]) & (queries.journal[query] != NO_JOURNAL)
        similarity += same * np.float32(self.settings.journal_bonus)
        if self.currency is not None and queries.currency is not None:
            other = otherness(queries.currency[query], self.currency[rows], NO_CURRENCY)
            similarity -= other * np.float32(self.settings.other_currency_penalty)
        if self.direction is not None and queries.direction is not None:
            other = otherness(queries.direction[query], self.direction[rows], 0)
            similarity -= other * np.float32(self.settings.other_direction_penalty)
        return np.rint(similarity * _DECIMALS)


def dense(vectors: np.ndarray, ngrams: sp.csr_matrix, settings: RetrievalSettings) -> np.ndarray:
    """Vectors [n, D + 256] whose dot products approximate what the texts say, bonuses apart."""
    columns = ngrams.shape[1]
    drawn = np.random.RandomState(0)  # the generator whose numbers never change
    bucket, sign = drawn.randint(_FOLDED, size=columns), 2 * drawn.randint(2, size=columns) - 1
    fold = sp.csr_matrix(
        (sign.astype(np.float32), (np.arange(columns), bucket)), shape=(columns, _FOLDED), dtype=np.float32
    )
    folded = np.asarray((ngrams @ fold).toarray())
    return np.concatenate(
        [
            np.float32(math.sqrt(settings.sentence_weight)) * vectors,
            np.float32(math.sqrt(settings.ngram_weight)) * folded,
        ],
        axis=1,
    )


def otherness(asked: np.ndarray, theirs: np.ndarray, unknown: int) -> np.ndarray:
    """float32 [...]: 1 where both are known and differ, .5 where only `asked` is known, else 0."""
    doubt = np.where(theirs == unknown, np.float32(0.5), np.float32(1))
    return np.where((asked == theirs) | (asked == unknown), np.float32(0), doubt)


def _highest(scores: np.ndarray, few: int) -> np.ndarray:
    """Columns of the `few` highest of each row of `scores` float32 [n, U], best first: int64 [n, few].

    What `torch.topk` does, mostly in a fifth to a third of the time. Columns are looked at in groups: the `few`
    highest columns are no lower than the least of the `few` highest maxima of groups. Where that leaves many,
    since their scores are equal, `torch.topk` is faster.
    """
    groups = _GROUPS * few
    together = scores.shape[1] // groups
    if together < 2:
        return torch.topk(torch.from_numpy(scores), few).indices.numpy()
    maxima = scores[:, : groups * together].reshape(len(scores), together, groups).max(axis=1)
    least = np.partition(maxima, groups - few, axis=1)[:, groups - few]
    found = np.flatnonzero(scores >= least[:, None])
    if len(found) > len(scores) * groups:
        return torch.topk(torch.from_numpy(scores), few).indices.numpy()
    row, column = np.divmod(found, scores.shape[1])
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(len(scores)))[row]
    candidates = np.zeros((len(scores), place.max() + 1), dtype=np.int64)
    candidates[row, place] = column
    score = np.full(candidates.shape, -np.inf, dtype=np.float32)
    score[row, place] = scores[row, column]
    return np.take_along_axis(candidates, np.argsort(-score, axis=1)[:, :few], axis=1)


def ranges(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All numbers from start[i] to stop[i] for every i, and the i that each is of."""
    length = np.maximum(stop - start, 0)
    of = np.repeat(np.arange(len(start)), length)
    before = np.cumsum(length) - length
    return np.arange(len(of)) - before[of] + start[of], of
