"""The reason of an answer: the earlier entries that are its evidence, and a sentence that counts them.

Every number of the sentence can be counted in the evidence rows. An answer that no earlier entry supports is
called a guess.

Shapes: B entries, M neighbors, S shown ones, T lines.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jet.books.tokens import NOTHING
from jet.ranking.evidence import Evidence

SHOWN = 12
"""The most earlier entries that are shown (S)."""
SAME_TEXT, SIMILAR, PEERS, NO_EVIDENCE, TURNED = range(5)


@dataclass(frozen=True)
class ShownEvidence:
    """The evidence that is shown for the answers to B entries."""

    kind: np.ndarray  # int64 [B] SAME_TEXT, SIMILAR, PEERS, NO_EVIDENCE or TURNED
    row: np.ndarray  # int64 [B, S] rows of the corpus, padded with NOTHING
    weight: np.ndarray  # float32 [B, S] share of the shown votes; 0 where the row was booked otherwise
    similarity: np.ndarray  # float32 [B, S]
    same_text: np.ndarray  # bool [B, S]
    same_lines: np.ndarray  # bool [B, S] booked like the answer
    more: np.ndarray  # bool [B] there are more of this kind than are shown


def shown_evidence(evidence: Evidence, key: np.ndarray) -> ShownEvidence:
    """The evidence for and against the sets `key` uint64 [B] (0: no answer)."""
    own, peers = evidence.as_booked, evidence.exists & ~evidence.same_entity
    alike = (evidence.key == key[:, None]) & evidence.exists
    same_lines = alike & ~evidence.swapped
    with_text = own & evidence.same_text
    # With the same text the latest ones count, otherwise the most similar ones.
    newest, nearest = _first(with_text, evidence.row), _first(own, evidence.similarity)
    nearest_peers = _first(peers, evidence.similarity)
    kind = np.full(len(key), NO_EVIDENCE)
    kind[peers.any(axis=1)] = PEERS
    own_agree = np.take_along_axis(same_lines & own, nearest, 1).any(axis=1)
    peers_agree = np.take_along_axis(same_lines & peers, nearest_peers, 1).any(axis=1)
    kind[own.any(axis=1) & (own_agree | ~peers_agree)] = SIMILAR
    kind[with_text.any(axis=1)] = SAME_TEXT
    turned = alike & evidence.swapped
    kind[turned.any(axis=1) & ~(same_lines & own).any(axis=1)] = TURNED
    kinds = [(kind == each)[:, None] for each in (SAME_TEXT, SIMILAR, TURNED)]
    order = np.select(kinds, [newest, nearest, _first(turned, evidence.row)], nearest_peers)
    among = np.select(kinds, [with_text, own, turned], peers)
    shown = np.take_along_axis(among, order, 1) & (np.arange(SHOWN) < among.shape[1])

    def of(values: np.ndarray) -> np.ndarray:
        return np.take_along_axis(values, order, 1)

    like = of(same_lines) & shown
    votes = np.exp(5 * of(evidence.similarity)) * shown
    return ShownEvidence(
        kind=kind,
        row=np.where(shown, of(evidence.row), NOTHING),
        weight=(like * votes / np.maximum(votes.sum(axis=1, keepdims=True), 1e-9)).astype(np.float32),
        similarity=of(evidence.similarity).astype(np.float32),
        same_text=of(evidence.same_text),
        same_lines=like,
        more=among.sum(axis=1) > shown.sum(axis=1),
    )


def _first(among: np.ndarray, value: np.ndarray) -> np.ndarray:
    """int64 [B, S]: indices of the neighbors in `among`, by falling `value`, then of others; padded with 0."""
    order = np.argsort(np.where(among, -value.astype(np.float64), np.inf), axis=1, kind="stable")
    return np.pad(order, ((0, 0), (0, max(0, SHOWN - order.shape[1]))))[:, :SHOWN]


def guessed(evidence: Evidence, tokens: np.ndarray) -> np.ndarray:
    """bool [B, A, T]: the lines of `tokens` [B, A, T] that no neighbor of the same entity has."""
    place, neighbor, line = np.nonzero(evidence.as_booked[:, :, None] & (evidence.lines != NOTHING))
    base = max(tokens.max(initial=0), evidence.lines.max(initial=0)) + 1  # with the entry, a line is one number
    theirs = np.unique(base * place + evidence.lines[place, neighbor, line])
    there = tokens != NOTHING
    entry = np.broadcast_to(np.arange(len(tokens))[:, None, None], tokens.shape)
    result = there.copy()
    result[there] = ~np.isin(base * entry[there] + tokens[there], theirs)
    return result


def sentence(kind: int, shown: int, like: int, last: str, more: bool) -> str:
    """The reason as a sentence for a bookkeeper.

    Of the `shown` entries of the `kind`, `like` are booked like the answer, the newest of these on the day
    `last`. `more`: there are others that aren't shown.
    """
    if kind == SAME_TEXT:
        of = f"the last {shown} entries" if more else f"{shown} earlier {'entry' if shown == 1 else 'entries'}"
        if like:
            return f"booked like {like} of {of} with this text, last on {last}"
        return f"a guess: none of {of} with this text is booked like this"
    if kind == SIMILAR and like:
        return (
            f"no entry with this text yet; booked like {like} of the {shown} most similar ones, last on {last}"
        )
    if kind == PEERS and like:
        return (
            f"like nothing in these books; booked like {like} of the {shown} most similar entries of companies "
            f"with the same standard chart, last on {last}"
        )
    if kind == TURNED:
        of = (
            f"the last {shown} similar entries"
            if more
            else f"{shown} similar {'entry' if shown == 1 else 'entries'}"
        )
        return f"a guess: like {of} whose money went the other way, with the sides exchanged"
    if kind == NO_EVIDENCE:
        return "a guess: there are no earlier entries, only the names of the accounts"
    return "a guess: no similar entry is booked like this"
