from __future__ import annotations

import math

import made_up
import pytest
import torch
from torch.nn import functional as F

from jet.evaluation.baselines.ancestor import SeparateHeads
from jet.model.pointer import SCALE_START, JointHead, Pointer


def test_with_l2_norm_the_logits_are_cosines_times_one_learned_scale_that_starts_at_ten():
    pointer = Pointer(8, l2_norm=True)
    state, keys = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    logits = pointer(state, F.normalize(keys, dim=-1))
    cosines = F.cosine_similarity(pointer.query(state).unsqueeze(2), keys.unsqueeze(1), dim=-1)
    torch.testing.assert_close(logits, SCALE_START * cosines)
    with torch.no_grad():
        pointer.log_scale.fill_(math.log(3.0))
    torch.testing.assert_close(pointer(state, F.normalize(keys, dim=-1)), 3 * cosines)


def test_at_scale_ten_the_cross_entropy_can_come_near_zero_and_at_scale_one_it_cannot():
    best = {scale: math.log(1 + 579 * math.exp(-2 * scale)) for scale in (1, SCALE_START)}
    assert best[1] == pytest.approx(4.37, abs=0.01)
    assert best[SCALE_START] < 1e-5


def test_without_l2_norm_it_is_a_dot_product():
    pointer = Pointer(8, l2_norm=False)
    state, keys = torch.randn(2, 3, 8), torch.randn(2, 5, 8)
    torch.testing.assert_close(pointer(state, keys), pointer.query(state) @ keys.transpose(1, 2))
    assert not hasattr(pointer, "log_scale")


def test_the_joint_head_lays_out_debit_and_credit_of_each_account_then_stop():
    head = JointHead(8, l2_norm=True)
    state, keys = torch.randn(2, 3, 8), head.keys(torch.randn(2, 5, 8))
    logits = head(state, keys, torch.ones(2, 5, dtype=torch.bool))
    assert logits.shape == (2, 3, 11)
    torch.testing.assert_close(logits[..., 0:10:2], head.sides[0](state, keys))
    torch.testing.assert_close(logits[..., 1:10:2], head.sides[1](state, keys))
    torch.testing.assert_close(logits[..., 10:], head.stop(state))


@pytest.mark.parametrize("head", [JointHead, SeparateHeads])
def test_the_scale_that_is_logged_is_the_learned_one(head):
    assert head(8, True).scale() == pytest.approx(SCALE_START)
    assert head(8, False).scale() == 1.0


@made_up.NETWORKS
def test_both_heads_give_probability_to_stop_as_they_are_told(data, kind):
    network = made_up.network(data, seed=1, kind=kind, memory="none")
    batch = made_up.batch_of(data, data.learnable(0)[:8])
    ends = (batch.target == batch.stop).int().argmax(1)
    said = {}
    for bias in (-3.0, 3.0):
        with torch.no_grad():
            network.head.stop.bias.fill_(bias)
            step = made_up.forced(network, batch, made_up.tables(network, data))
        said[bias] = step.log_probs[torch.arange(8), ends, batch.stop]
    assert (said[3.0] > said[-3.0]).all()


def test_accounts_that_are_not_open_take_nothing_from_stop():
    torch.manual_seed(0)
    head = SeparateHeads(8, l2_norm=True)
    state, keys = torch.randn(2, 3, 8), head.keys(torch.randn(2, 5, 8))
    few = torch.tensor([[True, True, False, False, False]] * 2)
    logits = head(state, keys, few)
    alone = head(state, keys[:, :2], few[:, :2])
    torch.testing.assert_close(logits[..., :4], alone[..., :4])
    torch.testing.assert_close(logits[..., -1], alone[..., -1])
    torch.testing.assert_close(alone.exp().sum(-1), torch.ones(2, 3))  # account, side and stop make one whole
