"""The bundle: everything that a training decided and a prediction needs, saved and loaded as one object.

It has the weights of decoder and ranker, the corpus, the network's vectors of accounts and texts, the encoder's
identity, the settings and the judgment. Every part has a fingerprint, which is saved with it and
checked on load (`jet.bundle.saved`): a prediction needs a bundle, and a bundle can't have parts of two
trainings.

The reviewed entries that a bundle learns later (`jet learn`) are kept beside the trained parts, as they came.
So they can be undone, and the trained parts stay the same to the bit.
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
from jet.bundle.additions import Addition
from jet.confidence.calibration import Calibration
from jet.confidence.judgment import Judgment
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
    """The trained bundle from which an extended one comes."""

    fingerprint: str
    """Of the trained bundle."""
    trained: Bundle | None = None
    """The trained bundle; None where only its fingerprint is kept."""
    additions: tuple[Addition, ...] = ()
    """What the trained bundle has learned, in order."""


@dataclass(frozen=True)
class Bundle:
    """See the module's docstring. Parts are NumPy and Arrow, so that the processes of a machine share one
    copy."""

    corpus: Corpus
    account_vectors: np.ndarray  # float32 [C, H] the network's vectors of the catalog's accounts
    text_vectors: np.ndarray  # float32 [U, H] the network's vectors of the store's texts
    weights: dict[str, np.ndarray]  # the network's state
    model: ModelSettings
    retrieval: RetrievalSettings
    encoder: str  # the identity of the encoder that made the text vectors
    ranker: Ranker
    judgment: Judgment
    facts: dict[str, Any]  # of the training, for the model card
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
        """The bundle of a trained network and ranker and of the `data` they were trained on, not calibrated."""
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

    def for_report(self) -> Bundle:
        """The same bundle, its confidence fitted without the test split, for a report on that split."""
        return replace(self, judgment=self.judgment.for_report())

    @property
    def amount_calibration(self) -> Calibration:
        """The calibration of proposed amounts."""
        return self.judgment.amounts

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """The fingerprint of every part."""
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
        """The fingerprint of the trained bundle, which predictions have in their column `model`."""
        return self.origin.fingerprint if self.origin else self.fingerprint

    @property
    def additions(self) -> tuple[Addition, ...]:
        """What it has learned since its training, in order."""
        return self.origin.additions if self.origin else ()

    @property
    def manifest_facts(self) -> dict[str, Any]:
        """The facts of its manifest."""
        additions = [each.as_dict() for each in self.additions]
        return self.facts | {"fingerprint": self.fingerprint, "additions": additions}

    @property
    def sizes(self) -> dict[str, int]:
        """The row counts of its manifest."""
        corpus = self.corpus
        return {"accounts": len(corpus.catalog), "books": len(corpus), "texts": len(corpus.store)}

    def refuse_other_encoder(self, identity: str) -> None:
        """Raise `ValueError` where `identity`, that of the installed encoder or "", is not the bundle's."""
        if identity != self.encoder:
            raise ValueError(
                f"the bundle was trained with encoder {self.encoder!r}, and {self.retrieval.encoder!r} is "
                f"{identity!r} here: install the encoder that it was trained with"
            )

    def with_rows(self, rows: np.ndarray) -> Bundle:
        """The same bundle with some `rows` of its corpus, int64, ascending."""
        return replace(self, corpus=self.corpus.take(rows))

    def for_prediction(self) -> Bundle:
        """The same bundle without its trained origin, which only saving needs."""
        return replace(self, origin=self.origin and Origin(self.origin.fingerprint))

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the whole bundle."""
        settings = [asdict(each) for each in (self.model, self.retrieval, self.ranker.settings)]
        parts = json.dumps([self.fingerprints, self.encoder, *settings])
        return hashlib.sha256(parts.encode()).hexdigest()[:16]


def _rows_digest(corpus: Corpus) -> str:
    """A digest of all ids and columns of the rows."""
    arrays = {"ids": text_bytes("\x1f".join(corpus.ids.to_pylist()))}
    arrays |= {each.name: getattr(corpus.rows, each.name) for each in fields(EntryColumns)}
    return array_digest(arrays | ({"reviewed": corpus.reviewed} if corpus.reviewed.any() else {}))
