"""The losses: the chain rule, and what padding costs (nothing)."""

from __future__ import annotations

import math

import made_up
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from jet.books.tokens import NOTHING
from jet.training.losses import entry_losses
from jet.training.settings import LOSSES, LossSettings

ACCOUNTS = 6
STOP = 2 * ACCOUNTS


def certain(tokens, sure=1.0):
    """log_probs [1, T, 2C + 1] that give `sure` to each of `tokens` and share out the rest."""
    probabilities = torch.full((1, len(tokens), STOP + 1), (1 - sure) / STOP)
    for step, token in enumerate(tokens):
        probabilities[0, step, token] = sure
    return torch.log(probabilities + 1e-9)


def target(*tokens, padded_to=0):
    return torch.tensor([[*tokens, *[NOTHING] * (padded_to - len(tokens))]])


@made_up.NETWORKS
@pytest.mark.parametrize("memory", ["labels", "none"])
def test_pointer_side_and_stop_together_are_the_plain_cross_entropy_of_the_tokens(data, kind, memory):
    network = made_up.network(data, seed=1, kind=kind, memory=memory)
    batch = made_up.batch_of(data, np.concatenate([data.learnable(part) for part in range(3)]))
    with torch.no_grad():
        step = made_up.forced(network, batch, made_up.tables(network, data))
    losses = entry_losses(step.log_probs, batch.target)
    real = batch.target != NOTHING
    plain = torch.nn.functional.cross_entropy(
        step.log_probs.flatten(0, 1), batch.target.flatten(), ignore_index=NOTHING, reduction="none"
    ).view_as(batch.target)
    together = losses["pointer"] + losses["side"] + losses["stop"]
    torch.testing.assert_close(together, (plain * real).sum(1), rtol=1e-4, atol=1e-4)
    for name in ("pointer", "side", "stop"):
        assert (losses[name] > -1e-5).all()
        assert (losses[name] > 0.01).any()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 4), steps=st.integers(1, 5))
def test_the_chain_rule_holds_for_any_distribution(seed, size, steps):
    torch.manual_seed(seed)
    log_probs = torch.log_softmax(3 * torch.randn(size, steps, STOP + 1, dtype=torch.float64), dim=-1)
    lengths = torch.randint(0, steps, (size,))
    tokens = torch.randint(0, STOP, (size, steps))
    place = torch.arange(steps)
    tokens = torch.where(place < lengths[:, None], tokens, NOTHING)
    tokens[torch.arange(size), lengths] = STOP
    losses = entry_losses(log_probs, tokens)
    plain = -log_probs.gather(2, tokens.clamp(min=0).unsqueeze(2)).squeeze(2)
    expected = torch.where(tokens == NOTHING, 0.0, plain).sum(1)
    torch.testing.assert_close(losses["pointer"] + losses["side"] + losses["stop"], expected)


def test_each_loss_is_about_its_own_choice():
    # The debit of account 1 (token 2) is true; half of the mass is on its credit: only the side is open.
    probabilities = torch.zeros(1, 1, STOP + 1)
    probabilities[0, 0, 2] = probabilities[0, 0, 3] = 0.5
    losses = entry_losses(torch.log(probabilities + 1e-9), target(2))
    assert losses["side"].item() == pytest.approx(math.log(2), abs=1e-5)
    assert losses["pointer"].item() == pytest.approx(0, abs=1e-5)
    assert losses["stop"].item() == pytest.approx(0, abs=1e-5)
    # Half on another account's debit: only the pointer.
    probabilities = torch.zeros(1, 1, STOP + 1)
    probabilities[0, 0, 2] = probabilities[0, 0, 6] = 0.5
    losses = entry_losses(torch.log(probabilities + 1e-9), target(2))
    assert losses["pointer"].item() == pytest.approx(math.log(2), abs=1e-5)
    assert losses["side"].item() == pytest.approx(0, abs=1e-5)
    # Half on stop: only stop.
    probabilities = torch.zeros(1, 1, STOP + 1)
    probabilities[0, 0, 2] = probabilities[0, 0, STOP] = 0.5
    losses = entry_losses(torch.log(probabilities + 1e-9), target(2))
    assert losses["stop"].item() == pytest.approx(math.log(2), abs=1e-5)
    assert losses["pointer"].item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_padding_costs_nothing_and_gets_no_gradient(name):
    torch.manual_seed(0)
    log_probs = torch.log_softmax(torch.randn(1, 6, STOP + 1), dim=-1).requires_grad_()
    short = entry_losses(log_probs[:, :3], target(2, 5, STOP))[name]
    padded = entry_losses(log_probs, target(2, 5, STOP, padded_to=6))[name]
    torch.testing.assert_close(padded, short)
    assert (short != 0).all()
    (gradient,) = torch.autograd.grad(padded.sum(), log_probs)
    assert (gradient[:, 3:] == 0).all()
    assert (gradient[:, :3] != 0).any()


def test_a_perfect_model_loses_nothing_in_any_loss():
    for tokens in ([2, 5, STOP], [2, 2, 5, 5, STOP], [0, 1, STOP]):
        losses = entry_losses(certain(tokens), target(*tokens, padded_to=len(tokens)))
        for name in LOSSES:
            assert losses[name].item() == pytest.approx(0, abs=1e-4), (name, tokens)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_no_loss_is_ever_negative_or_infinite(seed):
    torch.manual_seed(seed)
    log_probs = torch.log_softmax(8 * torch.randn(3, 5, STOP + 1), dim=-1)
    tokens = torch.randint(0, STOP, (3, 5))
    tokens[:, -1] = STOP
    losses = entry_losses(log_probs, tokens)
    for name in LOSSES:
        assert torch.isfinite(losses[name]).all()
        assert (losses[name] >= -1e-4).all()


def test_losses_of_a_closed_token_are_huge_but_finite_and_so_are_their_gradients():
    log_probs = certain([2, 5, STOP]).masked_fill(torch.arange(STOP + 1) == 5, -1e9).requires_grad_()
    losses = entry_losses(log_probs, target(2, 5, STOP))
    total = torch.stack([loss.sum() for loss in losses.values()]).sum()
    (gradient,) = torch.autograd.grad(total, log_probs)
    assert torch.isfinite(total)
    assert torch.isfinite(gradient).all()


def test_weights_are_schedules_and_constant_by_default():
    weights = {
        name: [schedule(x) for x in (0.0, 0.5, 1.0)] for name, schedule in LossSettings().schedules().items()
    }
    assert weights == {
        "pointer": [1.0] * 3,
        "side": [1.0] * 3,
        "stop": [1.0] * 3,
    }
    with pytest.raises(ValueError, match=r"losses\.side\.until"):
        LossSettings(side={"form": "linear", "start": 0, "end": 1, "until": 2})
