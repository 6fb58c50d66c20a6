"""The ranker's features of each candidate, computed by the same code for training and prediction.

Every feature comes from an entry's evidence, from counts over strictly earlier entries, or from the names of
the candidate's accounts. None uses the entry's lines or anything later; a property test checks that.

Shapes: B entries, D candidates, M neighbors, L lines, F features.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jet.books.tokens import NOTHING, set_key
from jet.ranking.candidates import PROPOSERS, Candidates, name_shares, side_of
from jet.ranking.evidence import Evidence
from jet.ranking.expert import LineScores
from jet.ranking.statistics import Statistics
from jet.retrieval.products import products
from jet.retrieval.similarity import BATCH

_CLOSE = 5.0  # exp(5 similarity): distant neighbors still have weight
_HALVES = ("close", "sharp", "text", "masked", "journal", "recent", "amount")
"""The kinds of vote that neighbors give to each side of a candidate alone."""
_SHARP = 20.0  # exp(20 similarity): the nearest neighbors have nearly all weight


def ranking_features(
    statistics: Statistics, evidence: Evidence, scores: LineScores, candidates: Candidates
) -> dict[str, np.ndarray]:
    """float64 [B, D] each: the features by name; those of the entry are the same for all its candidates."""
    tokens = candidates.tokens
    is_line = tokens != NOTHING
    lines = np.maximum(is_line.sum(axis=2), 1)
    same = (candidates.key[:, :, None] == evidence.key[:, None, :]) & evidence.exists[:, None, :]
    features: dict[str, np.ndarray] = {}
    weights = _weights(evidence)
    features |= {f"votes_{name}": _share(same, weight) for name, weight in weights.items()}
    features |= _places(evidence, same)
    for name, side in (("debit", 0), ("credit", 1)):
        candidate_half = set_key(side_of(tokens, side))
        neighbor_half = set_key(side_of(evidence.lines, side))
        matches = (candidate_half[:, :, None] == neighbor_half[:, None, :]) & evidence.exists[:, None, :]
        for kind in _HALVES:
            features[f"{name}_{kind}"] = _share(matches, weights[kind])
    features |= _line_figures(scores, tokens, is_line, lines)
    features |= _history(statistics, evidence, candidates, is_line)
    features |= _words(statistics, evidence, tokens, is_line)
    shape = candidates.key.shape
    features["lines"] = np.log(lines)
    features["debits"] = ((tokens % 2 == 0) & is_line).sum(axis=2) / lines
    for number, name in enumerate(PROPOSERS):
        features[f"by_{name}"] = candidates.proposer == number
    of_entry = {
        "history": np.log1p(evidence.earlier) / 8,
        "nearest": evidence.similarity.max(axis=1, initial=0),
        "texts_known": np.log1p(evidence.same_text.sum(axis=1)),
        "neighbors": evidence.same_entity.sum(axis=1) / evidence.same_entity.shape[1],
        "purity": _purity(evidence, weights["close"]),
        "amount_known": (~np.isnan(evidence.amount_gap)).any(axis=1),
    }
    features |= {name: np.broadcast_to(value[:, None], shape) for name, value in of_entry.items()}
    return {name: np.where(candidates.exists, value, 0.0) for name, value in features.items()}


def stacked(features: Mapping[str, np.ndarray]) -> np.ndarray:
    """float32 [B, D, F]: the features in one array, in their order."""
    return np.stack([np.asarray(value, np.float32) for value in features.values()], axis=2)


def _weights(evidence: Evidence) -> dict[str, np.ndarray]:
    """float64 [B, M] each: the weights of neighbors in votes, by kind of vote."""
    same_entity = evidence.same_entity.astype(np.float64)
    close = np.exp(_CLOSE * evidence.similarity) * same_entity
    gap = np.abs(np.nan_to_num(evidence.amount_gap, nan=2.0))
    return {
        "close": close,
        "sharp": np.exp(_SHARP * evidence.similarity) * same_entity,
        "recent": close * np.exp(-evidence.age / 30),
        "amount": close * np.exp(-4 * gap),
        "size": close * np.exp(-gap),
        "digits": close
        * np.where(evidence.same_roundness > 0, np.exp(12 * (evidence.same_roundness - 1)), 0.0),
        "journal": close * evidence.same_journal,
        "currency": close * (1 - evidence.other_currency),
        "text": same_entity * evidence.same_text,
        "text_currency": same_entity * evidence.same_text * (1 - evidence.other_currency),
        "masked": same_entity * evidence.same_masked,
        "latest": same_entity * np.exp(-evidence.age / 10),
        "day": close * evidence.same_day,
        "peers": np.exp(_CLOSE * evidence.similarity) * (evidence.exists & ~evidence.same_entity),
        "peers_sharp": np.exp(_SHARP * evidence.similarity) * (evidence.exists & ~evidence.same_entity),
    }


def _share(matches: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """float64 [B, D]: the share of the `weight` [B, M] on neighbors that match, `matches` [B, D, M]."""
    total = np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
    return (matches * weight[:, None, :]).sum(axis=2) / total


def _largest(values: np.ndarray, matches: np.ndarray) -> np.ndarray:
    """float64 [B, D]: the largest of `values` [B, M] on neighbors that match, 0 where none does."""
    return np.where(matches, values[:, None, :], 0.0).max(axis=2, initial=0)


def _places(evidence: Evidence, same: np.ndarray) -> dict[str, np.ndarray]:
    """Features of the neighbors that were booked to the candidate, `same` [B, D, M]."""
    matches = same & evidence.same_entity[:, None, :]
    order = 1.0 / (1 + np.arange(same.shape[2]))
    freshness = np.exp(-evidence.age / 60)
    known = matches & ~np.isnan(evidence.amount_gap)[:, None, :]
    distance = np.abs(np.nan_to_num(evidence.amount_gap, nan=9.0))
    last = _last(evidence, evidence.same_text & evidence.same_entity)
    newest = _last(evidence, evidence.same_entity)
    count = matches.sum(axis=2)
    month = np.abs(evidence.age[:, None, :] / 30.44 - np.round(evidence.age[:, None, :] / 30.44))
    due = np.where(matches & (evidence.age > 20)[:, None, :], 1 - 2 * month, 0.0)
    mean = np.where(matches, evidence.similarity[:, None, :], 0).sum(axis=2) / np.maximum(count, 1)
    return {
        "largest": _largest(evidence.similarity, matches),
        "mean": mean,
        "place": _largest(np.broadcast_to(order, evidence.row.shape), matches),
        "count": np.log1p(count),
        "texts": np.log1p((matches & evidence.same_text[:, None, :]).sum(axis=2)),
        "fresh": _largest(freshness, matches),
        "amount_near": _largest(np.exp(-4 * distance), known),
        "amount_size": _largest(np.exp(-distance), known),
        "amount_equal": _largest(distance < 1e-6, known),
        "amount_equal_text": _largest(evidence.same_text & (distance < 1e-6), known),
        "digits": _largest(evidence.same_roundness, known),
        **_amount_range(evidence, known),
        "last_text": (matches & last[:, None, :]).any(axis=2),
        "newest": (matches & newest[:, None, :]).any(axis=2),
        "due": due.max(axis=2, initial=0) * (count > 1),
        "largest_peer": _largest(evidence.similarity, same & ~evidence.same_entity[:, None, :]),
        "count_peer": np.log1p((same & ~evidence.same_entity[:, None, :]).sum(axis=2)),
    }


def _amount_range(evidence: Evidence, known: np.ndarray) -> dict[str, np.ndarray]:
    """Where the entry's amount lies among those of the candidate's neighbors, `known` [B, D, M].

    The share of them that it is above, and its distance from their mean in standard deviations.
    """
    count = np.maximum(known.sum(axis=2), 1)
    gap = np.where(known, np.nan_to_num(evidence.amount_gap)[:, None, :], 0.0)
    mean = gap.sum(axis=2) / count
    spread = np.sqrt((np.where(known, gap - mean[:, :, None], 0.0) ** 2).sum(axis=2) / count)
    any_known = known.any(axis=2)
    return {
        "amount_above": np.where(any_known, (known & (gap > 0)).sum(axis=2) / count, 0.5),
        "amount_off": np.where(any_known, np.clip(mean / (spread + 0.3), -4, 4), 0.0),
    }


def _last(evidence: Evidence, among: np.ndarray) -> np.ndarray:
    """bool [B, M]: the latest of the neighbors `among` [B, M]."""
    row = np.where(among, evidence.row, -1)
    return among & (row == row.max(axis=1, keepdims=True))


def _purity(evidence: Evidence, weight: np.ndarray) -> np.ndarray:
    """float64 [B]: the largest share of the votes for one set."""
    same = evidence.key[:, :, None] == evidence.key[:, None, :]
    return (same * weight[:, None, :]).sum(axis=2).max(axis=1, initial=0) / np.maximum(weight.sum(axis=1), 1e-9)


def _line_figures(
    scores: LineScores, tokens: np.ndarray, is_line: np.ndarray, lines: np.ndarray
) -> dict[str, np.ndarray]:
    """The account-level expert's scores of the candidate's lines, and of the lines that it leaves out."""
    score = scores.of(tokens)
    inside = (tokens[:, :, :, None] == scores.token[:, None, None, :]).any(axis=2)
    left_out = np.where(
        inside | (scores.token == NOTHING)[:, None, :], 0.0, np.clip(scores.score, 0, 1)[:, None, :]
    )
    line = np.clip(np.where(is_line, score, 1.0), 0.02, 0.98)
    unlikely = np.log1p(-np.clip(left_out, 0, 0.98)).sum(axis=2)
    return {
        "line_mean": np.where(is_line, score, 0).sum(axis=2) / lines,
        "line_least": np.where(is_line, score, np.inf).min(axis=2, initial=2.0),
        "line_left_out": left_out.max(axis=2, initial=0),
        "line_left_out_sum": left_out.sum(axis=2),
        "line_likelihood": np.log(line).sum(axis=2) + unlikely,
    }


def _history(
    statistics: Statistics, evidence: Evidence, candidates: Candidates, is_line: np.ndarray
) -> dict[str, np.ndarray]:
    """How often the entity booked the set and its rarest line before, in all and with the entry's text, and the
    largest share of other currencies in earlier bookings of its lines."""
    limit = evidence.limit
    sets = statistics.sets.before(candidates.key, limit[:, None])
    lines = statistics.tokens.before(np.maximum(candidates.tokens, 0), limit[:, None, None])
    rarest = np.where(is_line, lines, np.iinfo(np.int64).max).min(axis=2)
    earlier = np.maximum(evidence.earlier, 1)[:, None]
    other = statistics.past.other_currency(candidates.tokens, evidence.currency, limit)
    store = statistics.corpus.store
    of_text = statistics.past.set_shares(evidence.entity, evidence.text, candidates.key, store, limit)
    return {
        **of_text,
        "prior": sets / earlier,
        "prior_log": np.log1p(sets),
        "rarest": np.log1p(rarest),
        "rarest_share": rarest / earlier,
        "other_currency": other.max(axis=2, initial=0),
        "unbooked": np.where(is_line, lines == 0, 0).sum(axis=2),
    }


def _words(
    statistics: Statistics, evidence: Evidence, tokens: np.ndarray, is_line: np.ndarray
) -> dict[str, np.ndarray]:
    """How much of the accounts' names is in the description, and the cosine of their sentence vectors."""
    contained, meaning = np.zeros(tokens.shape), np.zeros(tokens.shape)
    vectors = statistics.corpus.store.vectors
    for rows, start, share in name_shares(statistics, evidence):
        local = np.where(is_line[rows], tokens[rows] // 2 - start, 0)
        flat = local.reshape(len(rows), -1)
        contained[rows] = np.take_along_axis(share, flat, 1).reshape(local.shape)
        if vectors.shape[1]:
            accounts = statistics.corpus.account_text[start : start + share.shape[1]]
            close = _cosines(vectors, evidence.text[rows], accounts)
            meaning[rows] = np.take_along_axis(close, flat, 1).reshape(local.shape)
    lines = np.maximum(is_line.sum(axis=2), 1)
    return {
        "named": np.where(is_line, contained, 0).max(axis=2, initial=0),
        "named_mean": np.where(is_line, contained, 0).sum(axis=2) / lines,
        "meaning": np.where(is_line, meaning, 0).max(axis=2, initial=0),
        "meaning_mean": np.where(is_line, meaning, 0).sum(axis=2) / lines,
    }


def _cosines(vectors: np.ndarray, texts: np.ndarray, others: np.ndarray) -> np.ndarray:
    """float32 [b, C]: the products of the vectors of `texts` [b] and of `others` [C], rows of `vectors`.

    Each distinct text is multiplied once, 64 at a time, so that the product's shape doesn't depend on the other
    texts.
    """
    distinct, place = np.unique(texts, return_inverse=True)
    padded = np.resize(distinct, -(-len(distinct) // BATCH) * BATCH)
    others_vectors = vectors[others]
    parts = [
        products(vectors[padded[start : start + BATCH]], others_vectors)
        for start in range(0, len(padded), BATCH)
    ]
    return np.concatenate(parts)[place]
