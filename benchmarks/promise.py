"""How often a promised precision is kept: thousands of calibrations, each measured on the true lines.

    python -m benchmarks.promise

Each resampling draws a calibration slice, chooses a threshold by a rule, and measures the true precision of all
that this threshold automates; where it automates nothing, nothing was promised and nothing is broken. "kept" is
the share of resamplings in which the precision is the promise or more, "within 1" in which it lacks no more
than a point, "automated" the mean share of entries at or above the threshold.

Rules:

- naive: the lowest confidence above which the slice itself kept the promise
- rows: the lowest one above which the lower bound (80 %) is the promise, every row counted as one
- groups: the same bound with rows of one text counted as a group, which is what jet does
- groups 90: the same at a level of 90 %
- from the top: fixed sequence testing of rows at 80 % (A. N. Angelopoulos et al., "Learn then Test", 2021,
  section 3): from the most confident rows downward, and no further than to the first threshold that fails

Populations:

- sorts: the confidence is exactly right, and most of it is high
- surely wrong: the same, but of the most confident tenth and more 1.5 % are wrong without a sign
- says nothing: every entry is right slightly less often than promised, at any confidence. No threshold is
  allowed, and any that is chosen breaks the promise (by that hair): the worst that a rule can meet

"in texts" are these where rows come in groups that are right or wrong together and have the same confidence:
half of the texts have one row, a tenth ten or more, the largest some forty.

`benchmarks.thresholds` has what rules are worth on real books.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from jet.confidence.threshold import LEVEL, precision_lower_bound, threshold_for

PROMISES = (0.9, 0.95, 0.99)
SLICES = (200, 384, 1000, 3000)
LARGE = 200_000
"""Entries that a true precision is measured on."""

SIZES, SIZE_SHARES = (1, 2, 4, 10, 40), (0.5, 0.25, 0.15, 0.08, 0.02)
"""The sizes of texts in "in texts", and the share of the texts that have them."""

Rule = Callable[[float, np.ndarray, np.ndarray, np.ndarray], float | None]


def naive(promise: float, confidence: np.ndarray, right: np.ndarray, _group: np.ndarray) -> float | None:
    """The lowest confidence from which on the slice itself kept the promise."""
    order = np.argsort(-confidence, kind="stable")
    kept = np.flatnonzero(right[order].cumsum() >= promise * np.arange(1, len(order) + 1))
    return float(confidence[order][kept[-1]]) if len(kept) else None


def of_rows(promise: float, confidence: np.ndarray, right: np.ndarray, _group: np.ndarray) -> float | None:
    """The bound, every row counted as one."""
    return threshold_for(promise, confidence, right)


def of_groups(level: float) -> Rule:
    """jet's bound, at a level."""
    return lambda promise, confidence, right, group: threshold_for(
        promise, confidence, right, group, level=level
    )


def from_the_top(promise: float, confidence: np.ndarray, right: np.ndarray, _group: np.ndarray) -> float | None:
    """Fixed sequence testing: see the module's docstring."""
    order = np.argsort(-confidence, kind="stable")
    total = np.arange(1, len(order) + 1)
    possible = precision_lower_bound(total, total) >= promise
    keeps = precision_lower_bound(right[order].cumsum(), total) >= promise
    fails = np.flatnonzero(possible & ~keeps)
    last = (fails[0] if len(fails) else len(order)) - 1
    return float(confidence[order][last]) if last >= 0 and possible[last] else None


RULES: dict[str, Rule] = {
    "naive": naive,
    "rows": of_rows,
    "groups": of_groups(LEVEL),
    "groups 90": of_groups(0.9),
    "from the top": from_the_top,
}


def sorts(draw: np.random.Generator, rows: int, _promise: float) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and chance of being right [rows]."""
    confidence = draw.beta(3, 0.6, rows)
    return confidence, confidence


def surely_wrong(draw: np.random.Generator, rows: int, _promise: float) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and chance of being right [rows]."""
    confidence = draw.beta(3, 0.6, rows)
    return confidence, np.where(confidence > 0.9, 0.985 * confidence, confidence)


def says_nothing(draw: np.random.Generator, rows: int, promise: float) -> tuple[np.ndarray, np.ndarray]:
    """Confidence and chance of being right [rows]."""
    return draw.random(rows), np.full(rows, promise - 1e-9)


POPULATIONS = {"sorts": sorts, "surely wrong": surely_wrong, "says nothing": says_nothing}


class Kept(NamedTuple):
    """One resampling: the true precision of what was automated (1 of nothing), and how much that was."""

    precision: float
    automated: float


def groups_of(draw: np.random.Generator, rows: int, in_texts: bool) -> np.ndarray:
    """int64 [rows]: the number of each row's text, ascending; a text each without `in_texts`."""
    if not in_texts:
        return np.arange(rows)
    return np.repeat(np.arange(rows), draw.choice(SIZES, rows, p=SIZE_SHARES))[:rows]


def synthetic(
    name: str, in_texts: bool, rows: int, promise: float, resamplings: int, seed: int = 0
) -> dict[str, list[Kept]]:
    """By rule, what came of each resampling of a population."""
    draw = np.random.default_rng([seed, rows])
    confidence, chance = POPULATIONS[name](draw, LARGE, promise)
    order = np.argsort(-confidence)
    sure, precision = confidence[order], chance[order].cumsum() / np.arange(1, LARGE + 1)
    found: dict[str, list[Kept]] = defaultdict(list)
    for _ in range(resamplings):
        group = groups_of(draw, rows, in_texts)
        confidence, chance = POPULATIONS[name](draw, rows, promise)
        right = draw.random(rows) < chance
        confidence, right = confidence[group], right[group]
        for rule, choose in RULES.items():
            threshold = choose(promise, confidence, right, group)
            count = 0 if threshold is None else int(np.searchsorted(-sure, -threshold, side="right"))
            found[rule].append(Kept(float(precision[count - 1]), count / LARGE) if count else Kept(1.0, 0.0))
    return found


def figures_of(kept: list[Kept], promise: float) -> tuple[float, float, float]:
    """kept, within 1, automated."""
    precision, automated = np.array(kept).T
    return (
        float((precision >= promise - 1e-12).mean()),
        float((precision >= promise - 0.01).mean()),
        float(automated.mean()),
    )


def row_of(name: str, promise: float, found: dict[str, list[Kept]]) -> str:
    """A row of the table."""
    cells = ["{:.2f} ({:.2f}) {:.2f}".format(*figures_of(kept, promise)) for kept in found.values()]
    return f"| {name} | {promise:.0%} | " + " | ".join(cells) + " |"


def head_of(what: str, rules: Iterable[str]) -> str:
    """The head of a table."""
    names = [what, "promise", *rules]
    return f"| {' | '.join(names)} |\n{'|---' * len(names)}|"


def synthetic_table(resamplings: int) -> Iterator[str]:
    """The rows of all made-up populations."""
    yield head_of("population, rows", RULES)
    for name in POPULATIONS:
        for in_texts in (False, True):
            for rows in SLICES:
                for promise in PROMISES:
                    found = synthetic(name, in_texts, rows, promise, resamplings)
                    yield row_of(f"{name}{' in texts' if in_texts else ''}, {rows}", promise, found)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="How often a promised precision is kept.")
    parser.add_argument("--resamplings", type=int, default=1000)
    args = parser.parse_args()
    print(f"kept (within 1) automated, of {args.resamplings} resamplings\n")
    for row in synthetic_table(args.resamplings):
        print(row, flush=True)


if __name__ == "__main__":
    main()
