"""The network's vectors of all texts and accounts of a corpus, computed once and saved with the bundle.

Shapes: U texts, C accounts, H hidden.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from jet.model.network import JetNetwork, TextInputs
from jet.retrieval.corpus import Corpus

_AT_ONCE = 256


@torch.inference_mode()
def text_vectors(network: JetNetwork, corpus: Corpus) -> np.ndarray:
    """float32 [U, H]: the vectors of the texts of the corpus's store.

    They are computed 256 rows at a time, the last ones padded, so that a vector doesn't depend on the others.
    """
    rows = np.arange(len(corpus.store))
    vectors = np.empty((len(rows), network.settings.hidden), dtype=np.float32)
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        inputs = TextInputs.of(corpus, np.resize(some, _AT_ONCE))
        vectors[start : start + len(some)] = network.text_table(inputs).numpy()[: len(some)]
    return vectors


def with_new_texts(known: np.ndarray, network: JetNetwork, corpus: Corpus) -> np.ndarray:
    """float32 [U, H]: the vectors of the corpus's texts; `known` are those of the first ones."""
    if len(known) == len(corpus.store):
        return known
    new = replace(corpus, store=corpus.store.since(len(known)))
    return np.concatenate([known, text_vectors(network, new)])


@torch.inference_mode()
def account_vectors(network: JetNetwork, corpus: Corpus) -> np.ndarray:
    """float32 [C, H]: the vectors of all accounts, in the catalog's order."""
    every = torch.arange(len(corpus.catalog))
    return network.account_table(TextInputs.of(corpus, corpus.account_text), every).numpy()
