from __future__ import annotations

import itertools
import math

import made_up
import numpy as np
import pytest
import torch

from jet.model.settings import ModelSettings
from jet.training.optim import CLIP_GROUPS, build_optimizer, clip_gradients, clip_groups, learning_rate
from jet.training.settings import OptimSettings


@made_up.NETWORKS
@pytest.mark.parametrize("memory", ["labels", "texts", "none"])
def test_every_parameter_is_in_exactly_one_clip_group(kind, memory):
    for copy_share, l2_norm, dimension in itertools.product([0.0, 0.8], [True, False], [0, 3]):
        settings = ModelSettings(hidden=4, memory=memory, copy_share=copy_share, l2_norm=l2_norm)
        network = kind(settings, dimension=dimension, buckets=8, entities=2, accounts=5)
        groups = clip_groups(network)
        assert tuple(groups) == CLIP_GROUPS
        placed = [id(parameter) for group in groups.values() for parameter in group]
        assert len(placed) == len(set(placed))
        assert set(placed) == {id(parameter) for parameter in network.parameters()}
        assert all(groups.values())  # none is empty
        assert {id(p) for p in network.head.parameters()} == {id(p) for p in groups["pointer"]}
        decoder = [network.gru, network.out, network.first, *([network.memory] if memory != "none" else [])]
        assert {id(p) for part in decoder for p in part.parameters()} <= {id(p) for p in groups["decoder"]}
        optimized = [id(p) for g in build_optimizer(network, OptimSettings()).param_groups for p in g["params"]]
        assert sorted(optimized) == sorted(placed)


@made_up.NETWORKS
def test_every_parameter_gets_a_gradient_in_training(data, kind):
    # One without would be dead weight: in nobody's loss.
    network = made_up.network(data, kind=kind).train()
    for step in network(*data.step(data.learnable(0)[:64])):
        (-step.log_probs.clamp(min=-20).mean()).backward(retain_graph=True)
    without = [name for name, p in network.named_parameters() if p.grad is None]
    assert without == []


def test_each_group_is_clipped_by_itself_and_norms_are_those_before(data):
    network = made_up.network(data)
    torch.manual_seed(0)
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    groups = clip_groups(network)
    before = {name: math.sqrt(sum(float(p.grad.pow(2).sum()) for p in group)) for name, group in groups.items()}
    limit = sorted(before.values())[1]  # so that one group stays as it is
    norms = clip_gradients(groups, OptimSettings(clip=limit))
    assert norms == pytest.approx(before, rel=1e-4)
    for name, group in groups.items():
        after = math.sqrt(sum(float(p.grad.pow(2).sum()) for p in group))
        assert after == pytest.approx(min(limit, before[name]), rel=1e-4)


def test_matrices_decay_and_vectors_do_not(data):
    network = made_up.network(data)
    decayed, plain = build_optimizer(network, OptimSettings(weight_decay=0.3)).param_groups
    assert decayed["weight_decay"] == 0.3
    assert plain["weight_decay"] == 0.0
    assert all(p.dim() >= 2 for p in decayed["params"])
    assert all(p.dim() < 2 for p in plain["params"])
    assert any(p is network.start for p in plain["params"])


def test_the_learning_rate_rises_then_falls_like_a_cosine():
    settings = OptimSettings(learning_rate=1.0, warmup=0.1, final_share=0.2)
    assert learning_rate(settings, 0.05) == pytest.approx(0.5)
    assert learning_rate(settings, 0.1) == pytest.approx(1.0)
    assert learning_rate(settings, 0.55) == pytest.approx(0.6)
    assert learning_rate(settings, 1.0) == pytest.approx(0.2)
    assert 0 < learning_rate(settings, 0.0) < 0.02
    places = np.linspace(0, 1, 101)
    rates = [learning_rate(settings, place) for place in places]
    assert np.argmax(rates) == 10
    assert (np.diff(rates[:11]) > 0).all()
    assert (np.diff(rates[10:]) < 0).all()


def test_without_warmup_it_starts_at_the_highest():
    assert learning_rate(OptimSettings(learning_rate=1.0, warmup=0.0), 0.0) == 1.0
