"""A billion entries on a thousand nodes, simulated: the waiting times in `jet neighbors` and `jet predict`.

    python -m benchmarks.scale [--entries 1000000000] [--companies 1000000] [--nodes 1000]

Companies' sizes follow a Pareto law (a few have a hundred thousand times the entries of the median). Then

- **neighbors**: blocks and shards are made by jet's own rule (65,536 rows a block, prefixes that double in a
  company with more than 100,000 texts, the most work first to the least busy shard), one shard a core. Parts of
  2,048 entries, sorted by company, query the shards that hold their companies. Results: how even the shards
  are, how many of them a part queries, and how long the busiest works beside the mean.
- **predict**: parts of 2,048 entries, each taken by the next free actor, one actor a core. A part takes the
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

from ray_jobs.spread.shards import ANYWAY

BLOCK_ROWS, PART_ROWS = 65_536, 2048
LARGE = round(100_000 / 0.24)
"""Entries of a company with 100,000 distinct texts."""


def main() -> None:
    """Print both simulations as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--entries", type=int, default=1_000_000_000)
    parser.add_argument("--companies", type=int, default=1_000_000)
    parser.add_argument("--nodes", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=16, help="of a node")
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
        "neighbors": routing(sizes, args.nodes * args.cores),
        "predict": scheduling(int(sizes.sum()), args, draw),
    }
    print(json.dumps(found, indent=1))


def company_sizes(entries: int, companies: int, draw: np.random.Generator) -> np.ndarray:
    """int64 [companies]: Pareto with an exponent of 1.2, cut at a thousandth of all entries."""
    raw = draw.pareto(1.2, companies) + 1
    raw = np.minimum(raw, raw.sum() / 1000)
    return np.maximum(1, np.round(raw * entries / raw.sum())).astype(np.int64)


def routing(sizes: np.ndarray, shards: int) -> dict[str, float]:
    """The work of the shards, and the queries of a part."""
    company, rows, work, is_prefix = blocks_of(sizes)
    # A prefix with more work than a shard's share is held by several.
    of = np.where(is_prefix, np.minimum(shards, np.ceil(work / (work.sum() / shards))), 1).astype(int)
    company, rows, work = (np.repeat(each, of) for each in (company, rows, work / of))
    held = np.zeros(len(rows), dtype=np.int64)
    load = [(0.0, shard) for shard in range(shards)]
    for block in np.argsort(-work, kind="stable").tolist():
        least, shard = heapq.heappop(load)
        held[block] = shard
        heapq.heappush(load, (least + float(work[block]), shard))
    memory = np.bincount(held, rows, shards)
    busy = np.bincount(held, work, shards)
    ends = np.cumsum(sizes)
    parts = np.arange(0, int(ends[-1]), PART_ROWS)
    first, last = np.searchsorted(ends, parts, "right"), np.searchsorted(ends, parts + PART_ROWS - 1, "right")
    last = np.minimum(last, len(sizes) - 1)
    starts = np.searchsorted(company, np.arange(len(sizes) + 1))
    sample = np.random.default_rng(1).choice(len(parts), min(len(parts), 5000), replace=False)
    queried = [len(np.unique(held[starts[first[part]] : starts[last[part] + 1]])) for part in sample]
    return {
        "blocks": len(is_prefix),
        "rows of the fullest shard beside the mean": round(float(memory.max() / memory.mean()), 3),
        "work of the busiest shard beside the mean": round(float(busy.max() / busy.mean()), 3),
        "work of the busiest company beside a shard's mean": round(
            float(np.bincount(company, work).max() / busy.mean()), 1
        ),
        "shards that a part queries, median": float(np.median(queried)),
        "shards that a part queries, most": float(np.max(queried)),
        "queries of all parts": round(float(np.mean(queried) * len(parts))),
    }


def blocks_of(sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each block its company, its rows, its work as jet estimates it, and whether it is a prefix."""
    large = sizes > LARGE
    first = 2 * BLOCK_ROWS  # an entry of a large company that has more earlier ones asks a prefix
    count = -(-np.where(large, first, sizes) // BLOCK_ROWS)
    company = np.repeat(np.arange(len(sizes)), count)
    start = BLOCK_ROWS * (np.arange(len(company)) - np.repeat(np.cumsum(count) - count, count))
    end = np.where(large, first, sizes)[company]
    blocks = [(company, np.minimum(BLOCK_ROWS, end - start), end - start)]
    above = first
    while (of := np.flatnonzero(large & (sizes > above))).size:
        stop = np.minimum(2 * above, sizes[of])
        blocks.append((of, stop, stop - above))
        above *= 2
    company, rows, asking = (np.concatenate(each) for each in zip(*blocks, strict=True))
    order = np.argsort(company, kind="stable")
    is_prefix = (np.arange(len(company)) >= len(blocks[0][0]))[order]
    work = asking.astype(float) * (ANYWAY + np.minimum(rows, BLOCK_ROWS))
    return company[order], rows[order], work[order], is_prefix


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
