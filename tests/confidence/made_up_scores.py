"""Scores of made-up candidates, and which of them are right."""

from __future__ import annotations

import numpy as np

from jet.confidence.scores import Scores


def log_softmax(logits):
    return (
        logits
        - np.log(np.exp(logits - logits.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True))
        - (logits.max(axis=1, keepdims=True))
    )


def made_up_scores(rows=300, width=5, seed=0, ranker=1.0, decoder=1.0, none=0.1):
    """Scores of two parts that know the truth as well as they are said to, and the truth."""
    draw = np.random.default_rng(seed)
    exists = np.arange(width) < draw.integers(1, width + 1, rows)[:, None]
    right = np.where(draw.random(rows) < none, width, (draw.random(rows) * exists.sum(axis=1)).astype(int))
    true = np.arange(width + 1) == right[:, None]
    some = np.concatenate([exists, np.ones((rows, 1), bool)], axis=1)
    ranked, decoded = (
        log_softmax(np.where(some, known * 4.0 * true + draw.normal(size=true.shape), -1e9))
        for known in (ranker, decoder)
    )
    scores = Scores(
        exists=exists,
        ranked=np.where(exists, ranked[:, :-1], -np.inf).astype(np.float32),
        none=ranked[:, -1].astype(np.float32),
        asked=draw.random(rows) < 0.5,
        decoded=np.where(exists, decoded[:, :-1], -2e8).astype(np.float32),
        support=np.where(exists, draw.random(exists.shape), 0).astype(np.float32),
        text_share=np.where(exists, draw.random(exists.shape), 0).astype(np.float32),
        similarity=draw.random(rows).astype(np.float32),
        same_text=draw.random(rows).astype(np.float32),
        guess=np.zeros(exists.shape, dtype=bool),
        lines=np.where(exists, np.uint64(1) << np.arange(width, dtype=np.uint64), np.uint64(0)),
    )
    return scores, right
