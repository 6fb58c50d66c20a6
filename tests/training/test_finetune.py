"""Fine-tuning of an encoder: what is paired, what is masked, and that something is learned."""

from __future__ import annotations

from datetime import timedelta

import made_up
import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from jet.books.split import SplitSettings
from jet.texts.encoder import SentenceEncoder, load_transformer
from jet.texts.names import MULTILINGUAL
from jet.training.finetune import Embedder, Finetuner, Loaded, contrastive_loss, load_base, save_encoder
from jet.training.pairs import Pairs
from jet.training.settings import FinetuneSettings

MAX_TOKENS = 16
SPLIT = SplitSettings(train=0.7, calibration=0.15)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A folder with a transformer of two small layers and the packaged one's vocabulary."""
    folder = tmp_path_factory.mktemp("tiny") / "encoder"
    tokenizer, _ = load_transformer("packaged-minilm", MAX_TOKENS)
    torch.manual_seed(3)
    shape = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.BertConfig(vocab_size=len(tokenizer), max_position_embeddings=64, **shape)
    save_encoder(Loaded(tokenizer, transformers.BertModel(config)), folder)
    return str(folder)


@pytest.fixture(scope="module")
def pairs(small_entries, small_accounts):
    return Pairs.of(small_entries, small_accounts, SPLIT)


def settings(**changes):
    return FinetuneSettings(**({"batch_size": 16, "epochs": 4, "learning_rate": 3e-3} | changes))


def finetuner(base, pairs, chosen, rank=0, world=1):
    loaded = load_base(base, chosen, MAX_TOKENS)
    made = Finetuner(
        Embedder(loaded.model), loaded.tokenizer, pairs, chosen, MAX_TOKENS, rank=rank, world=world
    )
    return loaded, made


def finetuned(base, pairs, chosen):
    """The encoder after all epochs, and the mean loss of each."""
    loaded, made = finetuner(base, pairs, chosen)
    sums = [made.train_epoch() for _ in range(chosen.epochs)]
    return loaded, [each["loss"] / each["steps"] for each in sums]


def weights(loaded):
    return {name: tensor.clone() for name, tensor in loaded.model.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def named(pairs, drawn):
    return {(pairs.texts[left], pairs.texts[right]) for left, right in drawn}


BOOKS = [
    made_up.entry("alder", "1", 0, "Office rent", "D5010 C1930"),
    made_up.entry("alder", "2", 1, "office  RENT", "D5010 C1930"),
    made_up.entry("alder", "3", 2, "premises", "D5010 C1930"),
    made_up.entry("alder", "4", 3, "paper shop", "D6110 C1930"),
    made_up.entry("alder", "5", 4, "", "D5010 C1930"),
    made_up.entry("birch", "1", 0, "premises", "D30 C10"),
    made_up.entry("birch", "2", 1, "flat", "D30 C10"),
    made_up.entry("birch", "3", 2, "still to be booked"),
]
ALL = SplitSettings(train=1.0, calibration=0.0)


def of(rows, split=ALL):
    return Pairs.of(made_up.entries_table(rows), made_up.accounts_table(made_up.chart_rows()), split)


def test_pairs_are_texts_of_one_set_and_descriptions_with_their_accounts():
    pairs = of(BOOKS)
    drawn = set().union(*(named(pairs, pairs.draw(0, epoch, 100)) for epoch in range(40)))
    assert drawn == {
        ("office rent", "premises"), ("premises", "office rent"), ("premises", "flat"), ("flat", "premises"),
        ("office rent", "5010 | rent"), ("office rent", "1930 | bank"), ("premises", "5010 | rent"),
        ("premises", "1930 | bank"), ("paper shop", "6110 | paper"), ("paper shop", "1930 | bank"),
        ("premises", "30 | rent"), ("premises", "10 | cash"), ("flat", "30 | rent"), ("flat", "10 | cash"),
    }  # fmt: skip


def test_rare_accounts_are_drawn_more_often_than_the_bank():
    pairs = of(BOOKS)
    drawn = [pair for epoch in range(300) for pair in named(pairs, pairs.draw(0, epoch, 100))]
    assert drawn.count(("paper shop", "6110 | paper")) > 1.5 * drawn.count(("paper shop", "1930 | bank")) > 0


def test_what_is_booked_alike_is_no_negative():
    pairs = of(BOOKS)
    place = {text: number for number, text in enumerate(pairs.texts)}
    left = ["office rent", "paper shop", "premises", "flat"]
    right = ["premises", "1930 | bank", "flat", "30 | rent"]
    result = pairs.alike(np.array([[place[a], place[b]] for a, b in zip(left, right, strict=True)]))
    assert result.tolist() == [
        [True, True, False, False],  # both paper and rent are paid from the bank
        [False, True, False, False],  # which makes them no pair
        [True, True, True, True],  # premises were rented by both companies
        [True, False, True, True],
    ]


def test_two_companies_that_book_alike_are_no_negatives():
    rows = [*BOOKS[:1], made_up.entry("birch", "9", 0, "lokal", "D5010 C1930"), BOOKS[3]]
    pairs = of(rows)
    place = {text: number for number, text in enumerate(pairs.texts)}
    result = pairs.alike(
        np.array([[place["office rent"], place["5010 | rent"]], [place["lokal"], place["lokal"]]])
    )
    assert result[0, 1]


def test_only_training_entries_are_paired(small_entries, small_accounts, pairs):
    late = max(small_entries["date"].to_pylist()) + timedelta(days=1)
    rows = small_entries.to_pylist() + [
        made_up.entry(entity, f"late{number}", 0, f"leaked {number}", spelled) | {"date": late}
        for number in range(20)
        for entity, spelled in (("alder", "D5010 C1930"), ("birch", "D30 C10"))
    ]
    result = Pairs.of(made_up.entries_table(rows), small_accounts, SPLIT)
    assert not [text for text in result.texts if text.startswith("leaked")]
    assert not [text for text in pairs.texts if text.startswith("paper shop online")]


@given(seed=st.integers(0, 1000), epoch=st.integers(0, 50), most=st.integers(2, 200))
def test_every_drawn_pair_belongs_together_and_is_of_two_texts(pairs, seed, epoch, most):
    drawn = pairs.draw(seed, epoch, most)
    assert 2 <= len(drawn) <= most
    assert (drawn[:, 0] != drawn[:, 1]).all()
    assert pairs.alike(drawn).diagonal().all()
    assert np.array_equal(drawn, pairs.draw(seed, epoch, most))


def test_books_without_pairs_are_refused():
    with pytest.raises(ValueError, match="no pairs can be made of 1 training entries with 0 distinct texts"):
        of([made_up.entry("alder", "1", 0, "", "D5010 C1930"), made_up.entry("alder", "2", 0, "rent")])


def test_the_loss_is_least_where_pairs_meet_and_masked_negatives_do_not_count():
    left = torch.nn.functional.normalize(torch.randn(4, 8, generator=torch.Generator().manual_seed(1)), dim=1)
    none = torch.eye(4, dtype=torch.bool)
    assert contrastive_loss(left, left, none, 0.05) < contrastive_loss(left, left.roll(1, 0), none, 0.05)
    every = torch.ones(4, 4, dtype=torch.bool)
    assert contrastive_loss(left, left.roll(1, 0), every, 0.05).item() == 0
    doubled = torch.cat([left, left[:1]])
    twins = torch.eye(5, dtype=torch.bool)
    twins[0, 4] = twins[4, 0] = True
    plain = torch.eye(5, dtype=torch.bool)
    assert contrastive_loss(doubled, doubled, twins, 0.05) < contrastive_loss(doubled, doubled, plain, 0.05)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_loss_falls(tiny, pairs, method):
    if method == "lora":
        pytest.importorskip("peft")
    _, losses = finetuned(tiny, pairs, settings(method=method, epochs=8, learning_rate=1e-2))
    assert losses[-1] < 0.8 * losses[0]


def test_the_same_seed_gives_the_same_weights_and_another_one_others(tiny, pairs):
    one, again, other = (
        weights(finetuned(tiny, pairs, settings(epochs=2, seed=seed))[0]) for seed in (5, 5, 6)
    )
    assert same(one, again)
    assert not same(one, other)


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_run_that_resumes_ends_where_it_would_have(tiny, pairs, method):
    if method == "lora":
        pytest.importorskip("peft")
    chosen = settings(method=method, epochs=2)
    straight, _ = finetuned(tiny, pairs, chosen)
    _, first = finetuner(tiny, pairs, chosen)
    first.train_epoch()
    loaded, second = finetuner(tiny, pairs, chosen)
    second.load_state(first.state())
    second.train_epoch()
    assert second.epoch == 2
    assert same(weights(straight), weights(loaded))


def test_ranks_share_every_batch(tiny, pairs):
    sums = [finetuner(tiny, pairs, settings(), rank, 2)[1].train_epoch() for rank in (0, 1)]
    whole = finetuner(tiny, pairs, settings())[1].train_epoch()
    assert sums[0]["steps"] == sums[1]["steps"] == whole["steps"]
    assert sums[0]["loss"] != sums[1]["loss"]


@pytest.mark.parametrize("method", ["full", "lora"])
def test_the_saved_folder_is_an_encoder_with_other_vectors_and_a_name_of_its_own(tiny, pairs, method, tmp_path):
    if method == "lora":
        pytest.importorskip("peft")
    before = SentenceEncoder(tiny, "cpu", max_tokens=MAX_TOKENS)
    loaded, _ = finetuned(tiny, pairs, settings(method=method, epochs=1))
    texts = ["office rent", "wages", "ticket 3"]
    loaded.model.eval()
    save_encoder(loaded, tmp_path / "encoder")
    after = SentenceEncoder(str(tmp_path / "encoder"), "cpu", max_tokens=MAX_TOKENS)
    assert after.identity != before.identity
    assert np.abs(after.encode(texts) - before.encode(texts)).max() > 0.01
    assert {path.name for path in (tmp_path / "encoder").iterdir()} >= {"config.json", "model.safetensors"}


def test_a_saved_encoder_that_learned_nothing_is_the_same_encoder(tiny, tmp_path):
    for method in ("full", "lora"):
        if method == "lora":
            pytest.importorskip("peft")
        save_encoder(load_base(tiny, settings(method=method), MAX_TOKENS), tmp_path / method / "encoder")
        result = SentenceEncoder(str(tmp_path / method / "encoder"), "cpu", max_tokens=MAX_TOKENS)
        assert result.identity == SentenceEncoder(tiny, "cpu", max_tokens=MAX_TOKENS).identity


@pytest.mark.parametrize("name", ["", MULTILINGUAL])
def test_what_is_no_transformer_cannot_be_fine_tuned(name):
    with pytest.raises(ValueError, match=r"can't be fine-tuned: give 'packaged-minilm'"):
        load_base(name, settings(), MAX_TOKENS)


@pytest.mark.parametrize(
    "wrong", [{"batch_size": 1}, {"epochs": 0}, {"temperature": 0.0}, {"learning_rate": -1.0}, {"lora_rank": 0}]
)
def test_settings_that_cannot_work_are_refused(wrong):
    with pytest.raises(ValueError, match=f"finetune.{next(iter(wrong))}"):
        FinetuneSettings(**wrong)
