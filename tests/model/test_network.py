"""The network: padding trains nothing, distributions are distributions, tables and batches agree."""

from __future__ import annotations

from dataclasses import replace

import made_up
import numpy as np
import pytest
import torch
from torch.nn import functional as F

from jet.books.tokens import CLOSED, NOTHING
from jet.model.batch import held_hits
from jet.model.neighbor_attention import copy_distribution, masked_softmax, mean_labels
from jet.model.network import TextInputs, allowed_tokens, follow_neighbors, localized
from jet.model.settings import ModelSettings
from jet.retrieval.collection import Hits
from jet.retrieval.settings import RetrievalSettings
from jet.training.losses import entry_losses
from jet.training.settings import LOSSES

MEMORIES = pytest.mark.parametrize("memory", ["labels", "texts", "none"])


def gradients(network, data, batch):
    """Every loss of the batch [B], and the gradients of their sum."""
    network.zero_grad()
    parts = localized([batch], data.corpus)
    [step] = network(*parts)
    losses = entry_losses(step.log_probs, batch.target)
    torch.stack([losses[name].sum() for name in LOSSES]).sum().backward()
    grads = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    return losses, grads


def assert_close(result, expected):
    """Up to rounding: some gradients are zero but for it, so the largest one sets the measure."""
    largest = max(float(grad.abs().max()) for grad in expected.values())
    for name, grad in expected.items():
        torch.testing.assert_close(
            result[name], grad, rtol=1e-3, atol=1e-5 * largest, msg=lambda m, n=name: f"{n}: {m}"
        )


def more_neighbors(batch, count):
    """The batch with `count` more places for neighbors, and nothing in them."""
    return replace(
        batch,
        neighbor_row=F.pad(batch.neighbor_row, (0, count), value=NOTHING),
        neighbor_text=F.pad(batch.neighbor_text, (0, count), value=NOTHING),
        neighbor_features=F.pad(batch.neighbor_features, (0, 0, 0, count)),
        neighbor_tokens=F.pad(batch.neighbor_tokens, (0, 0, 0, count), value=NOTHING),
    )


@made_up.NETWORKS
@MEMORIES
@pytest.mark.parametrize("what", ["target", "neighbors", "neighbor_lines", "chart", "all"])
def test_padding_trains_nothing(data, kind, memory, what):
    network = made_up.network(data, seed=1, kind=kind, memory=memory, dropout=0.0).train()
    rows = data.learnable(0)[:24]
    batch = made_up.batch_of(data, rows)
    padded = made_up.batch_of(data, rows, width=24) if what in ("chart", "all") else batch
    if what in ("neighbors", "all"):
        padded = more_neighbors(padded, 3)
    if what in ("neighbor_lines", "all"):
        padded = replace(padded, neighbor_tokens=F.pad(padded.neighbor_tokens, (0, 4), value=NOTHING))
    if what in ("target", "all"):
        padded = replace(padded, target=F.pad(padded.target, (0, 5), value=NOTHING))
    losses, grads = gradients(network, data, batch)
    padded_losses, padded_grads = gradients(network, data, padded)
    assert padded_grads.keys() == grads.keys()
    for name in LOSSES:
        torch.testing.assert_close(padded_losses[name], losses[name], rtol=1e-4, atol=1e-5)
    assert_close(padded_grads, grads)


@made_up.NETWORKS
def test_a_batch_trains_as_the_sum_of_its_entries(data, kind):
    network = made_up.network(data, seed=1, kind=kind, dropout=0.0).train()
    rows = data.learnable(0)[:8]
    losses, grads = gradients(network, data, made_up.batch_of(data, rows))
    summed = {name: torch.zeros_like(grad) for name, grad in grads.items()}
    for number, row in enumerate(rows):
        alone, own = gradients(network, data, made_up.batch_of(data, [row]))
        for name in LOSSES:
            torch.testing.assert_close(alone[name][0], losses[name][number], rtol=1e-4, atol=1e-5)
        for name, grad in own.items():
            summed[name] += grad
    assert_close(summed, grads)


@made_up.NETWORKS
@MEMORIES
@pytest.mark.parametrize("copy_share", [0.0, 0.88])
def test_every_step_is_a_distribution_over_what_is_allowed(data, kind, memory, copy_share):
    network = made_up.network(data, kind=kind, memory=memory, copy_share=copy_share)
    batch = made_up.batch_of(data, np.arange(60))
    with torch.no_grad():
        step = made_up.forced(network, batch, made_up.tables(network, data))
    probabilities = step.log_probs.exp()
    real = batch.target != NOTHING
    torch.testing.assert_close(probabilities.sum(-1)[real], torch.ones(int(real.sum())), rtol=1e-5, atol=1e-5)
    previous = F.pad(batch.target[:, :-1], (1, 0), value=NOTHING)
    allowed = allowed_tokens(batch.rank, torch.where(previous == batch.stop, NOTHING, previous))
    assert (probabilities[~allowed] == 0).all()
    assert (probabilities[allowed] > 0).all()
    copying = memory != "none" and copy_share > 0
    assert bool((step.copy_share > 0).any()) == copying


def test_what_may_follow_is_the_order_of_the_catalog_a_debit_first_and_stop_after_a_credit():
    # Two open accounts and one closed: tokens 0..5, stop 6; debits rank 1 (token 2) before 0 (token 0).
    rank = torch.tensor([[1, 4, 0, 5, CLOSED, CLOSED]])
    expected = {
        NOTHING: {0, 2},  # the first line is a debit
        2: {0, 1, 2, 3},  # rank 0: everything from it on, itself too
        0: {0, 1, 3},  # rank 1: not token 2 any more
        1: {1, 3, 6},  # a credit: may repeat, go on or stop
        3: {3, 6},
    }
    for previous, tokens in expected.items():
        allowed = allowed_tokens(rank, torch.tensor([[previous]]))[0, 0]
        assert set(allowed.nonzero().flatten().tolist()) == tokens, previous


def test_a_neighbor_is_followed_as_long_as_it_agrees(data):
    target = torch.tensor([[0, 3, 5, 10, NOTHING]])
    tokens = torch.tensor([[[0, 3, 5, 10], [0, 5, 10, NOTHING], [2, 3, 5, 10], [NOTHING] * 4]])
    batch = replace(made_up.batch_of(data, [0]), target=target, neighbor_tokens=tokens)
    prefix, following = follow_neighbors(batch)
    assert following[0, :, 0].tolist() == [0, 3, 5, 10, NOTHING]
    assert prefix[0, :, 0].tolist() == [True, True, True, True, True]
    assert prefix[0, :, 1].tolist() == [True, True, False, False, False]
    assert prefix[0, :, 2].tolist() == [True, False, False, False, False]
    assert prefix[0, 1:, 3].tolist() == [False] * 4


def test_a_neighbor_that_began_the_same_way_is_copied_more(data):
    network = made_up.network(data, seed=1)
    batch = made_up.batch_of(data, data.learnable(1)[:1])
    encoded = network.encode(batch, made_up.tables(network, data))
    neighbors = batch.neighbor_row.shape[1]
    previous = batch.target[:, :1]
    states, _ = network.advance(encoded, previous, encoded.hidden)
    credit = int(previous[0, 0]) + 1  # the same account's credit may follow any debit
    following = torch.full((1, 1, neighbors), NOTHING)
    following[0, 0, :2] = credit
    prefix = torch.zeros(1, 1, neighbors, dtype=torch.bool)
    prefix[0, 0, 1] = True
    with torch.no_grad():
        agrees = network.distribution(encoded, states, previous, prefix, following).copied[0, 0]
        neither = network.distribution(encoded, states, previous, prefix & False, following).copied[0, 0]
    assert agrees[1] > neither[1]
    assert agrees[1] > 5 * agrees[0] * neither[1] / neither[0]
    assert (agrees[2:] == 0).all()


def test_without_labels_the_memory_does_not_look_at_what_neighbors_were_booked_to(data):
    batch = made_up.batch_of(data, data.learnable(1)[:6])
    stop = batch.stop
    tokens = batch.neighbor_tokens
    other = replace(batch, neighbor_tokens=torch.where((tokens != NOTHING) & (tokens != stop), 0, tokens))
    for memory, differs in (("labels", True), ("texts", False)):
        network = made_up.network(data, seed=1, memory=memory)
        table = made_up.tables(network, data)
        same = torch.equal(network.encode(batch, table).values, network.encode(other, table).values)
        assert same != differs


def test_a_batch_gives_the_same_logits_with_its_own_small_tables_as_with_whole_ones(data):
    network = made_up.network(data, seed=1)
    rows = data.learnable(0)[:20]
    batch = made_up.batch_of(data, rows)
    with torch.no_grad():
        [small] = network(*localized([batch], data.corpus))
        whole = made_up.forced(network, batch, made_up.tables(network, data))
    torch.testing.assert_close(small.log_probs.exp(), whole.log_probs.exp(), rtol=1e-4, atol=1e-6)


def test_an_account_that_was_never_trained_is_its_text_and_trained_ones_are_more(data, trained):
    # 6111 opens after the training rows: it is in no chart that was trained on.
    codes = data.corpus.catalog.accounts["code"].to_pylist()
    residual = trained.network.residual.weight.detach()
    assert (residual[codes.index("6111")] == 0).all()
    assert (residual[codes.index("1930")] != 0).any()
    fresh = made_up.fresh_network(data)
    assert (fresh.residual.weight == 0).all()


def test_residuals_and_entities_are_dropped_in_training_only(data, monkeypatch):
    monkeypatch.setattr("jet.model.network.RESIDUAL_DROPOUT", 0.5)
    network = made_up.network(data, seed=1)
    inputs = TextInputs.of(data.corpus, data.corpus.account_text)
    rows = torch.arange(len(data.corpus.catalog))
    plain = network.account_table(inputs, rows)
    assert torch.equal(plain, network.account_table(inputs, rows))
    network.train()
    torch.manual_seed(0)
    text = network.account_text(inputs)
    dropped = (network.account_table(inputs, rows) == text).all(1)
    assert 0 < dropped.sum() < len(rows)
    kept = ~dropped
    torch.testing.assert_close(network.account_table(inputs, rows)[dropped & kept], plain[dropped & kept])


def test_an_unknown_entity_is_encoded_as_unknown(data):
    network = made_up.network(data, seed=1)
    batch = made_up.batch_of(data, [0])
    table = made_up.tables(network, data)
    unknown = network.encode(replace(batch, entity=torch.tensor([NOTHING])), table).entry
    assert not torch.equal(unknown, network.encode(batch, table).entry)
    with torch.no_grad():
        network.entity.weight[batch.entity[0]] = network.entity.weight[-1]
    assert torch.equal(unknown, network.encode(batch, table).entry)


def test_masked_softmax_shares_out_one_among_what_is_admitted_and_nothing_where_nothing_is():
    scores = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    mask = torch.tensor([[True, False, True], [False, False, False]])
    result = masked_softmax(scores, mask)
    expected = torch.softmax(torch.tensor([1.0, 3.0]), 0)
    torch.testing.assert_close(result[0], torch.tensor([expected[0], 0.0, expected[1]]))
    assert (result[1] == 0).all()


def test_copying_adds_up_what_neighbors_agree_on():
    weights = torch.tensor([[[0.5, 0.3, 0.2, 0.0]]])
    following = torch.tensor([[[4, 4, 1, NOTHING]]])
    result = copy_distribution(weights, following, 6)
    torch.testing.assert_close(result, torch.tensor([[[0.0, 0.2, 0.0, 0.0, 0.8, 0.0]]]))


def test_the_label_of_a_neighbor_is_the_mean_of_its_lines_without_stop_and_padding():
    tokens = torch.tensor([[[0, 3, 8, NOTHING], [NOTHING] * 4], [[3, 3, 8, NOTHING], [0, 8, NOTHING, NOTHING]]])
    chart = torch.tensor([[1, 0, 2, 3], [2, 3, 0, 1]])
    accounts = torch.tensor([[4.0], [2.0], [10.0], [20.0]])
    sides = torch.tensor([[0.5], [1.5]])
    result = mean_labels(tokens, chart, accounts, sides, stop=8)
    assert result.tolist() == [[[(2.5 + 5.5) / 2], [0.0]], [[21.5], [10.5]]]


@pytest.mark.parametrize(
    ("neighbors", "peers", "columns"),
    [
        (2, 1, [0, 1, 5, 6, 7]),
        (5, 3, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
        (0, 0, [5, 6]),
        (99, 99, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),  # more than there are
    ],
)
def test_the_memory_holds_the_best_similar_ones_all_of_the_latest_and_the_best_peers(neighbors, peers, columns):
    retrieval = RetrievalSettings(neighbors=5, latest=2, peers=3)
    place = np.tile(np.arange(10), (4, 1))
    hits = held_hits(Hits(place, place / 10), ModelSettings(neighbors=neighbors, peers=peers), retrieval)
    assert hits.row.tolist() == [columns] * 4
    assert np.array_equal(hits.similarity, hits.row / 10)


def test_dropout_is_the_same_whichever_columns_hits_were_chosen_from(data):
    # Random numbers are drawn in the order of memory: a transposed batch would get others.
    hits = held_hits(data.hits, data.model, data.retrieval)
    assert hits.row.flags.c_contiguous
    assert hits.similarity.flags.c_contiguous
