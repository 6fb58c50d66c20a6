"""Reviewed entries decide the answers to entries with the same text.

A model alone would weigh one correction against twenty older entries that were booked otherwise, and repeat the
mistake. So where entries of a company with the very same text were reviewed after the training (`jet learn`, or
`jet predict --reviewed`), and all are booked alike, an entry with that text is answered like them. Reviewed
entries whose direction contradicts the entry's don't count. Where reviewed entries of a text differ, the model
decides. The confidence stays the model's for this answer: where it is low, the entry goes to review.

Shapes: B entries, D candidates, M neighbors.
"""

from __future__ import annotations

import numpy as np

from jet.books.tokens import NOTHING
from jet.ranking.candidates import Candidates
from jet.ranking.evidence import Evidence


def reviewed_answers(
    evidence: Evidence, candidates: Candidates, reviewed: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The index of the candidate that reviewed entries decide, and the row of the newest of these, int64 [B]
    each.

    `reviewed` bool [N] marks the reviewed rows of the corpus. NOTHING where they decide nothing: none has the
    text, they differ, or their set is no candidate since an account is closed.
    """
    size = len(evidence)
    place, row = np.full(size, NOTHING), np.full(size, NOTHING)
    if not reviewed.any():
        return place, row
    same = evidence.same_entity & evidence.same_text & reviewed[evidence.row] & evidence.exists
    newest = np.where(same, evidence.row, NOTHING).argmax(axis=1)
    key = np.take_along_axis(evidence.key, newest[:, None], 1)
    agree = same.any(axis=1) & (~same | (evidence.key == key)).all(axis=1)
    hit = (candidates.key == key) & candidates.exists
    decided = agree & hit.any(axis=1)
    place[decided] = hit.argmax(axis=1)[decided]
    row[decided] = np.take_along_axis(evidence.row, newest[:, None], 1)[decided, 0]
    return place, row
