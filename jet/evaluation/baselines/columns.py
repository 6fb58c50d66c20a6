"""Entries as rows of a sparse matrix, for linear models: TF-IDF of n-grams, and one-hot facts.

The n-grams have a vocabulary of their own instead of hashes: a linear model has a weight per column and class,
so few columns keep it fast. The facts are the journal, the currency, the exact total and its power of two. The
totals gained the support vector machine 3 points of exact match on the calibration rows of one ledger and 1.5
on another; day and month gained nothing certain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

import numpy as np
import pyarrow as pa
import scipy.sparse as sp
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import TfidfVectorizer

from jet.texts.ngrams import CHAR_WEIGHT, WORD_WEIGHT

_FACT_WEIGHT = 0.5

Facts = Mapping[str, float]


def ngram_vectorizer(kind: Literal["char_wb", "word"]) -> TfidfVectorizer:
    """TF-IDF of characters 2 to 4 within words, or of words 1 to 2. The texts should be normalized."""
    return TfidfVectorizer(
        analyzer=kind,
        ngram_range=(2, 4) if kind == "char_wb" else (1, 2),
        token_pattern=r"(?u)\b\w+\b" if kind == "word" else None,  # also words of one character
        lowercase=False,
        dtype=np.float32,
        sublinear_tf=True,
    )


def fitted(vectorizer: TfidfVectorizer, texts: Sequence[str]) -> TfidfVectorizer | None:
    """The vectorizer, fitted on `texts`; None where these have no n-gram."""
    try:
        return vectorizer.fit(texts)
    except ValueError:
        return None


def facts(entries: pa.Table) -> list[Facts]:
    """The one-hot facts of each of `entries` (`ENTRIES`) with their weights."""
    rows: list[Facts] = []
    columns = (entries[name].to_pylist() for name in ("journal", "currency", "total", "direction"))
    for journal, currency, total, direction in zip(*columns, strict=True):
        own = [f"journal {journal}", f"currency {currency}"]
        if direction:
            own.append(f"direction {direction}")
        if total:
            own += [f"total {total}", f"total about 2^{math.floor(math.log2(total))}"]
        rows.append(dict.fromkeys(own, _FACT_WEIGHT))
    return rows


class Columns:
    """The columns of some entries, into which others are transformed."""

    def __init__(self, texts: Sequence[str], facts: Iterable[Facts]) -> None:
        """Learn the columns from normalized `texts` and the `facts` beside them."""
        kinds = ((ngram_vectorizer("char_wb"), CHAR_WEIGHT), (ngram_vectorizer("word"), WORD_WEIGHT))
        ngrams = [(fitted(vectorizer, texts), weight) for vectorizer, weight in kinds]
        self._ngrams = [(vectorizer, weight) for vectorizer, weight in ngrams if vectorizer is not None]
        self._facts = DictVectorizer(dtype=np.float32).fit(facts)

    def rows(self, texts: Sequence[str], facts: Iterable[Facts]) -> sp.csr_matrix:
        """float32 [entries, columns]; n-grams and facts without a column are left out."""
        parts = [weight * vectorizer.transform(texts) for vectorizer, weight in self._ngrams]
        return sp.csr_matrix(sp.hstack([*parts, self._facts.transform(facts)], format="csr"))
