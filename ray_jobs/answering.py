"""Predicting on a cluster: one copy of everything shared, actors that look at it.

Bundle, texts, their vectors and the exact blocks of the index are put into Ray's object store once; actors get
read-only views of them. A ScaNN searcher can't be shared that way: its saved files are, and every actor loads
them once.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import ray
from pyarrow import fs as pafs
from ray.data import ActorPoolStrategy

from jet.bundle import Bundle, text_vectors
from jet.prediction.predictor import Predictor, PredictSettings, build_blocks, judge
from jet.retrieval.index import BlockIndex, ScannBlock, plan_blocks
from jet.retrieval.neighbors import make_encoder
from jet.retrieval.store import TextStore
from jet.retrieval.text import normalize_all
from ray_jobs.runtime import RuntimeSettings
from ray_jobs.texts import encode_texts

log = logging.getLogger("jet.predict")


@dataclass(frozen=True)
class Shared:
    """What every predicting actor needs."""

    bundle: Bundle
    settings: PredictSettings
    store: TextStore
    vectors: np.ndarray
    exact: dict[int, BlockIndex]
    scann: dict[int, dict[str, bytes]]  # the files of each saved block

    def predictor(self) -> Predictor:
        """A predictor over these parts."""
        return Predictor(
            self.bundle, self.settings, self.store, self.vectors, {**self.exact, **self._searchers()}
        )

    def _searchers(self) -> dict[int, BlockIndex]:
        if not self.scann:
            return {}
        bundle = self.bundle
        memory = bundle.books.columns.memory(len(bundle.catalog.entities))
        found: dict[int, BlockIndex] = {}
        for block in plan_blocks(memory.offsets, bundle.retrieval):
            if block.number in self.scann:
                with tempfile.TemporaryDirectory() as folder:
                    for name, content in self.scann[block.number].items():
                        (Path(folder) / name).write_bytes(content)
                    found[block.number] = ScannBlock.load(
                        Path(folder), block, memory, self.store, bundle.idf, bundle.retrieval
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
    missing = sorted({text for part in descriptions for text in store.missing(normalize_all(part))})
    if missing:
        store = store.extend(missing, encode_texts(missing, bundle.retrieval, runtime))
    exact, scann = {}, {}
    for number, block in build_blocks(bundle, store).items():
        if isinstance(block, ScannBlock):
            scann[number] = _files_of(block)
        else:
            exact[number] = block
    return ray.put(Shared(bundle, settings, store, text_vectors(bundle, store), exact, scann))


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
        with self.filesystem.open_input_file(unit["file"]) as stream:
            entries = pq.ParquetFile(stream).read_row_group(int(unit["row_group"]))
        return self.predictor(entries)


class PredictSlice:
    """Predicts a slice of a table that is small enough to come back to the driver."""

    def __init__(self, shared: list[ray.ObjectRef]) -> None:
        self.predictor = ray.get(shared[0]).predictor()

    def __call__(self, entries: pa.Table) -> pa.Table:
        return self.predictor(entries)


class JudgeSlice:
    """Answers booked entries without looking at their lines, and says which answers were right."""

    def __init__(self, shared: list[ray.ObjectRef]) -> None:
        self.predictor = ray.get(shared[0]).predictor()

    def __call__(self, entries: pa.Table) -> pa.Table:
        figures, right = judge(self.predictor, entries)
        flat = pa.array(figures.reshape(-1))
        return pa.table(
            {
                "entity": entries["entity"],
                "entry_id": entries["entry_id"],
                "figures": pa.FixedSizeListArray.from_arrays(flat, figures.shape[1]),
                "right": pa.array(right),
            }
        )


def over_slices(worker: type, shared: ray.ObjectRef, entries: pa.Table, runtime: RuntimeSettings) -> pa.Table:
    """What `worker` makes of `entries`, slice by slice on a pool of actors, sorted by entity and id."""
    size = max(1, min(runtime.block_rows, -(-len(entries) // runtime.actors)))
    slices = [entries.slice(start, size) for start in range(0, len(entries), size)]
    actors = min(runtime.actors, len(slices))
    log.info("answering %d entries with %d actors", len(entries), actors)
    found = ray.data.from_arrow(slices).map_batches(
        worker,
        # In a list, so that the actor gets the reference and fetches a shared view by itself.
        fn_constructor_kwargs={"shared": [shared]},
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
    return pa.concat_tables(parts).sort_by([("entity", "ascending"), ("entry_id", "ascending")])


def row_groups(files: list[str], filesystem: pafs.FileSystem) -> list[dict[str, Any]]:
    """A unit of work for each row group of parquet `files`."""
    units = []
    for name in files:
        metadata = pq.read_metadata(name, filesystem=filesystem)
        for group in range(metadata.num_row_groups):
            units.append({"file": name, "row_group": group, "rows": metadata.row_group(group).num_rows})
    return units
