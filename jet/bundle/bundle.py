"""The bundle: all that prediction needs and training decided, saved and loaded as ONE thing.

Weights of decoder and ranker, the catalog with its learned account vectors, the books that may be remembered,
text normalization, encoder identity, all settings, the stack, calibrations. Every part's fingerprint is
written into `bundle.json` and checked on load. The system this descends from trained with one catalog and
predicted with another, rebuilt at random; nobody saw it for weeks. Here that can't be written: there is no
way to a prediction but through a bundle, and no way to a bundle with parts of two trainings.

What people teach a bundle later (`jet learn`) is saved beside what was trained, as it came, and joins it on
load: so it can be taken back, and the trained parts stay those of the training to the last bit.

No pickle anywhere: safetensors, parquet and JSON.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from jet.artifacts.artifact import Artifact, ArtifactError, ArtifactWriter, open_artifact, read_parquet
from jet.artifacts.digests import array_digest, text_bytes
from jet.artifacts.tables import SchemaError
from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS
from jet.bundle.extension import learned
from jet.bundle.lots import Books, Lot
from jet.confidence.calibration import Calibration
from jet.confidence.judgment import Judgment
from jet.confidence.stack import Method, Stack
from jet.model.network import JetNetwork, TextInputs
from jet.model.settings import ModelSettings
from jet.ranking.ranker import Ranker, RankerSettings
from jet.retrieval.peers import chart_families
from jet.retrieval.settings import RetrievalSettings
from jet.texts.ngrams import weigh
from jet.texts.store import TextStore
from jet.training.data import TrainingData

log = logging.getLogger(__name__)

KIND = "model"
FORMAT = 2
"""Of a bundle's files and of what its trained parts read. 2: books with directions, neighbors by currency, what
keeps an answer from `auto`."""
LEARNED = "learned.json"
"""What people taught the bundle; a bundle that nobody taught has none."""

UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError),
    *(SafetensorError, pa.ArrowException),
)
"""What reading files fails at whose author may have written anything."""


@dataclass(frozen=True)
class Bundle:
    """See the module's docstring. Parts are NumPy and Arrow: processes of one machine share one copy."""

    catalog: Catalog
    account_vectors: np.ndarray  # float32 [C, H] the catalog's learned embeddings
    store: TextStore  # the texts of the books
    idf: np.ndarray  # float32 [8192] n-gram weights
    books: Books
    weights: dict[str, np.ndarray]  # the network's state
    model: ModelSettings
    retrieval: RetrievalSettings
    encoder: str  # the identity of the encoder that made the text vectors
    family: np.ndarray  # int64 [E] entities with the same number follow the same standard chart
    ranker: Ranker
    judgment: Judgment
    facts: dict[str, Any]  # what a model card tells
    trained_as: str = ""  # the fingerprint of the bundle that this one extends (see jet.bundle.extension)
    trained: Bundle | None = None  # that bundle, where this one is it and `lots`
    lots: tuple[Lot, ...] = ()  # what people taught it since, in that order

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
        with torch.inference_mode():
            rows = torch.arange(len(data.catalog))
            accounts = network.account_table(data.account_inputs(), rows).numpy()
        return cls(
            catalog=data.catalog,
            account_vectors=accounts,
            store=data.store,
            idf=data.idf,
            books=Books.booked(data.entries["entry_id"].combine_chunks(), data.columns),
            weights={name: value.numpy().copy() for name, value in network.state_dict().items()},
            model=network.settings,
            retrieval=data.retrieval,
            encoder=encoder,
            family=chart_families(data.catalog),
            ranker=ranker,
            judgment=Judgment.none(),
            facts=dict(facts),
        )

    @cached_property
    def network(self) -> JetNetwork:
        """The network in eval mode, on the CPU."""
        network = self._empty_network()
        network.load_state_dict({name: torch.tensor(value) for name, value in self.weights.items()})
        return network.eval()

    def _empty_network(self) -> JetNetwork:
        return JetNetwork(
            self.model,
            dimension=self.store.dimension,
            buckets=len(self.idf),
            entities=len(self.catalog.entities),
            accounts=len(self.catalog),
        )

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

    def with_judgment(self, judgment: Judgment) -> Bundle:
        """The same bundle with another judgment."""
        return replace(self, judgment=judgment)

    @cached_property
    def fingerprints(self) -> dict[str, str]:
        """Of every part."""
        return {
            "catalog": self.catalog.fingerprint,
            "account_vectors": array_digest({"": self.account_vectors}),
            "texts": self.store.fingerprint(),
            "idf": array_digest({"": self.idf}),
            "books": self.books.fingerprint(),
            "weights": array_digest(self.weights),
            "family": array_digest({"": self.family}),
            "ranker": array_digest({**self.ranker.weights, "names": text_bytes(" ".join(self.ranker.names))}),
            "judgment": hashlib.sha256(json.dumps(self.judgment.as_dict()).encode()).hexdigest()[:16],
        }

    @property
    def identity(self) -> str:
        """What predictions carry in their column `model`: the fingerprint of the bundle that was trained."""
        return self.trained_as or self.fingerprint

    @property
    def sizes(self) -> dict[str, int]:
        """The row counts of its manifest."""
        return {"accounts": len(self.catalog), "books": len(self.books.ids), "texts": len(self.store)}

    def with_books(self, rows: np.ndarray) -> Bundle:
        """The same bundle remembering only some rows of its books, int64, ascending."""
        return replace(self, books=self.books.take(rows))

    @property
    def fingerprint(self) -> str:
        """Of the whole."""
        settings = [asdict(each) for each in (self.model, self.retrieval, self.ranker.settings)]
        parts = json.dumps([self.fingerprints, self.encoder, *settings])
        return hashlib.sha256(parts.encode()).hexdigest()[:16]

    def save(self, writer: ArtifactWriter) -> None:
        """Write all parts. The caller publishes."""
        trained = self.trained or self
        trained._save_trained(writer)
        if not self.lots:
            return
        for lot in self.lots:
            lot.save(writer)
        writer.write_table("learned/texts/part-0.parquet", self.store.to_table().slice(len(trained.store)))
        learned = {"fingerprint": self.fingerprint, "lots": [lot.told() for lot in self.lots]}
        writer.write_bytes(LEARNED, json.dumps(learned, indent=1, ensure_ascii=False).encode())

    def _save_trained(self, writer: ArtifactWriter) -> None:
        writer.write_bytes("network.safetensors", save_safetensors(self.weights))
        writer.write_bytes("ranker.safetensors", save_safetensors(dict(self.ranker.weights)))
        arrays = {
            "account_vectors": self.account_vectors,
            "booked": self.catalog.booked,
            "idf": self.idf,
            "family": self.family,
        }
        writer.write_bytes("catalog.safetensors", save_safetensors(arrays))
        writer.write_table("accounts/part-0.parquet", self.catalog.accounts)
        writer.write_table("texts/part-0.parquet", self.store.to_table())
        writer.write_table("books/part-0.parquet", self.books.to_table(self.catalog))
        content = {
            "format": FORMAT,
            "fingerprint": self.fingerprint,
            "fingerprints": self.fingerprints,
            "encoder": self.encoder,
            "model": asdict(self.model),
            "retrieval": asdict(self.retrieval),
            "ranker": {"settings": asdict(self.ranker.settings), "features": list(self.ranker.names)},
            "judgment": self.judgment.as_dict(),
            "facts": self.facts,
        }
        writer.write_bytes("bundle.json", json.dumps(content, indent=1, ensure_ascii=False).encode())
        writer.write_bytes("MODEL_CARD.md", model_card(self).encode())

    @classmethod
    def load(cls, path: str) -> Bundle:
        """The bundle at `path`. Raises `ArtifactError` where a file or a part is not what was saved."""
        artifact = open_artifact(path, KIND)
        with _readable(path):
            bundle, saved = cls._read(path, artifact)
            misfit = bundle._misfit()
            found = {} if misfit else bundle.fingerprints | {"whole": bundle.fingerprint}
        if misfit:
            raise ArtifactError(f"{path}: the bundle's {misfit} doesn't fit its other parts: fetch it anew")
        # The parts first, so that the error names the one; the whole has encoder and settings too.
        _check(path, found, saved)
        if LEARNED in artifact.manifest.files:
            with _readable(path):
                bundle, expected = bundle._with_lots(artifact)
                found = {"learned": bundle.fingerprint}
            _check(path, found, {"learned": expected})
        log.info(
            "loaded bundle %s from %s: %d accounts, %d entities, %d entries in memory, %d lots learned, "
            "encoder %s",
            bundle.fingerprint, path, len(bundle.catalog), len(bundle.catalog.entities), len(bundle.books.ids),
            len(bundle.lots), bundle.encoder or 'none',
        )  # fmt: skip
        return bundle

    @classmethod
    def _read(cls, path: str, artifact: Artifact) -> tuple[Bundle, dict[str, str]]:
        """The trained bundle in an artifact, unchecked, and the fingerprints that it was saved with."""
        content = json.loads(artifact.read_bytes("bundle.json"))
        if "fingerprints" in content and content.get("format", 1) != FORMAT:
            raise ArtifactError(
                f"{path}: the bundle is of format {content.get('format', 1)}, this jet reads {FORMAT}: train "
                "again, or use the jet that it was trained with"
            )
        arrays = load_safetensors(artifact.read_bytes("catalog.safetensors"))
        catalog = Catalog(artifact.read_table(ACCOUNTS, "accounts").combine_chunks(), arrays["booked"])
        texts, books = (
            read_parquet(artifact.filesystem, artifact.files(name)[0]) for name in ("texts", "books")
        )
        bundle = cls(
            catalog=catalog,
            account_vectors=arrays["account_vectors"],
            store=TextStore.from_table(texts),
            idf=arrays["idf"],
            books=Books.from_table(books, catalog),
            weights=load_safetensors(artifact.read_bytes("network.safetensors")),
            model=ModelSettings(**content["model"]),
            retrieval=RetrievalSettings(**content["retrieval"]),
            encoder=content["encoder"],
            family=arrays["family"],
            ranker=Ranker(
                tuple(content["ranker"]["features"]),
                load_safetensors(artifact.read_bytes("ranker.safetensors")),
                RankerSettings(**content["ranker"]["settings"]),
            ),
            judgment=Judgment.from_dict(content["judgment"]),
            facts=content["facts"],
        )
        return bundle, {**content["fingerprints"], "whole": content["fingerprint"]}

    def _misfit(self) -> str:
        """The name of a part whose shape isn't that of the others; "" where all fit."""
        accounts, entities = len(self.catalog), len(self.catalog.entities)
        shapes: dict[str, tuple[Any, Any]] = {
            "account_vectors": (self.account_vectors.shape, (accounts, self.model.hidden)),
            "booked": (self.catalog.booked.shape, (accounts, 2)),
            "idf": (self.idf.shape, (self.store.ngrams.shape[1],)),
            "family": (self.family.shape, (entities,)),
        }
        with torch.device("meta"):  # shapes without memory: a hostile setting may ask for any size
            wanted = self._empty_network().state_dict()
        for name in sorted(wanted.keys() | self.weights.keys()):
            shapes[name] = (
                self.weights[name].shape if name in self.weights else None,
                tuple(wanted[name].shape) if name in wanted else None,
            )
        return next((name for name, (found, fitting) in shapes.items() if found != fitting), "")

    def _with_lots(self, artifact: Artifact) -> tuple[Bundle, str]:
        """The bundle and what it was taught, unchecked, and the fingerprint that it was saved with."""
        content = json.loads(artifact.read_bytes(LEARNED))
        [texts] = artifact.files("learned/texts")
        known = TextStore.from_table(read_parquet(artifact.filesystem, texts))
        bundle = self
        for facts in content["lots"]:
            bundle = learned(bundle, Lot.load(artifact, facts), known.vectors_of)
        return bundle, content["fingerprint"]


@contextmanager
def _readable(path: str) -> Iterator[None]:
    """What is read inside may be anybody's: where it makes no sense, that is an `ArtifactError`."""
    try:
        yield
    except ArtifactError:
        raise
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from None
    except UNREADABLE as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ArtifactError(f"{path}: the bundle can't be read ({why}): fetch it anew") from error


def _check(path: str, found: Mapping[str, str], saved: Mapping[str, str]) -> None:
    """Raise `ArtifactError` where a part hasn't the fingerprint that it was saved with."""
    for name, expected in saved.items():
        if found.get(name) != expected:
            raise ArtifactError(
                f"{path}: the bundle's {name} has the fingerprint {found.get(name)}, and was saved with "
                f"{expected}: it was changed since, or mixed with another training's. Train again, or fetch "
                "the bundle anew."
            )


def text_vectors(bundle: Bundle, store: TextStore, rows_at_once: int = 256) -> np.ndarray:
    """float32 [U, H]: the network's vector of every text of `store` (the bundle's, perhaps extended).

    Always `rows_at_once` rows together, the last filled up, so that a vector doesn't depend on its company.
    """
    ngrams = weigh(store.ngrams, bundle.idf)
    vectors = np.empty((len(store), bundle.model.hidden), dtype=np.float32)
    network = bundle.network.cpu()
    with torch.inference_mode():
        for start in range(0, len(store), rows_at_once):
            rows = np.arange(start, min(start + rows_at_once, len(store)))
            inputs = TextInputs.of(store.vectors, ngrams, np.resize(rows, rows_at_once))
            vectors[rows] = network.text_table(inputs).numpy()[: len(rows)]
    return vectors


def model_card(bundle: Bundle) -> str:
    """What somebody who finds the bundle should know, in Markdown."""
    facts = "\n".join(f"- {name}: {value}" for name, value in bundle.facts.items())
    return (
        "# jet model bundle\n\n"
        f"Fingerprint `{bundle.fingerprint}`. Predicts the debit and credit lines of journal entries of the "
        f"{len(bundle.catalog.entities)} entities in its catalog ({len(bundle.catalog)} accounts), from "
        f"description, date, currency, journal and total, with {len(bundle.books.ids)} booked entries as "
        "memory.\n\n"
        f"Encoder: `{bundle.encoder}`.\n\n## Training\n\n{facts}\n\n"
        "## Limits\n\nIt copies the habits of these books, mistakes included. It knows no other entities. Its "
        "confidence was calibrated on the days after the training rows; where habits change, measure again.\n"
    )
