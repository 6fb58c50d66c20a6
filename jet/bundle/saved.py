"""Saves and loads a bundle as an artifact: its trained parts, and what it has learned since.

Every part's fingerprint is written into `bundle.json` and checked on load. Additions are saved beside the
trained parts, as they came, and are learned again on load.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pyarrow as pa
from safetensors import SafetensorError

from jet.artifacts.artifact import Artifact, ArtifactError, ArtifactWriter, open_artifact, read_parquet
from jet.artifacts.tables import SchemaError
from jet.bundle.additions import Addition
from jet.bundle.bundle import Bundle
from jet.bundle.extension import with_addition
from jet.bundle.format import misshapen_part, read_trained, save_trained
from jet.texts.store import TextStore

log = logging.getLogger(__name__)

KIND = "model"
LEARNED = "learned.json"
"""The file that lists the additions; a bundle without any doesn't have it."""

_READ_ERRORS = (
    *(ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError),
    *(SafetensorError, pa.ArrowException),
)
"""What reading may raise where a file has any content."""


def save_bundle(bundle: Bundle, writer: ArtifactWriter) -> None:
    """Write all parts of `bundle`. The caller publishes."""
    trained = (bundle.origin and bundle.origin.trained) or bundle
    save_trained(trained, writer)
    if not bundle.additions:
        return
    for addition in bundle.additions:
        addition.save(writer)
    texts = bundle.corpus.store.to_table().slice(len(trained.corpus.store))
    writer.write_table("learned/texts/part-0.parquet", texts)
    additions = [each.as_dict() for each in bundle.additions]
    content = {"fingerprint": bundle.fingerprint, "additions": additions}
    writer.write_bytes(LEARNED, json.dumps(content, indent=1, ensure_ascii=False).encode())


def load_bundle(path: str) -> Bundle:
    """The bundle at `path`. Raises `ArtifactError` where a file or a part is not what was saved."""
    artifact = open_artifact(path, KIND)
    with _readable(path):
        bundle, saved = read_trained(path, artifact)
        misshapen = misshapen_part(bundle)
        computed = {} if misshapen else bundle.fingerprints | {"whole": bundle.fingerprint}
    if misshapen:
        raise ArtifactError(f"{path}: the bundle's {misshapen} doesn't fit its other parts: fetch it anew")
    # Parts come before the whole, so that the error names the part; the whole has encoder and settings too.
    _check(path, computed, saved)
    if LEARNED in artifact.manifest.files:
        with _readable(path):
            bundle, expected = _with_additions(bundle, artifact)
            computed = {"learned": bundle.fingerprint}
        _check(path, computed, {"learned": expected})
    log.info(
        "loaded bundle %s from %s: %d accounts, %d entities, %d booked entries, %d additions, encoder %s",
        bundle.fingerprint,
        path,
        len(bundle.corpus.catalog),
        len(bundle.corpus.catalog.entities),
        len(bundle.corpus),
        len(bundle.additions),
        bundle.encoder or "none",
    )
    return bundle


def _with_additions(bundle: Bundle, artifact: Artifact) -> tuple[Bundle, str]:
    """The bundle with its additions, unchecked, and the fingerprint that it was saved with."""
    content = json.loads(artifact.read_bytes(LEARNED))
    [texts] = artifact.files("learned/texts")
    store = TextStore.from_table(read_parquet(artifact.filesystem, texts))
    for facts in content["additions"]:
        bundle = with_addition(bundle, Addition.load(artifact, facts), store.vectors_of)
    return bundle, content["fingerprint"]


@contextmanager
def _readable(path: str) -> Iterator[None]:
    """Turns what reading raises into an `ArtifactError` that names `path`."""
    try:
        yield
    except ArtifactError:
        raise
    except SchemaError as error:
        raise SchemaError(f"{path}: {error}") from None
    except _READ_ERRORS as error:
        why = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        raise ArtifactError(f"{path}: the bundle can't be read ({why}): fetch it anew") from error


def _check(path: str, computed: Mapping[str, str], saved: Mapping[str, str]) -> None:
    """Raise `ArtifactError` where a part doesn't have the fingerprint that it was saved with."""
    for name, expected in saved.items():
        if computed.get(name) != expected:
            raise ArtifactError(
                f"{path}: the bundle's {name} has the fingerprint {computed.get(name)}, and was saved with "
                f"{expected}: it was changed since, or mixed with another training's. Train again, or fetch "
                "the bundle anew."
            )
