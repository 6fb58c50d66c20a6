"""The losses, all computed from one distribution over tokens, so that they mean the same for every network.

By the chain rule the negative log-likelihood of a token splits into stop, pointer and side:

    -log P(token) = -log P(go on) - log P(account | go on) - log P(side | account)
    -log P(stop)  = -log P(stop)

With all three weights at 1 their sum is the cross-entropy of the whole entry. Padding is masked out of every
term.

Shapes: B entries, T tokens with stop, C accounts.
"""

from __future__ import annotations

import torch
from torch import Tensor

from jet.books.tokens import NOTHING

_FLOOR = 1e-9


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
