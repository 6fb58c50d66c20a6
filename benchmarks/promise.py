"""How often a promised precision is kept: thousands of calibrations, each measured on the true lines.

    python -m benchmarks.promise
    python -m benchmarks.promise --run RUN       # also the calibration of a run of `jet pipeline`

Each resampling draws a calibration slice, chooses a threshold by a rule, and measures the true precision of all
that this threshold automates; where it automates nothing, nothing was promised and nothing is broken. "kept" is
the share of resamplings in which the precision is the promise or more, "within 1" in which it lacks no more
than a point, "automated" the mean share of entries at or above the threshold.

Rules:

- naive: the lowest confidence above which the slice itself kept the promise
- rows: the lowest one above which the lower bound (90 %) is the promise, every row counted as one
- groups: the same bound with rows of one text counted as a group, which is what jet does
- groups 97: the same at a level of 97 %
- from the top: fixed sequence testing of rows at 90 % (A. N. Angelopoulos et al., "Learn then Test", 2021,
  section 3): from the most confident rows downward, and no further than to the first threshold that fails

Populations:

- sorts: the confidence is exactly right, and most of it is high
- surely wrong: the same, but of the most confident tenth and more 1.5 % are wrong without a sign
- says nothing: every entry is right slightly less often than promised, at any confidence. No threshold is
  allowed, and any that is chosen breaks the promise (by that hair): the worst that a rule can meet

"in texts" are these where rows come in groups that are right or wrong together and have the same confidence:
half of the texts have one row, a tenth ten or more, the largest some forty.

Of a run, the answers in the bundle's calibration, by regime of use. Each resampling draws its texts with
replacement, and the truth is all of them. "jet" is the whole rule, with companies that are taken out, own
thresholds and holds. Below, the thresholds of the calibration split are measured on the test split.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from jet.bundle.saved import load_bundle
from jet.confidence.calibration import Calibration
from jet.confidence.holds import auto_thresholds
from jet.confidence.promises import Calibrations
from jet.confidence.regimes import REGIMES
from jet.confidence.threshold import precision_lower_bound, threshold_for

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
    return lambda promise, confidence, right, group: threshold_for(promise, confidence, right, group, level)


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
    "groups": of_groups(0.9),
    "groups 97": of_groups(0.97),
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


def automated_by(
    calibration: Calibration, promise: float, chosen: np.ndarray, group: np.ndarray, asked: np.ndarray
) -> dict[str, np.ndarray]:
    """By rule, bool [asked]: which rows of a calibration are automated where the rows `chosen` decide.

    Both are row numbers; a row that is chosen twice counts twice. `group` [chosen] are the numbers of texts.
    """
    rows = replace(calibration.rows.take(chosen), group=group)
    confidence = calibration.confidence[chosen]
    free = ~rows.held
    of_asked, sure = calibration.rows.take(asked), calibration.confidence[asked]
    found = {}
    for name, choose in RULES.items():
        cut = choose(promise, confidence[free], rows.right[free], rows.group[free])
        found[name] = (sure >= (np.inf if cut is None else cut)) & ~of_asked.held
    (thresholds,) = Calibrations((replace(calibration, rows=rows, confidence=confidence),)).thresholds(promise)
    limits = auto_thresholds(
        thresholds.of(of_asked.entity.tolist()), of_asked.held, of_asked.history, thresholds.least_history
    )
    return found | {"jet": sure >= limits}


def drawn_texts(draw: np.random.Generator, group: np.ndarray, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """int64 each: the numbers of about as many `rows`, of texts that are drawn with replacement, and which draw
    each row is of."""
    order = np.argsort(group, kind="stable")
    texts = np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
    count = max(1, round(rows * len(texts) / len(group)))
    drawn = [texts[text] for text in draw.integers(0, len(texts), count)]
    return np.concatenate(drawn), np.repeat(np.arange(count), [len(text) for text in drawn])


def real(
    calibration: Calibration, rows: int, promise: float, resamplings: int, seed: int = 0
) -> dict[str, list[Kept]]:
    """By rule, the result of each resampling of a run's answers in a regime."""
    draw = np.random.default_rng([seed, rows])
    found: dict[str, list[Kept]] = defaultdict(list)
    everything = np.arange(len(calibration.rows))
    for _ in range(resamplings):
        drawn = drawn_texts(draw, calibration.rows.group, rows)
        for rule, auto in automated_by(calibration, promise, *drawn, everything).items():
            precision = float(calibration.rows.right[auto].mean()) if auto.any() else 1.0
            found[rule].append(Kept(precision, float(auto.mean())))
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


def real_table(calibrations: dict[str, Calibration], resamplings: int) -> Iterator[str]:
    """The rows of a run's regimes."""
    yield head_of("regime, rows", [*RULES, "jet"])
    for name, calibration in calibrations.items():
        for rows in SLICES[1:3]:
            for promise in PROMISES[:2]:
                yield row_of(f"{name}, {rows}", promise, real(calibration, rows, promise, resamplings))


def split_table(calibrations: dict[str, Calibration]) -> Iterator[str]:
    """What is automated of the test split where the calibration split decides, and the precision of that."""
    yield head_of("regime", [*RULES, "jet"])
    for name, calibration in calibrations.items():
        newest = calibration.rows.newest
        older = np.flatnonzero(~newest)
        group = calibration.rows.group[older]
        for promise in PROMISES:
            cells = []
            found = automated_by(calibration, promise, older, group, np.flatnonzero(newest))
            for auto in found.values():
                right = calibration.rows.right[newest][auto]
                cells.append(f"{auto.mean():.3f}, {right.mean():.3f}" if auto.any() else "none")
            yield f"| {name} | {promise:.0%} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="How often a promised precision is kept.")
    parser.add_argument("--run", help="what `jet pipeline` wrote")
    parser.add_argument("--resamplings", type=int, default=1000)
    args = parser.parse_args()
    print(f"kept (within 1) automated, of {args.resamplings} resamplings\n")
    for row in synthetic_table(args.resamplings):
        print(row, flush=True)
    if args.run:
        judgment = load_bundle(f"{args.run}/model").judgment
        calibrations = dict(zip(REGIMES, judgment.calibrations, strict=True))
        print()
        for row in real_table(calibrations, args.resamplings):
            print(row, flush=True)
        print("\nThe run itself: automated of the test split, right among these\n")
        print(*split_table(calibrations), sep="\n")


if __name__ == "__main__":
    main()
