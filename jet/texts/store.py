"""The distinct texts of entries and accounts, with their vectors and n-gram counts.

Notable: a store holds arrays alone, so that the processes of a machine can share one. A text's row never
changes, since `extend` appends. N-gram counts are saved, since counting takes ten times as long as loading.

Legend: U distinct texts, D dimensions of a sentence vector (0: n-grams alone).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import scipy.sparse as sp

from jet.artifacts.tables import validate
from jet.books.schema import texts_schema
from jet.texts.encoder import Encoder
from jet.texts.ngrams import CHAR_BUCKETS, WORD_BUCKETS, ngram_counts
from jet.texts.normalize import mask_digits, stable_hashes


@dataclass(frozen=True)
class TextStore:
    """Distinct normalized texts with their vectors, n-gram counts and masked hashes; row i is text i's."""

    texts: pa.StringArray
    """[U] distinct: sorted those of `build`, followed by those of `extend`."""
    vectors: np.ndarray
    """float32 [U, D], each of length 1."""
    ngrams: sp.csr_matrix
    """float32 [U, 8192], raw counts; see `jet.texts.ngrams`."""
    masked: np.ndarray
    """int64 [U], `stable_hash` of the text with its digits masked."""

    def __post_init__(self) -> None:
        rows = {len(self.texts), len(self.vectors), self.ngrams.shape[0], len(self.masked)}
        if len(rows) != 1:
            raise ValueError(
                f"a store's parts must have one row a text, but there are {len(self.texts)} texts, "
                f"{len(self.vectors)} vectors, {self.ngrams.shape[0]} n-gram rows, {len(self.masked)} masks"
            )

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def dimension(self) -> int:
        """D; 0 where the store has no sentence vectors."""
        return int(self.vectors.shape[1])

    @classmethod
    def build(
        cls,
        texts: Iterable[str],
        encoder: Encoder | None = None,
        vectors: np.ndarray | None = None,
    ) -> TextStore:
        """A store of the distinct `texts`, sorted; they must be normalized.

        The sentence vectors come from `encoder`, or are `vectors` (float32 [n, D], in the order of `texts`,
        which must then be distinct), or there are none (D = 0).
        """
        given = list(texts)
        distinct = sorted(set(given))
        if encoder is not None and vectors is not None:
            raise ValueError("give an encoder or vectors, not both")
        if encoder is not None:
            vectors = encoder.encode(distinct)
        elif vectors is not None:
            if len(distinct) != len(given) or len(vectors) != len(given):
                raise ValueError(
                    f"{len(vectors)} vectors for {len(given)} texts, of which {len(distinct)} are distinct: "
                    "vectors need distinct texts, one each"
                )
            vectors = vectors[np.array(sorted(range(len(given)), key=given.__getitem__), dtype=np.int64)]
        else:
            vectors = np.zeros((len(distinct), 0), dtype=np.float32)
        return cls._of(distinct, vectors)

    @classmethod
    def _of(cls, distinct: Sequence[str], vectors: np.ndarray) -> TextStore:
        return cls(
            texts=pa.array(distinct, pa.string()),
            vectors=np.ascontiguousarray(vectors, dtype=np.float32),
            ngrams=ngram_counts(distinct),
            masked=stable_hashes([mask_digits(text) for text in distinct]),
        )

    def rows(self, texts: pa.Array | pa.ChunkedArray | Sequence[str]) -> np.ndarray:
        """The row of each of `texts`, int64 [n]; -1 where it isn't in the store."""
        array = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else pa.array(texts, pa.string())
        rows = pc.fill_null(pc.index_in(array, value_set=self.texts), -1)
        return rows.to_numpy().astype(np.int64)

    def vectors_of(self, texts: Sequence[str]) -> np.ndarray:
        """The sentence vectors of `texts`, float32 [n, D]. Raises ValueError where one isn't in the store."""
        rows = self.rows(texts)
        if (rows < 0).any():
            raise ValueError(f"the store has no vector of {texts[int((rows < 0).argmax())]!r}")
        return self.vectors[rows]

    def missing(self, texts: pa.Array | pa.ChunkedArray | Sequence[str]) -> list[str]:
        """The distinct `texts` that aren't in the store, in the order of their first appearance."""
        array = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else pa.array(texts, pa.string())
        distinct = pc.unique(array)
        return distinct.filter(pc.invert(pc.is_in(distinct, value_set=self.texts))).to_pylist()

    def extend(self, texts: Sequence[str], vectors: np.ndarray | None = None) -> TextStore:
        """A store with `texts` and their `vectors`, float32 [n, D], appended; the others keep their rows.

        Raises ValueError where a text is in the store or comes twice, or the vectors' shape doesn't fit.
        """
        if vectors is None:
            vectors = np.zeros((len(texts), 0), dtype=np.float32)
        if len(set(texts)) != len(texts) or len(self.missing(texts)) != len(texts):
            raise ValueError("texts to append must be distinct and new; take them from `missing`")
        if vectors.shape != (len(texts), self.dimension):
            raise ValueError(
                f"vectors are {vectors.shape}, must be {(len(texts), self.dimension)} for this store"
            )
        new = TextStore._of(texts, vectors)
        return TextStore(
            texts=pa.concat_arrays([self.texts, new.texts]),
            vectors=np.concatenate([self.vectors, new.vectors]),
            ngrams=sp.csr_matrix(sp.vstack([self.ngrams, new.ngrams], format="csr")),
            masked=np.concatenate([self.masked, new.masked]),
        )

    def since(self, row: int) -> TextStore:
        """A store of the texts from `row` on."""
        return TextStore(self.texts[row:], self.vectors[row:], self.ngrams[row:], self.masked[row:])

    def to_table(self) -> pa.Table:
        """A table with one row a text: text, masked, vector, ngram_columns, ngram_counts.

        `vector` is a fixed-size list of D float32, left out where D is 0, which parquet can't store.
        """
        offsets = pa.array(self.ngrams.indptr, pa.int64())
        columns = {"text": self.texts, "masked": pa.array(self.masked)}
        if self.dimension:
            flat = pa.array(self.vectors.reshape(-1))
            columns["vector"] = pa.FixedSizeListArray.from_arrays(flat, self.dimension)
        for name, values in (
            ("ngram_columns", self.ngrams.indices.astype(np.uint16)),
            ("ngram_counts", self.ngrams.data),
        ):
            columns[name] = pa.LargeListArray.from_arrays(offsets, pa.array(values))
        return pa.table(columns)

    @classmethod
    def from_table(cls, table: pa.Table) -> TextStore:
        """The store of a table from `to_table`. Raises SchemaError where a column is missing or has another
        type."""
        dimension = 0
        if "vector" in table.column_names:
            dimension = getattr(table["vector"].type, "list_size", 1)
        table = validate(table, texts_schema(dimension), "texts")
        vectors = np.zeros((table.num_rows, 0), dtype=np.float32)
        if dimension:
            vectors = table["vector"].combine_chunks().flatten().to_numpy().reshape(table.num_rows, dimension)
        columns = table["ngram_columns"].combine_chunks()
        counts = table["ngram_counts"].combine_chunks().flatten().to_numpy()
        lengths = pc.list_value_length(columns).to_numpy()
        indptr = np.concatenate([[0], np.cumsum(lengths)])
        ngrams = sp.csr_matrix(
            (counts, columns.flatten().to_numpy().astype(np.int32), indptr),
            shape=(table.num_rows, CHAR_BUCKETS + WORD_BUCKETS),
            dtype=np.float32,
        )
        return cls(table["text"].combine_chunks(), vectors, ngrams, table["masked"].to_numpy())

    @classmethod
    def from_tables(cls, tables: Sequence[pa.Table]) -> TextStore:
        """The store of the texts of several tables from `to_table`, each text once, sorted as by `build`."""
        if len(tables) == 1:
            return cls.from_table(tables[0])
        together = pa.concat_tables(tables).combine_chunks()
        order = pc.sort_indices(together, sort_keys=[("text", "ascending")])
        texts = together["text"].combine_chunks().take(order)
        first = np.ones(len(texts), dtype=bool)
        first[1:] = pc.not_equal(texts[1:], texts[:-1]).to_numpy(zero_copy_only=False)
        return cls.from_table(together.take(order.filter(pa.array(first))))

    def fingerprint(self) -> str:
        """A digest of texts and vectors in their order; n-grams and masks follow from the texts."""
        digest = hashlib.blake2b(digest_size=16)
        lengths = pc.binary_length(self.texts).to_numpy().astype(np.int64)
        digest.update(np.array([len(self), self.dimension, *lengths], dtype=np.int64).tobytes())
        for start in range(0, len(self), 65_536):  # in pieces, to bound the memory
            digest.update("".join(self.texts[start : start + 65_536].to_pylist()).encode())
        digest.update(np.ascontiguousarray(self.vectors).data)
        return digest.hexdigest()
