from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from jet.retrieval.encoder import SentenceEncoder


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(batch=8)


TEXTS = [
    "", "rent", "office rent for may", "kontorshyra maj", "stripe payout 4711 fees withheld by the processor",
    "a b c d e f g h i j k l m n", "telefon", "årsavgift för bankkonto och kort 2024", "office rent for june",
    "lunch", "very long text " * 60, "försäkring", "taxi to the airport and back", "ink", "paper",
]  # fmt: skip


def test_vectors_have_length_1_and_similar_texts_are_close(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), encoder.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    similar = vectors @ vectors[2]
    assert similar[8] > similar[4] + 0.2


def test_a_vector_is_bitwise_the_same_in_any_company_and_order(encoder: SentenceEncoder) -> None:
    whole = encoder.encode(TEXTS)
    draw = np.random.default_rng(1)
    for size in (1, 1, 3, 9, len(TEXTS)):
        chosen = draw.permutation(len(TEXTS))[:size]
        assert np.array_equal(encoder.encode([TEXTS[i] for i in chosen]), whole[chosen])
    assert np.array_equal(encoder.encode([TEXTS[2]] * 11), whole[[2] * 11])


def test_threads_do_not_matter_and_are_left_as_they_were(encoder: SentenceEncoder) -> None:
    before = torch.get_num_threads()
    one = encoder.encode(TEXTS[:4])
    try:
        torch.set_num_threads(2)
        assert np.array_equal(encoder.encode(TEXTS[:4]), one)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_no_texts_give_no_rows(encoder: SentenceEncoder) -> None:
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_identity_names_weights_and_settings_but_no_place(encoder: SentenceEncoder, tmp_path: Path) -> None:
    encoder._model.save_pretrained(tmp_path / "moved")
    encoder._tokenizer.save_pretrained(tmp_path / "moved")
    moved = SentenceEncoder(str(tmp_path / "moved"))
    assert moved.identity == "moved@" + encoder.identity.split("@")[1]
    assert SentenceEncoder(max_tokens=32).identity != encoder.identity


def test_an_encoder_that_cannot_be_loaded_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"can't be loaded.*packaged-minilm"):
        SentenceEncoder(str(tmp_path))


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="max_tokens is 13"):
        SentenceEncoder(max_tokens=13)
    with pytest.raises(ValueError, match="reads at most 512"):
        SentenceEncoder(max_tokens=1024)
    with pytest.raises(ValueError, match="batch is 0"):
        SentenceEncoder(batch=0)
