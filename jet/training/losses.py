"""The losses, all computed from one distribution over tokens, so that they mean the same for every network.

By the chain rule the negative log-likelihood of a token splits into stop, pointer and side:

    -log P(token) = -log P(go on) - log P(account | go on) - log P(side | account)
    -log P(stop)  = -log P(stop)

With all three weights at 1 their sum is the cross-entropy of the whole entry. Padding is masked out of every
term.

Shapes: B entries, T tokens with stop, C accounts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from torch import Tensor

from jet.books.tokens import NOTHING
from jet.training.schedules import Schedule, build_schedule

LOSSES = ("pointer", "side", "stop")
_FLOOR = 1e-9


class LossScaling(Protocol):
    """Rescales the weights of the losses by the losses so far; part of a training's state."""

    def scaled(self, weights: Mapping[str, float]) -> dict[str, float]:
        """The rescaled weights for the next step."""

    def observe(self, losses: Mapping[str, float]) -> None:
        """Record a step's unweighted mean losses per entry over all ranks, by name."""

    def state(self) -> dict[str, Any]:
        """The state for a checkpoint."""

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""


@dataclass(kw_only=True)
class LossSettings:
    """The weight of each loss: a number, or a schedule over the training (see `jet.training.schedules`)."""

    pointer: float | dict = field(default=1.0)
    """Loss of which account comes next."""
    side: float | dict = field(default=1.0)
    """Loss of debit or credit, given the account."""
    stop: float | dict = field(default=1.0)
    """Loss of whether the entry ends."""

    def __post_init__(self) -> None:
        self.schedules()

    def schedules(self) -> dict[str, Schedule]:
        """The schedule of each loss by name. Raises `ValueError` where one can't be built."""
        return {name: build_schedule(getattr(self, name), f"losses.{name}") for name in LOSSES}

    def scaling(self) -> LossScaling | None:
        """None: the weights aren't rescaled.

        A method, so that `jet.experiments` can override it to measure the ancestor's scaling; no setting does.
        """
        return None


def entry_losses(log_probs: Tensor, target: Tensor) -> dict[str, Tensor]:
    """The losses per entry, [B] by name, from `log_probs` [B, T, 2C + 1] and the padded `target` [B, T]."""
    stop = log_probs.shape[-1] - 1
    real = target != NOTHING
    is_stop = target == stop
    is_line = real & ~is_stop
    token = target.clamp(min=0)
    account_pair = torch.where(is_line, token // 2 * 2, 0)
    log_token = log_probs.gather(2, token.unsqueeze(2)).squeeze(2)
    log_pair = torch.logaddexp(
        log_probs.gather(2, account_pair.unsqueeze(2)), log_probs.gather(2, account_pair.unsqueeze(2) + 1)
    ).squeeze(2)
    log_go = torch.log((1 - log_probs[..., stop].exp()).clamp(min=_FLOOR))
    parts = {
        "pointer": torch.where(is_line, log_go - log_pair, 0.0),
        "side": torch.where(is_line, log_pair - log_token, 0.0),
        "stop": torch.where(is_stop, -log_token, torch.where(is_line, -log_go, 0.0)),
    }
    return {name: part.sum(1) for name, part in parts.items()}
