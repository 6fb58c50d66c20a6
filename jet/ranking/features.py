"""The ranker's features of each candidate, computed by the same code for training and prediction.

Every feature comes from an entry's evidence, from counts over strictly earlier entries, or from the names of
the candidate's accounts. None uses the entry's lines or anything later; a property test checks that.

Shapes: B entries, D candidates, M neighbors, L lines, F features.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from jet.books.tokens import NOTHING, set_key
from jet.ranking.candidates import PROPOSERS, Candidates, side_of
from jet.ranking.evidence import Evidence
from jet.ranking.expert import LineScores
from jet.ranking.matches import Lines, Matches
from jet.ranking.statistics import Statistics
from jet.retrieval.products import products
from jet.retrieval.similarity import BATCH

_CLIPPED = 0.02, 0.98  # the bounds of a line's score in the likelihood of a set
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
    count = np.maximum(is_line.sum(axis=2), 1)
    lines = Lines.of(tokens)
    key = np.where(evidence.exists, evidence.key, np.uint64(0))
    same = Matches.of(candidates.key, key)
    features: dict[str, np.ndarray] = {}
    weights = _weights(evidence)
    features |= {f"votes_{name}": _share(same, weight) for name, weight in weights.items()}
    features |= _places(evidence, same)
    for name, side in (("debit", 0), ("credit", 1)):
        neighbor_half = np.where(evidence.exists, set_key(side_of(evidence.lines, side)), np.uint64(0))
        matches = Matches.of(set_key(side_of(tokens, side)), neighbor_half)
        for kind in _HALVES:
            features[f"{name}_{kind}"] = _share(matches, weights[kind])
    features |= _line_figures(scores, lines, is_line, statistics.longest)
    features |= _history(statistics, evidence, candidates, lines)
    features |= _words(statistics, evidence, lines, count)
    shape = candidates.key.shape
    features["lines"] = np.log(count)
    features["debits"] = ((tokens % 2 == 0) & is_line).sum(axis=2) / count
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


def _share(matches: Matches, weight: np.ndarray) -> np.ndarray:
    """float64 [B, D]: the share of the `weight` [B, M] on neighbors that match."""
    return matches.sums(weight) / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)


def _places(evidence: Evidence, same: Matches) -> dict[str, np.ndarray]:
    """Features of the neighbors that were booked to the candidate."""
    matches, peers = same.among(evidence.same_entity), same.among(~evidence.same_entity)
    amount_known = ~np.isnan(evidence.amount_gap)
    known = matches.among(amount_known)
    order = np.broadcast_to(1.0 / (1 + np.arange(evidence.row.shape[1])), evidence.row.shape)
    distance = np.abs(np.nan_to_num(evidence.amount_gap, nan=9.0))
    last = _last(evidence, evidence.same_text & evidence.same_entity)
    newest = _last(evidence, evidence.same_entity)
    count = matches.count()
    month = np.abs(evidence.age / 30.44 - np.round(evidence.age / 30.44))
    return {
        "largest": matches.largest(evidence.similarity),
        "mean": matches.sums(evidence.similarity) / np.maximum(count, 1),
        "place": matches.largest(order),
        "count": np.log1p(count),
        "texts": np.log1p(matches.sums(evidence.same_text)),
        "fresh": matches.largest(np.exp(-evidence.age / 60)),
        "amount_near": known.largest(np.exp(-4 * distance)),
        "amount_size": known.largest(np.exp(-distance)),
        "amount_equal": known.largest(distance < 1e-6),
        "amount_equal_text": known.largest(evidence.same_text & (distance < 1e-6)),
        "digits": known.largest(evidence.same_roundness),
        **_amount_range(evidence, known),
        "last_text": matches.largest(last),
        "newest": matches.largest(newest),
        "due": matches.largest(np.where(evidence.age > 20, 1 - 2 * month, 0.0)) * (count > 1),
        "largest_peer": peers.largest(evidence.similarity),
        "count_peer": np.log1p(peers.count()),
    }


def _amount_range(evidence: Evidence, known: Matches) -> dict[str, np.ndarray]:
    """Where the entry's amount lies among those of the candidate's neighbors, which are `known`.

    The share of them that it is above, and its distance from their mean in standard deviations.
    """
    there = known.count()
    count = np.maximum(there, 1)
    gap = np.nan_to_num(evidence.amount_gap)
    mean = known.sums(gap) / count
    spread = np.sqrt(known.squares(gap, mean) / count)
    return {
        "amount_above": np.where(there > 0, known.sums(gap > 0) / count, 0.5),
        "amount_off": np.where(there > 0, np.clip(mean / (spread + 0.3), -4, 4), 0.0),
    }


def _last(evidence: Evidence, among: np.ndarray) -> np.ndarray:
    """bool [B, M]: the latest of the neighbors `among` [B, M]."""
    row = np.where(among, evidence.row, -1)
    return among & (row == row.max(axis=1, keepdims=True))


def _purity(evidence: Evidence, weight: np.ndarray) -> np.ndarray:
    """float64 [B]: the largest share of the votes for one set."""
    votes = Matches.of(evidence.key, evidence.key).sums(weight)
    return votes.max(axis=1, initial=0) / np.maximum(weight.sum(axis=1), 1e-9)


def _line_figures(scores: LineScores, lines: Lines, is_line: np.ndarray, longest: int) -> dict[str, np.ndarray]:
    """The account-level expert's scores of the candidate's lines, and of the lines that it leaves out.

    To the likelihood, what a set has less than `longest` lines counts as likely ones.
    """
    count = is_line.sum(axis=2)
    same = scores.token[lines.entry] == lines.token[:, None]
    scored = same.any(axis=1)
    number = np.where(scored, same.argmax(axis=1), scores.token.shape[1])
    of_line = np.where(
        scored, np.append(scores.score, np.zeros((len(scores.score), 1)), 1)[lines.entry, number], 0
    )
    inside = np.zeros((*is_line.shape[:2], scores.token.shape[1] + 1), dtype=bool)
    entry, candidate, _ = there = np.nonzero(is_line)
    inside[entry, candidate, number[lines.place[there]]] = True
    inside = inside[:, :, :-1] | (scores.token == NOTHING)[:, None]
    left_out = np.clip(scores.score, 0, 1)
    unlikely = np.log1p(-np.clip(left_out, 0, _CLIPPED[1]))
    left_out = np.where(inside, 0.0, left_out[:, None])
    likely = lines.sums(np.log(np.clip(of_line, *_CLIPPED))) + (longest - count) * np.log(_CLIPPED[1])
    return {
        "line_mean": lines.sums(of_line) / np.maximum(count, 1),
        "line_least": lines.spread(of_line, np.inf).min(axis=2, initial=2.0),
        "line_left_out": left_out.max(axis=2, initial=0),
        "line_left_out_sum": left_out.sum(axis=2),
        "line_likelihood": likely + np.where(inside, 0.0, unlikely[:, None]).sum(axis=2),
    }


def _history(
    statistics: Statistics, evidence: Evidence, candidates: Candidates, lines: Lines
) -> dict[str, np.ndarray]:
    """How often the entity booked the set and its rarest line before, in all and with the entry's text, and the
    largest share of other currencies in earlier bookings of its lines."""
    limit = evidence.limit
    sets = statistics.sets.before(candidates.key, limit[:, None])
    booked = statistics.tokens.before(lines.token, limit[lines.entry])
    rarest = lines.spread(booked, np.iinfo(np.int64).max).min(axis=2)
    earlier = np.maximum(evidence.earlier, 1)[:, None]
    other = statistics.past.other_currency(lines.token, evidence.currency[lines.entry], limit[lines.entry])
    store = statistics.corpus.store
    of_text = statistics.past.set_shares(evidence.entity, evidence.text, candidates.key, store, limit)
    return {
        **of_text,
        "prior": sets / earlier,
        "prior_log": np.log1p(sets),
        "rarest": np.log1p(rarest),
        "rarest_share": rarest / earlier,
        "other_currency": lines.spread(other, 0.0).max(axis=2, initial=0),
        "unbooked": lines.spread(booked == 0, False).sum(axis=2),
    }


def _words(
    statistics: Statistics, evidence: Evidence, lines: Lines, count: np.ndarray
) -> dict[str, np.ndarray]:
    """How much of the accounts' names is in the description, and the cosine of their sentence vectors."""
    corpus = statistics.corpus
    names = statistics.account_names.shares(evidence.entity, evidence.text, corpus.store)
    contained = names.of(lines.entry, lines.token // 2).astype(np.float64)
    meaning = np.zeros(len(lines.token))
    vectors, place = corpus.store.vectors, np.zeros(len(evidence), dtype=np.int64)
    for entity in np.unique(evidence.entity[lines.entry]) if vectors.shape[1] else ():
        rows = np.flatnonzero(evidence.entity == entity)
        place[rows] = np.arange(len(rows))
        start, end = corpus.catalog.offsets[entity : entity + 2]
        close = _cosines(vectors, evidence.text[rows], corpus.account_text[start:end])
        of_entity = np.flatnonzero(evidence.entity[lines.entry] == entity)
        meaning[of_entity] = close[place[lines.entry[of_entity]], lines.token[of_entity] // 2 - start]
    figures = {}
    for name, values in (("named", contained), ("meaning", meaning)):
        figures[name] = lines.spread(values, 0.0).max(axis=2, initial=0)
        figures[f"{name}_mean"] = lines.sums(values) / count
    return figures


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
