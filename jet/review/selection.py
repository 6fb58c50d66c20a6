"""Which predictions come before a person: all that aren't `auto`, and a random audit of those that are.

Whether an entry is audited depends on the predictions and the entry alone, so that a page which is made again
asks for the same ones, and nobody can choose which.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.schema import AUTO, joined_keys

MOST = 20_000
"""The most entries of a page: a browser stays quick with so many."""


def to_review(
    predictions: pa.Table, audit: float, fingerprint: str, companies: Collection[str] = ()
) -> pa.Table:
    """The rows of `predictions` (`PREDICTIONS`) to review, in their order, of some `companies` or of all.

    `audit` is the share of the `auto` ones among them, drawn by the `fingerprint` of the predictions. Raises
    `ValueError` where a company has no predictions, and where there are more rows than a page holds.
    """
    if companies:
        known = set(predictions["entity"].unique().to_pylist())
        unknown = sorted(set(companies) - known)
        if unknown:
            raise ValueError(f"--company {unknown[0]!r} has no predictions: name one of {sorted(known)[:10]}")
        predictions = predictions.filter(
            pc.is_in(predictions["entity"], pa.array(sorted(companies), pa.string()))
        )
    is_auto = pc.equal(predictions["decision"], AUTO).to_numpy(zero_copy_only=False)
    wanted = ~is_auto
    if audit:
        keys = joined_keys(predictions["entity"], predictions["entry_id"])
        auto = np.flatnonzero(is_auto)
        wanted[auto] = [drawn(fingerprint, keys[int(row)].as_py()) < audit for row in auto]
    if wanted.sum() > MOST:
        raise ValueError(
            f"{wanted.sum():,} entries to review are more than a page holds ({MOST:,}): make several, each of "
            "some companies (--company)"
        )
    return predictions.filter(pa.array(wanted))


def drawn(fingerprint: str, key: str) -> float:
    """A number from 0 to 1, evenly spread over entries, and the same each time."""
    digest = hashlib.blake2b(f"{fingerprint}\x1f{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64
