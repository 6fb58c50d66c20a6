"""The most similar earlier entries of an entity: blocks of its books, searched exactly or by ScaNN.

Both kinds of index score what they return by the same formula (`jet.retrieval.similarity`); ScaNN only
proposes. The newest block is searched first, and older ones only for better rows.

Legend: Q queries, K neighbors, n texts, D dimensions of a sentence vector.
"""

from __future__ import annotations

import importlib.util
import json
import math
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp

from jet.retrieval.memory import Block, Hits, Memory, Queries, limits, merge, plan_blocks
from jet.retrieval.settings import RetrievalSettings
from jet.retrieval.similarity import BATCH, Contents, Features
from jet.texts.store import TextStore

_FOLDED = 256  # dimensions that ScaNN's vectors have for the n-grams
_TRAINED_ON = 10_000  # texts that ScaNN learns its quantization from
_CELLS = 1 << 22  # pairs of a query and a text or kind of rows that are looked at together, and
_QUERIES = 4096  # queries: what bounds the memory of a search where many ask for the same text
_SCANN_LEAST = 16  # texts; with fewer it can't be trained
_FORMAT = 1  # of a saved ScaNN block
_MADE = "block.json"  # says what a saved ScaNN block was made from


class BlockIndex(Protocol):
    """What finds neighbors in one block."""

    block: Block

    def search(self, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None) -> Hits:
        """The `k` most similar rows below `limit`, int64 [Q] (see `limits`), of the block.

        Queries of other entities, and those whose limit is at or below the block's start, get none. Rows no
        more similar than `floor`, float32 [Q], need not be found: newer blocks have as good ones.
        """


class ExactBlock:
    """Compares each query with every distinct text of the block, then ranks all eligible rows."""

    def __init__(
        self, block: Block, memory: Memory, store: TextStore, idf: np.ndarray, settings: RetrievalSettings
    ) -> None:
        self.block = block
        # By column, the product with all vectors is a third faster.
        self._contents = Contents(block, memory, store, idf, settings, by_column=True)

    def search(self, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None) -> Hits:
        """See `BlockIndex.search`."""
        return _search_exactly(self._contents, queries, limit, k, floor)


class ScannBlock:
    """Lets ScaNN propose texts, and scores their rows exactly.

    What ScaNN proposes may lie behind a query's limit or be its owner's, so it proposes the more the smaller
    the eligible part of the block is and the more of that is the owner's; a part of no more than `exact_below`
    rows is searched exactly instead.
    """

    def __init__(
        self,
        block: Block,
        memory: Memory,
        store: TextStore,
        idf: np.ndarray,
        settings: RetrievalSettings,
        searcher: Any = None,
    ) -> None:
        """Build the index, or take `searcher`, one that was built from the same block."""
        self.block = block
        self._settings = settings
        self._contents = contents = Contents(block, memory, store, idf, settings)
        early = Block(
            block.number, block.entity, block.start, min(block.stop, block.start + settings.exact_below)
        )
        self._early = ExactBlock(early, memory, store, idf, settings)
        self._searcher = searcher or _build_searcher(
            dense(contents.vectors, contents.ngrams, settings), settings
        )

    def search(self, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None) -> Hits:
        """See `BlockIndex.search`; approximate where the eligible part is large."""
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
            for texts, at, query in _batches(queries.text, by_scann[doublings == doubling]):
                features = contents.look_up(queries, texts)
                proposed = self._propose(features, width)
                scores = contents.score_some(features, proposed)
                for some in _pieces(len(query), contents.most_kinds(proposed)):
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
        return _search_exactly(self._contents, queries, limit, k)

    def save(self, folder: Path) -> None:
        """Write the searcher to `folder`, whole or not at all; it may be moved and loaded elsewhere.

        Where another process was faster, its searcher stays: without a tree it is the same one.
        """
        draft = folder.with_name(f".{folder.name}-{uuid.uuid4().hex}")
        draft.mkdir(parents=True)
        try:
            # With absolute paths, the default, a searcher can't be moved.
            self._searcher.serialize(str(draft), relative_path=True)
            made = {"format": _FORMAT, "digest": self._contents.digest(self._settings)}
            (draft / _MADE).write_text(json.dumps(made))
            try:
                draft.replace(folder)
            except OSError:
                if not (folder / _MADE).exists():
                    raise
        finally:
            shutil.rmtree(draft, ignore_errors=True)

    @classmethod
    def load(
        cls,
        folder: Path,
        block: Block,
        memory: Memory,
        store: TextStore,
        idf: np.ndarray,
        settings: RetrievalSettings,
    ) -> ScannBlock:
        """The block that `save` wrote to `folder`; the arguments must be those it was built from.

        Raises ValueError where they aren't.
        """
        loaded = cls(
            block, memory, store, idf, settings, searcher=_scann().scann_ops_pybind.load_searcher(str(folder))
        )
        made = json.loads((folder / _MADE).read_text())
        if made != {"format": _FORMAT, "digest": loaded._contents.digest(settings)}:
            raise ValueError(f"the index in {folder} was built from other books, texts or settings")
        return loaded

    def _propose(self, features: Features, width: int) -> np.ndarray:
        """Texts of the block that ScaNN takes to be similar, int64 [64, width']; -1: none."""
        queries = dense(features.vectors, features.ngrams, self._settings)
        found, score = self._searcher.search_batched(queries, final_num_neighbors=width)
        return np.where(np.isnan(score), -1, found.astype(np.int64))


def build_block(
    block: Block,
    memory: Memory,
    store: TextStore,
    idf: np.ndarray,
    settings: RetrievalSettings,
    folder: Path | None = None,
) -> BlockIndex:
    """The index of `block`: exact where it has few distinct texts or ScaNN isn't installed, else ScaNN.

    With a `folder`, a ScaNN index is loaded from there if it was saved before, else built and saved.
    """
    texts = memory.text[block.start : block.stop]
    few = max(settings.exact_below, _SCANN_LEAST)
    # Of so few rows ScaNN would never be asked; of more, distinct texts are worth counting.
    if len(texts) <= settings.exact_below or len(np.unique(texts)) < few or not has_scann():
        return ExactBlock(block, memory, store, idf, settings)
    if folder is not None and folder.exists():
        return ScannBlock.load(folder, block, memory, store, idf, settings)
    built = ScannBlock(block, memory, store, idf, settings)
    if folder is not None:
        built.save(folder)
    return built


def search(
    memory: Memory,
    store: TextStore,
    idf: np.ndarray,
    queries: Queries,
    settings: RetrievalSettings,
    k: int,
    blocks: Mapping[int, BlockIndex] | None = None,
) -> Hits:
    """The `k` most similar earlier rows of each query's entity, in one process.

    `blocks` are indexes by block number; those not given are built when their turn comes and dropped after.
    """

    def index_of(block: Block) -> BlockIndex:
        return (blocks or {}).get(block.number) or build_block(block, memory, store, idf, settings)

    plan = plan_blocks(memory.offsets, settings)
    return search_blocks(plan, index_of, queries, limits(memory, queries), k)


def search_blocks(
    blocks: Sequence[Block],
    index_of: Callable[[Block], BlockIndex],
    queries: Queries,
    limit: np.ndarray,
    k: int,
) -> Hits:
    """The `k` most similar rows of some blocks below each query's `limit`, int64 [Q].

    The newest blocks are searched first. Mostly they hold the best rows, and of older ones only better rows are
    looked for. `index_of` is asked only for blocks that a query may see, when their turn comes.
    """
    hits = Hits.none(len(queries), k)
    order = np.argsort(queries.entity, kind="stable")
    entities = queries.entity[order]
    for block in sorted(blocks, key=lambda block: -block.start):
        own = order[np.searchsorted(entities, block.entity) : np.searchsorted(entities, block.entity, "right")]
        own = own[limit[own] > block.start]
        if not len(own):
            continue
        so_far = hits.take(own)
        found = index_of(block).search(queries.take(own), limit[own], k, so_far.floor())
        best = merge([so_far, found], k)
        hits.row[own], hits.similarity[own] = best.row, best.similarity
    return hits


def has_scann() -> bool:
    """Whether ScaNN is installed (there are no wheels for macOS and Windows)."""
    return importlib.util.find_spec("scann") is not None


def _search_exactly(
    contents: Contents, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None
) -> Hits:
    """See `BlockIndex.search`; every query is compared with every text.

    Not all rows are ranked: most are of texts so far behind that no bonus helps them.
    """
    asked = contents.asked(queries, limit, k, floor)
    hits = Hits.none(len(queries), k)
    for texts, at, query in _batches(queries.text, np.flatnonzero(asked.eligible)):
        scores = contents.score_all(contents.look_up(queries, texts))
        leading = contents.leading(scores[: len(texts)], k)
        for some in _pieces(len(query), max(len(contents.texts), contents.most_kinds(leading))):
            place, text = contents.promising(asked, query[some], scores, leading, at[some])
            score = scores[at[some][place], text]
            contents.rank(hits, asked, query[some][place], text, score)
    return hits


def _batches(text: np.ndarray, members: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Queries number `members` in batches of at most 64 distinct texts.

    Of each batch its texts; and its queries, with the place among these texts that each one's text has.
    """
    texts, place = np.unique(text[members], return_inverse=True)
    order = np.argsort(place, kind="stable")
    members, place = members[order], place[order]
    for first in range(0, len(texts), BATCH):
        own = slice(*np.searchsorted(place, [first, first + BATCH]))
        yield texts[first : first + BATCH], place[own] - first, members[own]


def _pieces(queries: int, compared: int) -> Iterator[slice]:
    """Some of so many queries at a time, where each is compared with so many texts or kinds of rows."""
    together = min(max(1, _CELLS // compared), _QUERIES)
    for start in range(0, queries, together):
        yield slice(start, start + together)


def _scann() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import scann
    return scann


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
