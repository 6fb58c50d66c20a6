"""A corpus of random books, and an encoder that needs no weights."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import made_up
import numpy as np
import pyarrow as pa

from jet.books.catalog import Catalog
from jet.books.sorting import sort_entries
from jet.retrieval.corpus import Corpus
from jet.retrieval.neighbors import text_store
from jet.texts.encoder import Encoder
from jet.texts.ngrams import idf
from jet.texts.store import TextStore


class FakeEncoder:
    """A vector for each text from its words and the text itself: similar where words are shared."""

    dimension = 24
    identity = "fake"

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        vectors = np.zeros((len(texts), self.dimension), dtype=np.float32)
        for row, text in enumerate(texts):
            for part in [*text.split(), text]:
                vectors[row] += np.random.default_rng(zlib.crc32(part.encode())).normal(size=self.dimension)
            vectors[row] /= max(np.linalg.norm(vectors[row]), 1e-9)
        return vectors


def corpus_of(
    entries: pa.Table,
    encoder: Encoder | None = None,
    store: TextStore | None = None,
    family: Sequence[int] | None = None,
    companies: int = 4,
) -> Corpus:
    """The corpus of entries of "company 0" and so on, none of which has lines."""
    chart = [made_up.account(f"company {number}", str(number)) for number in range(companies)]
    catalog = Catalog.from_accounts(made_up.accounts_table(chart))
    store = store if store is not None else text_store(entries, encoder)
    of_company = None if family is None else np.array(family)
    made = Corpus.of(sort_entries(entries), catalog, store, idf(store.ngrams))
    return made if of_company is None else Corpus(**{**vars(made), "family": of_company})
