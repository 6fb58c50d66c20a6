"""The normal form, digit mask and hash of texts.

Notable: `normalize` is idempotent, and hashes are BLAKE2 rather than Python's, since they are stored in files
and compared between processes.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

_DIGITS = re.compile(r"\d+")
_DROPPED = {"Cc", "Cf", "Cs"}  # control, format (zero-width and the like), lone surrogates


class _Table(dict[int, str | None]):
    """The table of `normalize` for `str.translate`, which gets a character when it first occurs."""

    def __missing__(self, code: int) -> str | None:
        character = chr(code)
        if character.isspace():
            kept: str | None = " "
        else:
            kept = None if unicodedata.category(character) in _DROPPED else character
        self[code] = kept
        return kept


_TABLE = _Table()


def normalize(text: str) -> str:
    """`text` in NFKC, without control characters, case folded, whitespace collapsed and stripped.

    Tab and newline count as whitespace; invisible format characters (zero-width space, soft hyphen) count as
    control characters.
    """
    kept = text.translate(_TABLE)
    return " ".join((kept.lower() if kept.isascii() else _fold(kept)).split())


def normalize_all(texts: pa.Array | pa.ChunkedArray | Sequence[str]) -> pa.StringArray:
    """`normalize` of each of `texts`, every distinct one normalized once. Raises ValueError for a null."""
    codes, distinct = _dictionary(texts)
    return pa.array([normalize(text) for text in distinct], pa.string()).take(pa.array(codes))


def mask_digits(text: str) -> str:
    """`text` with every run of digits replaced by "0", so that "invoice 4711" and "invoice 12" become equal."""
    return _DIGITS.sub("0", text)


def stable_hash(text: str) -> int:
    """A hash of 63 bits, not negative, the same in every process and on every machine."""
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1


def stable_hashes(texts: pa.Array | pa.ChunkedArray | Sequence[str]) -> np.ndarray:
    """`stable_hash` of each of `texts`, int64 [n]. Raises ValueError for a null."""
    codes, distinct = _dictionary(texts)
    return np.array([stable_hash(text) for text in distinct], dtype=np.int64)[codes]


def _fold(text: str) -> str:
    """Unicode's NFKC_Casefold; the decomposition and the second normalization make it idempotent."""
    once = unicodedata.normalize("NFKC", unicodedata.normalize("NFD", text).casefold())
    return unicodedata.normalize("NFKC", once.casefold())


def _dictionary(texts: pa.Array | pa.ChunkedArray | Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """The code of each of `texts` [n], and the distinct texts by code."""
    array = texts if isinstance(texts, pa.Array | pa.ChunkedArray) else pa.array(texts, pa.string())
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if array.null_count:
        raise ValueError(f"{array.null_count} of {len(array)} texts are null; a text that isn't known is ''")
    encoded = array if isinstance(array, pa.DictionaryArray) else array.dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False), encoded.dictionary.to_pylist()
