from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from jet.texts.ngrams import CHAR_BUCKETS, WORD_BUCKETS, idf, ngram_counts, ngram_counts_of, weigh

TEXTS = ["office rent may", "office rent june", "telefon", "a", "!!", "", "office rent may"]


def test_counts_have_their_shape_and_depend_on_the_text_alone() -> None:
    counts = ngram_counts(TEXTS)
    assert counts.shape == (len(TEXTS), CHAR_BUCKETS + WORD_BUCKETS)
    assert counts.dtype == np.float32
    assert (counts[2] != ngram_counts(["telefon"])).nnz == 0
    assert ngram_counts([]).shape == (0, CHAR_BUCKETS + WORD_BUCKETS)


def test_counts_are_the_same_in_another_process() -> None:
    program = "from jet.texts.ngrams import ngram_counts as n; print(n(['hyra för maj']).indices.tolist())"
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == str(ngram_counts(["hyra för maj"]).indices.tolist())


def test_one_dot_product_is_the_weighted_mean_of_both_cosines() -> None:
    texts = ["office rent may", "office rent june", "telefon maj"]
    weighed = weigh(ngram_counts(texts), np.ones(CHAR_BUCKETS + WORD_BUCKETS, np.float32))
    chars = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), use_idf=False).fit_transform(texts)
    words = TfidfVectorizer(token_pattern=r"\w+", ngram_range=(1, 2), use_idf=False).fit_transform(texts)
    expected = (0.8 * (chars @ chars.T) + 0.6 * (words @ words.T)).toarray() / 1.4
    assert (weighed @ weighed.T).toarray() == pytest.approx(expected, abs=0.03)  # hashes may collide


@settings(deadline=None)
@given(st.lists(st.text(max_size=20), min_size=1, max_size=8))
def test_dot_products_lie_between_0_and_1(texts: list[str]) -> None:
    counts = ngram_counts(texts)
    weighed = weigh(counts, idf(counts))
    dots = (weighed @ weighed.T).toarray()
    assert dots.min() >= 0
    assert dots.max() <= 1 + 1e-5


def test_a_row_has_norm_1_unless_a_kind_of_ngram_is_missing() -> None:
    counts = ngram_counts(TEXTS)
    weighed = weigh(counts, idf(counts))
    norms = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1))).ravel()
    assert norms[[0, 1, 2, 3, 6]] == pytest.approx(1)
    assert norms[4] == pytest.approx(np.sqrt(0.8 / 1.4))  # no word in it
    assert norms[5] == 0


def test_a_weighed_row_does_not_depend_on_the_others() -> None:
    counts = ngram_counts(TEXTS)
    weights = idf(counts)
    alone, together = weigh(counts[1], weights), weigh(counts, weights)[1]
    assert np.array_equal(alone.toarray(), together.toarray())


def test_rare_ngrams_weigh_more() -> None:
    counts = ngram_counts(["rent", "rent", "rent", "audit"])
    weights = idf(counts)
    assert weights[ngram_counts(["audit"]).indices].mean() > weights[ngram_counts(["rent"]).indices].mean()
    assert weights.dtype == np.float32


@pytest.mark.parametrize("texts", [[], ["hyra"], ["hyra", "telefon", "hyra", "", "telefon"]])
def test_repeated_texts_are_counted_as_each_alone(texts):
    found, expected = ngram_counts_of(pa.array(texts, pa.string())), ngram_counts(texts)
    assert found.shape == expected.shape
    assert (found != expected).nnz == 0
