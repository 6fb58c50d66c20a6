"""Prediction: `jet predict` beside a plain loop, and jet's decoder beside decoding as the ancestor did it.

    python -m benchmarks.predicting --run RUN [--parts 5]

RUN is what `jet pipeline` wrote. Its entries, without their lines and repeated as needed, make parts of 1,024.

- **A plain loop** in one process reads the same files, predicts with the same `Predictor` and writes the
  same parts. `jet predict` has one actor. Steady state: from its first finished part to its last; for the loop
  the same parts. The time that `jet predict` takes besides (Ray's start, the bundle, its index, the checks at
  the end) is given apart.
- **One entry at a time**, the text encoded anew for every beam and step: the same weights, beams and rules, as
  the ancestor of this system decoded. Jet has a part, of which every distinct text is encoded once,
  in the predictor's batches. Both only decode; nothing is ranked or calibrated. That both find the same
  sets is checked.
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from torch.nn import functional as F

from benchmarks.side_by_side import ROUNDS, Row, alternate, compared, report
from jet.artifacts.artifact import artifact_writer, open_artifact
from jet.books.schema import ACCOUNTS, ENTRIES, REJECTED
from jet.books.tokens import NOTHING
from jet.books.withheld import without_lines
from jet.bundle.bundle import Bundle
from jet.bundle.saved import load_bundle
from jet.model.batch import Batch, collate, held_hits
from jet.model.decode import beam_search
from jet.model.network import Tables, follow_neighbors
from jet.model.tables import with_new_texts
from jet.prediction.predictor import Predictor, extended_store
from jet.prediction.settings import PredictSettings
from jet.retrieval.columns import entry_columns
from jet.retrieval.neighbors import make_encoder
from jet.texts.encoder import SentenceEncoder

PART_ROWS = 1024
ONE_BY_ONE = 8
"""Entries that the ancestor's way decodes in a round, from all over the part."""


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", required=True, help="what `jet pipeline` wrote")
    parser.add_argument("--parts", type=int, default=5)
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)
    bundle = load_bundle(f"{args.run}/model")
    with tempfile.TemporaryDirectory() as folder:
        entries = repeated(args.run, args.parts, Path(folder) / "entries")
        rows = [
            beside_a_loop(f"{args.run}/model", bundle, entries, Path(folder)),
            beside_the_ancestor(bundle, entries),
        ]
    report("predicting", "python -m benchmarks.predicting --run RUN", rows)


def repeated(run: str, parts: int, output: Path) -> Path:
    """The run's entries without their lines, under new ids, in files of `PART_ROWS`."""
    source = open_artifact(f"{run}/entries", "entries")
    table = without_lines(source.read_table(ENTRIES))
    times = -(-parts * PART_ROWS // len(table))
    copies = []
    for number in range(times):
        ids = pa.array([f"{name}/{number}" for name in table["entry_id"].to_pylist()])
        copies.append(table.set_column(table.column_names.index("entry_id"), "entry_id", ids))
    whole = pa.concat_tables(copies).cast(ENTRIES)
    with artifact_writer(str(output), "entries", {}, {}) as writer:
        for number in range(parts):
            writer.write_table(f"data/part-{number:05}.parquet", whole.slice(number * PART_ROWS, PART_ROWS))
        writer.write_table("accounts/part-0.parquet", source.read_table(ACCOUNTS, "accounts"))
        writer.write_table("rejected/part-0.parquet", REJECTED.empty_table())
        writer.publish({"entries": parts * PART_ROWS})
    return output


def beside_a_loop(model: str, bundle: Bundle, entries: Path, folder: Path) -> Row:
    """Rounds of `jet predict` and of the loop, in turn."""
    files = sorted(entries.glob("data/part-*.parquet"))
    seconds: dict[str, list[float]] = {"jet": [], "plain loop": []}
    besides = []
    for number in range(ROUNDS + 1):
        output = folder / f"out-{number}"
        start = time.perf_counter()
        command = [sys.executable, "-m", "ray_jobs.predict", "--ledgers", entries, "--bundle", model]
        given = ["--output", output, "--runtime.actors", 1]
        subprocess.run([str(word) for word in (*command, *given)], check=True, capture_output=True)
        whole = time.perf_counter() - start
        finished = sorted(path.stat().st_mtime for path in output.glob("data/part-*.parquet"))
        steady = finished[-1] - finished[0]
        looped = plain_loop(bundle, files, folder / "loop")
        if number:
            seconds["jet"].append(steady)
            seconds["plain loop"].append(looped)
            besides.append(whole - steady * len(files) / (len(files) - 1))
    work = PART_ROWS * (len(files) - 1)
    return compared(
        seconds,
        work,
        stage="predict, one actor",
        unit="entries",
        beside="plain loop",
        least=0.9,
        notes={"seconds that jet predict takes besides": round(statistics.median(besides), 1)},
    )


def plain_loop(bundle: Bundle, files: list[Path], folder: Path) -> float:
    """Seconds from the first finished part to the last."""
    folder.mkdir(exist_ok=True)
    texts = pa.concat_tables(pq.read_table(path, columns=["description"]) for path in files)["description"]
    store = extended_store(bundle, texts, make_encoder(bundle.retrieval))
    predictor = Predictor(bundle, PredictSettings()).with_store(store)
    finished = []
    for path in files:
        pq.write_table(predictor(pq.read_table(path)), folder / path.name, compression="zstd")
        finished.append(time.perf_counter())
    return finished[-1] - finished[0]


def beside_the_ancestor(bundle: Bundle, entries: Path) -> Row:
    """A part in jet's batches, and entries one at a time; seconds an entry."""
    encoder = make_encoder(bundle.retrieval)
    if encoder is None:
        raise SystemExit("the bundle has no sentence encoder")
    settings = PredictSettings(method="decoder")
    table = pq.read_table(min(entries.glob("data/part-*.parquet")))
    predictor = Predictor.for_entries(bundle, settings, table, encoder)
    store = predictor.statistics.corpus.store
    columns = entry_columns(table, bundle.corpus.catalog, store)
    texts = table["description"].to_pylist()

    def batch_of(rows: np.ndarray) -> Batch:
        hits = predictor.retriever.hits(replace(columns.queries(rows), store=store))
        chosen = held_hits(hits, bundle.model, bundle.retrieval)
        return collate(columns, rows, predictor.statistics.corpus, chosen, bundle.model.max_lines)

    texts_of = with_new_texts(bundle.text_vectors, bundle.network, replace(bundle.corpus, store=store))
    tables = Tables(torch.from_numpy(texts_of), torch.from_numpy(bundle.account_vectors))
    grouped = [group.rows for group in predictor.groups(columns, columns.entity >= 0)]
    rows = np.concatenate(grouped)
    batches = [batch_of(own) for own in grouped]
    picked = rows[np.linspace(0, len(rows) - 1, ONE_BY_ONE).astype(int)]
    single = [batch_of(picked[[at]]) for at in range(ONE_BY_ONE)]

    @torch.inference_mode()
    def together() -> torch.Tensor:
        encoder.encode(texts)
        found = [
            beam_search(bundle.network, bundle.network.encode(batch, tables), settings.beams).tokens[:, 0]
            for batch in batches
        ]
        return torch.cat(found)

    @torch.inference_mode()
    def one_by_one() -> list[list[int]]:
        given = zip(picked, single, strict=True)
        return [one_entry(bundle, encoder, texts[row], own, tables, settings.beams) for row, own in given]

    best = dict(zip(rows.tolist(), together().tolist(), strict=True))
    found = [[token for token in best[row] if token != NOTHING] for row in picked.tolist()]
    if found != one_by_one():
        raise SystemExit("the two ways find different sets")
    seconds = alternate({"jet": together, "one by one": one_by_one})
    seconds = {
        "jet": [each / len(rows) for each in seconds["jet"]],
        "one by one": [each / ONE_BY_ONE for each in seconds["one by one"]],
    }
    notes = {"entries": len(rows), "distinct texts": len(set(texts)), "one by one": ONE_BY_ONE}
    return compared(seconds, 1, stage="decode", unit="entries", beside="one by one", least=100, notes=notes)


def one_entry(
    bundle: Bundle, encoder: SentenceEncoder, text: str, batch: Batch, tables: Tables, width: int
) -> list[int]:
    """The best set of one entry: every beam, at every step, encodes the text and runs from the start."""
    network, stop = bundle.network, int(batch.stop)
    live: list[tuple[float, list[int]]] = [(0.0, [])]
    done: list[tuple[float, list[int]]] = []
    for _ in range(bundle.model.max_lines + 1):
        grown: list[tuple[float, list[int]]] = []
        for score, tokens in live:
            encoder.encode([text])
            target = torch.tensor([[*tokens, stop]])
            own = replace(batch, target=target)
            encoded = network.encode(own, tables)
            previous = F.pad(target[:, :-1], (1, 0), value=NOTHING)
            states, _ = network.advance(encoded, previous, encoded.hidden)
            said = network.distribution(encoded, states, previous, *follow_neighbors(own)).log_probs[0, -1]
            best = said.topk(min(width + 1, len(said)))
            for value, token in zip(best.values.tolist(), best.indices.tolist(), strict=True):
                (done if token == stop else grown).append((score + value, [*tokens, token]))
        live = sorted(grown, reverse=True)[:width]
        done = sorted(done, reverse=True)[:width]
        if len(done) >= 3 and live[0][0] <= done[2][0]:
            break
    return done[0][1][:-1]


if __name__ == "__main__":
    main()
