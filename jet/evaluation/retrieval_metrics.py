"""Metrics of retrieval: whether the true lines are among those of the neighbors and candidates.

A neighbor is relevant where its lines are exactly the entry's own, as a multiset; context precision is computed
from that, where others ask a language model whether a passage helped. Context recall counts single lines, so a
neighbor with half of the lines counts too. An entry without neighbors, or without candidates, counts as a miss.

Every distinct multiset becomes one row of a sparse matrix and is compared by that row. Its columns are lines
with their occurrence (the second D 1930 of an entry is another column than the first), so that a product of
two rows is the size of the multisets' intersection.

Reciprocal rank: E. M. Voorhees, "The TREC-8 question answering track report", TREC 1999. Similarity of
multisets: P. Jaccard's index with the smaller and the larger count of each line in place of intersection and
union. Context precision and recall: S. Es, J. James, L. Espinosa Anke and S. Schockaert, "RAGAS: automated
evaluation of retrieval augmented generation", EACL 2024, as its library defines them
(https://docs.ragas.io/en/v0.1.21/concepts/metrics/context_precision.html, …/context_recall.html).

Shapes: N entries, K neighbors, S distinct multisets, P pairs of an entry and one of its neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from jet.evaluation.line_sets import Multiset

NEIGHBORS_AT = (1, 5, 10, 20, 48)
"""The numbers of first neighbors (K) that are measured."""

CANDIDATES_AT = (1, 3, 8)
"""The numbers of first candidates that are measured, before all."""

_CHUNK = 4096
_NEVER = np.iinfo(np.int64).max


def retrieval_metrics(
    true: Sequence[Multiset],
    neighbors: Sequence[Sequence[Multiset]],
    candidates: Sequence[Sequence[Multiset]] | None = None,
) -> dict[str, Any]:
    """The metrics of N entries, as a tree of JSON types; None where there are no entries.

    `neighbors` and `candidates` are the sets of each entry's neighbors and of its candidates, best first; an
    entry may have fewer than another, or none. All metrics are means over the entries, each in [0, 1]:

    - n; mean_neighbors and mean_candidates: how many an entry has (these two are no shares)
    - at, for each K of `NEIGHBORS_AT` that some entry has so many neighbors for, of its first K:

      - hit_rate: one has exactly the true set
      - reciprocal_rank: 1 / rank of the first that has, 0 where none has
      - best_jaccard, mean_jaccard: the similarity of the nearest one's lines to the true ones, and of all
      - context_precision: the share that have exactly the true set, of those there are
      - weighted_context_precision: the mean of the precisions at the ranks of those that have it, which is 1
        where they stand before all others
      - context_recall: the share of the true lines that at least one has

    - candidate_recall, for each of `CANDIDATES_AT` that some entry has so many candidates for, and "all":
      the true set is among the first so many

    Raises ValueError where the lengths differ.
    """
    for name, column in (("neighbors", neighbors), ("candidates", candidates)):
        if column is not None and len(column) != len(true):
            raise ValueError(f"{name} has {len(column)} rows, true has {len(true)}")
    keys: dict[Multiset, int] = {}
    wanted = np.array([keys.setdefault(lines, len(keys)) for lines in true], np.int64)
    key, rank, size = _flat(neighbors, keys)
    metrics: dict[str, Any] = {
        "n": len(true),
        "mean_neighbors": _mean(size),
        "at": _at(wanted, key, rank, size, _occurrences(keys)),
    }
    if candidates is not None:
        key, rank, size = _flat(candidates, keys)
        row = np.repeat(np.arange(len(true)), size)
        first = np.full(len(true), _NEVER)
        np.minimum.at(first, row[key == wanted[row]], rank[key == wanted[row]])
        metrics["mean_candidates"] = _mean(size)
        metrics["candidate_recall"] = {
            **{str(k): _mean(first < k) for k in CANDIDATES_AT if k <= size.max(initial=0)},
            "all": _mean(first < _NEVER),
        }
    return metrics


def _flat(
    nested: Sequence[Sequence[Multiset]], keys: dict[Multiset, int]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The key and the rank (from 0) of every set, shape (P,), and how many each row has, shape (N,)."""
    size = np.array([len(sets) for sets in nested], np.int64)
    key = np.array([keys.setdefault(lines, len(keys)) for sets in nested for lines in sets], np.int64)
    rank = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
    return key, rank, size


def _occurrences(keys: dict[Multiset, int]) -> csr_array:
    """float64 [S, distinct lines with their occurrence]: 1 where a set has that line so often."""
    columns: dict[tuple[Any, int], int] = {}
    indices: list[int] = []
    ends = [0]
    for lines in keys:
        seen: dict[tuple[str, str], int] = {}
        for line in lines:
            seen[line] = seen.get(line, 0) + 1
            indices.append(columns.setdefault((line, seen[line]), len(columns)))
        ends.append(len(indices))
    return csr_array((np.ones(len(indices)), indices, ends), shape=(len(keys), max(1, len(columns))))


def _at(
    wanted: NDArray, key: NDArray, rank: NDArray, size: NDArray, sets: csr_array
) -> dict[str, dict[str, float | None]]:
    """The metrics at each K, from sums over chunks of entries."""
    measured = [k for k in NEIGHBORS_AT if k <= size.max(initial=0)]
    end = np.concatenate([[0], np.cumsum(size)])
    lines = np.diff(sets.indptr)[wanted]
    sums: dict[int, dict[str, float]] = {k: {} for k in measured}
    for start in range(0, len(wanted), _CHUNK):
        stop = min(start + _CHUNK, len(wanted))
        pairs = slice(end[start], end[stop])
        grids = _grids(wanted[start:stop], key[pairs], rank[pairs], size[start:stop], sets)
        for k in measured:
            exists, exact, jaccard, gain = (grid[:, :k] for grid in grids)
            for name, values in _entry_metrics(exists, exact, jaccard, gain, lines[start:stop]).items():
                sums[k][name] = sums[k].get(name, 0.0) + float(values.sum())
    return {str(k): {name: total / len(wanted) for name, total in sums[k].items()} for k in measured}


def _grids(
    wanted: NDArray, key: NDArray, rank: NDArray, size: NDArray, sets: csr_array
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64], NDArray[np.int64]]:
    """Four arrays [N, K] by entry and rank: whether there is a neighbor; whether it has exactly the true lines;
    the similarity of its lines to the true ones; the number of true lines that it has and no neighbor before
    it.
    """
    row = np.repeat(np.arange(len(wanted)), size)
    exists, exact = (np.zeros((len(wanted), size.max(initial=0)), bool) for _ in range(2))
    exists[row, rank] = True
    exact[row, rank] = key == wanted[row]
    lines = np.diff(sets.indptr)
    common = sets[wanted[row]].multiply(sets[key]).tocsr()
    shared = np.diff(common.indptr)
    either = lines[wanted[row]] + lines[key] - shared
    jaccard = np.zeros(exists.shape)
    jaccard[row, rank] = shared / np.maximum(either, 1)
    pair = np.repeat(np.arange(len(row)), shared)
    # Pairs come by entry and rank, so the first of each (entry, line) is the first neighbor that has the line.
    _, first = np.unique(row[pair] * sets.shape[1] + common.indices, return_index=True)
    gain = np.zeros(exists.shape, np.int64)
    np.add.at(gain, (row[pair[first]], rank[pair[first]]), 1)
    return exists, exact, jaccard, gain


def _entry_metrics(
    exists: NDArray, exact: NDArray, jaccard: NDArray, gain: NDArray, lines: NDArray
) -> dict[str, NDArray]:
    """The metrics of `retrieval_metrics` of every entry, [N] each, from the grids of its first K and the
    number of its true lines.
    """
    ranks = np.arange(1, exists.shape[1] + 1)
    count = np.maximum(exists.sum(axis=1), 1)
    hits = exact.sum(axis=1)
    precision = exact.cumsum(axis=1) / ranks
    return {
        "hit_rate": hits > 0,
        "reciprocal_rank": (exact / ranks).max(axis=1),
        "best_jaccard": jaccard.max(axis=1),
        "mean_jaccard": jaccard.sum(axis=1) / count,
        "context_precision": hits / count,
        "weighted_context_precision": (precision * exact).sum(axis=1) / np.maximum(hits, 1),
        "context_recall": gain.sum(axis=1) / np.maximum(lines, 1),
    }


def _mean(values: NDArray) -> float | None:
    return float(values.mean()) if values.size else None
