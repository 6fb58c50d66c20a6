"""The trained parts of a bundle as files: safetensors, parquet and JSON, no pickle anywhere."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from safetensors.numpy import load as load_safetensors
from safetensors.numpy import save as save_safetensors

from jet.artifacts.artifact import Artifact, ArtifactError, ArtifactWriter, read_parquet
from jet.artifacts.tables import validate
from jet.books.catalog import Catalog
from jet.books.schema import ACCOUNTS, MEMORY
from jet.bundle.bundle import Bundle
from jet.bundle.card import model_card
from jet.confidence.judgment import Judgment
from jet.model.network import JetNetwork
from jet.model.settings import ModelSettings
from jet.ranking.ranker import Ranker
from jet.ranking.settings import RankerSettings
from jet.retrieval.columns import EntryColumns, whole
from jet.retrieval.corpus import Corpus
from jet.retrieval.settings import RetrievalSettings
from jet.texts.store import TextStore

FORMAT = 8
"""The version of a bundle's files and of its trained parts' inputs.

2: directions, neighbors by currency, rules that hold a prediction. 3: the network's vectors of the texts.
4: additions, the names of the judgment's parts, fewer settings of the network. 5: regimes of use.
6: a judgment of the ranker's answers alone. 8: known lines, a column of learned entries."""


def save_trained(bundle: Bundle, writer: ArtifactWriter) -> None:
    """Write the parts of a trained bundle."""
    corpus = bundle.corpus
    writer.write_bytes("network.safetensors", save_safetensors(bundle.weights))
    writer.write_bytes("ranker.safetensors", save_safetensors(dict(bundle.ranker.weights)))
    assert corpus.family is not None
    arrays = {
        "account_vectors": bundle.account_vectors,
        "text_vectors": bundle.text_vectors,
        "booked": corpus.catalog.booked,
        "idf": corpus.idf,
        "family": corpus.family,
    }
    writer.write_bytes("catalog.safetensors", save_safetensors(arrays))
    writer.write_table("accounts/part-0.parquet", corpus.catalog.accounts)
    writer.write_table("texts/part-0.parquet", corpus.store.to_table())
    writer.write_table("books/part-0.parquet", _rows_table(corpus))
    content = {
        "format": FORMAT,
        "fingerprint": bundle.fingerprint,
        "fingerprints": bundle.fingerprints,
        "encoder": bundle.encoder,
        "model": asdict(bundle.model),
        "retrieval": asdict(bundle.retrieval),
        "ranker": {"settings": asdict(bundle.ranker.settings), "features": list(bundle.ranker.names)},
        "facts": bundle.facts,
    }
    writer.write_bytes("bundle.json", json.dumps(content, indent=1, ensure_ascii=False).encode())
    judgment = json.dumps(bundle.judgment.as_dict(), ensure_ascii=False, separators=(",", ":"))
    writer.write_bytes("judgment.json", judgment.encode())
    writer.write_bytes("MODEL_CARD.md", model_card(bundle).encode())


def read_trained(path: str, artifact: Artifact) -> tuple[Bundle, dict[str, str]]:
    """The trained bundle of `artifact`, unchecked, and the fingerprints that it was saved with.

    Raises `ArtifactError` where it has another format.
    """
    content = json.loads(artifact.read_bytes("bundle.json"))
    if "fingerprints" in content and content.get("format", 1) != FORMAT:
        raise ArtifactError(
            f"{path}: the bundle is of format {content.get('format', 1)}, this jet reads {FORMAT}: train "
            "again, or use the jet that it was trained with"
        )
    arrays = load_safetensors(artifact.read_bytes("catalog.safetensors"))
    catalog = Catalog(artifact.read_table(ACCOUNTS, "accounts").combine_chunks(), arrays["booked"])
    texts, rows = (read_parquet(artifact.filesystem, artifact.files(name)[0]) for name in ("texts", "books"))
    bundle = Bundle(
        corpus=_corpus(rows, catalog, TextStore.from_table(texts), arrays),
        account_vectors=arrays["account_vectors"],
        text_vectors=arrays["text_vectors"],
        weights=load_safetensors(artifact.read_bytes("network.safetensors")),
        model=ModelSettings(**content["model"]),
        retrieval=RetrievalSettings(**content["retrieval"]),
        encoder=content["encoder"],
        ranker=Ranker(
            tuple(content["ranker"]["features"]),
            load_safetensors(artifact.read_bytes("ranker.safetensors")),
            RankerSettings(**content["ranker"]["settings"]),
        ),
        judgment=Judgment.from_dict(json.loads(artifact.read_bytes("judgment.json"))),
        facts=content["facts"],
    )
    return bundle, {**content["fingerprints"], "whole": content["fingerprint"]}


def misshapen_part(bundle: Bundle) -> str:
    """The name of a part whose shape doesn't fit the others; "" where all fit."""
    corpus = bundle.corpus
    assert corpus.family is not None
    accounts, entities = len(corpus.catalog), len(corpus.catalog.entities)
    shapes: dict[str, tuple[Any, Any]] = {
        "account_vectors": (bundle.account_vectors.shape, (accounts, bundle.model.hidden)),
        "text_vectors": (bundle.text_vectors.shape, (len(corpus.store), bundle.model.hidden)),
        "booked": (corpus.catalog.booked.shape, (accounts, 2)),
        "idf": (corpus.idf.shape, (corpus.store.ngrams.shape[1],)),
        "family": (corpus.family.shape, (entities,)),
    }
    with torch.device("meta"):  # shapes without memory: a hostile setting may have any size
        network = JetNetwork.for_corpus(bundle.model, corpus).state_dict()
    for name in sorted(network.keys() | bundle.weights.keys()):
        shapes[name] = (
            bundle.weights[name].shape if name in bundle.weights else None,
            tuple(network[name].shape) if name in network else None,
        )
    return next((name for name, (shape, expected) in shapes.items() if shape != expected), "")


def _rows_table(corpus: Corpus) -> pa.Table:
    """The rows of the corpus as a table (`MEMORY`)."""
    columns = corpus.rows
    return pa.Table.from_arrays(
        [
            corpus.entities,
            corpus.ids,
            pa.array(columns.date).cast(pa.date32()),
            pa.array(columns.text),
            pa.array(columns.journal),
            pa.array(columns.currency),
            pa.array(columns.direction),
            pa.array(columns.total, mask=np.isnan(columns.total)),
            pa.LargeListArray.from_arrays(pa.array(columns.offsets), pa.array(columns.tokens)),
            pa.LargeListArray.from_arrays(pa.array(columns.offsets), pa.array(columns.amounts)),
        ],
        schema=MEMORY,
    )


def _corpus(table: pa.Table, catalog: Catalog, store: TextStore, arrays: dict[str, np.ndarray]) -> Corpus:
    """The corpus whose rows `_rows_table` wrote."""
    table = validate(table, MEMORY, "memory").combine_chunks()

    def column(name: str) -> pa.Array:
        return whole(table[name])

    tokens = column("tokens")
    lengths = tokens.value_lengths().to_numpy(zero_copy_only=False)
    columns = EntryColumns(
        entity=catalog.entity_numbers(table["entity"]),
        date=column("date").cast(pa.int32()).to_numpy(zero_copy_only=False),
        text=column("text").to_numpy(),
        journal=column("journal").to_numpy(),
        currency=column("currency").to_numpy(),
        direction=column("direction").to_numpy(),
        total=column("total").to_numpy(zero_copy_only=False).astype(np.float64),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        tokens=tokens.flatten().to_numpy(),
        amounts=column("amounts").flatten().to_numpy(),
    )
    reviewed = np.zeros(len(columns), dtype=bool)
    return Corpus(columns, column("entry_id"), catalog, store, arrays["idf"], reviewed, arrays["family"])
