"""A cache of sentence vectors between runs: a folder, local or on an object store, of parquet files by encoder.

Notable: a vector depends on its text and the encoder's `identity` alone (see `jet.texts.encoder`), so a run
with the cache has the same results, to the bit on machines of one kind. Files are written completely, never
changed, and named by the SHA-256 of their content, which every reader checks: jobs may share a cache, and a
damaged file is never used. Whoever can write to the folder can change vectors: protect it like a bundle.
"""

from __future__ import annotations

import hashlib
import io
import logging
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from jet.artifacts.artifact import digest_of
from jet.artifacts.storage import files_under, read_whole, resolve, write_whole
from jet.artifacts.tables import validate

TEXTS_A_FILE = 65_536
"""Texts a file; bounds the memory of a reader to 128 MB of vectors with 512 dimensions."""

log = logging.getLogger("jet.texts")


class VectorCache:
    """The cached vectors of the encoder with `identity`, below `folder` (a path or URI)."""

    def __init__(self, folder: str, identity: str) -> None:
        self.filesystem, root = resolve(folder)
        self.root = f"{root}/{digest_of(identity)}"

    def find(self, texts: Sequence[str], dimension: int) -> tuple[np.ndarray, np.ndarray]:
        """The vectors of distinct `texts`, float32 [n, D], and which texts are cached, bool [n].

        A damaged file is skipped with a warning.
        """
        query = pa.array(texts, pa.string())
        vectors = np.zeros((len(texts), dimension), dtype=np.float32)
        known = np.zeros(len(texts), dtype=bool)
        for name, info in files_under(self.filesystem, self.root).items():
            if known.all() or not name.endswith(".parquet"):
                continue
            content = read_whole(self.filesystem, info.path)
            if _name_of(content) != name:
                log.warning("%s is damaged and not used; remove it", info.path)
                continue
            place = pc.index_in(query, value_set=_text_column(content))
            hit = place.is_valid().to_numpy(zero_copy_only=False) & ~known
            if hit.any():
                row = pc.fill_null(place, 0).to_numpy()[hit]
                vectors[hit] = _vectors(content, dimension, info.path)[row]
                known |= hit
        return vectors, known

    def add(self, texts: Sequence[str], vectors: np.ndarray) -> None:
        """Add the vectors, float32 [n, D], of distinct `texts`."""
        for start in range(0, len(texts), TEXTS_A_FILE):
            part = slice(start, start + TEXTS_A_FILE)
            flat = pa.array(np.ascontiguousarray(vectors[part]).reshape(-1))
            column = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
            stream = io.BytesIO()
            # Not compressed: vectors don't compress, and texts are small beside them.
            table = pa.table({"text": pa.array(texts[part], pa.string()), "vector": column})
            pq.write_table(table, stream, compression="none", use_dictionary=False)
            content = stream.getvalue()
            write_whole(self.filesystem, f"{self.root}/{_name_of(content)}", content)


def _name_of(content: bytes) -> str:
    return f"{hashlib.sha256(content).hexdigest()[:32]}.parquet"


def _text_column(content: bytes) -> pa.ChunkedArray:
    return pq.read_table(pa.BufferReader(content), columns=["text"])["text"]


def _vectors(content: bytes, dimension: int, path: str) -> np.ndarray:
    table = pq.read_table(pa.BufferReader(content), columns=["vector"])
    schema = pa.schema([pa.field("vector", pa.list_(pa.float32(), dimension))])
    column = validate(table, schema, path)["vector"].combine_chunks()
    return column.flatten().to_numpy().reshape(len(table), dimension)
