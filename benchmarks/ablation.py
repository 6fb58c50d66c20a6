"""What each part of the set ranker contributes: the same training without it.

    python -m benchmarks.ablation --run DIR [--seeds 0 1 2]

DIR is what `jet pipeline` wrote. Features and candidates of all booked entries are computed once; every row of
the table trains the ranker without some features, or without some proposers' candidates, and predicts alone
(no decoder). Exact match on the calibration and the test split, mean of the seeds, per source of ledgers.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import replace

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from jet.artifacts.artifact import open_artifact
from jet.books.split import CALIBRATION, SPLITS, TEST, TRAIN
from jet.experiments.ablation.sources import sources_of
from jet.ranking.examples import Examples
from jet.ranking.settings import RankerSettings
from jet.ranking.statistics import Statistics
from jet.training.data import TrainingData
from ray_jobs.ddp.training import load_data
from ray_jobs.runtime.settings import JobConfig

WITHOUT: dict[str, tuple[str, ...]] = {
    "nothing": (),
    "account-level expert": ("by_expert", "by_substituted", "line_"),
    "neighbors of other companies": ("by_peer", "votes_peers", "largest_peer", "count_peer"),
    "amounts": ("amount_", "votes_amount", "votes_size", "digits", "votes_digits"),
    "of these, whether totals are whole": ("digits", "votes_digits"),
    "names of accounts": ("by_named", "named", "meaning"),
    "recency and rhythm": ("fresh", "votes_recent", "votes_latest", "newest", "due", "votes_day", "last_text"),
    "journal": ("votes_journal",),
    "votes by side": ("debit_", "credit_"),
    "priors": ("prior", "rarest", "unbooked"),
    "combined sets": ("by_combined",),
    "mirrored, doubled and thinned sets": ("by_mirrored", "by_doubled", "by_thinned"),
}
"""Names of features, or how they begin; "by_" stands for a proposer and takes its candidates too."""


def main() -> None:
    """Print the table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--run", required=True, help="what `jet pipeline` left")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    args = parser.parse_args()
    entries = open_artifact(f"{args.run}/entries", "entries")
    data = load_data(entries, open_artifact(f"{args.run}/neighbors", "neighbors"), JobConfig())
    source = sources_of(data.entries)
    examples = {part: _examples(data, part) for part in (TRAIN, CALIBRATION, TEST)}
    names = sorted(set(source.tolist()))
    heads = [f"{name}, {SPLITS[part]}" for part in (CALIBRATION, TEST) for name in names]
    print("| ranker alone without | " + " | ".join(heads) + " |\n|---|" + "---|" * len(heads))
    for label, parts in WITHOUT.items():
        cells = []
        right = _right(examples, parts, args.seeds)
        for part in (CALIBRATION, TEST):
            own = source[data.rows(part)]
            cells += [f"{right[part][:, own == name].mean():.3f}" for name in names]
        print(f"| {label} | " + " | ".join(cells) + " |", flush=True)


def _examples(data: TrainingData, part: int) -> Examples:
    statistics = Statistics.of(data.corpus, data.retrieval, data.model.max_lines)
    rows = data.learnable(part) if part == TRAIN else data.rows(part)
    return Examples.of(statistics, rows, data.hits.take(rows), RankerSettings())


def _right(examples: dict[int, Examples], without: tuple[str, ...], seeds: list[int]) -> dict[int, np.ndarray]:
    """bool [seeds, rows] for the calibration and the test rows: which predictions are right."""
    some = {part: _without(each, without) for part, each in examples.items()}
    rankers = [some[TRAIN].fit(RankerSettings(), seed) for seed in seeds]
    right = {}
    for part in (CALIBRATION, TEST):
        each = some[part]
        features = {name: each.features[:, :, i] for i, name in enumerate(each.names)}
        best = [
            np.where(each.exists, ranker(features, each.exists)[0], -np.inf).argmax(axis=1)
            for ranker in rankers
        ]
        right[part] = (np.stack(best) == each.target) & each.exists.any(axis=1)
    return right


def _without(examples: Examples, parts: tuple[str, ...]) -> Examples:
    exists, nowhere = examples.exists, examples.exists.shape[1]
    for part in parts:
        if part.startswith("by_"):
            exists = exists & (examples.features[:, :, examples.names.index(part)] == 0)
    target = examples.target
    kept = np.take_along_axis(exists, np.minimum(target, nowhere - 1)[:, None], 1)[:, 0]
    keep = [i for i, name in enumerate(examples.names) if not name.startswith(parts or ("\0",))]
    return replace(
        examples,
        names=tuple(examples.names[i] for i in keep),
        features=examples.features[:, :, keep],
        exists=exists,
        target=np.where((target < nowhere) & kept, target, nowhere),
    )


if __name__ == "__main__":
    main()
