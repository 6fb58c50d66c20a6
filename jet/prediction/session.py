"""A session predicts with one bundle again and again, and keeps what its calls computed.

Index, encoder and the vectors of texts are kept, so that a call costs its new texts and its entries only. The
predictions are those of `Predictor`, to the bit, whatever was predicted before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from jet.bundle.bundle import Bundle
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings
from jet.retrieval.neighbors import make_encoder
from jet.texts.encoder import Encoder
from jet.texts.normalize import normalize_all


class Session:
    """Predicts tables of entries, one after another. `encoder` is the bundle's, if it is loaded already."""

    def __init__(self, bundle: Bundle, settings: PredictSettings, encoder: Encoder | None = None) -> None:
        self.bundle, self.settings = bundle, settings
        self.encoder = encoder
        self._predictor: Predictor | None = None

    def __call__(self, entries: pa.Table) -> pa.Table:
        """Predictions (`PREDICTIONS`) of `entries` (`ENTRIES`), one row each, in order."""
        return self.predictor(entries["description"])(entries)

    def predictor(self, descriptions: pa.ChunkedArray) -> Predictor:
        """The predictor, with the texts of `descriptions`."""
        if self._predictor is None:
            self._predictor = Predictor(self.bundle, self.settings)
        missing = sorted(self._predictor.statistics.corpus.store.missing(normalize_all(descriptions)))
        if missing:
            store = self._predictor.statistics.corpus.store.extend(missing, self.encode(missing))
            self._predictor = self._predictor.with_store(store)
        return self._predictor

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """float32 [n, D]: the sentence vectors of `texts`; D is 0 where the bundle has none.

        Raises `ValueError` where the installed encoder is not the bundle's.
        """
        retrieval = self.bundle.retrieval
        if not retrieval.encoder:
            return np.zeros((len(texts), 0), dtype=np.float32)
        if self.encoder is None:
            self.encoder = make_encoder(retrieval)
        assert self.encoder is not None  # the settings name one
        self.bundle.refuse_other_encoder(self.encoder.identity)
        return self.encoder.encode(texts)
