"""Make a bundle, entries and predictions of this version, for every later version to read: `kept-FORMAT.zip`.

    PYTHONPATH=.:tests python tests/formats/keep.py

Run it where the format of artifacts or bundles changes, and keep the older file: a bundle that is too old must
be refused with the way out.
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path

import made_up
import torch

from jet.artifacts.artifact import artifact_writer
from jet.bundle.format import FORMAT
from jet.prediction.predictor import Predictor
from jet.prediction.settings import PredictSettings

TEXTS = ("office rent", "paper shop", "never seen")


def main() -> None:
    """Write the file."""
    torch.set_num_threads(1)
    books = made_up.books(days=60)
    data = made_up.training_data(books, made_up.accounts_table(made_up.chart_rows()))
    network = made_up.network(data)
    for part in (network.account_text, network.entry_text):  # a megabyte, which is to be small when packed
        torch.nn.init.zeros_(part.ngrams.weight)
    bundle = made_up.calibrated(data, made_up.assembled(data, network))
    rows = [made_up.entry("alder", f"n{n}", 200 + n, text, None, "100.00") for n, text in enumerate(TEXTS)]
    entries = made_up.entries_table(rows)
    predictions = Predictor.for_entries(bundle, PredictSettings(), entries, None)(entries)
    with tempfile.TemporaryDirectory() as folder:
        made_up.save(bundle, Path(folder) / "bundle")
        for kind, table in (("entries", entries), ("predictions", predictions)):
            with artifact_writer(f"{folder}/{kind}", kind, {}, {}) as writer:
                writer.write_table("data/part-000000.parquet", table)
                writer.publish({kind: len(table)})
        target = Path(__file__).with_name(f"kept-{FORMAT}.zip")
        with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted(Path(folder).rglob("*")):
                packed.write(path, path.relative_to(folder))
    print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    sys.exit(main())
