"""Approximate search of a prefix of an entity's rows: ScaNN proposes texts, and their rows are scored exactly.

ScaNN's tree puts similar texts into the same of its *leaves*. How many of them are searched for a query, and
how many texts are proposed, is chosen from the data: as few as find the share of the exact hits that
`retrieval.recall` asks for, on a sample of the queries.

Notable: ScaNN draws the first centers of a tree's k-means anew in each build, unless they are chosen by
k-means++. With that, two builds from the same texts are the same.

Legend: Q queries, K neighbors, U distinct texts of the block.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from bisect import bisect_left
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from jet.retrieval.blocks import Block
from jet.retrieval.collection import Collection, Hits, Queries, limits, recall_counts
from jet.retrieval.dense import dense
from jet.retrieval.exact import pieces, search_exactly, text_batches
from jet.retrieval.settings import RetrievalSettings
from jet.retrieval.similarity import Contents, TextFeatures

LEAST_TEXTS = 16
"""With fewer texts ScaNN can't be trained."""
_SAMPLED = 2048  # queries on which the effort is chosen
_OF_LEAF = 24  # texts a leaf that the tree is trained on
_TRAINED_ON = 10_000  # texts that the quantization is trained on


@dataclass(frozen=True)
class Effort:
    """How much a search does for a query."""

    leaves: int
    """Leaves of the tree that are searched."""
    overfetch: int
    """Times K texts are proposed."""


class ScannBlock:
    """Lets ScaNN propose texts, and scores their rows exactly.

    Proposed rows may be too late for a query, or have its owner. The effort makes up for the first; for the
    second, ScaNN proposes more texts, the more of the eligible rows have the query's owner.
    """

    def __init__(self, block: Block, collection: Collection, settings: RetrievalSettings) -> None:
        self.block = block
        self._settings = settings
        self._contents = contents = Contents(block, collection, settings)
        self._leaves = math.isqrt(len(contents.texts))
        self._searcher = _build_searcher(_dense(contents.vectors, contents.ngrams, settings), self._leaves)
        self.effort = self._least_effort(collection)

    def __getstate__(self) -> dict[str, Any]:
        """The state with the searcher as the files that ScaNN saves, since it can't be pickled."""
        with tempfile.TemporaryDirectory() as folder:
            # With absolute paths, the default, a searcher can't be loaded elsewhere.
            self._searcher.serialize(folder, relative_path=True)
            files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
        return {**self.__dict__, "_searcher": files}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        with tempfile.TemporaryDirectory() as folder:
            for name, content in state["_searcher"].items():
                (Path(folder) / name).write_bytes(content)
            self._searcher = _scann().scann_ops_pybind.load_searcher(folder)

    def search(self, queries: Queries, limit: np.ndarray, k: int, bound: np.ndarray | None = None) -> Hits:
        """See `jet.retrieval.index.BlockIndex.search`; approximate, and exact without an effort."""
        if self.effort is None:
            return self.search_exactly(queries, limit, k, bound)
        return self._search(queries, limit, k, bound, self.effort)

    def search_exactly(
        self, queries: Queries, limit: np.ndarray, k: int, bound: np.ndarray | None = None
    ) -> Hits:
        """The hits that `search` approximates."""
        return search_exactly(self._contents, queries, limit, k, bound)

    def _search(
        self, queries: Queries, limit: np.ndarray, k: int, bound: np.ndarray | None, effort: Effort
    ) -> Hits:
        contents = self._contents
        search = contents.block_search(queries, limit, k, bound)
        hits = Hits.none(len(queries), k)
        asking = np.flatnonzero(search.eligible)
        wanted = effort.overfetch * k
        doublings = np.ceil(np.log2(1 + contents.same_owner(search)[asking] / wanted)).astype(int)
        for doubling in np.unique(doublings):
            width = min(len(contents.texts), wanted << int(doubling))
            for texts, at, query in text_batches(queries.text, asking[doublings == doubling]):
                features = contents.features(queries, texts)
                proposed = self._propose(features, width, effort.leaves)
                scores = np.where(proposed >= 0, contents.score_some(features, proposed), -np.inf)
                order = np.argsort(-scores, axis=1, kind="stable")
                proposed, scores = (np.take_along_axis(each, order, axis=1) for each in (proposed, scores))
                for some in pieces(len(query), max(width, contents.max_kinds(proposed))):
                    row = at[some]
                    which, column = contents.candidate_proposals(
                        search, query[some], scores[row], proposed[row]
                    )
                    text, score = proposed[row[which], column], scores[row[which], column]
                    contents.rank(hits, search, query[some][which], text, score)
        return hits

    def sample(self, collection: Collection, part: slice) -> tuple[Queries, np.ndarray]:
        """A part of the rows that ask the block, in an order drawn by its number: queries, and their limits."""
        queries = collection.queries(np.arange(self.block.start, self.block.stop))
        limit = limits(collection, queries)
        asking = np.flatnonzero(self.block.asked(queries.entity, limit))
        drawn = np.random.default_rng(self.block.number).permutation(asking)[part]
        return queries.take(drawn), limit[drawn]

    def _least_effort(self, collection: Collection) -> Effort | None:
        """The least effort with which a sample has the recall that is asked for; None where none suffices."""
        queries, limit = self.sample(collection, slice(_SAMPLED))
        if not len(queries):
            return None
        k = self._settings.neighbors
        exact = self.search_exactly(queries, limit, k)

        def suffices(effort: Effort) -> bool:
            found, count = recall_counts(self._search(queries, limit, k, None, effort), exact)
            recall = found / np.maximum(count, 1)
            error = recall.std() / math.sqrt(len(recall))
            return bool(recall.mean() - 2 * error >= self._settings.recall)

        for most in (16, 64):
            # A 64th to half of the leaves; more of them find more.
            efforts = [Effort(math.ceil(self._leaves / 2 ** (step / 2)), most) for step in range(12, 1, -1)]
            place = bisect_left(efforts, True, key=suffices)
            if place < len(efforts):
                leaves = efforts[place].leaves
                narrower = (Effort(leaves, most >> less) for less in (2, 1))
                return next(filter(suffices, narrower), efforts[place])
        return None

    def _propose(self, features: TextFeatures, width: int, leaves: int) -> np.ndarray:
        """The block's texts that ScaNN finds similar, int64 [64, width']; -1: none."""
        queries = _dense(features.vectors, features.ngrams, self._settings)
        texts, score = self._searcher.search_batched(
            queries, final_num_neighbors=width, leaves_to_search=leaves
        )
        return np.where(np.isnan(score), -1, texts.astype(np.int64))


def _dense(vectors: np.ndarray, ngrams: sp.csr_matrix, settings: RetrievalSettings) -> np.ndarray:
    """`dense`, without the part of the n-grams where they have no weight."""
    whole, dimension = dense(vectors, ngrams, settings), vectors.shape[1]
    if settings.ngram_weight or not dimension:
        return whole
    return np.ascontiguousarray(whole[:, :dimension])


def _scann() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import scann
    return scann


def _build_searcher(dense: np.ndarray, leaves: int) -> Any:
    """A searcher with a tree. It keeps no full vectors, since its proposals are scored exactly here.

    With spherical k-means a text's own leaf is among the first that are searched for it: others' centers are
    shorter, the less similar their texts are.
    """
    return (
        _scann()
        .scann_ops_pybind.builder(dense, LEAST_TEXTS, "dot_product")
        .tree(
            num_leaves=leaves,
            num_leaves_to_search=leaves,
            training_sample_size=_OF_LEAF * leaves,
            spherical=True,
            random_init=False,
        )
        .score_ah(2, anisotropic_quantization_threshold=0.2, training_sample_size=_TRAINED_ON)
        .set_n_training_threads(1)
        .build()
    )
