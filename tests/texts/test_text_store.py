from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jet.texts.normalize import mask_digits, stable_hash
from jet.texts.store import TextStore

TEXTS = ["rent may", "fee 12", "fee 7", "", "rent may", "åäö"]


def test_a_store_holds_each_text_once_sorted(fake_encoder: Any) -> None:
    store = TextStore.build(TEXTS, fake_encoder)
    assert store.texts.to_pylist() == sorted(set(TEXTS))
    assert np.array_equal(store.vectors, fake_encoder.encode(store.texts.to_pylist()))
    assert store.masked.tolist() == [stable_hash(mask_digits(text)) for text in store.texts.to_pylist()]
    assert store.ngrams.shape[0] == len(store) == 5


def test_stores_of_shares_of_texts_are_together_the_store_of_all(fake_encoder: Any) -> None:
    shares = [["rent may", "åäö"], [], ["", "fee 7", "fee 12"], ["åäö", "fee 7", "zinc"]]
    tables = [TextStore.build(texts, fake_encoder).to_table() for texts in shares]
    whole = TextStore.build({text for texts in shares for text in texts}, fake_encoder)
    for some in (tables, [whole.to_table()]):
        joined = TextStore.from_tables(some)
        assert joined.texts.to_pylist() == whole.texts.to_pylist()
        assert joined.fingerprint() == whole.fingerprint()
        assert np.array_equal(joined.masked, whole.masked)
        assert (joined.ngrams != whole.ngrams).nnz == 0


def test_given_vectors_follow_their_texts() -> None:
    vectors = np.array([[1.0], [2.0], [3.0]], dtype=np.float32)
    store = TextStore.build(["c", "a", "b"], vectors=vectors)
    assert store.vectors[store.rows(["c", "a", "b"])].ravel().tolist() == [1, 2, 3]
    with pytest.raises(ValueError, match="distinct"):
        TextStore.build(["a", "a"], vectors=vectors[:2])


def test_rows_finds_known_texts_and_marks_unknown_ones(fake_encoder: Any) -> None:
    store = TextStore.build(TEXTS, fake_encoder)
    rows = store.rows(pa.chunked_array([["nowhere", "åäö"], ["", "rent may"]]))
    assert rows.dtype == np.int64
    assert rows[0] == -1
    assert store.texts.take(pa.array(rows[1:])).to_pylist() == ["åäö", "", "rent may"]
    assert store.missing(["new", "fee 7", "new", "also new"]) == ["new", "also new"]
    assert store.rows([]).shape == (0,)


def test_extending_keeps_the_old_rows_numbers(fake_encoder: Any) -> None:
    store = TextStore.build(TEXTS, fake_encoder)
    new = ["zz", "aa 1"]
    longer = store.extend(new, fake_encoder.encode(new))
    assert longer.rows(store.texts).tolist() == list(range(len(store)))
    assert longer.rows(new).tolist() == [len(store), len(store) + 1]
    assert np.array_equal(longer.vectors[: len(store)], store.vectors)
    assert longer.fingerprint() != store.fingerprint()
    together = TextStore.build([*TEXTS, *new], fake_encoder)
    order = longer.rows(together.texts)
    assert np.array_equal(longer.vectors[order], together.vectors)
    assert np.array_equal(longer.masked[order], together.masked)
    assert (longer.ngrams[order] != together.ngrams).nnz == 0


def test_extending_refuses_known_repeated_or_misshaped_texts(fake_encoder: Any) -> None:
    store = TextStore.build(TEXTS, fake_encoder)
    with pytest.raises(ValueError, match="distinct and new"):
        store.extend(["rent may"], fake_encoder.encode(["rent may"]))
    with pytest.raises(ValueError, match="distinct and new"):
        store.extend(["x", "x"], fake_encoder.encode(["x", "x"]))
    with pytest.raises(ValueError, match=r"vectors are \(1, 0\)"):
        store.extend(["x"])


@pytest.mark.parametrize("texts", [TEXTS, []])
@pytest.mark.parametrize("with_vectors", [True, False])
def test_a_store_survives_parquet(
    texts: list[str], with_vectors: bool, fake_encoder: Any, tmp_path: Path
) -> None:
    store = TextStore.build(texts, fake_encoder if with_vectors else None)
    pq.write_table(store.to_table(), tmp_path / "texts.parquet")
    loaded = TextStore.from_table(pq.read_table(tmp_path / "texts.parquet"))
    assert loaded.texts.equals(store.texts)
    assert np.array_equal(loaded.vectors, store.vectors)
    assert loaded.vectors.shape == store.vectors.shape
    assert np.array_equal(loaded.masked, store.masked)
    assert loaded.ngrams.dtype == np.float32
    assert (loaded.ngrams != store.ngrams).nnz == 0
    assert loaded.fingerprint() == store.fingerprint()


def test_the_fingerprint_sees_texts_their_borders_and_vectors() -> None:
    vectors = np.eye(2, dtype=np.float32)
    prints = {
        TextStore.build(["ab", "c"], vectors=vectors).fingerprint(),
        TextStore.build(["a", "bc"], vectors=vectors).fingerprint(),
        TextStore.build(["ab", "c"], vectors=vectors[::-1]).fingerprint(),
        TextStore.build(["ab", "c"]).fingerprint(),
    }
    assert len(prints) == 4
    assert TextStore.build(TEXTS).fingerprint() == TextStore.build(TEXTS[::-1]).fingerprint()
