"""The formula of similarity, and the rows of a block that can be hits by it.

Similarity = sentence_weight * cosine of the sentence vectors + ngram_weight * dot product of the n-gram rows
+ bonuses for the same journal, the same digit-masked text and recency - penalties for another currency and for
money that goes the other way. What the query doesn't state costs no row anything.

Notable:

- **Queries don't depend on each other.** Their texts are scored in batches of a fixed number of rows, the last
  one padded, and from these scores every query has the hits that it would have alone, bit for bit.
- **Few rows are ranked.** Most rows have texts that score so much less than the best that no bonus makes them
  hits. Rows with equal text, journal, currency, direction and owner are of one *kind*, and differ in age alone:
  only the K most recent of a kind can be hits.

Legend: Q queries, K neighbors, n rows and U distinct texts of a block, D dimensions of a sentence vector, F
top texts of a query.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
import torch

from jet.retrieval.blocks import Block
from jet.retrieval.collection import ERROR, Collection, Hits, Queries
from jet.retrieval.products import products
from jet.retrieval.settings import RetrievalSettings
from jet.texts.ngrams import weigh
from jet.texts.normalize import stable_hash

BATCH = 64
"""Distinct texts scored at once, always exactly so many."""

NO_JOURNAL = stable_hash("")
"""The hash of a journal that isn't known; two such are not the same journal."""

NO_CURRENCY = stable_hash("")
"""The hash of a currency that isn't known."""

_DECIMALS = np.float32(1e5)  # similarities are rounded to multiples of one of these
_RECENCY_DAYS = 365
_TOP_TEXTS = 4  # times K: the texts whose scores bound those that can have hits
_GROUPS = 4  # groups of columns for each of the top k: see `_top_k`


@dataclass(frozen=True)
class TextFeatures:
    """The features of a batch of 64 query texts; the last batch is padded with zeros."""

    vectors: np.ndarray  # float32 [64, D]
    ngrams: sp.csr_matrix  # float32 [64, 8192], weighed
    masked: np.ndarray  # int64 [64], hashes of the texts without digits; -1: padding


@dataclass(frozen=True)
class BlockSearch:
    """A search of a block by Q queries, each for its `k` most similar eligible rows."""

    queries: Queries
    eligible: np.ndarray  # int64 [Q] how many of the block's first rows are strictly earlier
    bound: np.ndarray  # float32 [Q] the pruning bound: no row as similar as this or less is a hit
    k: int

    def __len__(self) -> int:
        return len(self.queries)


class Contents:
    """A block's rows and distinct texts as arrays, and the formula of similarity."""

    def __init__(
        self, block: Block, collection: Collection, settings: RetrievalSettings, by_column: bool = False
    ) -> None:
        """The vectors lie in memory row by row, or `by_column`."""
        rows = slice(block.start, block.stop)
        store = collection.store
        self.block = block
        self.store = store
        self.idf = collection.idf
        self.settings = settings
        self.texts, self._first_row, self.text = np.unique(  # [U], [U], [n]
            collection.text[rows], return_index=True, return_inverse=True
        )
        self.date = collection.date[rows]
        self.journal = collection.journal[rows]
        self.owner = None if collection.owner is None else collection.owner[rows]
        self.currency = None if collection.currency is None else collection.currency[rows]
        self.direction = None if collection.direction is None else collection.direction[rows]
        self.vectors = store.vectors[self.texts]
        if by_column:  # torch transposes them ten times as fast as NumPy
            self.vectors = torch.from_numpy(self.vectors).T.contiguous().numpy().T
        self.ngrams = weigh(store.ngrams[self.texts], collection.idf)
        self.masked = store.masked[self.texts]
        self._currencies = np.empty(0) if self.currency is None else np.unique(self.currency)
        self._by_masked = np.argsort(self.masked)
        self._masked = self.masked[self._by_masked]
        self._max_bonus = np.float32(settings.journal_bonus + settings.recency_bonus) * (1 + ERROR)
        days = np.arange(16 * _RECENCY_DAYS)  # after 16 years the bonus is nearly 0
        self._recency = (settings.recency_bonus * np.exp(-days / _RECENCY_DAYS)).astype(np.float32)
        # Rows by kind, then age.
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

    def block_search(
        self, queries: Queries, limit: np.ndarray, k: int, bound: np.ndarray | None = None
    ) -> BlockSearch:
        """The search of the block by `queries`, see `BlockIndex.search`. Rows below `limit`, int64 [Q], are
        eligible.

        Raises ValueError where a limit lets in a row that isn't strictly earlier.
        """
        count = np.clip(limit - self.block.start, 0, self.block.stop - self.block.start)
        count = np.where(self.block.asked(queries.entity, limit), count, 0)
        late = (count > 0) & (self.date[count - 1] >= queries.date)
        if late.any():
            raise ValueError(f"the limit of query {int(late.argmax())} lets in entries that aren't earlier")
        if bound is None:
            bound = np.full(len(queries), -np.inf, dtype=np.float32)
        return BlockSearch(queries, count, bound, k)

    def same_owner(self, search: BlockSearch) -> np.ndarray:
        """How many of the eligible rows have the query's owner, int64 [Q]."""
        owners = search.queries.owner
        count = np.zeros(len(search), dtype=np.int64)
        if self.owner is not None and owners is not None:
            for owner in np.unique(owners):
                of_owner = owners == owner
                rows = np.flatnonzero(self.owner == owner)
                count[of_owner] = np.searchsorted(rows, search.eligible[of_owner])
        return count

    def features(self, queries: Queries, texts: np.ndarray) -> TextFeatures:
        """The features of at most 64 query texts."""
        store = queries.store or self.store
        if store.dimension != self.store.dimension:
            raise ValueError(
                f"queries have {store.dimension} dimensions, the collection {self.store.dimension}"
            )
        missing = BATCH - len(texts)
        ngrams = weigh(store.ngrams[texts], self.idf)
        ngrams.resize(BATCH, ngrams.shape[1])
        return TextFeatures(
            vectors=np.pad(store.vectors[texts], ((0, missing), (0, 0))),
            ngrams=ngrams,
            masked=np.pad(store.masked[texts], (0, missing), constant_values=-1),
        )

    def score_all(self, features: TextFeatures) -> np.ndarray:
        """The similarity by text alone of each query text and each text of the block, float32 [64, U]."""
        scores = products(features.vectors, self.vectors)
        scores *= np.float32(self.settings.sentence_weight)
        if self.settings.ngram_weight:
            scores += self._ngram_scores(self.ngrams, features).T
        first = np.searchsorted(self._masked, features.masked, "left")
        same, query = ranges(first, np.searchsorted(self._masked, features.masked, "right"))
        scores[query, self._by_masked[same]] += np.float32(self.settings.same_masked_text_bonus)
        return scores

    def score_some(self, features: TextFeatures, texts: np.ndarray) -> np.ndarray:
        """As `score_all`, for the block's texts number `texts` alone, int64 [64, W] (-1: any value)."""
        scores = np.einsum("qd,qwd->qw", features.vectors, self.vectors[texts])
        scores *= np.float32(self.settings.sentence_weight)
        if self.settings.ngram_weight:
            some, place = np.unique(texts, return_inverse=True)
            scores += self._ngram_scores(self.ngrams[some], features)[place, np.arange(BATCH)[:, None]]
        same = features.masked[:, None] == self.masked[texts]
        scores += same * np.float32(self.settings.same_masked_text_bonus)
        return scores

    def _ngram_scores(self, ngrams: sp.csr_matrix, features: TextFeatures) -> np.ndarray:
        """The n-gram similarity of some of the block's texts, `ngrams` [n, 8192], and each query text: float32
        [n, 64]."""
        return (ngrams @ features.ngrams.T.toarray(order="C")) * np.float32(self.settings.ngram_weight)

    def top_texts(self, scores: np.ndarray, k: int) -> np.ndarray:
        """The texts with the highest `scores` float32 [n, U], 4 times `k` of them, best first: int64 [n, F]."""
        return _top_k(scores, min(_TOP_TEXTS * k, scores.shape[1]))

    def max_kinds(self, texts: np.ndarray) -> int:
        """The most kinds of rows that the texts of a row of `texts` [n, F] have together."""
        return int(np.diff(self._text_kinds)[texts].sum(axis=1).max())

    def candidate_texts(
        self, search: BlockSearch, query: np.ndarray, scores: np.ndarray, top_texts: np.ndarray, at: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The texts whose rows can be hits of some queries, as pairs of a place in `query` and a text: int64
        [m] each.

        `scores` float32 [64, U] are by text alone, `top_texts` [64, F] are the best of them, and `at` [n] is
        the row of both that each of `query` [n] has. A text that scores less than the bound by more than all
        bonuses together can have no hit. Where more than the top texts remain, the score of the text that
        completes k eligible rows raises the bound. All texts are compared only where the last of the top texts
        remains.
        """
        top_texts = top_texts[at]  # [n, F]
        score = scores[at[:, None], top_texts]
        bound = self._score_bound(search, query, score, top_texts)
        reached = score >= bound[:, None]
        few = top_texts.shape[1]
        beyond = np.flatnonzero(reached[:, -1]) if few < scores.shape[1] else np.zeros(0, dtype=np.int64)
        reached[beyond] = False
        place, column = np.nonzero(reached)
        others, text = self._all_candidate_texts(search, query[beyond], scores[at[beyond]], bound[beyond])
        return np.append(place, beyond[others]), np.append(top_texts[place, column], text)

    def candidate_proposals(
        self, search: BlockSearch, query: np.ndarray, score: np.ndarray, texts: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """As `candidate_texts`, but of proposed `texts` [n, W] (-1: none) with their `score` [n, W], best
        first: pairs of a place in `query` [n] and a column."""
        few = _TOP_TEXTS * search.k
        bound = self._score_bound(search, query, score[:, :few], texts[:, :few])
        place, column = np.nonzero((score >= bound[:, None]) & (texts >= 0))
        return place, column

    def _score_bound(
        self, search: BlockSearch, query: np.ndarray, score: np.ndarray, top_texts: np.ndarray
    ) -> np.ndarray:
        """The score by text alone below which no text has a hit, for each of `query` [n], from the `score` of
        its `top_texts`, [n, F], best first."""
        # A hit is half a unit of the last decimal above the bound; a tenth of a unit is left for rounding
        # errors.
        bound = search.bound[query] + np.float32(0.4) / _DECIMALS - self._max_bonus
        many = np.flatnonzero(score[:, -1] >= bound)
        if len(many):
            kth = self._kth_score(search, query[many], score[many], top_texts[many])
            bound[many] = np.maximum(bound[many], self._pruning_bound(kth, search.queries, query[many]))
        return bound

    def _all_candidate_texts(
        self, search: BlockSearch, query: np.ndarray, scores: np.ndarray, bound: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of a place in `query` [n] and a text, of those that reach `bound` [n] by their `scores` [n, U]
        and have an eligible row. Where k texts have one, the score of the k-th raises the bound."""
        scores = np.where(self._first_row < search.eligible[query, None], scores, -np.inf)
        all_eligible = search.queries.owner is None or self.owner is None
        if all_eligible and search.k <= scores.shape[1]:
            kth = torch.topk(torch.from_numpy(scores), search.k).values[:, -1].numpy()
            bound = np.maximum(bound, self._pruning_bound(kth, search.queries, query))
        reached = (scores >= bound[:, None]) & (scores > -np.inf)
        return np.divmod(np.flatnonzero(reached), scores.shape[1])

    def _pruning_bound(self, score: np.ndarray, queries: Queries, query: np.ndarray) -> np.ndarray:
        """The score below which no row of a text is as similar as any eligible row of a text with this `score`,
        for each of `query`. Two units of the last decimal are more than rounding can change."""
        return score - self._max_bonus - self._max_penalty(queries, query) - 2 / _DECIMALS

    def _max_penalty(self, queries: Queries, query: np.ndarray) -> np.ndarray:
        """float32 [n]: an upper bound of the penalties of any row, for each of `query`."""
        penalty = np.zeros(len(query), dtype=np.float32)
        if self.currency is not None and queries.currency is not None:
            currency = queries.currency[query]
            known = (currency != NO_CURRENCY) & (
                (self._currencies[0] != currency) | (len(self._currencies) > 1)
            )
            penalty += known * np.float32(self.settings.other_currency_penalty)
        if self.direction is not None and queries.direction is not None:
            penalty += (queries.direction[query] != 0) * np.float32(self.settings.other_direction_penalty)
        return penalty * (1 + ERROR)

    def _kth_score(
        self, search: BlockSearch, query: np.ndarray, score: np.ndarray, top_texts: np.ndarray
    ) -> np.ndarray:
        """The `score` [n, F] of the one of the `top_texts` [n, F] that completes k eligible rows, for each of
        `query` [n]; -inf where all of them have fewer."""
        few = top_texts.shape[1]
        kinds, of = ranges(self._text_kinds[top_texts.ravel()], self._text_kinds[top_texts.ravel() + 1])
        start, stop = self._eligible_rows(search, query[of // few], kinds)
        rows = (stop - start) * self._other_owner(search, query[of // few], kinds)
        so_far = np.bincount(of, rows, top_texts.size).reshape(top_texts.shape).cumsum(axis=1)
        needed = np.minimum((so_far < search.k).sum(axis=1), few - 1)
        return np.where(so_far[:, -1] < search.k, -np.inf, score[np.arange(len(query)), needed])

    def _other_owner(self, search: BlockSearch, query: np.ndarray, kinds: np.ndarray) -> np.ndarray | bool:
        """Whether the rows of each of `kinds` have another owner than the `query` beside it."""
        if search.queries.owner is None or self.owner is None:
            return True
        return self.owner[self._rows[self._kind_start[kinds]]] != search.queries.owner[query]

    def _eligible_rows(
        self, search: BlockSearch, query: np.ndarray, kinds: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The start and end of the rows of each of `kinds` that can be hits of the `query` beside it."""
        stop = np.searchsorted(self._kind_and_row, kinds * len(self._rows) + search.eligible[query])
        return np.maximum(self._kind_start[kinds], stop - search.k), stop

    def rank(
        self, hits: Hits, search: BlockSearch, query: np.ndarray, text: np.ndarray, score: np.ndarray
    ) -> None:
        """Write the best rows of some texts into `hits`.

        One value for each pair of a query and a text of the block: int64 `query` and `text`, float32 `score` by
        text alone. The pairs of a query are adjacent, and in one call only.
        """
        kinds, of = ranges(self._text_kinds[text], self._text_kinds[text + 1])
        start, stop = self._eligible_rows(search, query[of], kinds)
        eligible = (stop > start) & self._other_owner(search, query[of], kinds)
        start, stop, query, score = start[eligible], stop[eligible], query[of[eligible]], score[of[eligible]]
        # The newest eligible row of a kind is its most similar one.
        bound = np.rint(search.bound[query] * _DECIMALS)
        good = self._rounded(search.queries, query, self._rows[stop - 1], score) > bound
        place, of = ranges(start[good], stop[good])
        rows, query, bound = self._rows[place], query[good][of], bound[good][of]
        rounded = self._rounded(search.queries, query, rows, score[good][of])
        good = rounded > bound
        rows, query, rounded = rows[good], query[good], rounded[good]
        if not len(rows):
            return
        # One sort key: the query, then the rounded similarity, then the row. No two are equal.
        size = len(self.text)
        key = rounded.astype(np.int64) * size + rows
        highest = key.max()
        span = highest - key.min() + 1
        first = np.flatnonzero(np.diff(query, prepend=-1))
        query_of, number = query[first], np.repeat(np.arange(len(first)), np.diff(first, append=len(query)))
        key = highest - np.sort(number * span + (highest - key)) % span
        column = np.arange(len(key)) - first[number]
        best = column < search.k
        rounded, row = np.divmod(key[best], size)
        target = query_of[number[best]], column[best]
        hits.row[target] = self.block.start + row
        hits.similarity[target] = (rounded / float(_DECIMALS)).astype(np.float32)

    def _rounded(self, queries: Queries, query: np.ndarray, rows: np.ndarray, score: np.ndarray) -> np.ndarray:
        """The similarity, in units of the fifth decimal, of each of `query` and the block's row beside it, from
        their `score` by text; float32 [n]."""
        similarity = score + self._recency.take(queries.date[query] - self.date[rows], mode="clip")
        same = (self.journal[rows] == queries.journal[query]) & (queries.journal[query] != NO_JOURNAL)
        similarity += same * np.float32(self.settings.journal_bonus)
        if self.currency is not None and queries.currency is not None:
            mismatched = mismatch(queries.currency[query], self.currency[rows], NO_CURRENCY)
            similarity -= mismatched * np.float32(self.settings.other_currency_penalty)
        if self.direction is not None and queries.direction is not None:
            mismatched = mismatch(queries.direction[query], self.direction[rows], 0)
            similarity -= mismatched * np.float32(self.settings.other_direction_penalty)
        return np.rint(similarity * _DECIMALS)


def mismatch(query: np.ndarray, row: np.ndarray, unknown: int) -> np.ndarray:
    """float32 [...]: 1 where both are known and differ, .5 where only `query` is known, else 0."""
    differing = np.where(row == unknown, np.float32(0.5), np.float32(1))
    return np.where((query == row) | (query == unknown), np.float32(0), differing)


def _top_k(scores: np.ndarray, k: int) -> np.ndarray:
    """The columns of the `k` highest of each row of `scores` float32 [n, U], best first: int64 [n, k].

    What `torch.topk` does, mostly in a fifth to a third of the time. Columns are compared in groups: the `k`
    highest columns are no lower than the least of the `k` highest maxima of groups. Where many columns are no
    lower than that, since their scores are equal, `torch.topk` is faster.
    """
    groups = _GROUPS * k
    together = scores.shape[1] // groups
    if together < 2:
        return torch.topk(torch.from_numpy(scores), k).indices.numpy()
    maxima = scores[:, : groups * together].reshape(len(scores), together, groups).max(axis=1)
    least = np.partition(maxima, groups - k, axis=1)[:, groups - k]
    high = np.flatnonzero(scores >= least[:, None])
    if len(high) > len(scores) * groups:
        return torch.topk(torch.from_numpy(scores), k).indices.numpy()
    row, column = np.divmod(high, scores.shape[1])
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(len(scores)))[row]
    candidates = np.zeros((len(scores), place.max() + 1), dtype=np.int64)
    candidates[row, place] = column
    score = np.full(candidates.shape, -np.inf, dtype=np.float32)
    score[row, place] = scores[row, column]
    return np.take_along_axis(candidates, np.argsort(-score, axis=1)[:, :k], axis=1)


def ranges(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All numbers from start[i] up to stop[i] for every i, and beside each number its i."""
    length = np.maximum(stop - start, 0)
    of = np.repeat(np.arange(len(start)), length)
    before = np.cumsum(length) - length
    return np.arange(len(of)) - before[of] + start[of], of
