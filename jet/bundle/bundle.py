"""The bundle: all that prediction needs and training decided, saved and loaded as ONE thing.

Weights of decoder and ranker, the corpus, the learned vectors of its accounts, encoder identity, all settings,
the stack, calibrations. Every part has a fingerprint, which is saved with it and checked on load
(`jet.bundle.saved`). The system this descends from trained with one catalog and predicted with another, rebuilt
at random; nobody saw it for weeks. Here that can't be written: there is no way to a prediction but through a
bundle, and no way to a bundle with parts of two trainings.

What people teach a bundle later (`jet learn`) is kept beside what was trained, as it came: so it can be taken
back, and the trained parts stay those of the training to the last bit.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from jet.artifacts.digests import array_digest, text_bytes
from jet.bundle.lots import Lot
from jet.confidence.calibration import Calibration
from jet.confidence.judgment import Judgment
from jet.confidence.stack import Method, Stack
from jet.model.network import JetNetwork
from jet.model.settings import ModelSettings
from jet.model.tables import account_vectors, text_vectors
from jet.ranking.ranker import Ranker
from jet.retrieval.columns import EntryColumns
from jet.retrieval.corpus import Corpus
from jet.retrieval.settings import RetrievalSettings
from jet.training.data import TrainingData


@dataclass(frozen=True)
class Origin:
    """What a bundle was made from that learned something since its training."""

    fingerprint: str
    """Of the trained bundle."""
    trained: Bundle | None = None
    """The trained bundle, where this one is it and `lots`."""
    lots: tuple[Lot, ...] = ()
    """What people taught it since, in that order."""


@dataclass(frozen=True)
class Bundle:
    """See the module's docstring. Parts are NumPy and Arrow: processes of one machine share one copy."""

    corpus: Corpus
    account_vectors: np.ndarray  # float32 [C, H] the network's vectors of the catalog's accounts
    text_vectors: np.ndarray  # float32 [U, H] the network's vectors of the store's texts
    weights: dict[str, np.ndarray]  # the network's state
    model: ModelSettings
    retrieval: RetrievalSettings
    encoder: str  # the identity of the encoder that made the text vectors
    ranker: Ranker
    judgment: Judgment
    facts: dict[str, Any]  # what a model card tells
    origin: Origin | None = None  # None: the bundle is as it was trained

    @classmethod
    def assemble(
        cls,
        data: TrainingData,
        network: JetNetwork,
        ranker: Ranker,
        encoder: str,
        facts: Mapping[str, Any],
    ) -> Bundle:
        """A bundle, not calibrated yet, of a trained network and ranker and what they were trained on."""
        network = network.cpu().eval()
        corpus = data.corpus.with_families()
        return cls(
            corpus=corpus,
            account_vectors=account_vectors(network, corpus),
            text_vectors=text_vectors(network, corpus),
            weights={name: value.numpy().copy() for name, value in network.state_dict().items()},
            model=network.settings,
            retrieval=data.retrieval,
            encoder=encoder,
            ranker=ranker,
            judgment=Judgment.unfitted(),
            facts=dict(facts),
        )

    @cached_property
    def network(self) -> JetNetwork:
        """The network in eval mode, on the CPU."""
        network = JetNetwork.for_corpus(self.model, self.corpus)
        network.load_state_dict({name: torch.tensor(value) for name, value in self.weights.items()})
        return network.eval()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(self.__dict__)
        state.pop("network", None)  # rebuilt from `weights`, which processes can share
        return state

    @property
    def stack(self) -> Stack:
        """How ranker and decoder are weighed."""
        return self.judgment.stack

    def calibration(self, method: Method) -> Calibration:
        """From figures of an answer by `method` to its confidence."""
        return self.judgment.calibrations[method]

    @property
    def amount_calibration(self) -> Calibration:
        """From figures of proposed amounts to their confidence."""
        return self.judgment.amounts

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Of every part."""
        corpus, ranker = self.corpus, self.ranker
        assert corpus.family is not None
        return {
            "catalog": corpus.catalog.fingerprint,
            "account_vectors": array_digest({"": self.account_vectors}),
            "text_vectors": array_digest({"": self.text_vectors}),
            "texts": corpus.store.fingerprint(),
            "idf": array_digest({"": corpus.idf}),
            "books": _rows_digest(corpus),
            "weights": array_digest(self.weights),
            "family": array_digest({"": corpus.family}),
            "ranker": array_digest({**ranker.weights, "names": text_bytes(" ".join(ranker.names))}),
            "judgment": hashlib.sha256(json.dumps(self.judgment.as_dict()).encode()).hexdigest()[:16],
        }

    @property
    def identity(self) -> str:
        """What predictions carry in their column `model`: the fingerprint of the bundle that was trained."""
        return self.origin.fingerprint if self.origin else self.fingerprint

    @property
    def lots(self) -> tuple[Lot, ...]:
        """What people taught it since its training."""
        return self.origin.lots if self.origin else ()

    @property
    def sizes(self) -> dict[str, int]:
        """The row counts of its manifest."""
        corpus = self.corpus
        return {"accounts": len(corpus.catalog), "books": len(corpus), "texts": len(corpus.store)}

    def refuse_other_encoder(self, identity: str) -> None:
        """Raise `ValueError` where the encoder that is here, "" for none, is not the bundle's."""
        if identity != self.encoder:
            raise ValueError(
                f"the bundle was trained with encoder {self.encoder!r}, and {self.retrieval.encoder!r} is "
                f"{identity!r} here: install the encoder that it was trained with"
            )

    def with_rows(self, rows: np.ndarray) -> Bundle:
        """The same bundle with only some rows of its corpus, int64, ascending."""
        return replace(self, corpus=self.corpus.take(rows))

    def for_prediction(self) -> Bundle:
        """The same bundle without what only saving it needs: where it comes from."""
        return replace(self, origin=self.origin and Origin(self.origin.fingerprint))

    @property
    def fingerprint(self) -> str:
        """Of the whole."""
        settings = [asdict(each) for each in (self.model, self.retrieval, self.ranker.settings)]
        parts = json.dumps([self.fingerprints, self.encoder, *settings])
        return hashlib.sha256(parts.encode()).hexdigest()[:16]


def _rows_digest(corpus: Corpus) -> str:
    """Of all ids and columns of the rows."""
    arrays = {"ids": text_bytes("\x1f".join(corpus.ids.to_pylist()))}
    arrays |= {each.name: getattr(corpus.rows, each.name) for each in fields(EntryColumns)}
    return array_digest(arrays | ({"reviewed": corpus.reviewed} if corpus.reviewed.any() else {}))
