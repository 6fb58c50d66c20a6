"""The head: a distribution over the tokens of an entry's chart, from the decoder's state.

It gives logits over the tokens 2 * account + side, then stop: one softmax over (account, side) pairs and stop,
which beat separate heads (`jet.evaluation.baselines.ancestor`) by 4 to 7 points in our trials.

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

    def __init__(self, hidden: int, l2_norm: bool) -> None:
        super().__init__()
        self.l2_norm = l2_norm
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
        return (keys_BCH @ queries_BSH.transpose(1, 2)).transpose(1, 2)

    def scale(self) -> float:
        """The learned scale, for logging; 1 without L2 norm."""
        return self.log_scale.exp().item() if self.l2_norm else 1.0


class JointHead(nn.Module):
    """One softmax over (account, side) and stop; each side has a query of its own."""

    def __init__(self, hidden: int, l2_norm: bool) -> None:
        super().__init__()
        self.l2_norm = l2_norm
        self.sides = nn.ModuleList(Pointer(hidden, l2_norm) for _ in range(2))
        self.stop = nn.Linear(hidden, 1)

    def keys(self, accounts_UH: Tensor) -> Tensor:
        """[U, H] accounts as the pointer compares them."""
        return F.normalize(accounts_UH, dim=-1) if self.l2_norm else accounts_UH

    def forward(self, state_BSH: Tensor, keys_BCH: Tensor, open_BC: Tensor) -> Tensor:  # noqa: ARG002
        """[B, S, 2C + 1] logits; `open`, whether an account may be used at all, is the caller's to apply."""
        # Both sides in one product: the keys, the largest tensor of all, are read once.
        queries = torch.cat([side.queries(state_BSH) for side in self.sides], dim=1)  # type: ignore[operator]
        debit, credit = self.sides[0].logits(queries, keys_BCH).chunk(2, dim=1)  # type: ignore[operator]
        pairs = torch.stack([debit, credit], dim=-1).flatten(2)
        return torch.cat([pairs, self.stop(state_BSH)], dim=-1)

    def scale(self) -> float:
        """The mean learned scale of both sides, for logging; 1 without L2 norm."""
        debit, credit = (side.scale() for side in self.sides)  # type: ignore[operator]
        return (debit + credit) / 2
