"""From books to the neighbors of their entries: tables in, a `NEIGHBORS` table out.

`History` is what may be a neighbor; `find_neighbors` is the whole way in one process. A job that spreads the
search over machines calls the same pieces: `History.queries`, an index's `search` for each block, `merge`,
`all_hits`, `neighbors_table`.

Every entry gets three kinds of neighbors, each in columns of its own: similar entries of its entity, its
entity's latest ones, and similar entries of other companies with the same standard chart.

Legend: N entries of the history, Q entries whose neighbors are wanted, K neighbors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.catalog import Catalog
from jet.books.schema import NEIGHBOR, NEIGHBORS, SOURCES
from jet.retrieval.index import BlockIndex, search
from jet.retrieval.memory import Hits, Memory, Queries, limits, with_latest
from jet.retrieval.peers import Peers, chart_families
from jet.retrieval.settings import RetrievalSettings
from jet.texts.encoder import Encoder, SentenceEncoder
from jet.texts.normalize import normalize_all, stable_hashes
from jet.texts.store import TextStore


@dataclass(frozen=True)
class History:
    """The entries that may be neighbors, by name."""

    memory: Memory
    store: TextStore
    """The texts of the memory (and perhaps more)."""
    entities: pa.StringArray
    """[E], sorted names; the memory's entity numbers count in it."""
    entry_ids: pa.StringArray
    """[N], of the memory's rows."""
    peers: Peers | None = None
    """The same rows by family of charts; None: nobody has peers."""

    @classmethod
    def of(cls, entries: pa.Table, store: TextStore, catalog: Catalog | None = None) -> History:
        """The history of `entries` (schema `ENTRIES`, in any order), whose texts are all in `store`.

        With a `catalog`, of the charts of all their entities, they can be each other's peers. Raises ValueError
        where a text isn't in the store.
        """
        entries = entries.select(["entity", "entry_id", "date", "description", "journal", "currency"])
        entries = entries.sort_by([(name, "ascending") for name in ("entity", "date", "entry_id")])
        entities = pc.unique(entries["entity"]).cast(pa.string())
        if catalog is not None:
            entities = pa.array(catalog.entities, pa.string())
        text = store.rows(normalize_all(entries["description"]))
        if (text < 0).any():
            unknown = entries["entry_id"][int((text < 0).argmax())].as_py()
            raise ValueError(
                f"{int((text < 0).sum())} entries have a text that isn't in the store, first {unknown!r}"
            )
        entity = pc.index_in(entries["entity"], value_set=entities)
        if entity.null_count:
            stranger = entries["entity"][pc.index(pc.is_null(entity), True).as_py()].as_py()
            raise ValueError(f"entity {stranger!r} has entries, and no chart of accounts")
        memory = Memory.of(
            entity=entity.to_numpy(),
            date=_days(entries),
            text=text,
            journal=stable_hashes(entries["journal"]),
            entities=len(entities),
            currency=stable_hashes(entries["currency"]),
        )
        peers = None if catalog is None else Peers.of(memory, chart_families(catalog))
        return cls(memory, store, entities, _one_chunk(entries["entry_id"]), peers)

    def queries(self, entries: pa.Table, store: TextStore | None = None) -> Queries:
        """`entries` (schema `ENTRIES`) as queries, in their order.

        Their texts are looked up in `store`, by default the history's. New texts need no place in that:
        `TextStore.build` makes a small store of them. Raises ValueError where a text isn't in the store.
        """
        entity = pc.fill_null(pc.index_in(entries["entity"], value_set=self.entities), -1)
        return Queries(
            entity=entity.to_numpy().astype(np.int32),
            date=_days(entries),
            text=(store or self.store).rows(normalize_all(entries["description"])),
            journal=stable_hashes(entries["journal"]),
            store=store,
            currency=stable_hashes(entries["currency"]),
        )


def text_store(entries: pa.Table, encoder: Encoder | None) -> TextStore:
    """The store of all texts of `entries` (schema `ENTRIES`); without an encoder, of n-grams alone."""
    return TextStore.build(pc.unique(normalize_all(entries["description"])).to_pylist(), encoder)


def make_encoder(settings: RetrievalSettings, device: str | None = None) -> SentenceEncoder | None:
    """The encoder that `settings` name, or None where they ask for n-grams alone."""
    if not settings.encoder:
        return None
    return SentenceEncoder(
        settings.encoder, device, max_tokens=settings.max_tokens, precision=settings.encoder_precision
    )


def find_neighbors(
    entries: pa.Table,
    history: History,
    idf: np.ndarray,
    settings: RetrievalSettings,
    store: TextStore | None = None,
    blocks: Mapping[int, BlockIndex] | None = None,
) -> pa.Table:
    """The neighbors of `entries` (schema `ENTRIES`) in `history`, as `NEIGHBORS`, one row an entry.

    Every neighbor has a strictly earlier date. `idf` weighs the n-grams
    (float32 [8192], see `jet.texts.ngrams`); `store` and `blocks` as in `History.queries` and `search`.
    """
    queries = history.queries(entries, store)
    hits = retrieve(history.memory, history.peers, history.store, idf, queries, settings, blocks)
    return neighbors_table(entries, history, queries, hits, settings)


def retrieve(
    memory: Memory,
    peers: Peers | None,
    store: TextStore,
    idf: np.ndarray,
    queries: Queries,
    settings: RetrievalSettings,
    blocks: Mapping[int, BlockIndex] | None = None,
    peer_blocks: Mapping[int, BlockIndex] | None = None,
) -> Hits:
    """All neighbors of `queries`, in one process; columns as `all_hits` has them."""
    similar = search(memory, store, idf, queries, settings, settings.neighbors, blocks)
    found = None
    if peers is not None and settings.peers:
        asked = peers.queries(queries, earlier_entries(memory, queries), settings)
        found = search(peers.memory, store, idf, asked, settings, settings.peers, peer_blocks)
    return all_hits(memory, peers, queries, similar, found, settings)


def all_hits(
    memory: Memory,
    peers: Peers | None,
    queries: Queries,
    similar: Hits,
    found: Hits | None,
    settings: RetrievalSettings,
) -> Hits:
    """[Q, neighbors + latest + peers]: `similar` rows of the memory, its latest, and `found` peers."""
    hits = with_latest(similar, limits(memory, queries), memory, queries, settings.latest)
    others = Hits.none(len(queries), settings.peers)
    if peers is not None and found is not None:
        others = peers.rows(found)
    return Hits(
        np.concatenate([hits.row, others.row], axis=1),
        np.concatenate([hits.similarity, others.similarity], axis=1),
    )


def source_widths(settings: RetrievalSettings) -> dict[str, int]:
    """How many columns of `all_hits` each of SOURCES has, in their order."""
    return dict(zip(SOURCES, (settings.neighbors, settings.latest, settings.peers), strict=True))


def source_starts(settings: RetrievalSettings) -> dict[str, int]:
    """The first column of `all_hits` that each of SOURCES has."""
    return dict(zip(SOURCES, accumulate(source_widths(settings).values(), initial=0), strict=False))


def earlier_entries(memory: Memory, queries: Queries) -> np.ndarray:
    """int64 [Q]: how many entries each query's entity had booked strictly earlier."""
    return np.maximum(limits(memory, queries) - memory.offsets[np.maximum(queries.entity, 0)], 0)


def neighbors_table(
    entries: pa.Table, history: History, queries: Queries, hits: Hits, settings: RetrievalSettings
) -> pa.Table:
    """`all_hits` of `queries`, which are those of `entries`, as a table of the schema `NEIGHBORS`."""
    memory = history.memory
    found = hits.row >= 0
    query = np.nonzero(found)[0]
    row = hits.row[found]
    text = queries.text
    if queries.store is not None:  # another numbering: say the texts by the history's numbers, -1 where new
        text = history.store.rows(queries.store.texts)[text]
    source = np.repeat(np.arange(len(SOURCES)), list(source_widths(settings).values()))
    values = {
        "entity": history.entities.take(pa.array(memory.entity[row])),
        "source": pa.array(SOURCES).take(pa.array(np.broadcast_to(source, found.shape)[found])),
        "entry_id": history.entry_ids.take(pa.array(row)),
        "similarity": pa.array(hits.similarity[found], pa.float32()),
        "same_text": pa.array(memory.text[row] == text[query]),
        "age_days": pa.array(queries.date[query] - memory.date[row], pa.int32()),
    }
    offsets = np.concatenate([[0], np.cumsum(found.sum(axis=1))])
    neighbors = pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()),
        pa.StructArray.from_arrays([values[field.name] for field in NEIGHBOR], fields=list(NEIGHBOR)),
        type=NEIGHBORS.field("neighbors").type,
    )
    return pa.Table.from_arrays(
        [_one_chunk(entries["entity"]), _one_chunk(entries["entry_id"]), neighbors], schema=NEIGHBORS
    )


def recall_at_k(found: Hits, exact: Hits) -> float:
    """The share of the exact hits that `found` has, or an equally similar one for; 1 if there are none."""
    hit, wanted = recalled(found, exact)
    return hit / wanted if wanted else 1.0


def recalled(found: Hits, exact: Hits) -> tuple[int, int]:
    """How many of the exact hits `found` has, or an equally similar one for, and how many there are.

    Both are [Q, K]. A probe of an approximate index: only entries that tie with the last exact hit can stand
    in for each other.
    """
    wanted = (exact.row >= 0).sum(axis=1)
    worst = np.where(exact.row >= 0, exact.similarity, np.inf).min(axis=1, initial=np.inf)
    good = (found.row >= 0) & (found.similarity >= worst[:, None] - 1.5e-5)
    return int(np.minimum(good.sum(axis=1), wanted).sum()), int(wanted.sum())


def _days(entries: pa.Table) -> np.ndarray:
    return entries["date"].cast(pa.int32()).to_numpy()


def _one_chunk(column: pa.ChunkedArray) -> pa.StringArray:
    return column.cast(pa.string()).combine_chunks()
