"""Beam search over sets of lines, a batch of entries at a time.

Beams are the network's step axis: all beams of all entries advance in one call, and texts, accounts and
neighbors are encoded once before. At the first step all beams are the same, so there is one. The network gives
each set of lines in one order only, and stop only where an entry is valid. So finished beams are distinct,
valid sets, and their probabilities need no length penalty. An entry is done when no live beam can score more
than its third best finished one. Its beams don't change after that, so they don't depend on the other entries
of the batch.

Shapes: B entries, W beams, K neighbors, T steps, C accounts.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from jet.books.tokens import NOTHING
from jet.model.batch import Batch
from jet.model.network import Encoded, JetNetwork, Tables
from jet.model.settings import KEPT

DEAD = -1e8
"""Log-probabilities below this are of beams that don't exist."""


@dataclass(frozen=True)
class Decoded:
    """The W best finished sets of each entry, best first."""

    tokens: Tensor  # int64 [B, W, T] local tokens without stop, padded with NOTHING
    log_probs: Tensor  # float32 [B, W]; below DEAD where there is none
    copied: Tensor  # float32 [B, W, K] share of a set's tokens that was copied from each neighbor

    def cpu(self) -> Decoded:
        """The same on the CPU."""
        return Decoded(self.tokens.cpu(), self.log_probs.cpu(), self.copied.cpu())


@dataclass
class _Beams:
    tokens: Tensor  # [B, W, T]
    log_probs: Tensor  # [B, W]
    copied: Tensor  # [B, W, K] tokens copied from each neighbor, summed over the steps


class _Required:
    """Keeps beams to sets with required lines.

    A set is written in the order of its tokens, so none may be passed that is still required, and no set ends
    before all are written.
    """

    def __init__(self, tokens: Tensor, rank: Tensor) -> None:
        self.tokens = F.pad(tokens, (0, 1), value=NOTHING)  # [B, R + 1], in order
        self.rank = rank  # [B, 2C]
        self.counts = (tokens != NOTHING).sum(1, keepdim=True)  # [B, 1]
        on_credit = (tokens % 2 == 1) & (tokens != NOTHING)
        self.reserve = 1 - on_credit.any(1, keepdim=True).long()  # a credit comes after all debits
        self.written = torch.zeros_like(self.counts)  # [B, W] how many of them a beam has

    def _next(self) -> Tensor:
        return self.tokens.gather(1, self.written)

    def only_allowed(self, scores: Tensor, room: int) -> Tensor:
        """`scores` [B, W, 2C + 1] without tokens that lead to no set with all required lines, where there is
        `room` for so many lines."""
        following = self._next().unsqueeze(2)
        left = (self.counts - self.written).unsqueeze(2)
        stop = self.rank.shape[1]
        last = self.rank.unsqueeze(1).gather(2, following.clamp(0).clamp(max=stop - 1).mT).mT
        allowed = (self.rank.unsqueeze(1) <= last) | (left == 0)
        is_next = torch.arange(stop, device=scores.device) == following
        allowed &= is_next | (left == 0) | (left + self.reserve.unsqueeze(2) < room)
        allowed = torch.cat([allowed, left == 0], dim=2)
        return scores.masked_fill(~allowed, 3 * DEAD)

    def grow(self, parent: Tensor, token: Tensor) -> None:
        """Follow the beams [B, W] to their continuations."""
        self.written = self.written.gather(1, parent)
        self.written = self.written + (self._next() == token)


def beam_search(network: JetNetwork, encoded: Encoded, width: int, required: Tensor | None = None) -> Decoded:
    """The best sets of lines of each entry. `network` must be in eval mode.

    All sets have the lines `required` int64 [B, R], local tokens in order, padded with NOTHING; their
    log-probabilities are the same as without.
    """
    batch, longest = encoded.batch, network.settings.max_lines
    size, neighbors = batch.neighbor_row.shape
    stop, device = batch.stop, batch.rank.device
    live = _beams(size, 1, longest, neighbors, device)
    live.log_probs[:] = 0.0
    done = _beams(size, width, longest, neighbors, device)
    hidden = encoded.hidden  # [B * W, H], with one beam at first
    prefix = (batch.neighbor_row != NOTHING).unsqueeze(1)
    previous = torch.full((size, 1), NOTHING, device=device)
    needed = None if required is None else _Required(required, batch.rank)
    open_rows = torch.ones(size, dtype=torch.bool, device=device)
    tokens = batch.neighbor_tokens
    for step in range(longest + 1):
        states, hidden = _advance(network, encoded, previous, hidden)
        none = torch.full_like(batch.neighbor_row, NOTHING)
        following = tokens[:, :, step] if step < tokens.shape[2] else none
        following = following.unsqueeze(1).expand(-1, previous.shape[1], -1)
        result = network.distribution(encoded, states, previous, prefix, following)
        scores = live.log_probs.unsqueeze(2) + result.log_probs
        if needed is not None:
            scores = needed.only_allowed(scores, longest - step)
        mass = result.copied * result.copy_share  # [B, W, K] of each neighbor's next token, by the copy

        _finish(done, live, scores[..., stop], mass * (following == stop), open_rows)
        if step == longest:
            break
        if step == longest - 1:  # a set without a credit by now can't become valid
            scores[..., 0:stop:2] = 3 * DEAD
        parent, token = _grow(live, scores[..., :stop], step, width)
        if needed is not None:
            needed.grow(parent, token)
        chosen = _pick(following, parent)
        match = chosen == token.unsqueeze(2)
        live.copied = _pick(live.copied, parent) + _pick(mass, parent) * match
        prefix = _pick(prefix, parent) & match
        hidden = _pick(hidden.unflatten(0, (size, -1)), parent).flatten(0, 1)
        previous = token
        open_rows = open_rows & (live.log_probs[:, 0] > done.log_probs[:, KEPT - 1 if width >= KEPT else -1])
        if not bool(open_rows.any()):
            break
    lengths = (done.tokens != NOTHING).sum(-1, keepdim=True) + 1
    return Decoded(done.tokens, done.log_probs, done.copied / lengths)


def score_sets(network: JetNetwork, encoded: Encoded, tokens: Tensor) -> Tensor:
    """float32 [B, W]: the log-probability of each of the sets `tokens` [B, W, T], local and in order.

    It is that of `beam_search`, where that finishes the set. Below `DEAD` where there is no set.
    """
    batch = encoded.batch
    size, width, longest = tokens.shape
    lengths = (tokens != NOTHING).sum(-1)
    hidden = encoded.hidden
    prefix = (batch.neighbor_row != NOTHING).unsqueeze(1)
    previous = torch.full((size, 1), NOTHING, device=tokens.device)
    total = torch.zeros(size, width, device=tokens.device)
    for step in range(int(lengths.max()) + 1):
        states, hidden = _advance(network, encoded, previous, hidden)
        following = batch.neighbor_tokens[:, :, step] if step < batch.neighbor_tokens.shape[2] else None
        if following is None:
            following = torch.full_like(batch.neighbor_row, NOTHING)
        following = following.unsqueeze(1).expand(-1, previous.shape[1], -1)
        result = network.distribution(encoded, states, previous, prefix, following)
        token = tokens[:, :, step] if step < longest else torch.full_like(previous, NOTHING)
        token = torch.where(lengths == step, batch.stop, token)
        log_probs = result.log_probs.expand(-1, width, -1)
        of_token = log_probs.gather(2, token.clamp(min=0).unsqueeze(2)).squeeze(2)
        total = total + torch.where(step <= lengths, of_token, 0.0)
        prefix = prefix & (following == token.unsqueeze(2))
        if step == 0:
            hidden = hidden.repeat_interleave(width, 0)
        previous = torch.where(token == batch.stop, NOTHING, token)
    return torch.where(lengths > 0, total, 2 * DEAD)


def exact_matches(network: JetNetwork, batch: Batch, tables: Tables, width: int) -> Tensor:
    """bool [B]: whether the best set of lines by beam search is exactly `batch.target`."""
    decoded = beam_search(network, network.encode(batch, tables), width)
    best = decoded.tokens[:, 0]
    true = torch.where(batch.target == batch.stop, NOTHING, batch.target)
    missing = best.shape[1] - true.shape[1]
    true = F.pad(true, (0, missing), value=NOTHING) if missing > 0 else true[:, : best.shape[1]]
    return (best == true).all(1) & (decoded.log_probs[:, 0] > DEAD)


def _beams(size: int, width: int, longest: int, neighbors: int, device: torch.device) -> _Beams:
    return _Beams(
        tokens=torch.full((size, width, longest), NOTHING, device=device),
        log_probs=torch.full((size, width), 2 * DEAD, device=device),
        copied=torch.zeros(size, width, neighbors, device=device),
    )


def _advance(network: JetNetwork, encoded: Encoded, previous: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """One GRU step of all beams: states [B, W, H] and hidden [B * W, H]."""
    size, width = previous.shape
    vectors = network.token_inputs(encoded, previous).flatten(0, 1).unsqueeze(1)
    states, last = network.gru(vectors, hidden.unsqueeze(0).contiguous())
    return states.squeeze(1).unflatten(0, (size, width)), last.squeeze(0)


def _finish(done: _Beams, live: _Beams, scores: Tensor, mass: Tensor, rows: Tensor) -> None:
    """Merge the beams that stop here into the finished ones, for the rows that are still open."""
    width = done.log_probs.shape[1]
    scores = torch.where(rows.unsqueeze(1), scores, 3 * DEAD)
    both = torch.cat([done.log_probs, scores], dim=1)
    best, index = both.topk(width, dim=1)
    tokens = torch.cat([done.tokens, live.tokens], dim=1)
    copied = torch.cat([done.copied, live.copied + mass], dim=1)
    done.log_probs, done.tokens, done.copied = best, _pick(tokens, index), _pick(copied, index)


def _grow(live: _Beams, scores: Tensor, step: int, width: int) -> tuple[Tensor, Tensor]:
    """Extend `live` to its `width` best continuations, or all there are; returns their parents and tokens [B,
    W]."""
    beams, tokens = scores.shape[1:]
    live.log_probs, flat = scores.flatten(1).topk(min(width, beams * tokens), dim=1)
    parent, token = flat // tokens, flat % tokens
    grown = _pick(live.tokens, parent)
    grown[:, :, step] = token
    live.tokens = grown
    return parent, token


def _pick(values: Tensor, index: Tensor) -> Tensor:
    """[B, V, X]: `values` [B, W, X] at `index` [B, V] of the beam axis."""
    return values.gather(1, index.unsqueeze(2).expand(-1, -1, values.shape[2]))
