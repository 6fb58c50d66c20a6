"""Predicting on a cluster: one copy of everything shared, actors that look at it.

Bundle, texts, their vectors and the exact blocks of the index are put into Ray's object store once; actors get
read-only views of them. A ScaNN searcher can't be shared that way: its saved files are, and every actor loads
them once.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
from pyarrow import fs as pafs
from ray.data import ActorPoolStrategy

from jet.artifacts.storage import patiently
from jet.bundle.bundle import Bundle
from jet.confidence.stack import Method, Scores
from jet.evaluation.examine import examine
from jet.prediction.judging import Judged, judge
from jet.prediction.predictor import Parts, Predictor, PredictSettings
from jet.ranking.examples import Examples
from jet.retrieval.index import BlockIndex, ScannBlock
from jet.retrieval.memory import Memory, plan_blocks
from jet.retrieval.neighbors import make_encoder
from jet.texts.normalize import normalize_all
from ray_jobs.runtime import metrics
from ray_jobs.runtime.settings import RuntimeSettings
from ray_jobs.spread.texts import encode_texts

log = logging.getLogger("jet.predict")


@dataclass(frozen=True)
class Shared:
    """What every predicting actor needs."""

    bundle: Bundle
    settings: PredictSettings
    parts: Parts
    """Without the blocks that ScaNN searches."""
    scann: dict[str, dict[int, dict[str, bytes]]]
    """The files of each of these, by field of `Parts` and block number."""

    def predictor(self) -> Predictor:
        """A predictor over these parts."""
        library = self.parts.library
        parts = replace(
            self.parts,
            blocks={**self.parts.blocks, **self._loaded("blocks", library.memory)},
            peer_blocks={**self.parts.peer_blocks, **self._loaded("peer_blocks", self.parts.peers.memory)},
        )
        return Predictor(self.bundle, self.settings, parts)

    def _loaded(self, name: str, memory: Memory) -> dict[int, BlockIndex]:
        saved, library = self.scann[name], self.parts.library
        found: dict[int, BlockIndex] = {}
        for block in plan_blocks(memory.offsets, library.retrieval) if saved else []:
            if block.number in saved:
                with tempfile.TemporaryDirectory() as folder:
                    for file, content in saved[block.number].items():
                        (Path(folder) / file).write_bytes(content)
                    found[block.number] = ScannBlock.load(
                        Path(folder), block, memory, library.store, library.idf, library.retrieval
                    )
        return found


def share(
    bundle: Bundle, settings: PredictSettings, descriptions: Iterable[pa.Array], runtime: RuntimeSettings
) -> Any:
    """Put all that prediction needs into the object store; returns a reference to a `Shared`.

    The texts of `descriptions` that the bundle does not know are encoded first, each once.
    Raises `ValueError` where the bundle's encoder is not the one that is here.
    """
    encoder = make_encoder(bundle.retrieval)
    identity = encoder.identity if encoder is not None else ""
    if identity != bundle.encoder:
        raise ValueError(
            f"the bundle was trained with encoder {bundle.encoder!r}, and {bundle.retrieval.encoder!r} is "
            f"{identity!r} here: install the encoder that it was trained with"
        )
    store = bundle.store
    asked, unknown = 0, set()
    for part in descriptions:
        asked += len(part)
        unknown.update(store.missing(normalize_all(part)))
    missing = sorted(unknown)
    if encoder is not None:
        metrics.count(metrics.TEXTS_REUSED, asked - len(missing))
    if missing:
        store = store.extend(missing, encode_texts(missing, bundle.retrieval, runtime))
    bundle = replace(bundle, trained=None, lots=())  # nobody who predicts looks at where it comes from
    parts = Parts.build(bundle, store)
    scann = {"blocks": _saved(parts.blocks), "peer_blocks": _saved(parts.peer_blocks)}
    exact = replace(parts, blocks=_exact(parts.blocks), peer_blocks=_exact(parts.peer_blocks))
    return ray.put(Shared(bundle, settings, exact, scann))


def _exact(blocks: Mapping[int, BlockIndex]) -> dict[int, BlockIndex]:
    return {number: block for number, block in blocks.items() if not isinstance(block, ScannBlock)}


def _saved(blocks: Mapping[int, BlockIndex]) -> dict[int, dict[str, bytes]]:
    return {number: _files_of(block) for number, block in blocks.items() if isinstance(block, ScannBlock)}


def _files_of(block: ScannBlock) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / "block"
        block.save(folder)
        return {path.name: path.read_bytes() for path in folder.iterdir()}


class PredictRowGroup:
    """Predicts the entries of one parquet row group. One predictor an actor, over shared views."""

    def __init__(self, shared: list[ray.ObjectRef], filesystem: pafs.FileSystem) -> None:
        self.predictor = ray.get(shared[0]).predictor()
        self.filesystem = filesystem

    def __call__(self, unit: dict[str, Any]) -> pa.Table:
        return self.predictor(patiently(self.entries, unit))

    def entries(self, unit: dict[str, Any]) -> pa.Table:
        """The entries of the row group."""
        with self.filesystem.open_input_file(unit["file"]) as stream:
            return pq.ParquetFile(stream).read_row_group(int(unit["row_group"]))


class PredictSlice:
    """Predicts a slice of a table that is small enough to come back to the driver."""

    def __init__(self, shared: list[ray.ObjectRef]) -> None:
        self.predictor = ray.get(shared[0]).predictor()

    def __call__(self, entries: pa.Table) -> pa.Table:
        return self.predictor(entries)


class ExamineSlice:
    """Everything that a report wants to know of a slice of booked entries."""

    def __init__(self, shared: list[ray.ObjectRef], methods: Sequence[Method]) -> None:
        self.predictor = ray.get(shared[0]).predictor()
        self.methods = methods

    def __call__(self, entries: pa.Table) -> pa.Table:
        return examine(self.predictor, entries, self.methods)


class JudgeSlice:
    """Weighs booked entries without looking at their lines, and says what would have been right."""

    def __init__(self, shared: list[ray.ObjectRef]) -> None:
        self.predictor = ray.get(shared[0]).predictor()

    def __call__(self, entries: pa.Table) -> pa.Table:
        judged = judge(self.predictor, entries)
        arrays = {each.name: getattr(judged.scores, each.name) for each in fields(Scores)}
        arrays |= {name: getattr(judged, name) for name in _JUDGED}
        columns = {name: _column(values) for name, values in arrays.items()}
        return pa.table({"entity": entries["entity"], "entry_id": entries["entry_id"], **columns})


_JUDGED = tuple(each.name for each in fields(Judged) if each.name != "scores")


def judged_of(table: pa.Table) -> Judged:
    """What `JudgeSlice` found, put together again."""
    scores = Scores(*(_array(table[each.name]) for each in fields(Scores)))
    return Judged(scores, *(_array(table[name]) for name in _JUDGED))


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
    """Makes examples for the ranker of rows of the books."""

    def __init__(self, shared: list[ray.ObjectRef]) -> None:
        self.library, self.hits, self.settings = ray.get(shared[0])

    def __call__(self, rows: pa.Table) -> pa.Table:
        row = rows["row"].to_numpy()
        found = Examples.of(self.library, self.library.books, row, self.hits.take(row), self.settings)
        flat = found.features.reshape(len(row), -1)
        table = pa.table(
            {
                "row": row,
                "features": _column(flat),
                "there": _column(found.there),
                "right": found.right,
                "entity": found.entity,
            }
        )
        return table.replace_schema_metadata({"names": " ".join(found.names)})


def examples_of(table: pa.Table) -> Examples:
    """What `ExampleSlice` made, put together again."""
    names = tuple(table.schema.metadata[b"names"].decode().split())
    there = _array(table["there"])
    features = _array(table["features"]).reshape(*there.shape, len(names))
    return Examples(names, features, there, _array(table["right"]), _array(table["entity"]))


def over_slices(
    worker: type,
    shared: ray.ObjectRef,
    entries: pa.Table,
    runtime: RuntimeSettings,
    keys: Sequence[str] = ("entity", "entry_id"),
    **given: Any,
) -> pa.Table:
    """What `worker`, made with what is `given`, makes of `entries`, slice by slice on a pool of actors, sorted
    by `keys`."""
    size = max(1, min(runtime.block_rows, -(-len(entries) // runtime.actors)))
    slices = [entries.slice(start, size) for start in range(0, len(entries), size)]
    actors = min(runtime.actors, len(slices))
    log.info("answering %d entries with %d actors", len(entries), actors)
    found = ray.data.from_arrow(slices).map_batches(
        worker,
        # In a list, so that the actor gets the reference and fetches a shared view by itself.
        fn_constructor_kwargs={"shared": [shared], **given},
        batch_size=None,
        batch_format="pyarrow",
        compute=ActorPoolStrategy(size=actors),
        num_cpus=runtime.actor_cpus,
    )
    parts = []
    done = 0
    for part in cast("Iterable[pa.Table]", found.iter_batches(batch_size=None, batch_format="pyarrow")):
        parts.append(part)
        done += len(part)
        log.info("answered %d of %d entries", done, len(entries))
    return pa.concat_tables(parts).sort_by([(key, "ascending") for key in keys])


def row_groups(files: list[str], filesystem: pafs.FileSystem) -> list[dict[str, Any]]:
    """A unit of work for each row group of parquet `files`."""
    units = []
    for name in files:
        metadata = patiently(pq.read_metadata, name, filesystem=filesystem)
        for group in range(metadata.num_row_groups):
            units.append({"file": name, "row_group": group, "rows": metadata.row_group(group).num_rows})
    return units
