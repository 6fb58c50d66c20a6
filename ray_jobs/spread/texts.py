"""Encoding texts on a pool of actors: those of a bucket where its entries lie, or a list that the driver has.

Either way each distinct text is encoded once, whoever needs it, and not at all where `runtime.text_cache` has
it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import fs as pafs

from jet.artifacts.artifact import Artifact, read_parquet
from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS
from jet.retrieval.neighbors import make_encoder
from jet.retrieval.settings import RetrievalSettings
from jet.texts.encoder import SentenceEncoder
from jet.texts.normalize import normalize_all, stable_hashes
from jet.texts.store import TextStore
from jet.texts.vector_cache import VectorCache
from ray_jobs.runtime import metrics
from ray_jobs.runtime.progress import progress
from ray_jobs.runtime.settings import RuntimeSettings
from ray_jobs.spread.executor import is_local

log = logging.getLogger("jet.texts")

TEXTS_AT_A_TIME = 2048
ENCODED, ASKED, ENCODER = b"encoded", b"asked", b"encoder"
"""In the metadata of a bucket's texts: how many the encoder saw, how many entries and accounts have them, and
the encoder's identity."""


class EncodeTexts:
    """Adds the sentence vector of each text. One encoder an actor."""

    def __init__(self, settings: RetrievalSettings) -> None:
        encoder = make_encoder(settings)
        if encoder is None:
            raise ValueError("retrieval.encoder is empty: there is nothing to encode with")
        self.encoder: SentenceEncoder = encoder

    def __call__(self, batch: pa.Table) -> pa.Table:
        vectors = self.encoder.encode(batch["text"].to_pylist())
        column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.reshape(-1)), self.encoder.dimension)
        return pa.table({"row": batch["row"], "vector": column})


class EncodeBucket:
    """The store (`TextStore.to_table`) of a bucket's distinct texts, or of one of several shares of them."""

    def __init__(self, entries: Artifact, retrieval: RetrievalSettings, cache: str | None) -> None:
        self.entries, self.cache = entries, cache
        self.encoder = make_encoder(retrieval)

    def __call__(self, unit: Mapping[str, Any]) -> pa.Table:
        asked = self._texts(unit["bucket"])
        asked = asked.filter(pa.array(stable_hashes(asked) % unit["of"] == unit["share"]))
        texts = pc.unique(asked).sort().to_pylist()
        vectors, encoded = _vectors(texts, self.encoder, self.cache)
        table = TextStore.build(texts, vectors=vectors).to_table()
        identity = "" if self.encoder is None else self.encoder.identity
        return table.replace_schema_metadata({ENCODED: str(encoded), ASKED: str(len(asked)), ENCODER: identity})

    def _texts(self, bucket: str) -> pa.Array:
        """The normalized texts of all entries and accounts of a bucket."""
        files = self.entries.files(buckets=[bucket])
        tables = [read_parquet(self.entries.filesystem, name, ["description"]) for name in files]
        accounts = self.entries.read_table(ACCOUNTS, "accounts", [bucket])
        texts = [normalize_all(table["description"]) for table in tables]
        return pa.concat_arrays([*texts, normalize_all(Catalog.from_accounts(accounts).texts())])


def read_store(
    filesystem: pafs.FileSystem, names: Sequence[str], columns: Sequence[str] | None = None
) -> TextStore:
    """The texts in files that `EncodeBucket` filled, each once; some `columns` of them, or all."""
    return TextStore.from_tables([read_parquet(filesystem, name, columns) for name in names])


def texts_counted(table: pa.Table) -> str:
    """The metrics that a part of the texts adds to."""
    encoded, asked = (int(table.schema.metadata[name]) for name in (ENCODED, ASKED))
    if not encoded and "vector" not in table.column_names:
        return metrics.counted()
    reused = asked - encoded
    return metrics.counted((metrics.TEXTS_ENCODED, encoded, None), (metrics.TEXTS_REUSED, reused, None))


def _vectors(
    texts: Sequence[str], encoder: SentenceEncoder | None, folder: str | None
) -> tuple[np.ndarray, int]:
    """float32 [n, D]: the vectors of distinct `texts`, by the cache in `folder` or by the encoder, and how many
    the encoder made."""
    if encoder is None:
        return np.zeros((len(texts), 0), dtype=np.float32), 0
    return _cached(texts, encoder, folder, encoder.encode)


def encode_texts(texts: Sequence[str], retrieval: RetrievalSettings, runtime: RuntimeSettings) -> np.ndarray:
    """float32 [n, D]: the sentence vectors of distinct `texts`, in their order.

    What `runtime.text_cache` has is read, and what it hasn't is added to it. D is 0 without an encoder.
    """
    if not retrieval.encoder:
        return np.zeros((len(texts), 0), dtype=np.float32)
    encode = partial(_encoded, retrieval=retrieval, runtime=runtime)
    if runtime.text_cache is None:
        return encode(texts)
    encoder = make_encoder(retrieval)
    assert encoder is not None
    vectors, encoded = _cached(texts, encoder, runtime.text_cache, encode)
    metrics.count(metrics.TEXTS_REUSED, len(texts) - encoded)
    return vectors


def _cached(
    texts: Sequence[str],
    encoder: SentenceEncoder,
    folder: str | None,
    encode: Callable[[Sequence[str]], np.ndarray],
) -> tuple[np.ndarray, int]:
    """float32 [n, D]: the vectors of distinct `texts`, and how many `encode` made. The others come from the
    cache in `folder`, to which the new ones are added."""
    if folder is None:
        return encode(texts), len(texts)
    cache = VectorCache(folder, encoder.identity)
    vectors, known = cache.find(texts, encoder.dimension)
    log.info("%d of %d texts are in the cache %s", known.sum(), len(texts), folder)
    missing = [text for text, found in zip(texts, known, strict=True) if not found]
    if missing:
        vectors[~known] = encode(missing)
        cache.add(missing, vectors[~known])
    return vectors, len(missing)


def _encoded(texts: Sequence[str], retrieval: RetrievalSettings, runtime: RuntimeSettings) -> np.ndarray:
    """What actors, or this process, make of `texts`.

    They go out sorted by length, so that an actor's batches are padded little.
    """
    if is_local(runtime):
        encoder = make_encoder(retrieval)
        assert encoder is not None
        return encoder.encode(texts)
    import ray.data

    order = np.argsort([len(text) for text in texts], kind="stable")
    table = pa.table({"row": pa.array(order), "text": pa.array(texts, pa.string()).take(pa.array(order))})
    size = max(1, min(TEXTS_AT_A_TIME, -(-len(texts) // runtime.actors)))
    parts = [table.slice(start, size) for start in range(0, len(texts), size)]
    actors = min(runtime.actors, len(parts))
    log.info("encoding %d distinct texts with %d actors", len(texts), actors)
    found = ray.data.from_arrow(parts).map_batches(
        EncodeTexts,
        fn_constructor_kwargs={"settings": retrieval},
        batch_size=None,
        batch_format="pyarrow",
        compute=ray.data.ActorPoolStrategy(size=actors),
        num_cpus=runtime.actor_cpus,
    )
    vectors: np.ndarray | None = None
    batches = cast("Iterable[pa.Table]", found.iter_batches(batch_size=None, batch_format="pyarrow"))
    with progress("texts", len(texts), "texts") as so_far:
        for part in batches:
            column = part["vector"].combine_chunks()
            flat = column.flatten().to_numpy().reshape(len(part), column.type.list_size)
            if vectors is None:
                vectors = np.empty((len(texts), flat.shape[1]), dtype=np.float32)
            vectors[part["row"].to_numpy()] = flat
            metrics.count(metrics.TEXTS_ENCODED, len(part))
            so_far.add(len(part))
    assert vectors is not None  # there is at least one text
    return vectors
