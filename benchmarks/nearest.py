"""Neighbors of all entries of a ledger: jet's search beside faiss, and beside exact search.

    python -m benchmarks.nearest [--entries 100000] [--asked 1.0] [--rounds 5]

One company's demo ledger; every entry is a query for its top 10 of strictly earlier entries. All searches
have the same vectors (256 dimensions, hashed character n-grams, computed before), one thread,
one process, and compute cosines alone. faiss goes through the ledger day by day: it searches for the day's
entries, then adds them, so it can't see later ones either. Its indexes are HNSW (32 links) and IVF
(lists: four times the root of the number of entries, trained on all vectors), each with the least effort of
a doubling series that reaches a recall@10 of .95, and of .99; exact search is its flat index. Jet has its
defaults: exact search, and ScaNN for a company with more than 100,000 distinct texts, whose recall is given.
HNSW that doesn't reach a recall with 1,024 candidates is
measured with these, and its recall is given.

Recall is measured on all queries: the share of the exact ten whose similarity a search reaches, so
equal texts can replace each other. Of a large ledger, faiss is queried for some whole days (`--asked`) and
its time for the queries is scaled; adding is measured whole. Jet is always queried for all. `--rounds 1`, for
a million, measures the first round, which otherwise warms up.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"

import faiss
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.side_by_side import ROUNDS, compared, report
from jet.books.importers import ImportSettings, import_file, to_tables
from jet.demo import DemoSettings, write_demo_ledger
from jet.retrieval.collection import Collection, Queries
from jet.retrieval.dense import dense
from jet.retrieval.index import search
from jet.retrieval.settings import RetrievalSettings
from jet.texts.ngrams import idf, weigh
from jet.texts.normalize import normalize_all
from jet.texts.store import TextStore

K = 10
RECALLS = (0.95, 0.99)
FIRST_EFFORT, MOST_EFFORT = 4, 1024
TUNED_ON = 2000
"""Questions, of the latest, on which the least effort is found."""


@dataclass(frozen=True)
class Ledger:
    """Entries in order of their date."""

    text: np.ndarray  # int64 [N] rows of the store
    date: np.ndarray  # int32 [N]
    store: TextStore

    @property
    def vectors(self) -> np.ndarray:
        """float32 [N, D]"""
        return self.store.vectors[self.text]

    def sample(self, share: float) -> np.ndarray:
        """The entries, int64, of so many days as have about that `share` of all, spread over the ledger."""
        days = list(self.days())
        chosen = np.unique(np.linspace(0, len(days) - 1, max(1, round(share * len(days)))).astype(int))
        return np.concatenate([np.arange(*days[day]) for day in chosen])

    def days(self) -> Iterator[tuple[int, int]]:
        """First and last row, exclusive, of each day."""
        first = np.flatnonzero(np.diff(self.date, prepend=-1))
        yield from zip(first.tolist(), [*first[1:].tolist(), len(self.date)], strict=True)


def main() -> None:
    """Measure all contenders."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument(
        "--asked", type=float, default=1.0, help="the share of the days that faiss is queried for"
    )
    parser.add_argument("--only", nargs="*", default=["hnsw", "ivf"], help="the indexes of faiss beside exact")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    args = parser.parse_args()
    faiss.omp_set_num_threads(1)
    ledger = demo(args.entries)
    count = len(ledger.text)
    queries = ledger.sample(args.asked)
    flat = faiss.IndexFlatIP(ledger.store.dimension)
    first: dict[str, float] = {}
    first["jet"], own = by_jet(ledger)
    first["exact search"], exact = by_day(ledger, queries, flat)
    indexes = {"exact search": flat}
    notes = {"entries": count, "distinct": len(ledger.store), "queries to faiss": len(queries)}
    notes["recall of jet"] = round(recall_of(own[queries], exact), 4)
    more: dict[str, dict[str, Any]] = {"exact search": {}}
    for name in args.only:
        for effort, (seconds_it_took, recall, index) in sufficient(ledger, queries, exact, name).items():
            label = f"faiss {name.upper()}, recall {recall:.3f}"
            first[label], indexes[label] = seconds_it_took, index
            more[label] = {"recall": round(recall, 4), "effort": effort}
    seconds = {label: [taken] if args.rounds == 1 else [] for label, taken in first.items()}
    for _ in range(args.rounds if args.rounds > 1 else 0):  # the first time warmed up
        seconds["jet"].append(by_jet(ledger)[0])
        for label, index in indexes.items():
            seconds[label].append(by_day(ledger, queries, index)[0])
    rows = [
        compared(
            seconds,
            count,
            stage=f"neighbors of {count:,}",
            unit="entries",
            beside=label,
            least=10 if label == "exact search" and count >= 1_000_000 else 1,
            notes=notes | more[label],
        )
        for label in indexes
    ]
    given = f"--entries {args.entries} --asked {args.asked:g} --rounds {args.rounds}"
    if args.only != parser.get_default("only"):
        given += " --only " + " ".join(args.only)
    report(f"nearest_{count}", f"python -m benchmarks.nearest {given}", rows)


def demo(entries: int) -> Ledger:
    """The texts and dates of one company."""
    with tempfile.TemporaryDirectory() as folder:
        write_demo_ledger(Path(folder), DemoSettings(companies=1, entries=entries, seed=7))
        [path] = Path(folder).glob("*.jsonl")
        tables = [
            table.select(["date", "description"])
            for table, *_ in to_tables(import_file(str(path), ImportSettings()))
        ]
    table = pa.concat_tables(tables).sort_by("date")
    texts = normalize_all(table["description"])
    plain = TextStore.build(pc.unique(texts).to_pylist())
    weights = idf(plain.ngrams)
    settings = RetrievalSettings(sentence_weight=0, ngram_weight=1)
    vectors = dense(np.zeros((len(plain), 0), np.float32), weigh(plain.ngrams, weights), settings)
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    store = TextStore(plain.texts, vectors, plain.ngrams, plain.masked)
    return Ledger(store.rows(texts), table["date"].cast(pa.int32()).to_numpy(), store)


def by_jet(ledger: Ledger) -> tuple[float, np.ndarray]:
    """Seconds for all entries, the index included; float32 [N, K] similarities."""
    count = len(ledger.text)
    settings = RetrievalSettings(
        neighbors=K, sentence_weight=1.0, ngram_weight=0.0, journal_bonus=0.0, same_masked_text_bonus=0.0,
        recency_bonus=0.0,
    )  # fmt: skip
    nobody = np.zeros(count, dtype=np.int64)
    start = time.perf_counter()
    collection = Collection(nobody, ledger.date, ledger.text, nobody, 1, ledger.store, idf(ledger.store.ngrams))
    queries = Queries(collection.entity, collection.date, collection.text, collection.journal)
    hits = search(collection, queries, settings, K)
    return time.perf_counter() - start, hits.similarity


def by_day(ledger: Ledger, queries: np.ndarray, empty: Any) -> tuple[float, np.ndarray]:
    """Seconds for all entries, day by day, with a copy of an `empty` index; float32 [queries, K]
    similarities."""
    vectors, index = ledger.vectors, faiss.clone_index(empty)
    found = np.full((len(queries), K), -np.inf, dtype=np.float32)
    adding = asking = 0.0
    for first, end in ledger.days():
        here = slice(*np.searchsorted(queries, [first, end]))
        if index.ntotal and here.stop > here.start:
            start = time.perf_counter()
            similarity, row = index.search(vectors[queries[here]], K)
            asking += time.perf_counter() - start
            found[here] = np.where(row >= 0, similarity, -np.inf)
        start = time.perf_counter()
        index.add(vectors[first:end])
        adding += time.perf_counter() - start
    return adding + asking * len(ledger.text) / len(queries), found


def empty_index(ledger: Ledger, name: str) -> Any:
    """An empty index of faiss's; IVF's lists are made of all vectors (its training is not timed)."""
    dimension = ledger.store.dimension
    if name == "hnsw":
        return faiss.IndexHNSWFlat(dimension, 32, faiss.METRIC_INNER_PRODUCT)
    lists = int(4 * len(ledger.text) ** 0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dimension), dimension, lists, faiss.METRIC_INNER_PRODUCT)
    index.train(ledger.vectors)
    return index


def with_effort(index: Any, effort: int) -> Any:
    """The index with a search width: candidates of HNSW, lists of IVF."""
    if isinstance(index, faiss.IndexHNSW):
        index.hnsw.efSearch = effort
    else:
        index.nprobe = effort
    return index


def sufficient(
    ledger: Ledger, queries: np.ndarray, exact: np.ndarray, name: str
) -> dict[int, tuple[float, float, Any]]:
    """For each recall the least effort that reaches it on the queries, or the most there is: its seconds, its
    recall and the empty index. One entry where the same effort serves several."""
    empty = empty_index(ledger, name)
    efforts = least_efforts(ledger, empty)
    found: dict[int, tuple[float, float, Any]] = {}
    tried: dict[int, tuple[float, float, Any]] = {}
    effort = 0
    for wanted in RECALLS:
        effort = max(effort, efforts[wanted])
        while True:
            if effort not in tried:
                index = with_effort(faiss.clone_index(empty), effort)
                seconds, got = by_day(ledger, queries, index)
                tried[effort] = (seconds, recall_of(got, exact), index)
            if tried[effort][1] >= wanted or effort >= MOST_EFFORT:
                break
            effort *= 2  # the latest questions were easier ones
        found[effort] = tried[effort]
    return found


def least_efforts(ledger: Ledger, empty: Any) -> dict[float, int]:
    """For each recall the least of 4, 8, 16 … with which the latest questions reach it, all others being in."""
    vectors = ledger.vectors
    latest, rest = vectors[-TUNED_ON:], vectors[:-TUNED_ON]
    flat = faiss.IndexFlatIP(ledger.store.dimension)
    flat.add(rest)
    exact = flat.search(latest, K)[0]
    index = faiss.clone_index(empty)
    index.add(rest)
    found: dict[float, int] = {}
    effort = FIRST_EFFORT
    while len(found) < len(RECALLS):
        got = recall_of(with_effort(index, effort).search(latest, K)[0], exact)
        for wanted in RECALLS:
            if got >= wanted or effort >= MOST_EFFORT:
                found.setdefault(wanted, effort)
        effort *= 2
    return found


def recall_of(found: np.ndarray, exact: np.ndarray) -> float:
    """The share of the exact similarities that `found` reaches, place by place."""
    there = np.isfinite(exact)
    return float((found[there] >= exact[there] - 2e-5).mean())


if __name__ == "__main__":
    main()
