"""The sample of the books that a model is trained and measured on: whole buckets.

Companies share only the network, the ranker and the calibration, which a million entries determine as well as a
billion would. A bucket has whole companies, those with the same standard chart together as far as they fit
(`jet.books.buckets`), so what an entry of the sample may see is in the sample.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def sampled(rows: Mapping[str, int], most: int) -> list[str]:
    """The names of the buckets in the sample, sorted: as many, with so many `rows` each, as fit into `most`.

    They are drawn by a hash of their names, since neighbors in the order of buckets are alike. Where none
    fits, the smallest one is the sample. Books of at most `most` entries are their own sample.

    >>> sampled({"bucket=00000": 5, "bucket=00001": 7}, most=12)
    ['bucket=00000', 'bucket=00001']
    >>> sampled({"bucket=00000": 5, "bucket=00001": 7}, most=6)
    ['bucket=00000']
    """
    drawn: list[str] = []
    room = most
    for name in sorted(rows, key=lambda name: hashlib.sha256(name.encode()).hexdigest()):
        if rows[name] <= room:
            drawn.append(name)
            room -= rows[name]
    return sorted(drawn) or sorted(rows, key=lambda name: (rows[name], name))[:1]
