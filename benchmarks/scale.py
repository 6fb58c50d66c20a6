"""A billion entries on a thousand nodes, simulated: the waiting times in `jet neighbors` and `jet predict`.

    python -m benchmarks.scale [--entries 1000000000] [--companies 1000000] [--nodes 1000]

Companies' sizes follow a Pareto law (a few have a hundred thousand times the entries of the median). Then

- **neighbors**: companies are dealt into buckets by jet's own rule. An actor takes a bucket, one actor a core;
  the work of an entry is that of a query, and of comparing it with its company's earlier entries, or with a
  block's rows in a prefix of ScaNN's. A company far larger than a bucket is searched by all actors after the
  others, one after another, each with a start of its own. Results: the time to the last bucket beside the
  ideal.
- **predict**: parts of 4,096 entries, each taken by the next free actor, one actor a core. A part takes the
  measured time, spread lognormally; some nodes are half as fast; the driver hands out a part in `--driver`
  seconds, one after another. Results: the time to the last part beside the ideal, and the driver's
  share.

Unit costs are arguments: docs/scale.md says where each was measured.
"""

from __future__ import annotations

import argparse
import heapq
import json

import numpy as np

from jet.books.buckets import deal
from ray_jobs.neighbors import SPREAD_FROM
from ray_jobs.spread.shards import ANYWAY

BLOCK_ROWS, PART_ROWS, BUCKET_ROWS = 65_536, 4096, 262_144
LARGE = round(100_000 / 0.24)
"""Entries of a company with 100,000 distinct texts."""


def main() -> None:
    """Print both simulations as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000_000)
    parser.add_argument("--companies", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=16, help="of a node")
    of_10_000 = "entries of a company of 10,000 that a core searches in a second"
    parser.add_argument("--searched", type=float, default=11_400.0, help=of_10_000)
    parser.add_argument("--start", type=float, default=20.0, help="seconds until a company's shards are ready")
    parser.add_argument("--rate", type=float, default=180.0, help="entries that a core predicts in a second")
    parser.add_argument(
        "--spread", type=float, default=0.15, help="of a part's time, as a standard deviation of its log"
    )
    parser.add_argument("--driver", type=float, default=0.007, help="seconds of the driver for a part")
    args = parser.parse_args()
    draw = np.random.default_rng(0)
    sizes = company_sizes(args.entries, args.companies, draw)
    found = {
        "companies": {"median": int(np.median(sizes)), "largest": int(sizes.max())},
        "neighbors": searching(sizes, args),
        "predict": scheduling(int(sizes.sum()), args, draw),
    }
    print(json.dumps(found, indent=1))


def company_sizes(entries: int, companies: int, draw: np.random.Generator) -> np.ndarray:
    """int64 [companies]: Pareto with an exponent of 1.2, cut at a thousandth of all entries."""
    raw = draw.pareto(1.2, companies) + 1
    raw = np.minimum(raw, raw.sum() / 1000)
    return np.maximum(1, np.round(raw * entries / raw.sum())).astype(np.int64)


def searching(sizes: np.ndarray, args: argparse.Namespace) -> dict[str, float]:
    """The time until the neighbors of all buckets are found."""
    actors = args.nodes * args.cores
    compared = np.where(sizes > LARGE, BLOCK_ROWS, np.minimum(sizes, LARGE) / 2)
    seconds = sizes * (ANYWAY + compared) / (ANYWAY + 5_000) / args.searched
    names = {f"{number:07}": int(size) for number, size in enumerate(sizes)}
    dealt = deal(names, {name: number for number, name in enumerate(names)}, BUCKET_ROWS)
    of = [np.array([int(name) for name in companies]) for companies in dealt]
    whole = [float(seconds[each].sum()) for each in of if sizes[each].sum() <= SPREAD_FROM * BUCKET_ROWS]
    spread = [float(seconds[each].sum()) for each in of if sizes[each].sum() > SPREAD_FROM * BUCKET_ROWS]
    free = [0.0] * min(actors, len(whole))
    for each in whole:
        heapq.heappush(free, heapq.heappop(free) + each)
    end = max(free) + sum(args.start + each / actors for each in spread)
    return {
        "buckets": len(of),
        "companies that are spread": len(spread),
        "seconds of the slowest bucket": round(max(whole)),
        "minutes": round(end / 60, 1),
        "minutes of these for companies that are spread": round((end - max(free)) / 60, 1),
        "ideal minutes": round(float(seconds.sum()) / actors / 60, 2),
        "core-hours": round(float(seconds.sum()) / 3600),
    }


def scheduling(entries: int, args: argparse.Namespace, draw: np.random.Generator) -> dict[str, float]:
    """The time until the last part is done."""
    parts = -(-entries // PART_ROWS)
    actors = args.nodes * args.cores
    speed = np.where(draw.random(args.nodes) < 0.02, 0.5, 1.0).repeat(args.cores)
    seconds = PART_ROWS / args.rate * np.exp(draw.normal(0, args.spread, parts) - args.spread**2 / 2)
    free = [(0.0, actor) for actor in range(actors)]
    driver = end = 0.0
    for each in seconds.tolist():
        at, actor = heapq.heappop(free)
        driver = max(driver, at) + args.driver
        done = driver + each / float(speed[actor])
        end = max(end, done)
        heapq.heappush(free, (done, actor))
    ideal = float(seconds.sum() / speed.sum())
    return {
        "parts": parts,
        "actors": actors,
        "hours": round(end / 3600, 3),
        "ideal hours": round(ideal / 3600, 3),
        "efficiency": round(ideal / end, 3),
        "driver busy": round(parts * args.driver / end, 3),
    }


if __name__ == "__main__":
    main()
