"""Heads: a distribution over the tokens of an entry's chart, from the decoder's state.

Both give logits over the same tokens (2 * account + side, then stop), so losses and decoding don't care
which one is in use. `JointHead` is the recipe's: one softmax over (account, side) pairs and stop, which
beat separate heads by 4 to 7 points in our trials. `SeparateHeads` is the ancestor's: pointer, side and
stop each by itself; their product is a distribution over the same tokens.

With L2 norm the logits are cosines times one learned scale. On cosines a scale of 1 can't do better than
ln(1 + (C - 1) e^-2) nats, 4.37 for C = 580 accounts: hence its start at 10 (Ramachandran-style temperature
and "scale" are this same one number).

Shapes: B entries, S steps (or beams), C accounts, H hidden.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SCALE_START = 10.0


class Pointer(nn.Module):
    """Scores of accounts for a state: scaled cosine, or a plain dot product without `l2_norm`."""

    def __init__(self, hidden: int, l2_norm: bool, tanh_clip: float | None) -> None:
        super().__init__()
        self.l2_norm = l2_norm
        self.tanh_clip = tanh_clip
        self.query = nn.Linear(hidden, hidden)
        if l2_norm:
            self.log_scale = nn.Parameter(torch.tensor(SCALE_START).log())

    def forward(self, state_BSH: Tensor, keys_BCH: Tensor) -> Tensor:
        """[B, S, C] logits; `keys` as the head's `keys` made them."""
        return self.logits(self.queries(state_BSH), keys_BCH)

    def queries(self, state_BSH: Tensor) -> Tensor:
        """[B, S, H] what is compared with the accounts' keys."""
        query = self.query(state_BSH)
        return F.normalize(query, dim=-1) * self.log_scale.exp() if self.l2_norm else query

    def logits(self, queries_BSH: Tensor, keys_BCH: Tensor) -> Tensor:
        """[B, S, C] of queries that were made before."""
        # In this order the gradient of the keys, the largest tensor of all, comes out as it lies in memory.
        logits = (keys_BCH @ queries_BSH.transpose(1, 2)).transpose(1, 2)
        return logits if self.tanh_clip is None else self.tanh_clip * torch.tanh(logits / self.tanh_clip)


class Head(nn.Module):
    """What both heads share: how accounts' vectors become the pointer's keys."""

    def __init__(self, l2_norm: bool) -> None:
        super().__init__()
        self.l2_norm = l2_norm

    def keys(self, accounts_UH: Tensor) -> Tensor:
        """[U, H] accounts as the pointer compares them."""
        return F.normalize(accounts_UH, dim=-1) if self.l2_norm else accounts_UH


class JointHead(Head):
    """One softmax over (account, side) and stop; each side has a query of its own."""

    def __init__(self, hidden: int, l2_norm: bool, tanh_clip: float | None) -> None:
        super().__init__(l2_norm)
        self.sides = nn.ModuleList(Pointer(hidden, l2_norm, tanh_clip) for _ in range(2))
        self.stop = nn.Linear(hidden, 1)

    def forward(self, state_BSH: Tensor, keys_BCH: Tensor, open_BC: Tensor) -> Tensor:  # noqa: ARG002
        """[B, S, 2C + 1] logits; `open`, whether an account may be used at all, is the caller's to apply."""
        # Both sides in one product: the keys, the largest tensor of all, are read once.
        queries = torch.cat([side.queries(state_BSH) for side in self.sides], dim=1)  # type: ignore[operator]
        debit, credit = self.sides[0].logits(queries, keys_BCH).chunk(2, dim=1)  # type: ignore[operator]
        pairs = torch.stack([debit, credit], dim=-1).flatten(2)
        return torch.cat([pairs, self.stop(state_BSH)], dim=-1)

    def scale(self) -> float:
        """The mean learned scale, for logging; 1 without L2 norm."""
        scales = [side.log_scale.exp().item() for side in self.sides if side.l2_norm]  # type: ignore[operator]
        return sum(scales) / len(scales) if scales else 1.0


class SeparateHeads(Head):
    """The ancestor's heads: which account, which side, stop or not, each decided by itself."""

    def __init__(self, hidden: int, l2_norm: bool, tanh_clip: float | None) -> None:
        super().__init__(l2_norm)
        self.account = Pointer(hidden, l2_norm, tanh_clip)
        self.side = nn.Linear(hidden, 2)
        self.stop = nn.Linear(hidden, 1)

    def forward(self, state_BSH: Tensor, keys_BCH: Tensor, open_BC: Tensor) -> Tensor:
        """[B, S, 2C + 1] logits (log-probabilities before tokens that may not follow are masked).

        Accounts share out their softmax among the `open` ones, or a padded chart would make stop likelier.
        """
        scores = self.account(state_BSH, keys_BCH)
        scores = scores.masked_fill(~open_BC.unsqueeze(1), torch.finfo(scores.dtype).min)
        account = torch.log_softmax(scores, dim=-1)
        side = torch.log_softmax(self.side(state_BSH), dim=-1)
        stop = self.stop(state_BSH)
        pairs = (account.unsqueeze(-1) + side.unsqueeze(2)).flatten(2) + F.logsigmoid(-stop)
        return torch.cat([pairs, F.logsigmoid(stop)], dim=-1)

    def scale(self) -> float:
        """The learned scale, for logging; 1 without L2 norm."""
        return self.account.log_scale.exp().item() if self.account.l2_norm else 1.0
