"""Predicts on a cluster: actors share one predictor in Ray's object store.

The predictor has bundle, texts, their vectors and the blocks of the index. Actors get read-only views of its
arrays; a ScaNN searcher is shared as its saved files, which every actor loads once.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs as pafs

from jet.artifacts.storage import patiently
from jet.bundle.bundle import Bundle
from jet.confidence.outcomes import Outcomes
from jet.confidence.scores import Scores
from jet.evaluation.examine import examine
from jet.prediction.calibrating import ASKED_BY, asked_outcomes
from jet.prediction.checking import checked_answers
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
from jet.ranking.examples import Examples, with_and_without_totals
from jet.ranking.settings import RankerSettings
from jet.ranking.statistics import Statistics
from jet.retrieval.collection import Hits
from jet.retrieval.neighbors import make_encoder
from jet.texts.normalize import normalize_all
from ray_jobs.runtime import metrics
from ray_jobs.runtime.progress import progress
from ray_jobs.runtime.settings import RuntimeSettings
from ray_jobs.spread.executor import fetch, is_local, share
from ray_jobs.spread.texts import encode_texts

log = logging.getLogger("jet.predict")


def shared_predictor(
    bundle: Bundle, settings: PredictSettings, descriptions: Iterable[pa.Array], runtime: RuntimeSettings
) -> Any:
    """A `Predictor`, shared (see `ray_jobs.spread.executor`).

    The texts of `descriptions` that the bundle lacks are encoded first, each once. Raises `ValueError` where
    the installed encoder is not the bundle's.
    """
    encoder = make_encoder(bundle.retrieval)
    bundle.refuse_other_encoder(encoder.identity if encoder is not None else "")
    store = bundle.corpus.store
    count, unknown = 0, set()
    for part in descriptions:
        count += len(part)
        unknown.update(store.missing(normalize_all(part)))
    missing = sorted(unknown)
    if encoder is not None:
        metrics.count(metrics.TEXTS_REUSED, count - len(missing))
    if missing:
        store = store.extend(missing, encode_texts(missing, bundle.retrieval, runtime))
    return share(Predictor(bundle.for_prediction(), settings).with_store(store), runtime)


def read_row_group(filesystem: pafs.FileSystem, unit: dict[str, Any]) -> pa.Table:
    """The entries of a unit's `file` and `row_group`."""
    with filesystem.open_input_file(unit["file"]) as stream:
        return pq.ParquetFile(stream).read_row_group(int(unit["row_group"]))


class PredictRowGroup:
    """Predicts the entries of a parquet row group."""

    def __init__(self, shared: list[Any], filesystem: pafs.FileSystem) -> None:
        self.predictor = fetch(shared)
        self.filesystem = filesystem

    def __call__(self, unit: dict[str, Any]) -> pa.Table:
        return self.predictor(patiently(read_row_group, self.filesystem, unit))


class PredictSlice:
    """Predicts a slice of a table that fits the driver's memory."""

    stage = "predictions for the report"

    def __init__(self, shared: list[Any]) -> None:
        self.predictor = fetch(shared)

    def __call__(self, entries: pa.Table) -> pa.Table:
        return self.predictor(entries)


class ExamineSlice:
    """Examines a slice of booked entries (`jet.evaluation.examine`)."""

    stage = "answers for the report"

    def __init__(self, shared: list[Any]) -> None:
        self.predictor = fetch(shared)

    def __call__(self, entries: pa.Table) -> pa.Table:
        return examine(self.predictor, entries)


class OutcomeSlice:
    """Computes the outcomes of a slice of `jet.prediction.calibrating.asked_entries`."""

    stage = "answers to calibrate on"

    def __init__(self, shared: list[Any]) -> None:
        self.predictor = fetch(shared)

    def __call__(self, entries: pa.Table) -> pa.Table:
        outcomes = asked_outcomes(self.predictor, entries)
        arrays = {each.name: getattr(outcomes.scores, each.name) for each in fields(Scores)}
        arrays |= {name: getattr(outcomes, name) for name in _OUTCOMES}
        columns = {name: _column(values) for name, values in arrays.items()}
        return pa.table({name: entries[name] for name in ASKED_BY} | columns)


class CheckSlice:
    """Checks answers against a slice of reviewed entries (`jet.prediction.checking`)."""

    stage = "reviewed entries"

    def __init__(self, shared: list[Any]) -> None:
        self.predictor = fetch(shared)

    def __call__(self, reviewed: pa.Table) -> pa.Table:
        return checked_answers(self.predictor, reviewed)


_OUTCOMES = tuple(each.name for each in fields(Outcomes) if each.name != "scores")


def outcomes_from(table: pa.Table) -> Outcomes:
    """The outcomes in a table that `OutcomeSlice` made."""
    scores = Scores(*(_array(table[each.name]) for each in fields(Scores)))
    return Outcomes(scores, *(_array(table[name]) for name in _OUTCOMES))


def _column(values: np.ndarray) -> pa.Array:
    if values.ndim == 1:
        return pa.array(values)
    return pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])


def _array(column: pa.ChunkedArray) -> np.ndarray:
    whole = column.combine_chunks()
    if pa.types.is_fixed_size_list(column.type):
        flat = whole.flatten().to_numpy(zero_copy_only=False)
        return flat.reshape(len(column), column.type.list_size)
    return whole.to_numpy(zero_copy_only=False)


class ExampleSlice:
    """Makes examples for the ranker from rows of the corpus."""

    stage = "the ranker's examples"

    def __init__(self, shared: list[Any]) -> None:
        self.statistics, self.hits, self.settings = fetch(shared)

    def __call__(self, rows: pa.Table) -> pa.Table:
        row, hidden = rows["row"].to_numpy(), rows["hidden"].to_numpy(zero_copy_only=False)
        examples = Examples.of(self.statistics, row, self.hits.take(row), self.settings, hidden)
        flat = examples.features.reshape(len(row), -1)
        table = pa.table(
            {
                "row": row,
                "hidden": hidden,
                "features": _column(flat),
                "exists": _column(examples.exists),
                "target": examples.target,
                "entity": examples.entity,
            }
        )
        return table.replace_schema_metadata({"names": " ".join(examples.names)})


def ranker_examples(
    statistics: Statistics, hits: Hits, rows: np.ndarray, settings: RankerSettings, runtime: RuntimeSettings
) -> Examples:
    """The ranker's training examples from `rows` of the corpus, with and without their totals, which actors
    compute; `hits` are those of all its rows."""
    shared = share((statistics, hits, settings), runtime)
    rows, hidden = with_and_without_totals(rows)
    asked = pa.table({"row": rows, "hidden": hidden})
    table = over_slices(ExampleSlice, shared, asked, runtime, keys=("hidden", "row"))
    names = tuple(table.schema.metadata[b"names"].decode().split())
    exists = _array(table["exists"])
    features = _array(table["features"]).reshape(*exists.shape, len(names))
    return Examples(names, features, exists, _array(table["target"]), _array(table["entity"]))


def over_slices(
    worker: type[Any],
    shared: Any,
    entries: pa.Table,
    runtime: RuntimeSettings,
    keys: Sequence[str] = ("entity", "entry_id"),
    **arguments: Any,
) -> pa.Table:
    """The tables that `worker` makes of slices of `entries`, on a pool of actors, joined and sorted by `keys`.

    `worker` is made with `shared` and the `arguments`; its `stage` is what progress calls it.
    """
    size = max(1, min(runtime.block_rows, -(-len(entries) // runtime.actors)))
    slices = [entries.slice(start, size) for start in range(0, len(entries), size)]
    parts = []
    with progress(worker.stage, len(entries), "rows") as so_far:
        for part in _answered(worker, {"shared": [shared], **arguments}, slices, runtime):
            parts.append(part)
            so_far.add(len(part))
    return pa.concat_tables(parts).sort_by([(key, "ascending") for key in keys])


def _answered(
    worker: type[Any], how: dict[str, Any], slices: Sequence[pa.Table], runtime: RuntimeSettings
) -> Iterator[pa.Table]:
    """What a `worker`, made with `how`, gives for each of `slices`, as they are done."""
    if is_local(runtime):
        yield from map(worker(**how), slices)
        return
    import ray.data

    results = ray.data.from_arrow(slices).map_batches(
        worker,
        fn_constructor_kwargs=how,
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=min(runtime.actors, len(slices))),
        num_cpus=runtime.actor_cpus,
    )
    yield from cast("Iterable[pa.Table]", results.iter_batches(batch_size=None, batch_format="pyarrow"))


def row_groups(files: list[str], filesystem: pafs.FileSystem) -> list[dict[str, Any]]:
    """A unit of work for each row group of parquet `files`."""
    units = []
    for name in files:
        metadata = patiently(pq.read_metadata, name, filesystem=filesystem)
        for group in range(metadata.num_row_groups):
            units.append({"file": name, "row_group": group, "rows": metadata.row_group(group).num_rows})
    return units
