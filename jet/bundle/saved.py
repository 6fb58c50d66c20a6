"""A bundle as an artifact: its trained parts, and what people taught it since, saved and loaded as one thing.

Every part's fingerprint is written into `bundle.json` and checked on load. Lots are saved beside the trained
parts, as they came, and join them on load.
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
from jet.bundle.bundle import Bundle
from jet.bundle.extension import learned
from jet.bundle.format import misfit, read_trained, save_trained
from jet.bundle.lots import Lot
from jet.texts.store import TextStore

log = logging.getLogger(__name__)

KIND = "model"
LEARNED = "learned.json"
"""What people taught the bundle; a bundle that nobody taught has none."""

UNREADABLE = (
    *(ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError),
    *(SafetensorError, pa.ArrowException),
)
"""What reading files fails at whose author may have written anything."""


def save_bundle(bundle: Bundle, writer: ArtifactWriter) -> None:
    """Write all parts of `bundle`. The caller publishes."""
    trained = (bundle.origin and bundle.origin.trained) or bundle
    save_trained(trained, writer)
    if not bundle.lots:
        return
    for lot in bundle.lots:
        lot.save(writer)
    texts = bundle.corpus.store.to_table().slice(len(trained.corpus.store))
    writer.write_table("learned/texts/part-0.parquet", texts)
    learned = {"fingerprint": bundle.fingerprint, "lots": [lot.told() for lot in bundle.lots]}
    writer.write_bytes(LEARNED, json.dumps(learned, indent=1, ensure_ascii=False).encode())


def load_bundle(path: str) -> Bundle:
    """The bundle at `path`. Raises `ArtifactError` where a file or a part is not what was saved."""
    artifact = open_artifact(path, KIND)
    with _readable(path):
        bundle, saved = read_trained(path, artifact)
        unfit = misfit(bundle)
        found = {} if unfit else bundle.fingerprints | {"whole": bundle.fingerprint}
    if unfit:
        raise ArtifactError(f"{path}: the bundle's {unfit} doesn't fit its other parts: fetch it anew")
    # The parts first, so that the error names the one; the whole has encoder and settings too.
    _check(path, found, saved)
    if LEARNED in artifact.manifest.files:
        with _readable(path):
            bundle, expected = _with_lots(bundle, artifact)
            found = {"learned": bundle.fingerprint}
        _check(path, found, {"learned": expected})
    log.info(
        "loaded bundle %s from %s: %d accounts, %d entities, %d entries in memory, %d lots learned, encoder %s",
        bundle.fingerprint,
        path,
        len(bundle.corpus.catalog),
        len(bundle.corpus.catalog.entities),
        len(bundle.corpus),
        len(bundle.lots),
        bundle.encoder or "none",
    )
    return bundle


def _with_lots(bundle: Bundle, artifact: Artifact) -> tuple[Bundle, str]:
    """The bundle and what it was taught, unchecked, and the fingerprint that it was saved with."""
    content = json.loads(artifact.read_bytes(LEARNED))
    [texts] = artifact.files("learned/texts")
    known = TextStore.from_table(read_parquet(artifact.filesystem, texts))
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
