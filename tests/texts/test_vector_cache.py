"""Vectors that are kept come back as they were, and nothing else does."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jet.texts import vector_cache
from jet.texts.vector_cache import VectorCache

TEXTS = ["office rent", "åäö", "", "löner maj"]
VECTORS = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)


def test_what_was_added_is_found_to_the_bit_and_the_rest_is_unknown(place):
    VectorCache(place, "an encoder").add(TEXTS, VECTORS)
    queries = ["never seen", *reversed(TEXTS)]
    vectors, known = VectorCache(place, "an encoder").find(queries, 8)
    assert known.tolist() == [False, True, True, True, True]
    assert np.array_equal(vectors[1:], VECTORS[::-1])
    assert not vectors[0].any()


def test_an_empty_cache_knows_nothing(place):
    vectors, known = VectorCache(place, "an encoder").find(TEXTS, 8)
    assert vectors.shape == (4, 8)
    assert not known.any()


def test_another_encoder_has_vectors_of_its_own(place):
    VectorCache(place, "an encoder").add(TEXTS, VECTORS)
    other = VectorCache(place, "the same encoder, fine-tuned")
    assert not other.find(TEXTS, 8)[1].any()
    other.add(TEXTS, 2 * VECTORS)
    assert np.array_equal(other.find(TEXTS, 8)[0], 2 * VECTORS)
    assert np.array_equal(VectorCache(place, "an encoder").find(TEXTS, 8)[0], VECTORS)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=6))
def test_jobs_that_add_the_same_texts_at_once_do_no_harm(tmp_path_factory, rows):
    folder = str(tmp_path_factory.mktemp("cache"))
    for row in rows:
        VectorCache(folder, "an encoder").add(TEXTS[row : row + 2], VECTORS[row : row + 2])
    vectors, known = VectorCache(folder, "an encoder").find(TEXTS, 8)
    expected = np.isin(np.arange(4), np.array([rows, np.array(rows) + 1]))
    assert np.array_equal(known, expected)
    assert np.array_equal(vectors[known], VECTORS[known])


@pytest.mark.parametrize("damage", [lambda content: content[:-9], lambda content: b"x" + content[1:]])
def test_a_damaged_file_is_passed_over_with_a_warning(tmp_path, damage, caplog):
    cache = VectorCache(str(tmp_path), "an encoder")
    cache.add(TEXTS, VECTORS)
    [path] = tmp_path.rglob("*.parquet")
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert not cache.find(TEXTS, 8)[1].any()
    assert f"{path} is damaged and not used; remove it" in caplog.text
    cache.add(TEXTS, VECTORS)
    assert cache.find(TEXTS, 8)[1].all()


def test_what_is_being_written_is_not_read(tmp_path):
    cache = VectorCache(str(tmp_path), "an encoder")
    cache.add(TEXTS, VECTORS)
    [path] = tmp_path.rglob("*.parquet")
    path.rename(path.with_name(f".{path.name}.unfinished"))
    assert not cache.find(TEXTS, 8)[1].any()


def test_many_texts_are_kept_in_files_of_a_bounded_size(tmp_path, monkeypatch):
    monkeypatch.setattr(vector_cache, "TEXTS_A_FILE", 3)
    cache = VectorCache(str(tmp_path), "an encoder")
    cache.add(TEXTS, VECTORS)
    assert len(list(Path(tmp_path).rglob("*.parquet"))) == 2
    assert np.array_equal(cache.find(TEXTS, 8)[0], VECTORS)
