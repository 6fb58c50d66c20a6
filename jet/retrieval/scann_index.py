"""Approximate search of one block of the index by ScaNN, which proposes texts; their rows are scored exactly.

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

from jet.retrieval.exact import ExactBlock, pieces, search_exactly, text_batches
from jet.retrieval.memory import Block, Hits, Memory, Queries
from jet.retrieval.settings import RetrievalSettings
from jet.retrieval.similarity import Contents, Features, dense

LEAST_TEXTS = 16
"""With fewer texts ScaNN can't be trained."""
_TRAINED_ON = 10_000  # texts that it learns its quantization from


def has_scann() -> bool:
    """Whether ScaNN is installed."""
    return importlib.util.find_spec("scann") is not None


class ScannBlock:
    """Lets ScaNN propose texts, and scores their rows exactly.

    What ScaNN proposes may lie behind a query's limit or be its owner's, so it proposes the more the smaller
    the eligible part of the block is and the more of that is the owner's; a part of no more than `exact_below`
    rows is searched exactly instead.
    """

    def __init__(self, block: Block, memory: Memory, settings: RetrievalSettings) -> None:
        self.block = block
        self._settings = settings
        self._contents = contents = Contents(block, memory, settings)
        early = Block(
            block.number, block.entity, block.start, min(block.stop, block.start + settings.exact_below)
        )
        self._early = ExactBlock(early, memory, settings)
        self._searcher = _build_searcher(dense(contents.vectors, contents.ngrams, settings), settings)

    def __getstate__(self) -> dict[str, Any]:
        """Another process gets the searcher as the files that ScaNN saves, since it can't be pickled."""
        with tempfile.TemporaryDirectory() as folder:
            # With absolute paths, the default, a searcher can't be moved.
            self._searcher.serialize(folder, relative_path=True)
            files = {path.name: path.read_bytes() for path in Path(folder).iterdir()}
        return {**self.__dict__, "_searcher": files}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__ = state
        with tempfile.TemporaryDirectory() as folder:
            for name, content in state["_searcher"].items():
                (Path(folder) / name).write_bytes(content)
            self._searcher = _scann().scann_ops_pybind.load_searcher(folder)

    def search(self, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None) -> Hits:
        """See `jet.retrieval.index.BlockIndex.search`; approximate where the eligible part is large."""
        contents = self._contents
        asked = contents.asked(queries, limit, k, floor)
        eligible = asked.eligible
        hits = Hits.none(len(queries), k)
        exact = np.flatnonzero((eligible > 0) & (eligible <= self.exact_rows))
        if len(exact):
            found = self._early.search(queries.take(exact), limit[exact], k, asked.floor[exact])
            hits.row[exact], hits.similarity[exact] = found.row, found.similarity
        by_scann = np.flatnonzero(eligible > self.exact_rows)
        wanted = self._settings.overfetch * k
        in_the_way = 1 + contents.owned(asked)[by_scann] / wanted
        doublings = np.ceil(np.log2(len(contents.text) / eligible[by_scann] * in_the_way)).astype(int)
        for doubling in np.unique(doublings):
            width = min(len(contents.texts), wanted << int(doubling))
            for texts, at, query in text_batches(queries.text, by_scann[doublings == doubling]):
                features = contents.look_up(queries, texts)
                proposed = self._propose(features, width)
                scores = contents.score_some(features, proposed)
                for some in pieces(len(query), contents.most_kinds(proposed)):
                    which, place = np.nonzero(proposed[at[some]] >= 0)
                    own = at[some][which]
                    text, score = proposed[own, place], scores[own, place]
                    contents.rank(hits, asked, query[some][which], text, score)
        return hits

    @property
    def exact_rows(self) -> int:
        """Queries that may see no more than so many rows of the block are searched exactly."""
        return self._early.block.stop - self._early.block.start

    def search_exactly(self, queries: Queries, limit: np.ndarray, k: int) -> Hits:
        """What `search` approximates."""
        return search_exactly(self._contents, queries, limit, k)

    def _propose(self, features: Features, width: int) -> np.ndarray:
        """Texts of the block that ScaNN takes to be similar, int64 [64, width']; -1: none."""
        queries = dense(features.vectors, features.ngrams, self._settings)
        found, score = self._searcher.search_batched(queries, final_num_neighbors=width)
        return np.where(np.isnan(score), -1, found.astype(np.int64))


def _scann() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import scann
    return scann


def _build_searcher(dense: np.ndarray, settings: RetrievalSettings) -> Any:
    """A searcher that looks at every text's quantized vector, unless the settings ask for a tree.

    On 60,000 texts a tree made it three times as fast, but its k-means doesn't always end the same; the
    quantization does. It keeps no full vectors (no reordering): what it proposes is scored here anyway.
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
