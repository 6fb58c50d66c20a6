"""Encoding texts on a pool of actors: each distinct text once, whoever needs it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import cast

import numpy as np
import pyarrow as pa
import ray
from ray.data import ActorPoolStrategy

from jet.retrieval.neighbors import make_encoder
from jet.retrieval.settings import RetrievalSettings
from jet.texts.encoder import SentenceEncoder
from jet.texts.vector_cache import VectorCache
from ray_jobs.runtime import metrics
from ray_jobs.runtime.settings import RuntimeSettings

log = logging.getLogger("jet.texts")

TEXTS_AT_A_TIME = 2048


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


def encode_texts(texts: Sequence[str], retrieval: RetrievalSettings, runtime: RuntimeSettings) -> np.ndarray:
    """float32 [n, D]: the sentence vectors of distinct `texts`, in their order.

    What `runtime.text_cache` has is read, and what it hasn't is added to it. D is 0 without an encoder.
    """
    if not retrieval.encoder:
        return np.zeros((len(texts), 0), dtype=np.float32)
    if runtime.text_cache is None:
        return _encoded(texts, retrieval, runtime)
    encoder = make_encoder(retrieval)
    assert encoder is not None
    cache = VectorCache(runtime.text_cache, encoder.identity)
    vectors, known = cache.find(texts, encoder.dimension)
    log.info("%d of %d texts are in the cache %s", known.sum(), len(texts), runtime.text_cache)
    metrics.count(metrics.TEXTS_REUSED, int(known.sum()))
    missing = [text for text, found in zip(texts, known, strict=True) if not found]
    if missing:
        vectors[~known] = _encoded(missing, retrieval, runtime)
        cache.add(missing, vectors[~known])
    return vectors


def _encoded(texts: Sequence[str], retrieval: RetrievalSettings, runtime: RuntimeSettings) -> np.ndarray:
    """What actors make of `texts`.

    They go out sorted by length, so that an actor's batches are padded little.
    """
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
        compute=ActorPoolStrategy(size=actors),
        num_cpus=runtime.actor_cpus,
    )
    vectors: np.ndarray | None = None
    done = 0
    for part in cast("Iterable[pa.Table]", found.iter_batches(batch_size=None, batch_format="pyarrow")):
        column = part["vector"].combine_chunks()
        flat = column.flatten().to_numpy().reshape(len(part), column.type.list_size)
        if vectors is None:
            vectors = np.empty((len(texts), flat.shape[1]), dtype=np.float32)
        vectors[part["row"].to_numpy()] = flat
        done += len(part)
        metrics.count(metrics.TEXTS_ENCODED, len(part))
        log.info("encoded %d of %d texts", done, len(texts))
    assert vectors is not None  # there is at least one text
    return vectors
