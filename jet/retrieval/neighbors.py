"""From books to the neighbors of their entries: tables in, a `NEIGHBORS` table out.

`History` is what may be a neighbor; `find_neighbors` is the whole way in one process. A job that spreads the
search over machines calls the same pieces: `History.queries`, an index's `search` for each block, `merge`,
`neighbors_table`.

Legend: N entries of the history, Q entries whose neighbors are wanted, K neighbors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.schema import NEIGHBOR, NEIGHBORS
from jet.retrieval.encoder import Encoder, SentenceEncoder
from jet.retrieval.index import BlockIndex, Hits, Memory, Queries, RetrievalSettings, search
from jet.retrieval.store import TextStore
from jet.retrieval.text import normalize_all, stable_hashes


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

    @classmethod
    def of(cls, entries: pa.Table, store: TextStore) -> History:
        """The history of `entries` (schema `ENTRIES`, in any order), whose texts are all in `store`.

        Raises ValueError where a text isn't.
        """
        entries = entries.select(["entity", "entry_id", "date", "description", "journal"])
        entries = entries.sort_by([(name, "ascending") for name in ("entity", "date", "entry_id")])
        entities = pc.unique(entries["entity"]).cast(pa.string())
        text = store.rows(normalize_all(entries["description"]))
        if (text < 0).any():
            unknown = entries["entry_id"][int((text < 0).argmax())].as_py()
            raise ValueError(
                f"{int((text < 0).sum())} entries have a text that isn't in the store, first {unknown!r}"
            )
        memory = Memory.of(
            entity=pc.index_in(entries["entity"], value_set=entities).to_numpy(),
            date=_days(entries),
            text=text,
            journal=stable_hashes(entries["journal"]),
            entities=len(entities),
        )
        return cls(memory, store, entities, _one_chunk(entries["entry_id"]))

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
        )


def text_store(entries: pa.Table, encoder: Encoder | None) -> TextStore:
    """The store of all texts of `entries` (schema `ENTRIES`); without an encoder, of n-grams alone."""
    return TextStore.build(pc.unique(normalize_all(entries["description"])).to_pylist(), encoder)


def make_encoder(settings: RetrievalSettings, device: str | None = None) -> SentenceEncoder | None:
    """The encoder that `settings` name, or None where they ask for n-grams alone."""
    if not settings.encoder:
        return None
    return SentenceEncoder(settings.encoder, device, max_tokens=settings.max_tokens)


def find_neighbors(
    entries: pa.Table,
    history: History,
    idf: np.ndarray,
    settings: RetrievalSettings,
    store: TextStore | None = None,
    blocks: Mapping[int, BlockIndex] | None = None,
) -> pa.Table:
    """The neighbors of `entries` (schema `ENTRIES`) in `history`, as `NEIGHBORS`, one row an entry.

    Every neighbor is an entry of the same entity with a strictly earlier date. `idf` weighs the n-grams
    (float32 [8192], see `jet.retrieval.ngrams`); `store` and `blocks` as in `History.queries` and `search`.
    """
    queries = history.queries(entries, store)
    hits = search(history.memory, history.store, idf, queries, settings, blocks)
    return neighbors_table(entries, history, queries, hits)


def neighbors_table(entries: pa.Table, history: History, queries: Queries, hits: Hits) -> pa.Table:
    """`hits` [Q, K] of `queries`, which are those of `entries`, as a table of the schema `NEIGHBORS`."""
    memory = history.memory
    found = hits.row >= 0
    query = np.nonzero(found)[0]
    row = hits.row[found]
    text = queries.text
    if queries.store is not None:  # another numbering: say the texts by the history's numbers, -1 where new
        text = history.store.rows(queries.store.texts)[text]
    values = {
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
    """The share of the exact hits that `found` has, or an equally similar one for; 1 if there are none.

    Both are [Q, K]. A probe of an approximate index: only entries that tie with the last exact hit can stand
    in for each other.
    """
    wanted = (exact.row >= 0).sum(axis=1)
    worst = np.where(exact.row >= 0, exact.similarity, np.inf).min(axis=1, initial=np.inf)
    good = (found.row >= 0) & (found.similarity >= worst[:, None] - 1.5e-5)
    hit = np.minimum(good.sum(axis=1), wanted)
    return float(hit.sum() / wanted.sum()) if wanted.any() else 1.0


def _days(entries: pa.Table) -> np.ndarray:
    return entries["date"].cast(pa.int32()).to_numpy()


def _one_chunk(column: pa.ChunkedArray) -> pa.StringArray:
    return column.cast(pa.string()).combine_chunks()
