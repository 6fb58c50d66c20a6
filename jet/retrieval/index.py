"""The most similar earlier entries of an entity: blocks of its books, searched exactly or by ScaNN.

Notable:

- **Causality is structural.** The memory's rows are sorted by (entity, date, entry id), so what a query may
  see, the rows of its entity with a strictly earlier date, is a prefix of the entity's rows. A search gets
  that prefix's end as `limit` and can't reach a row of the query's own day, and so never the entry itself; a
  limit that would let in such a row raises.
- **Blocks are a function of data and settings alone.** Each entity's rows are cut, in order of date, into
  blocks. Blocks are what machines share out; however they do, the merged answer is the same.
- **Ranks are a total order.** Similarities are rounded to 5 decimals and ties go to the more recent row, so
  that last-bit noise of different kernels decides nothing. Identical texts tie but for their age.
- **Queries don't disturb each other.** They are scored in batches of a fixed number of rows, the last one
  padded, and everything after that is done query by query: bit for bit the same in any company.

Similarity = sentence_weight * cosine of the sentence vectors + ngram_weight * dot product of the n-gram rows
+ bonuses for the same journal, the same digit-masked text and recency. Both index kinds score what they
return by this formula; ScaNN only proposes.

Legend: N rows of the memory, E entities, Q queries, K neighbors, n rows and U distinct texts of a block,
D dimensions of a sentence vector.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import math
import shutil
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import scipy.sparse as sp
import torch

from jet.retrieval.encoder import MULTILINGUAL, Precision, check_precision
from jet.retrieval.ngrams import weigh
from jet.retrieval.store import TextStore
from jet.retrieval.text import stable_hash

BATCH = 64
"""Distinct texts scored at once, always exactly so many."""

NO_JOURNAL = stable_hash("")
"""A journal that isn't known is never the same as another one that isn't known."""

_DECIMALS = np.float32(1e5)
_ERROR = np.float32(1e-6)  # more than the share of a similarity that float32 errs by
_RECENCY_DAYS = 365
_FOLDED = 256  # dimensions that ScaNN's vectors have for the n-grams
_TRAINED_ON = 10_000  # texts that ScaNN learns its quantization from
_LEADING = 4  # times K texts that are looked at to find out which can have hits
_GROUPS = 4  # times as many groups of texts as leading texts are looked for: see `_highest`
_CELLS = 1 << 22  # of scores by query and text that are looked at together, and
_QUERIES = 4096  # queries: what bounds the memory of a search where many ask for the same text
_SCANN_LEAST = 16  # texts; with fewer it can't be trained
_FORMAT = 1  # of a saved ScaNN block
_MADE = "block.json"  # says what a saved ScaNN block was made from


@dataclass(frozen=True, kw_only=True)
class RetrievalSettings:
    """What counts as similar, and how it is looked for."""

    neighbors: int = 48
    """How many similar entries of its own entity an entry gets as neighbors (K)."""
    encoder: str = MULTILINGUAL
    """Sentence encoder: packaged-multilingual, packaged-minilm, a folder, a name on the hub, or "" for n-grams
    alone."""
    max_tokens: int = 64
    """Where the encoder cuts a text, a multiple of 8."""
    encoder_precision: Precision = "fp32"
    """What a transformer computes in: fp32, or bf16, which is faster where the hardware has it (GPUs, CPUs with
    AVX512-BF16 or AMX) and turns a vector by a degree. The packaged multilingual encoder has fp32 alone."""
    sentence_weight: float = 0.5
    """Weight of the sentence vectors' cosine."""
    ngram_weight: float = 0.5
    """Weight of the n-gram similarity."""
    journal_bonus: float = 0.1
    """Added where both entries have the same journal, and it is known."""
    same_masked_text_bonus: float = 0.05
    """Added where the texts differ in nothing but their digits."""
    recency_bonus: float = 0.01
    """Added times exp(-age in days / 365)."""
    latest: int = 4
    """The entity's newest earlier entries, whatever their text, that join the neighbors: who paid last week
    often pays this week."""
    peers: int = 12
    """How many similar entries of other companies with the same standard chart join them (see
    `jet.retrieval.peers`)."""
    peers_below: int = 500
    """Only entries whose entity had booked fewer than this ask other companies."""
    exact_below: int = 65_536
    """A block with fewer distinct texts than this is searched exactly, a larger one by ScaNN, which
    is no faster with fewer texts than the default."""
    block_rows: int = 65_536
    """Rows of an entity that make a block; at most 1,048,576, which bounds the memory of a search."""
    scann_leaves: int | None = None
    """Leaves of ScaNN's tree; null: no tree, since two builds of one from the same texts may differ."""
    scann_leaves_to_search: int | None = None
    """Leaves of the tree looked into for a query; null: a quarter of them."""
    overfetch: int = 8
    """ScaNN proposes this times K texts, which are then scored exactly."""

    def __post_init__(self) -> None:
        for name in ("neighbors", "exact_below", "block_rows", "overfetch"):
            if getattr(self, name) < 1:
                raise ValueError(f"retrieval.{name} is {getattr(self, name)}, must be at least 1")
        for name in ("latest", "peers", "peers_below"):
            if getattr(self, name) < 0:
                raise ValueError(f"retrieval.{name} is {getattr(self, name)}, must be at least 0")
        for name in ("scann_leaves", "scann_leaves_to_search"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise ValueError(f"retrieval.{name} is {getattr(self, name)}, must be null or at least 1")
        for name in (
            "sentence_weight",
            "ngram_weight",
            "journal_bonus",
            "same_masked_text_bonus",
            "recency_bonus",
        ):
            if not 0 <= getattr(self, name) <= 100:
                raise ValueError(f"retrieval.{name} is {getattr(self, name)}, must be between 0 and 100")
        if self.sentence_weight + self.ngram_weight == 0:
            raise ValueError("retrieval.sentence_weight and ngram_weight are both 0: nothing would be similar")
        if self.block_rows > 1 << 20:
            raise ValueError(f"retrieval.block_rows is {self.block_rows}, must be at most {1 << 20}")
        check_precision(self.encoder, self.encoder_precision)
        if self.max_tokens < 8 or self.max_tokens % 8:
            raise ValueError(f"retrieval.max_tokens is {self.max_tokens}, must be a positive multiple of 8")


@dataclass(frozen=True)
class Memory:
    """The entries that may be neighbors, sorted by (entity, date, entry id); ValueError if they aren't."""

    entity: np.ndarray
    """int32 [N], numbers from 0 to E-1."""
    date: np.ndarray
    """int32 [N], days since 1970."""
    text: np.ndarray
    """int64 [N], rows of the text store."""
    journal: np.ndarray
    """int64 [N], `stable_hash` of the journal."""
    offsets: np.ndarray
    """int64 [E+1]: the rows of entity e are offsets[e] to offsets[e+1]."""
    owner: np.ndarray | None = None
    """int32 [N], where several share an "entity" (see `jet.retrieval.peers`): whose row it really is."""

    def __post_init__(self) -> None:
        sizes = {len(self.entity), len(self.date), len(self.text), len(self.journal), int(self.offsets[-1])}
        if len(sizes) != 1:
            raise ValueError(f"the memory's arrays differ in length: {sorted(sizes)}")
        same_entity = self.entity[1:] == self.entity[:-1]
        backwards = (self.date[1:] < self.date[:-1]) & same_entity | (self.entity[1:] < self.entity[:-1])
        if backwards.any():
            raise ValueError(f"the memory isn't sorted by entity and date at row {int(backwards.argmax()) + 1}")
        counts = np.diff(self.offsets)
        if not np.array_equal(np.repeat(np.arange(len(counts)), counts), self.entity):
            raise ValueError("the memory's offsets don't say where its entities begin and end")

    def __len__(self) -> int:
        return len(self.entity)

    @classmethod
    def of(
        cls,
        entity: np.ndarray,
        date: np.ndarray,
        text: np.ndarray,
        journal: np.ndarray,
        entities: int,
        owner: np.ndarray | None = None,
    ) -> Memory:
        """The memory of sorted rows, its offsets computed for `entities` (E) entities."""
        return cls(
            entity=entity.astype(np.int32),
            date=date.astype(np.int32),
            text=text.astype(np.int64),
            journal=journal.astype(np.int64),
            offsets=np.searchsorted(entity, np.arange(entities + 1)).astype(np.int64),
            owner=None if owner is None else owner.astype(np.int32),
        )


@dataclass(frozen=True)
class Queries:
    """Entries whose neighbors are wanted, in any order. Raises ValueError where a text has no row."""

    entity: np.ndarray
    """int32 [Q]; -1: an entity that the memory doesn't have."""
    date: np.ndarray
    """int32 [Q], days since 1970."""
    text: np.ndarray
    """int64 [Q], rows of `store`."""
    journal: np.ndarray
    """int64 [Q], `stable_hash` of the journal."""
    store: TextStore | None = None
    """The store that `text` counts in, where it isn't the memory's: new texts needn't be added to that."""
    owner: np.ndarray | None = None
    """int32 [Q], for a memory with owners: rows of this owner are no neighbors."""

    def __post_init__(self) -> None:
        if len(self.text) and self.text.min() < 0:
            raise ValueError(f"query {int(self.text.argmin())} has a text that isn't in the store")

    def __len__(self) -> int:
        return len(self.entity)

    def take(self, rows: np.ndarray) -> Queries:
        """Queries number `rows`."""
        owner = None if self.owner is None else self.owner[rows]
        return Queries(
            self.entity[rows], self.date[rows], self.text[rows], self.journal[rows], self.store, owner
        )


@dataclass(frozen=True)
class Block:
    """Rows `start` to `stop` of the memory, all of one entity."""

    number: int
    entity: int
    start: int
    stop: int


@dataclass(frozen=True)
class Hits:
    """Neighbors found, best first.

    What retrieval gives as a whole (`jet.retrieval.neighbors.all_hits`) has its columns by how a neighbor came
    to be one: first the similar ones, then the latest, then the peers; what is missing of each stands last.
    """

    row: np.ndarray
    """int64 [Q, K], rows of the memory; -1: none."""
    similarity: np.ndarray
    """float32 [Q, K]; -inf where there is none."""

    def columns(self, places: np.ndarray) -> Hits:
        """Some columns of all queries."""
        # `take` keeps rows contiguous; `[:, places]` doesn't, and then dropout draws other numbers.
        return Hits(self.row.take(places, axis=1), self.similarity.take(places, axis=1))

    def take(self, rows: np.ndarray) -> Hits:
        """All columns of some queries."""
        return Hits(self.row[rows], self.similarity[rows])

    def without_repeats(self) -> Hits:
        """The same, without a row where an earlier column of the query has it."""
        repeated = np.tril(self.row[:, :, None] == self.row[:, None, :], -1).any(axis=2)
        return Hits(np.where(repeated, -1, self.row), np.where(repeated, np.float32(-np.inf), self.similarity))

    def floor(self) -> np.ndarray:
        """What older rows must be more similar than to be among the K best, float32 [Q]."""
        last = self.similarity[:, -1]
        return last - np.abs(last) * _ERROR

    @classmethod
    def none(cls, queries: int, k: int) -> Hits:
        """No neighbor for any of the queries."""
        return cls(np.full((queries, k), -1, np.int64), np.full((queries, k), -np.inf, np.float32))


class BlockIndex(Protocol):
    """What finds neighbors in one block."""

    block: Block

    def search(self, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None) -> Hits:
        """The `k` most similar rows below `limit`, int64 [Q] (see `limits`), of the block.

        Queries of other entities, and those whose limit is at or below the block's start, get none. Rows no
        more similar than `floor`, float32 [Q], need not be found: newer blocks have as good ones.
        """


def plan_blocks(memory_offsets: np.ndarray, settings: RetrievalSettings) -> list[Block]:
    """The blocks of all entities, numbered in the order of their rows.

    Rows that are added to an entity later change its last block only.
    """
    blocks: list[Block] = []
    for entity, (first, end) in enumerate(pairwise(memory_offsets.tolist())):
        for start in range(first, end, settings.block_rows):
            stop = min(start + settings.block_rows, end)
            blocks.append(Block(len(blocks), entity, start, stop))
    return blocks


def limits(memory: Memory, queries: Queries) -> np.ndarray:
    """Where each query's eligible rows end, int64 [Q]: the first row of its entity that isn't earlier.

    0 for an entity that the memory doesn't have.
    """
    limit = np.zeros(len(queries), dtype=np.int64)
    for entity in np.unique(queries.entity):
        if 0 <= entity < len(memory.offsets) - 1:
            first, end = memory.offsets[entity], memory.offsets[entity + 1]
            own = queries.entity == entity
            limit[own] = first + np.searchsorted(memory.date[first:end], queries.date[own], side="left")
    return limit


def merge(parts: Sequence[Hits], k: int) -> Hits:
    """The `k` best of the hits of several blocks; the order of `parts` doesn't matter.

    A total order: the higher similarity first, then the higher row, which is the more recent one.
    """
    row = np.concatenate([part.row for part in parts], axis=1)
    similarity = np.concatenate([part.similarity for part in parts], axis=1)
    if row.shape[1] < k:
        none = Hits.none(len(row), k - row.shape[1])
        row = np.concatenate([row, none.row], axis=1)
        similarity = np.concatenate([similarity, none.similarity], axis=1)
    order = np.lexsort((-row, -similarity), axis=1)[:, :k]
    return Hits(np.take_along_axis(row, order, axis=1), np.take_along_axis(similarity, order, axis=1))


def with_latest(hits: Hits, limit: np.ndarray, memory: Memory, queries: Queries, count: int) -> Hits:
    """`hits` [Q, K] and behind them the `count` newest rows below each `limit`, the newest first.

    They may be among the hits too: whoever reads only some columns wants them in any case, and
    `Hits.without_repeats` leaves them out. Their similarity is 0: nobody compared them. Returns [Q, K + count].
    """
    last = limit[:, None] - 1 - np.arange(count)
    there = (queries.entity >= 0) & (queries.entity < len(memory.offsets) - 1)
    first = memory.offsets[np.where(there, queries.entity, 0)]
    newest = np.where((last >= first[:, None]) & there[:, None], last, -1)
    row = np.concatenate([hits.row, newest], axis=1)
    similarity = np.where(newest >= 0, np.float32(0), np.float32(-np.inf))
    return Hits(row, np.concatenate([hits.similarity, similarity], axis=1))


class ExactBlock:
    """Compares each query with every distinct text of the block, then ranks all eligible rows."""

    def __init__(
        self, block: Block, memory: Memory, store: TextStore, idf: np.ndarray, settings: RetrievalSettings
    ) -> None:
        self.block = block
        # By column, the product with all vectors is a third faster.
        self._contents = _Contents(block, memory, store, idf, settings, by_column=True)

    def search(self, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None) -> Hits:
        """See `BlockIndex.search`."""
        return _search_exactly(self._contents, queries, limit, k, floor)


class ScannBlock:
    """Lets ScaNN propose texts, and scores their rows exactly.

    What ScaNN proposes may lie behind a query's limit or be its owner's, so it proposes the more the smaller
    the eligible part of the block is and the more of that is the owner's; a part of fewer than `exact_below`
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
        self._contents = contents = _Contents(block, memory, store, idf, settings)
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
        floor = _no_floor(queries) if floor is None else floor
        eligible = contents.eligible(queries, limit)
        hits = Hits.none(len(queries), k)
        exact = np.flatnonzero((eligible > 0) & (eligible <= self.exact_rows))
        if len(exact):
            found = self._early.search(queries.take(exact), limit[exact], k, floor[exact])
            hits.row[exact], hits.similarity[exact] = found.row, found.similarity
        by_scann = np.flatnonzero(eligible > self.exact_rows)
        wanted = self._settings.overfetch * k
        in_the_way = 1 + contents.owned(queries, eligible)[by_scann] / wanted
        doublings = np.ceil(np.log2(len(contents.text) / eligible[by_scann] * in_the_way)).astype(int)
        for doubling in np.unique(doublings):
            width = min(len(contents.texts), wanted << int(doubling))
            for texts, at, query in _batches(queries.text, by_scann[doublings == doubling]):
                features = contents.look_up(queries, texts)
                proposed = self._propose(features, width)
                scores = contents.score_some(features, proposed)
                for some in _pieces(len(query), width):
                    which, place = np.nonzero(proposed[at[some]] >= 0)
                    own = at[some][which]
                    text, score = proposed[own, place], scores[own, place]
                    contents.rank(hits, queries, eligible, floor, query[some][which], text, score, k)
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

    def _propose(self, features: _Features, width: int) -> np.ndarray:
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
    distinct = len(np.unique(memory.text[block.start : block.stop]))
    if distinct < max(settings.exact_below, _SCANN_LEAST) or not has_scann():
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


@dataclass(frozen=True)
class _Features:
    """What is known of a batch of 64 query texts; the last batch is filled up with zeros."""

    vectors: np.ndarray  # float32 [64, D]
    ngrams: sp.csr_matrix  # float32 [64, 8192], weighed
    masked: np.ndarray  # int64 [64]; -1: filled up


class _Contents:
    """A block's rows and distinct texts as arrays, and the one formula of similarity."""

    def __init__(
        self,
        block: Block,
        memory: Memory,
        store: TextStore,
        idf: np.ndarray,
        settings: RetrievalSettings,
        by_column: bool = False,
    ) -> None:
        """The vectors lie in memory row by row, or `by_column`."""
        rows = slice(block.start, block.stop)
        self.block = block
        self.store = store
        self.idf = idf
        self.settings = settings
        self.texts, self._first_row, self.text = np.unique(  # [U], [U], [n]
            memory.text[rows], return_index=True, return_inverse=True
        )
        self.date = memory.date[rows]
        self.journal = memory.journal[rows]
        self.owner = None if memory.owner is None else memory.owner[rows]
        self.vectors = store.vectors[self.texts]
        if by_column:  # torch turns them ten times as fast as NumPy
            self.vectors = torch.from_numpy(self.vectors).T.contiguous().numpy().T
        self.ngrams = weigh(store.ngrams[self.texts], idf)
        self.masked = store.masked[self.texts]
        self._by_masked = np.argsort(self.masked)
        self._masked = self.masked[self._by_masked]
        self._most_bonus = np.float32(settings.journal_bonus + settings.recency_bonus) * (1 + _ERROR)
        days = np.arange(16 * _RECENCY_DAYS)  # after 16 years nothing is left of the bonus
        self._recency = (settings.recency_bonus * np.exp(-days / _RECENCY_DAYS)).astype(np.float32)
        # Rows by kind, then age: of equal text, journal and owner only the most recent can be hits.
        kinds = [self.text, self.journal, *([] if self.owner is None else [self.owner])]
        self._rows = by_kind = np.lexsort(kinds[::-1])
        new = np.ones(len(by_kind), dtype=bool)
        new[1:] = np.any([np.diff(each[by_kind]) != 0 for each in kinds], axis=0)
        self._kind_start = np.append(np.flatnonzero(new), len(by_kind))
        self._text_kinds = np.searchsorted(self.text[by_kind][new], np.arange(len(self.texts) + 1))
        kind = np.cumsum(new) - 1
        # Sorted, so one search finds a limit within a kind.
        self._kind_and_row = kind * len(by_kind) + by_kind

    def eligible(self, queries: Queries, limit: np.ndarray) -> np.ndarray:
        """How many of the block's rows, from its first, each query may see, int64 [Q].

        Raises ValueError where a limit lets in a row that isn't strictly earlier.
        """
        count = np.clip(limit - self.block.start, 0, self.block.stop - self.block.start)
        count = np.where(queries.entity == self.block.entity, count, 0)
        late = (count > 0) & (self.date[count - 1] >= queries.date)
        if late.any():
            raise ValueError(f"the limit of query {int(late.argmax())} lets in entries that aren't earlier")
        return count

    def owned(self, queries: Queries, eligible: np.ndarray) -> np.ndarray:
        """How many of the first `eligible` [Q] rows are the query's owner's, int64 [Q]."""
        count = np.zeros(len(queries), dtype=np.int64)
        if self.owner is not None and queries.owner is not None:
            for owner in np.unique(queries.owner):
                asks = queries.owner == owner
                count[asks] = np.searchsorted(np.flatnonzero(self.owner == owner), eligible[asks])
        return count

    def look_up(self, queries: Queries, texts: np.ndarray) -> _Features:
        """The features of at most 64 query texts."""
        store = queries.store or self.store
        if store.dimension != self.store.dimension:
            raise ValueError(f"queries have {store.dimension} dimensions, the memory {self.store.dimension}")
        missing = BATCH - len(texts)
        ngrams = weigh(store.ngrams[texts], self.idf)
        ngrams.resize(BATCH, ngrams.shape[1])
        return _Features(
            vectors=np.pad(store.vectors[texts], ((0, missing), (0, 0))),
            ngrams=ngrams,
            masked=np.pad(store.masked[texts], (0, missing), constant_values=-1),
        )

    def score_all(self, features: _Features) -> np.ndarray:
        """What the texts alone say of each query text and each text of the block, float32 [64, U]."""
        scores = features.vectors @ self.vectors.T
        scores *= np.float32(self.settings.sentence_weight)
        if self.settings.ngram_weight:
            scores += self._ngram_scores(self.ngrams, features).T
        first = np.searchsorted(self._masked, features.masked, "left")
        same, query = _ranges(first, np.searchsorted(self._masked, features.masked, "right"))
        scores[query, self._by_masked[same]] += np.float32(self.settings.same_masked_text_bonus)
        return scores

    def score_some(self, features: _Features, texts: np.ndarray) -> np.ndarray:
        """As `score_all`, but for the block's texts number `texts`, int64 [64, W] (-1: any value)."""
        scores = np.einsum("qd,qwd->qw", features.vectors, self.vectors[texts])
        scores *= np.float32(self.settings.sentence_weight)
        if self.settings.ngram_weight:
            some, place = np.unique(texts, return_inverse=True)
            scores += self._ngram_scores(self.ngrams[some], features)[place, np.arange(BATCH)[:, None]]
        same = features.masked[:, None] == self.masked[texts]
        scores += same * np.float32(self.settings.same_masked_text_bonus)
        return scores

    def _ngram_scores(self, ngrams: sp.csr_matrix, features: _Features) -> np.ndarray:
        """Of some of the block's texts, by row, and each query text: float32 [n, 64]."""
        return (ngrams @ features.ngrams.T.toarray(order="C")) * np.float32(self.settings.ngram_weight)

    def leading(self, scores: np.ndarray, k: int) -> np.ndarray:
        """Some times `k` texts with the highest `scores` float32 [64, U], best first: int64 [64, F]."""
        return _highest(scores, min(_LEADING * k, scores.shape[1]))

    def promising(
        self,
        queries: Queries,
        eligible: np.ndarray,
        floor: np.ndarray,
        scores: np.ndarray,
        leading: np.ndarray,
        at: np.ndarray,
        query: np.ndarray,
        k: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Texts that hold all of the `k` best rows: pairs of a place in `query` and a text, int64 each.

        `scores` float32 [64, U] is what the texts alone say, `leading` [64, F] names the best of them, and `at`
        [n] is the row of both that each of `query` [n] has. No text can have a hit that lies further behind the
        `floor` than all bonuses together. Where that leaves more than the leading texts, and these have `k`
        eligible rows, none can lie so far behind the last of those either. Only where the last of the leading
        texts still may have hits, all texts are looked at.
        """
        leading = leading[at]  # [n, F]
        score = scores[at[:, None], leading]
        # What rounds to the floor is out.
        lowest = floor[query] + np.float32(0.4) / _DECIMALS - self._most_bonus
        weak = np.flatnonzero(score[:, -1] >= lowest)
        if len(weak):
            held = self._lowest_of(queries, eligible, score[weak], leading[weak], query[weak], k)
            lowest[weak] = np.maximum(lowest[weak], self._below(held))
        reached = score >= lowest[:, None]
        few = leading.shape[1]
        beyond = np.flatnonzero(reached[:, -1]) if few < scores.shape[1] else np.zeros(0, dtype=np.int64)
        reached[beyond] = False
        place, column = np.nonzero(reached)
        others, text = self._all_promising(
            queries, eligible[query[beyond]], scores[at[beyond]], lowest[beyond], k
        )
        return np.append(place, beyond[others]), np.append(leading[place, column], text)

    def _all_promising(
        self, queries: Queries, eligible: np.ndarray, scores: np.ndarray, lowest: np.ndarray, k: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of a row and a text, for each row of `scores` [n, U] those that reach `lowest` [n] and have one
        of so many `eligible` [n] rows. Where `k` of them have, others must not lie too far behind these."""
        scores = np.where(self._first_row < eligible[:, None], scores, -np.inf)
        all_count = queries.owner is None or self.owner is None
        if all_count and k <= scores.shape[1]:
            best = torch.topk(torch.from_numpy(scores), k).values[:, -1].numpy()
            lowest = np.maximum(lowest, self._below(best))
        reached = (scores >= lowest[:, None]) & (scores > -np.inf)
        return np.divmod(np.flatnonzero(reached), scores.shape[1])

    def _below(self, score: np.ndarray) -> np.ndarray:
        """What a text must score to have a hit before the eligible rows of one with this `score`."""
        return score - self._most_bonus - 2 / _DECIMALS

    def _lowest_of(
        self,
        queries: Queries,
        eligible: np.ndarray,
        score: np.ndarray,
        leading: np.ndarray,
        query: np.ndarray,
        k: int,
    ) -> np.ndarray:
        """The `score` [n, F] of the last of the `leading` texts [n, F] that it takes to have `k` eligible rows,
        for each of `query` [n]; -inf where all of them have fewer."""
        few = leading.shape[1]
        kinds, of = _ranges(self._text_kinds[leading.ravel()], self._text_kinds[leading.ravel() + 1])
        start, stop = self._eligible_of(kinds, eligible[query[of // few]], k)
        rows = (stop - start) * self._others(queries, query[of // few], kinds)
        so_far = np.bincount(of, rows, leading.size).reshape(leading.shape).cumsum(axis=1)
        needed = np.minimum((so_far < k).sum(axis=1), few - 1)
        return np.where(so_far[:, -1] < k, -np.inf, score[np.arange(len(query)), needed])

    def _others(self, queries: Queries, query: np.ndarray, kinds: np.ndarray) -> np.ndarray | bool:
        """Whether the rows of each of `kinds` aren't those of the owner of the `query` beside it."""
        if queries.owner is None or self.owner is None:
            return True
        return self.owner[self._rows[self._kind_start[kinds]]] != queries.owner[query]

    def _eligible_of(self, kinds: np.ndarray, eligible: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the rows of `kinds` that can be among `k` hits begin and end; so many rows are `eligible`."""
        stop = np.searchsorted(self._kind_and_row, kinds * len(self._rows) + eligible)
        return np.maximum(self._kind_start[kinds], stop - k), stop

    def rank(
        self,
        hits: Hits,
        queries: Queries,
        eligible: np.ndarray,
        floor: np.ndarray,
        query: np.ndarray,
        text: np.ndarray,
        score: np.ndarray,
        k: int,
    ) -> None:
        """Write the `k` best rows of some texts into `hits`, only those above the `floor`.

        One value for each pair of a query and a text of the block: int64 `query` and `text`, float32 `score`,
        which is what the texts alone say. The pairs of a query stand together, and in one call only.
        """
        kinds, of = _ranges(self._text_kinds[text], self._text_kinds[text + 1])
        start, stop = self._eligible_of(kinds, eligible[query[of]], k)
        there = (stop > start) & self._others(queries, query[of], kinds)
        start, stop, query, score = start[there], stop[there], query[of[there]], score[of[there]]
        # The newest row of a kind is the most similar one.
        lowest = np.rint(floor[query] * _DECIMALS)
        good = self._rounded(queries, query, self._rows[stop - 1], score) > lowest
        place, of = _ranges(start[good], stop[good])
        rows, query, lowest = self._rows[place], query[good][of], lowest[good][of]
        rounded = self._rounded(queries, query, rows, score[good][of])
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
        asked, number = query[first], np.repeat(np.arange(len(first)), np.diff(first, append=len(query)))
        key = highest - np.sort(number * span + (highest - key)) % span
        column = np.arange(len(key)) - first[number]
        best = column < k
        rounded, row = np.divmod(key[best], size)
        goal = asked[number[best]], column[best]
        hits.row[goal] = self.block.start + row
        hits.similarity[goal] = (rounded / float(_DECIMALS)).astype(np.float32)

    def _rounded(self, queries: Queries, query: np.ndarray, rows: np.ndarray, score: np.ndarray) -> np.ndarray:
        """Similarity, in units of the fifth decimal, of each of `query` and the block's row beside it, whose
        texts alone say `score`; float32 [n]."""
        similarity = score + self._recency.take(queries.date[query] - self.date[rows], mode="clip")
        same = (self.journal[rows] == queries.journal[query]) & (queries.journal[query] != NO_JOURNAL)
        similarity += same * np.float32(self.settings.journal_bonus)
        return np.rint(similarity * _DECIMALS)

    def digest(self, settings: RetrievalSettings) -> str:
        """Of everything that the index of these texts depends on."""
        digest = hashlib.blake2b(digest_size=16)
        weights = (settings.sentence_weight, settings.ngram_weight)
        leaves = (settings.scann_leaves, settings.scann_leaves_to_search)
        digest.update(repr((weights, leaves, self.vectors.shape)).encode())
        parts = (self.vectors, self.ngrams.indptr, self.ngrams.indices, self.ngrams.data)
        for part in parts:
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()


def _no_floor(queries: Queries) -> np.ndarray:
    return np.full(len(queries), -np.inf, dtype=np.float32)


def _search_exactly(
    contents: _Contents, queries: Queries, limit: np.ndarray, k: int, floor: np.ndarray | None = None
) -> Hits:
    """See `BlockIndex.search`; every query is compared with every text.

    Not all rows are ranked: most are of texts so far behind that no bonus helps them.
    """
    floor = _no_floor(queries) if floor is None else floor
    eligible = contents.eligible(queries, limit)
    hits = Hits.none(len(queries), k)
    for texts, at, query in _batches(queries.text, np.flatnonzero(eligible)):
        scores = contents.score_all(contents.look_up(queries, texts))
        leading = contents.leading(scores, k)
        for some in _pieces(len(query), len(contents.texts)):
            place, text = contents.promising(
                queries, eligible, floor, scores, leading, at[some], query[some], k
            )
            score = scores[at[some][place], text]
            contents.rank(hits, queries, eligible, floor, query[some][place], text, score, k)
    return hits


def _highest(scores: np.ndarray, few: int) -> np.ndarray:
    """Columns of the `few` highest of each row of `scores` float32 [n, U], best first: int64 [n, few].

    What `torch.topk` does, in a fifth to a third of the time where U is large. Columns are looked at in groups:
    the `few` highest columns are no lower than the least of the `few` highest maxima of groups.
    """
    groups = _GROUPS * few
    together = scores.shape[1] // groups
    if together < 2:
        return torch.topk(torch.from_numpy(scores), few).indices.numpy()
    maxima = scores[:, : groups * together].reshape(len(scores), together, groups).max(axis=1)
    least = np.partition(maxima, groups - few, axis=1)[:, groups - few]
    row, column = np.divmod(np.flatnonzero(scores >= least[:, None]), scores.shape[1])
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(len(scores)))[row]
    candidates = np.zeros((len(scores), place.max() + 1), dtype=np.int64)
    candidates[row, place] = column
    score = np.full(candidates.shape, -np.inf, dtype=np.float32)
    score[row, place] = scores[row, column]
    return np.take_along_axis(candidates, np.argsort(-score, axis=1)[:, :few], axis=1)


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


def _pieces(queries: int, texts: int) -> Iterator[slice]:
    """Some of so many queries at a time, where each is compared with so many texts."""
    together = min(max(1, _CELLS // texts), _QUERIES)
    for start in range(0, queries, together):
        yield slice(start, start + together)


def _ranges(start: np.ndarray, stop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All numbers from start[i] to stop[i] for every i, and the i that each is of."""
    length = np.maximum(stop - start, 0)
    of = np.repeat(np.arange(len(start)), length)
    before = np.cumsum(length) - length
    return np.arange(len(of)) - before[of] + start[of], of


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
