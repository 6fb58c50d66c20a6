"""The memory: an entry's neighbors, to attend to, and what they were *booked to*, to copy from.

A neighbor's value is its text and how it relates to the entry; with labels, also the mean of its lines' account
vectors. At step t attention looks at every neighbor's t-th line; a neighbor whose first t lines are the ones
already written (`prefix`) starts far ahead. A memory of neighbors' texts without the copy, as the ancestor had
it, brings nothing; the copy brings 13 points of exact match, and labels nothing beside it
(docs/ablations.md).

Shapes: B entries, S steps (or beams), K neighbors, L tokens of a neighbor, C accounts, H hidden.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from jet.books.tokens import NOTHING
from jet.model.neighbor_features import NEIGHBOR_FEATURES

PREFIX_START = 4.0
"""Where the learned weight of a matching prefix starts, in nats."""
NEIGHBOR_DROPOUT = 0.15
"""Share of neighbors hidden at random while training. That of our trials; no figure speaks for another one."""


class NeighborMemory(nn.Module):
    """Attention over neighbors, and the distribution that copies their lines."""

    def __init__(self, hidden: int, with_labels: bool, drops: bool) -> None:
        super().__init__()
        self.with_labels = with_labels
        self.drops = drops
        self.text = nn.Linear(hidden, hidden)
        if with_labels:
            self.label = nn.Linear(hidden, hidden)
        self.relation = nn.Linear(NEIGHBOR_FEATURES, hidden)
        self.norm = nn.LayerNorm(hidden)
        self.key = nn.Linear(hidden, hidden)
        self.query = nn.Linear(hidden, hidden)
        self.relation_score = nn.Sequential(nn.Linear(NEIGHBOR_FEATURES, 32), nn.GELU(), nn.Linear(32, 1))
        self.prefix_score = nn.Parameter(torch.tensor(PREFIX_START))

    def values(self, text_BKH: Tensor, label_BKH: Tensor | None, features_BKF: Tensor) -> Tensor:
        """[B, K, H] what the memory holds of each neighbor; labels are left out where it is made without."""
        value = self.text(text_BKH) + self.relation(features_BKF)
        if label_BKH is not None:
            value = value + self.label(label_BKH)
        return self.norm(F.gelu(value))

    def drop(self, present_BK: Tensor) -> Tensor:
        """`present`, with neighbors dropped at random while training, unless it is made to drop none."""
        if not (self.training and self.drops):
            return present_BK
        return present_BK & (torch.rand_like(present_BK, dtype=torch.float32) >= NEIGHBOR_DROPOUT)

    def scores(self, state_BSH: Tensor, values_BKH: Tensor, features_BKF: Tensor, prefix_BSK: Tensor) -> Tensor:
        """[B, S, K] attention logits."""
        query, key = self.query(state_BSH), self.key(values_BKH)
        content = query @ key.transpose(1, 2) / math.sqrt(query.shape[-1])
        relation = self.relation_score(features_BKF).squeeze(-1).unsqueeze(1)
        return content + relation + self.prefix_score * prefix_BSK


def masked_softmax(scores: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the last axis among what `mask` admits; all zero where it admits nothing."""
    scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
    return torch.softmax(scores, dim=-1) * mask


def copy_distribution(weights_BSK: Tensor, next_BSK: Tensor, tokens: int) -> Tensor:
    """[B, S, tokens] the mass that each token gets when neighbors' next tokens are copied."""
    shape = (*weights_BSK.shape[:2], tokens)
    index = next_BSK.clamp(min=0)
    return torch.zeros(shape, dtype=weights_BSK.dtype, device=weights_BSK.device).scatter_add(
        2, index, weights_BSK
    )


def mean_labels(
    tokens_BKL: Tensor, chart_BC: Tensor, accounts_UH: Tensor, sides_2H: Tensor, stop: int
) -> Tensor:
    """[B, K, H] the mean vector of each neighbor's lines: its account's, `chart` says which, plus its side's.

    Only lines that are there are looked up: most neighbors have two or three, and the longest decides L.
    """
    is_line = (tokens_BKL != NOTHING) & (tokens_BKL != stop)
    count = is_line.sum(2)
    token = tokens_BKL[is_line]
    entry = torch.arange(len(tokens_BKL), device=token.device).repeat_interleave(count.sum(1))
    rows = chart_BC[entry, token // 2]
    offsets = count.flatten().cumsum(0) - count.flatten()
    sums = F.embedding_bag(rows, accounts_UH, offsets, mode="sum").view(*count.shape, accounts_UH.shape[-1])
    credits = (is_line & (tokens_BKL % 2 == 1)).sum(2)
    per_side = torch.stack([count - credits, credits], dim=-1).to(sums.dtype)
    return (sums + per_side @ sides_2H) / count.clamp(min=1).unsqueeze(-1)
