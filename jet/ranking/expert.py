"""The account-level expert: for every line by itself, how much the neighbors say for it.

A kernel ridge regression, solved anew for each entry over its own neighbors: from text (the similarity that
retrieval uses) to "this account, on this side, is booked". Against a vote it has two advantages: ten copies
of one text count as one, and what speaks for an account in general is told from what speaks for it in this
text. It needs no model for each company and no training, so it works from the first entries on, where whole
sets of lines haven't repeated yet.

Saunders, Gammerman and Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998.

Shapes: B entries, M neighbors, L lines, S distinct lines among an entry's neighbors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.books.tokens import NOTHING
from jet.ranking.evidence import Evidence

_RIDGE = 0.3
_FORGETS = 180.0  # days in which a neighbor's noise doubles
_PEER = 0.5  # what a neighbor of another company counts, beside one's own
_JOURNAL = 0.15


@dataclass(frozen=True)
class LineScores:
    """How much speaks for each line: about 1 for surely, 0 for not at all."""

    token: np.ndarray  # int64 [B, S] distinct, best first; NOTHING where there are fewer
    score: np.ndarray  # float64 [B, S]; 0 where there is none

    def of(self, tokens: np.ndarray) -> np.ndarray:
        """float64: the score of each of `tokens` [B, ...]; 0 for lines that no neighbor has."""
        flat = tokens.reshape(len(tokens), -1)
        same = (flat[:, :, None] == self.token[:, None, :]) & (flat != NOTHING)[:, :, None]
        return (same * self.score[:, None, :]).sum(axis=2).reshape(tokens.shape)


def line_scores(evidence: Evidence, kept: int = 24) -> LineScores:
    """The `kept` lines that most speaks for, of each entry."""
    weight = _ridge_weights(evidence)
    present = np.where(evidence.there, weight, 0.0)
    size = len(evidence)
    tokens = evidence.lines.reshape(size, -1)
    # A line that a neighbor has twice is one line here: the number of lines is others' business.
    again = np.zeros(evidence.lines.shape, dtype=bool)
    again[:, :, 1:] = evidence.lines[:, :, 1:] == evidence.lines[:, :, :-1]
    share = np.where(again | (evidence.lines == NOTHING), 0.0, present[:, :, None]).reshape(size, -1)
    order = np.argsort(tokens, axis=1, kind="stable")
    tokens, share = np.take_along_axis(tokens, order, 1), np.take_along_axis(share, order, 1)
    first = np.ones(tokens.shape, dtype=bool)
    first[:, 1:] = tokens[:, 1:] != tokens[:, :-1]
    group = np.cumsum(first, axis=1) - 1 + np.arange(size)[:, None] * tokens.shape[1]
    score = np.bincount(group.ravel(), share.ravel(), size * tokens.shape[1]).reshape(tokens.shape)
    token = np.full(tokens.size, NOTHING)
    token[group[first]] = tokens[first]
    token = token.reshape(tokens.shape)
    score = np.where(token == NOTHING, -np.inf, score)
    best = np.argsort(-score, axis=1, kind="stable")[:, :kept]
    token, score = np.take_along_axis(token, best, 1), np.take_along_axis(score, best, 1)
    return LineScores(token, np.where(np.isfinite(score), score, 0.0))


def _ridge_weights(evidence: Evidence) -> np.ndarray:
    """float64 [B, M]: alpha = (K + noise)^-1 k, the weight that each neighbor's lines get."""
    there = evidence.there
    discount = np.where(evidence.own, 1.0, _PEER)
    kernel = evidence.kernel.copy()
    asked = (evidence.likeness + _JOURNAL * evidence.same_journal) * discount
    strange = evidence.own[:, :, None] != evidence.own[:, None, :]
    kernel *= np.where(strange, _PEER, 1.0)
    both = there[:, :, None] & there[:, None, :]
    kernel = np.where(both, kernel, 0.0)
    noise = _RIDGE * (1 + evidence.age / _FORGETS)
    neighbors = kernel.shape[1]
    kernel[:, np.arange(neighbors), np.arange(neighbors)] += np.where(there, noise, 1.0)
    return np.linalg.solve(kernel, np.where(there, asked, 0.0)[:, :, None])[:, :, 0]
