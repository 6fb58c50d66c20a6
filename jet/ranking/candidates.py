"""Candidates: the sets of lines that the ranker scores.

The entity may never have booked the right set. So the candidates are the neighbors' sets, recombinations of
them (the debits of one with the credits of another), sets of the account-level expert, sets with one account
substituted (by the expert's best lines, or by the account whose name is in the description), and the mirrored,
doubled and thinned forms of the nearest sets. All are computed as arrays over a batch.

Every candidate is valid: at least one debit and one credit, accounts open on the date, at most L lines in the
catalog's token order. The candidates of an entry are distinct, and none contradicts the direction it states
(`jet.ranking.direction`).

Shapes: B entries, M neighbors, D candidates, L lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from jet.books.catalog import Catalog
from jet.books.tokens import NOTHING, in_order, set_key
from jet.ranking.evidence import Evidence
from jet.ranking.expert import LineScores
from jet.ranking.statistics import Statistics

PROPOSERS = (
    *("neighbor", "peer", "expert", "combined", "substituted", "named", "mirrored", "doubled", "thinned"),
    "decoder",
)
"""The sources of candidates, in the order of their numbers."""

_NEIGHBORS, _PEERS, _SUBSTITUTED, _CHOICES, _NAMED = 14, 4, 3, 3, 2


@dataclass(frozen=True)
class Candidates:
    """D candidates for each of B entries, padded."""

    tokens: np.ndarray  # int64 [B, D, L] in the catalog's token order, padded with NOTHING
    key: np.ndarray  # uint64 [B, D] `set_key` of the tokens; 0: padding
    proposer: np.ndarray  # int64 [B, D] index into PROPOSERS

    @property
    def exists(self) -> np.ndarray:
        """bool [B, D]: whether there is a candidate; else the place is padding."""
        return self.key != 0

    @classmethod
    def of(
        cls, parts: Sequence[tuple[str, np.ndarray]], date: np.ndarray, catalog: Catalog, kept: int
    ) -> Candidates:
        """The first `kept` distinct valid sets of `parts`, pairs of a proposer and its tokens [B, P, any].

        Of equal sets the first one is kept.
        """
        tokens = side_by_side([part for _, part in parts])
        names = np.concatenate([np.full(part.shape[1], PROPOSERS.index(name)) for name, part in parts])
        return cls._first(tokens, np.broadcast_to(names, tokens.shape[:2]), date, catalog, kept)

    @classmethod
    def _first(
        cls, tokens: np.ndarray, proposer: np.ndarray, date: np.ndarray, catalog: Catalog, kept: int
    ) -> Candidates:
        """The first `kept` distinct valid sets of `tokens` [B, P, L]."""
        key = np.where(valid(tokens, date, catalog), set_key(tokens), np.uint64(0))
        key = np.where(repeated(key), np.uint64(0), key)
        order = np.argsort(key == 0, axis=1, kind="stable")[:, :kept]
        key = np.take_along_axis(key, order, 1)
        tokens = np.where((key != 0)[:, :, None], np.take_along_axis(tokens, order[:, :, None], 1), NOTHING)
        proposer = np.where(key != 0, np.take_along_axis(proposer, order, 1), NOTHING)
        return cls(in_order(tokens, catalog), key, proposer)

    def only(self, kept: np.ndarray) -> Candidates:
        """These candidates with padding in place of those that aren't `kept`, bool [B, D]."""
        tokens = np.where(kept[:, :, None], self.tokens, NOTHING)
        return Candidates(
            tokens, np.where(kept, self.key, np.uint64(0)), np.where(kept, self.proposer, NOTHING)
        )

    def joined(self, name: str, tokens: np.ndarray, date: np.ndarray, catalog: Catalog) -> Candidates:
        """These candidates followed by the new ones of proposer `name`, `tokens` [B, P, any]: [B, D + P]."""
        both = side_by_side([self.tokens, tokens])
        added = np.full(tokens.shape[:2], PROPOSERS.index(name))
        proposer = np.concatenate([self.proposer, added], axis=1)
        return self._first(both, proposer, date, catalog, both.shape[1])


def side_by_side(parts: Sequence[np.ndarray]) -> np.ndarray:
    """int64 [B, P, L]: sets of all `parts` [B, any, any], padded to the widest of these."""
    width = max(part.shape[2] for part in parts)
    return np.concatenate([padded(part, width) for part in parts], axis=1)


def padded(tokens: np.ndarray, width: int) -> np.ndarray:
    """int64 [B, P, width]: `tokens` [B, P, L] with more padding."""
    if tokens.shape[2] == width:
        return tokens
    return np.pad(tokens, ((0, 0), (0, 0), (0, width - tokens.shape[2])), constant_values=NOTHING)


def repeated(key: np.ndarray) -> np.ndarray:
    """bool [B, P]: which of `key` [B, P] are in an earlier place of their row too."""
    order = np.argsort(key, axis=1, kind="stable")
    ordered = np.take_along_axis(key, order, 1)
    again = np.zeros(key.shape, dtype=bool)
    np.put_along_axis(again, order[:, 1:], ordered[:, 1:] == ordered[:, :-1], 1)
    return again


def valid(tokens: np.ndarray, date: np.ndarray, catalog: Catalog) -> np.ndarray:
    """bool [B, P]: which of `tokens` [B, P, L] have a debit, a credit and only accounts open on `date` [B]."""
    is_line = tokens != NOTHING
    closed = is_line & ~catalog.is_open(tokens // 2, date[:, None, None])
    debit, credit = ((is_line & (tokens % 2 == side)).any(axis=2) for side in (0, 1))
    return debit & credit & ~closed.any(axis=2)


def propose(statistics: Statistics, evidence: Evidence, scores: LineScores, kept: int) -> Candidates:
    """The candidates of each entry, at most `kept` (D)."""
    catalog = statistics.corpus.catalog
    weight = np.where(evidence.exists, np.exp(5 * evidence.similarity), 0.0)
    known = distinct(evidence, evidence.key, weight * evidence.same_entity, _NEIGHBORS)
    peers = distinct(evidence, evidence.key, weight * ~evidence.same_entity, _PEERS)
    # Substitutions start from sets of the same entity, or from its peers' where there are none.
    none_known = (known[:, 0, 0] == NOTHING)[:, None, None]
    best = np.where(none_known, peers[:, :_SUBSTITUTED], known[:, :_SUBSTITUTED])
    longest = statistics.longest
    parts = [
        ("neighbor", known[:, : _NEIGHBORS // 2]),
        ("expert", expert_sets(scores, longest)),
        ("peer", peers),
        ("combined", combined(evidence, weight, longest)),
        ("neighbor", known[:, _NEIGHBORS // 2 :]),
        ("substituted", substituted(best[:, :2], scores.token[:, :_CHOICES])),
        ("named", substituted(best, named_accounts(statistics, evidence, _NAMED))),
        ("mirrored", np.where(best[:, :2] == NOTHING, NOTHING, best[:, :2] ^ 1)),
        ("doubled", doubled(best[:, :1], longest)),
        ("thinned", thinned(best[:, :1])),
    ]
    parts = [(name, without_opposite(statistics, evidence, sets)) for name, sets in parts]
    return Candidates.of(parts, evidence.date, catalog, kept)


def without_opposite(statistics: Statistics, evidence: Evidence, sets: np.ndarray) -> np.ndarray:
    """`sets` int64 [B, P, L], with those replaced by padding whose direction contradicts the entry's."""
    stated = np.flatnonzero(evidence.direction)
    if not len(stated):
        return sets
    limit = np.broadcast_to(evidence.limit[stated, None], sets[stated].shape[:2])
    directions = statistics.money.directions(sets[stated], limit)
    opposite = directions * evidence.direction[stated, None] < 0
    sets = sets.copy()
    sets[stated] = np.where(opposite[:, :, None], NOTHING, sets[stated])
    return sets


def distinct(evidence: Evidence, key: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
    """The neighbors' distinct sets with the largest sums of `weight` [B, M], in order: int64 [B, count, L]."""
    place = first_of_top_groups(key, weight, count)
    tokens = np.take_along_axis(evidence.lines, np.maximum(place, 0)[:, :, None], 1)
    return np.where(place[:, :, None] == NOTHING, NOTHING, tokens)


def first_of_top_groups(key: np.ndarray, weight: np.ndarray, count: int) -> np.ndarray:
    """The first neighbor of each of the `count` heaviest groups of equal `key` [B, M]: int64 [B, count].

    The weight of a group is the sum of its `weight` [B, M]; NOTHING where there are fewer groups.
    """
    key = np.where(weight > 0, key, np.uint64(0))
    order = np.argsort(key, axis=1, kind="stable")
    ordered = np.take_along_axis(key, order, 1)
    new = np.ones(key.shape, dtype=bool)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    first, group = np.zeros(key.shape, dtype=bool), np.empty(key.shape, dtype=np.int64)
    np.put_along_axis(first, order, new, 1)
    np.put_along_axis(group, order, np.cumsum(new).reshape(key.shape) - 1, 1)
    # In eight lanes, as NumPy adds up an axis: the last bits decide between sets with equal votes.
    lanes = np.bincount(
        (group * 8 + np.arange(key.shape[1]) % 8).ravel(), weight.ravel(), 8 * (group.max(initial=0) + 1)
    )
    halves = lanes.reshape(-1, 4, 2).sum(axis=2)
    votes = ((halves[:, 0] + halves[:, 1]) + (halves[:, 2] + halves[:, 3]))[group]
    votes = np.where(first & (key != 0), votes, 0.0)
    place = np.argsort(-votes, axis=1, kind="stable")[:, :count]
    return np.where(np.take_along_axis(votes, place, 1) > 0, place, NOTHING)


def side_of(tokens: np.ndarray, side: int) -> np.ndarray:
    """`tokens` with those of the other side replaced by padding; `side` is 0 for debit, 1 for credit."""
    return np.where((tokens != NOTHING) & (tokens % 2 == side), tokens, NOTHING)


def combined(evidence: Evidence, weight: np.ndarray, longest: int, count: int = 3) -> np.ndarray:
    """The debits of one neighbor with the credits of another: int64 [B, count^2, L].

    Those with more than `longest` lines together are left out.
    """
    parts = []
    for side in (0, 1):
        tokens = side_of(evidence.lines, side)
        place = first_of_top_groups(set_key(tokens), weight, count)
        chosen = np.take_along_axis(tokens, np.maximum(place, 0)[:, :, None], 1)
        parts.append(np.where(place[:, :, None] == NOTHING, NOTHING, chosen))
    debit, credit = np.broadcast_arrays(parts[0][:, :, None], parts[1][:, None, :])
    return fitted(np.concatenate([debit, credit], axis=3).reshape(len(debit), count * count, -1), longest)


def fitted(tokens: np.ndarray, longest: int) -> np.ndarray:
    """int64 [B, P, L]: `tokens` [B, P, any] with padding last, no wider than the longest set.

    Sets with more than `longest` lines become padding.
    """
    count = (tokens != NOTHING).sum(axis=2)
    count = np.where(count <= longest, count, 0)
    order = np.argsort(tokens == NOTHING, axis=2, kind="stable")[:, :, : max(1, count.max(initial=0))]
    return np.where(count[:, :, None] > 0, np.take_along_axis(tokens, order, 2), NOTHING)


def expert_sets(scores: LineScores, longest: int) -> np.ndarray:
    """The expert's sets: its lines above three thresholds, and pairs of its two best debits and credits.

    int64 [B, 7, L].
    """
    sets = [np.where(scores.score > least, scores.token, NOTHING)[:, None] for least in (0.5, 0.35, 0.65)]
    best = []
    for side in (0, 1):
        on_side = (scores.token != NOTHING) & (scores.token % 2 == side)
        order = np.argsort(~on_side, axis=1, kind="stable")[:, :2]
        tokens = np.take_along_axis(np.where(on_side, scores.token, NOTHING), order, 1)
        best.append(np.pad(tokens, ((0, 0), (0, 2 - tokens.shape[1])), constant_values=NOTHING))
    for debit in (0, 1):
        for credit in (0, 1):
            sets.append(np.stack([best[0][:, debit], best[1][:, credit]], axis=1)[:, None])
    return side_by_side([fitted(each, longest) for each in sets])


def substituted(sets: np.ndarray, tokens: np.ndarray, lines: int = 3) -> np.ndarray:
    """Each of `sets` [B, P, L] with the account of one of its first `lines` replaced by one of `tokens` [B, X].

    int64 [B, P * lines * X, L]. The line keeps its side.
    """
    made = []
    for place in range(min(lines, sets.shape[2])):
        for choice in range(tokens.shape[1]):
            new = tokens[:, None, choice]
            changed = sets.copy()
            old = sets[:, :, place]
            changed[:, :, place] = np.where(
                (old != NOTHING) & (new != NOTHING), new // 2 * 2 + old % 2, NOTHING
            )
            same = (changed[:, :, place] == NOTHING) | (changed[:, :, place] == old)
            made.append(np.where(same[:, :, None], NOTHING, changed))
    return np.concatenate(made, axis=1)


def named_accounts(statistics: Statistics, evidence: Evidence, count: int) -> np.ndarray:
    """The accounts whose names the description contains best, as debit tokens: int64 [B, count]."""
    store = statistics.corpus.store
    account = statistics.account_names.shares(evidence.entity, evidence.text, store).best(count)
    return np.where(account == NOTHING, NOTHING, 2 * account)


def doubled(sets: np.ndarray, longest: int) -> np.ndarray:
    """`sets` with every line twice, where these are no more than `longest`: int64 [B, P, L]."""
    return fitted(np.concatenate([sets, sets], axis=2), longest)


def thinned(sets: np.ndarray) -> np.ndarray:
    """`sets` with every repeated line once: int64 [B, P, L]."""
    again = np.zeros(sets.shape, dtype=bool)
    again[:, :, 1:] = sets[:, :, 1:] == sets[:, :, :-1]
    return fitted(np.where(again, NOTHING, sets), sets.shape[2])
