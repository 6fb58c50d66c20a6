"""Texts as counts of hashed n-grams, and their TF-IDF weights.

Notable: the two parts of a row (n-grams of 2-4 characters within words, and of 1-2 words) are scaled so that
the dot product of two rows is the weighted mean of the parts' cosines. So one sparse product, or one index,
has both parts. Hashing needs no vocabulary, so later texts never change the columns.

Legend: U texts; 8192 = 4096 character columns, then 4096 word columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import scipy.sparse as sp

CHAR_BUCKETS = 4096
WORD_BUCKETS = 4096
CHAR_WEIGHT = 0.8
WORD_WEIGHT = 0.6


@cache
def _hashers() -> tuple[Any, Any]:
    """The hashers of characters and of words, made on first use, since importing sklearn takes two seconds."""
    from sklearn.feature_extraction.text import HashingVectorizer

    settings = {"alternate_sign": False, "norm": None, "lowercase": False, "dtype": np.float32}
    characters = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 4), n_features=CHAR_BUCKETS, **settings)
    words = HashingVectorizer(
        token_pattern=r"(?u)\b\w+\b",  # also words of one character, which sklearn's default drops
        ngram_range=(1, 2),
        n_features=WORD_BUCKETS,
        **settings,
    )
    return characters, words


def ngram_counts(texts: Sequence[str]) -> sp.csr_matrix:
    """The counts of hashed n-grams in each of the normalized `texts`, float32 [U, 8192].

    Columns 0 to 4095 have character 2- to 4-grams within words (padded with spaces), the others words and pairs
    of words. The same in every process.
    """
    if not len(texts):
        return sp.csr_matrix((0, CHAR_BUCKETS + WORD_BUCKETS), dtype=np.float32)
    parts = [hasher.transform(texts) for hasher in _hashers()]
    counts = sp.csr_matrix(sp.hstack(parts, format="csr", dtype=np.float32))
    counts.sum_duplicates()  # sorts the columns of each row
    return counts


def ngram_counts_of(texts: pa.StringArray) -> sp.csr_matrix:
    """As `ngram_counts`, of `texts` with many repeats, as the names in many charts are: each distinct one is
    counted once."""
    encoded = texts.dictionary_encode()
    return ngram_counts(encoded.dictionary.to_pylist())[encoded.indices.to_numpy()]


def idf(counts: sp.csr_matrix) -> np.ndarray:
    """The smoothed inverse document frequencies ln((1 + U) / (1 + n)) + 1 of the columns, float32 [8192]."""
    present = np.bincount(counts.indices, minlength=counts.shape[1])
    return (np.log((1 + counts.shape[0]) / (1 + present)) + 1).astype(np.float32)


def weigh(counts: sp.csr_matrix, idf: np.ndarray) -> sp.csr_matrix:
    """The TF-IDF rows, float32 [U, 8192], whose dot products are (.8 cos(characters) + .6 cos(words)) / 1.4.

    A row has norm 1 where the text has n-grams of both kinds, and is zero where it has none. It depends on its
    own counts alone.
    """
    rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
    is_word = counts.indices >= CHAR_BUCKETS
    values = counts.data.astype(np.float64) * idf[counts.indices]
    part = 2 * rows + is_word
    squares = np.bincount(part, weights=values * values, minlength=2 * counts.shape[0])
    share = np.tile([CHAR_WEIGHT, WORD_WEIGHT], counts.shape[0]) / (CHAR_WEIGHT + WORD_WEIGHT)
    with np.errstate(divide="ignore"):
        scale = np.sqrt(share / squares)
    weighed = (values * scale[part]).astype(np.float32)
    return sp.csr_matrix((weighed, counts.indices, counts.indptr), shape=counts.shape)
