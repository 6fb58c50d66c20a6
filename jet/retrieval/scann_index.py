"""Approximate search of one block of the index: ScaNN proposes texts, and their rows are scored exactly.

ScaNN is installed on Linux alone: there are no wheels for macOS and Windows.

Legend: Q queries, K neighbors.
"""

from __future__ import annotations

import importlib.util
import math
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from jet.retrieval.collection import Block, Collection, Hits, Queries
from jet.retrieval.exact import ExactBlock, pieces, search_exactly, text_batches
from jet.retrieval.settings import RetrievalSettings
from jet.retrieval.similarity import Contents, TextFeatures, dense

LEAST_TEXTS = 16
"""With fewer texts ScaNN can't be trained."""
_TRAINED_ON = 10_000  # texts that its quantization is trained on


def has_scann() -> bool:
    """Whether ScaNN is installed."""
    return importlib.util.find_spec("scann") is not None


class ScannBlock:
    """Lets ScaNN propose texts, and scores their rows exactly.

    Proposed rows may be too late for a query, or have its owner. So ScaNN proposes more texts, the smaller the
    eligible part of the block is and the more of that has the query's owner. An eligible part of no more than
    `exact_below` rows is searched exactly instead.
    """

    def __init__(self, block: Block, collection: Collection, settings: RetrievalSettings) -> None:
        self.block = block
        self._settings = settings
        self._contents = contents = Contents(block, collection, settings)
        early = Block(
            block.number, block.entity, block.start, min(block.stop, block.start + settings.exact_below)
        )
        self._early = ExactBlock(early, collection, settings)
        self._searcher = _build_searcher(dense(contents.vectors, contents.ngrams, settings), settings)

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
        """See `jet.retrieval.index.BlockIndex.search`; approximate where the eligible part is large."""
        contents = self._contents
        search = contents.block_search(queries, limit, k, bound)
        eligible = search.eligible
        hits = Hits.none(len(queries), k)
        exact = np.flatnonzero((eligible > 0) & (eligible <= self.exact_rows))
        if len(exact):
            early = self._early.search(queries.take(exact), limit[exact], k, search.bound[exact])
            hits.row[exact], hits.similarity[exact] = early.row, early.similarity
        by_scann = np.flatnonzero(eligible > self.exact_rows)
        wanted = self._settings.overfetch * k
        excluded = 1 + contents.same_owner(search)[by_scann] / wanted
        doublings = np.ceil(np.log2(len(contents.text) / eligible[by_scann] * excluded)).astype(int)
        for doubling in np.unique(doublings):
            width = min(len(contents.texts), wanted << int(doubling))
            for texts, at, query in text_batches(queries.text, by_scann[doublings == doubling]):
                features = contents.features(queries, texts)
                proposed = self._propose(features, width)
                scores = contents.score_some(features, proposed)
                for some in pieces(len(query), contents.max_kinds(proposed)):
                    which, place = np.nonzero(proposed[at[some]] >= 0)
                    row = at[some][which]
                    text, score = proposed[row, place], scores[row, place]
                    contents.rank(hits, search, query[some][which], text, score)
        return hits

    @property
    def exact_rows(self) -> int:
        """The most eligible rows of the block with which a query is searched exactly."""
        return self._early.block.stop - self._early.block.start

    def search_exactly(self, queries: Queries, limit: np.ndarray, k: int) -> Hits:
        """The hits that `search` approximates."""
        return search_exactly(self._contents, queries, limit, k)

    def _propose(self, features: TextFeatures, width: int) -> np.ndarray:
        """The block's texts that ScaNN finds similar, int64 [64, width']; -1: none."""
        queries = dense(features.vectors, features.ngrams, self._settings)
        texts, score = self._searcher.search_batched(queries, final_num_neighbors=width)
        return np.where(np.isnan(score), -1, texts.astype(np.int64))


def _scann() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import scann
    return scann


def _build_searcher(dense: np.ndarray, settings: RetrievalSettings) -> Any:
    """A searcher that compares every text's quantized vector, unless the settings configure a tree.

    On 60,000 texts a tree made it three times as fast, but the result of its k-means varies; that of the
    quantization doesn't. It keeps no full vectors (no reordering), since its proposals are scored exactly here.
    """
    builder = _scann().scann_ops_pybind.builder(dense, settings.overfetch * settings.neighbors, "dot_product")
    if settings.scann_leaves:
        leaves = min(settings.scann_leaves, len(dense))
        searched = min(settings.scann_leaves_to_search or math.ceil(leaves / 4), leaves)
        builder = builder.tree(
            num_leaves=leaves, num_leaves_to_search=searched, training_sample_size=len(dense)
        )
    return (
        builder.score_ah(2, anisotropic_quantization_threshold=0.2, training_sample_size=_TRAINED_ON)
        .set_n_training_threads(1)
        .build()
    )
