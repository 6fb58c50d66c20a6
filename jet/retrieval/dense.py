"""Texts as vectors of moderate length, as vector indexes have them: sentence vector and folded n-grams."""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp

from jet.retrieval.settings import RetrievalSettings

_FOLDED = 256  # dimensions that the dense vectors have for the n-grams


def dense(vectors: np.ndarray, ngrams: sp.csr_matrix, settings: RetrievalSettings) -> np.ndarray:
    """Vectors [n, D + 256] whose dot products approximate the similarity by text, without bonuses."""
    columns = ngrams.shape[1]
    drawn = np.random.RandomState(0)  # the generator whose numbers never change
    bucket, sign = drawn.randint(_FOLDED, size=columns), 2 * drawn.randint(2, size=columns) - 1
    fold = sp.csr_matrix(
        (sign.astype(np.float32), (np.arange(columns), bucket)), shape=(columns, _FOLDED), dtype=np.float32
    )
    folded = np.asarray((ngrams @ fold).toarray())
    return np.concatenate(
        [
            np.float32(math.sqrt(settings.sentence_weight)) * vectors,
            np.float32(math.sqrt(settings.ngram_weight)) * folded,
        ],
        axis=1,
    )
