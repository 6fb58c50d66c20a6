"""The account-level expert: a score for each line, from the neighbors.

A kernel ridge regression, solved for each entry over its own neighbors: from text (with the similarity of the
retrieval as kernel) to "this account is booked on this side". Other than in a vote, ten
copies of one text count as one, and an account of this text scores higher than one that is frequent in general.
It needs no training and no model for each company, so it works from the first entries on, before sets of lines
repeat.

Saunders, Gammerman and Vovk, "Ridge regression learning algorithm in dual variables", ICML 1998.

Shapes: B entries, M neighbors, L lines, S distinct lines among an entry's neighbors.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.books.tokens import NOTHING
from jet.ranking.evidence import Evidence

_RIDGE = 0.3
_DOUBLING_DAYS = 180.0  # days after which a neighbor's noise has doubled
_PEER = 0.5  # weight of a neighbor of another company
_JOURNAL = 0.15  # added to the similarity where the journal is the same


@dataclass(frozen=True)
class LineScores:
    """The scores of the lines of an entry's neighbors: near 1 for certain, near 0 for unsupported."""

    token: np.ndarray  # int64 [B, S] distinct, best first; padded with NOTHING
    score: np.ndarray  # float64 [B, S]; 0 for padding

    def of(self, tokens: np.ndarray) -> np.ndarray:
        """The scores of `tokens` [B, ...], float64 of the same shape; 0 for a line that no neighbor has."""
        flat = tokens.reshape(len(tokens), -1)
        same = (flat[:, :, None] == self.token[:, None, :]) & (flat != NOTHING)[:, :, None]
        return (same * self.score[:, None, :]).sum(axis=2).reshape(tokens.shape)


def line_scores(evidence: Evidence, kept: int = 24) -> LineScores:
    """The `kept` lines with the highest scores for each entry."""
    weight = np.where(evidence.exists, _ridge_weights(evidence), 0.0)
    size = len(evidence)
    tokens = evidence.lines.reshape(size, -1)
    # A line that a neighbor has twice counts once.
    again = np.zeros(evidence.lines.shape, dtype=bool)
    again[:, :, 1:] = evidence.lines[:, :, 1:] == evidence.lines[:, :, :-1]
    share = np.where(again | (evidence.lines == NOTHING), 0.0, weight[:, :, None]).reshape(size, -1)
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
    """The weight of each neighbor's lines, (K + noise)^-1 k: float64 [B, M]."""
    exists = evidence.exists
    discount = np.where(evidence.same_entity, 1.0, _PEER)
    kernel = evidence.kernel.copy()
    query = (evidence.text_similarity + _JOURNAL * evidence.same_journal) * discount
    between_companies = evidence.same_entity[:, :, None] != evidence.same_entity[:, None, :]
    kernel *= np.where(between_companies, _PEER, 1.0)
    both = exists[:, :, None] & exists[:, None, :]
    kernel = np.where(both, kernel, 0.0)
    noise = _RIDGE * (1 + evidence.age / _DOUBLING_DAYS)
    neighbors = kernel.shape[1]
    kernel[:, np.arange(neighbors), np.arange(neighbors)] += np.where(exists, noise, 1.0)
    return np.linalg.solve(kernel, np.where(exists, query, 0.0)[:, :, None])[:, :, 0]
