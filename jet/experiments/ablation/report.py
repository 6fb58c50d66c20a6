"""Makes the table of an ablation from the scores of all rows and seeds.

A difference is the row's mean minus the baseline's on the same entries and seeds. Its 95 % interval is a
bootstrap that draws entities, then entries within them, and the seeds (`jet.evaluation.comparison`). By
chance alone one interval in twenty misses 0.

Shapes: N entries, M seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.split import CALIBRATION, SPLITS, TEST
from jet.evaluation.comparison import bootstrap_mean, unpaired_bootstrap
from jet.experiments.ablation.ablation import BASELINE, Row
from jet.experiments.ablation.inference import EntryScores
from jet.experiments.ablation.sources import sources_of
from jet.training.data import TrainingData

SCORES = pa.schema(
    [
        pa.field("row", pa.string(), nullable=False),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("entity", pa.string(), nullable=False),
        pa.field("entry_id", pa.string(), nullable=False),
        pa.field("source", pa.string(), nullable=False),  # the folder of the ledger file
        pa.field("split", pa.string(), nullable=False),
        pa.field("right", pa.bool_(), nullable=False),
        pa.field("f1", pa.float64(), nullable=False),
        pa.field("likelihood", pa.float64()),  # of the true lines; null where the network can't predict them
    ]
)
"""One row for every entry, row of the grid and seed."""

TOGETHER = "together"
MEASURED = (CALIBRATION, TEST)
MEASURES = ("right", "f1", "likelihood")


def scores_table(scores: EntryScores, data: TrainingData, rows: np.ndarray, row: str, seed: int) -> pa.Table:
    """The scores (`SCORES`) of `rows` of `data` by a row of the grid with a seed."""
    entries = data.entries.take(pa.array(rows))
    columns = {
        "row": [row] * len(rows),
        "seed": [seed] * len(rows),
        "entity": entries["entity"],
        "entry_id": entries["entry_id"],
        "source": sources_of(entries),
        "split": [SPLITS[part] for part in data.split[rows]],
        "right": scores.right,
        "f1": scores.f1,
        "likelihood": pa.array(scores.likelihood, from_pandas=True),  # null where nan
    }
    return pa.table(columns, schema=SCORES)


def summarized(scores: pa.Table, rows: Sequence[Row]) -> dict[str, Any]:
    """The mean, the mean of each seed, and the difference from the baseline, by row, split, source and
    measure."""
    names = sorted(pc.unique(scores["source"]).to_pylist())
    sources = names if len(names) == 1 else [TOGETHER, *names]
    return {
        row.name: {"question": row.question, **row.as_dict()}
        | {
            SPLITS[split]: {
                source: {
                    measure: _measured(scores, row, SPLITS[split], source, measure) for measure in MEASURES
                }
                for source in sources
            }
            for split in MEASURED
        }
        for row in rows
    }


def _measured(scores: pa.Table, row: Row, split: str, source: str, measure: str) -> dict[str, Any]:
    own = scores.filter(pc.equal(scores["split"], split))
    if source != TOGETHER:
        own = own.filter(pc.equal(own["source"], source))
    own = own.filter(pc.is_valid(own[measure]))
    values, entity, ids = _matrix(own, row.name, measure)
    result = {
        "entries": len(values),
        "mean": float(values.mean()) if len(values) else None,
        "seeds": values.mean(axis=0).tolist() if len(values) else [],
    }
    theirs, their_entity, their_ids = _matrix(own, BASELINE, measure)
    if row.name == BASELINE or not len(values) or not len(theirs):
        return result
    if not row.paired:
        return result | unpaired_bootstrap(values, entity, theirs, their_entity)
    if ids != their_ids:
        raise ValueError(f"{row.name} and the baseline didn't predict the same entries")
    return result | bootstrap_mean(values - theirs, entity)


def _matrix(scores: pa.Table, row: str, measure: str) -> tuple[np.ndarray, np.ndarray, list[tuple[str, str]]]:
    """A row's values [N, M], the entity [N] and the name of each entry."""
    own = scores.filter(pc.equal(scores["row"], row)).select(["entity", "entry_id", "seed", measure])
    own = own.sort_by([(name, "ascending") for name in ("entity", "entry_id", "seed")])
    seeds = len(pc.unique(own["seed"])) or 1
    values = own[measure].to_numpy().astype(np.float64).reshape(-1, seeds)
    entity = own["entity"].to_numpy().reshape(-1, seeds)[:, 0]
    ids = list(zip(entity.tolist(), own["entry_id"].to_pylist()[::seeds], strict=True))
    return values, entity, ids


def beyond_noise(metrics: Mapping[str, Any], split: int) -> list[str]:
    """The rows whose exact match over all sources has an interval of the difference without 0."""
    result = []
    for name, row in metrics.items():
        first = next(iter(row[SPLITS[split]].values()))["right"]
        if "low" in first and not first["low"] <= 0 <= first["high"]:
            result.append(name)
    return result


def markdown(metrics: Mapping[str, Any], seeds: Sequence[int]) -> str:
    """The table in Markdown, a section for each split."""
    sources = list(metrics[BASELINE][SPLITS[TEST]])
    parts = [
        "# Ablations\n",
        f"Mean of {len(seeds)} seeds ({', '.join(map(str, seeds))}) of the copy decoder alone. Below each mean "
        "stands the difference from the baseline with its 95 % interval, drawn over entities, entries and "
        "seeds; bold where it doesn't hold 0.\n",
        "| row | question |\n|---|---|",
        *(f"| {name} | {row['question']} |" for name, row in metrics.items()),
    ]
    for split in MEASURED:
        of_split = {name: row[SPLITS[split]] for name, row in metrics.items()}
        counts = ", ".join(f"{s} {of_split[BASELINE][s]['right']['entries']}" for s in sources)
        heads = [f"exact match, {source}" for source in sources]
        heads += [f"log-likelihood per entry, {sources[0]}", f"F1, {sources[0]}"]
        parts += [
            f"\n## {SPLITS[split].capitalize()} split ({counts} entries)\n",
            "| row | " + " | ".join(heads) + " |",
            "|---|" + "---|" * len(heads),
        ]
        for name, by_source in of_split.items():
            cells = [_cell(by_source[source]["right"]) for source in sources]
            cells += [_cell(by_source[sources[0]][measure]) for measure in ("likelihood", "f1")]
            parts.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(parts) + "\n"


def _cell(measured: Mapping[str, Any]) -> str:
    if measured["mean"] is None:
        return "–"
    mean = f"{measured['mean']:.3f}"
    if "low" not in measured:
        return mean
    difference, low, high = (measured[name] for name in ("difference", "low", "high"))
    sure = "" if low <= 0 <= high else "**"
    return f"{mean}<br>{sure}{difference:+.3f}{sure} ({low:+.3f} to {high:+.3f})"
