"""What people reviewed under a text decides what is answered under it.

A model weighs one correction against twenty older entries that were booked the other way, and goes on as
before: whoever corrected it would not correct it twice. So where entries of the same company with the very same
text were reviewed after the training (`jet learn`, or `jet predict --reviewed`), and all of them were booked
alike, an entry with that text is answered like them (but those whose money went the other way than the entry
states don't count). Where reviews of one text differ, the text doesn't decide,
and the model weighs as ever. The confidence is that of the model in this answer: where it thinks little of it,
the entry goes to review.

Shapes: B entries, D candidates, M neighbors.
"""

from __future__ import annotations

import numpy as np

from jet.books.tokens import NOTHING
from jet.ranking.candidates import Candidates
from jet.ranking.evidence import Evidence


def settled(evidence: Evidence, candidates: Candidates, reviewed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """int64 [B] twice: the place of the candidate that reviews settle, and the newest of these reviews' rows.

    `reviewed` bool [N] says which rows of the books people reviewed. NOTHING where they settle nothing: none
    has the text, they differ, or what they were booked to is no candidate (an account is closed).
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
    found = agree & hit.any(axis=1)
    place[found] = hit.argmax(axis=1)[found]
    row[found] = np.take_along_axis(evidence.row, newest[:, None], 1)[found, 0]
    return place, row
