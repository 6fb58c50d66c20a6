"""How often a promised precision is kept: thousands of calibrations, each measured on the true lines.

    python -m benchmarks.promise
    python -m benchmarks.promise --run RUN       # also the real predictions of a run of `jet pipeline`

Each resampling draws a calibration slice, chooses a threshold by a rule, and measures the true precision of all
that this threshold automates; where it automates nothing, nothing was promised and nothing is broken. "kept" is
the share of resamplings in which the precision is the promise or more, "within 1" in which it lacks no more
than a point, "automated" the mean share of entries at or above the threshold.

Rules:

- naive: the lowest confidence above which the slice itself kept the promise
- bound: `threshold_for`, what jet does: the lowest one above which the lower bound (90 %) is the promise
- bound 93, bound 97: the same with a higher level, which allows for choosing among many thresholds
- from the top: fixed sequence testing at 90 % (A. N. Angelopoulos et al., "Learn then Test", 2021, section 3),
  which keeps its level whatever the data is like: from the most confident rows downward, and no further than
  to the first threshold that fails

Populations:

- sorts: the confidence is exactly right, and most of it is high
- surely wrong: the same, but of the most confident tenth and more 1.5 % are wrong without a sign
- says nothing: every entry is right slightly less often than promised, at any confidence. No threshold is
  allowed, and any that is chosen breaks the promise (by that hair): the worst that a rule can meet
- real: calibration and test answers of a run, drawn with replacement. The logistic regression is fitted anew on
  each slice, as in a training, and the truth is all of them; "own" adds the companies' own thresholds
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.artifacts.artifact import open_artifact
from jet.books.schema import ENTRIES
from jet.books.sorting import sort_entries
from jet.books.split import CALIBRATION, TEST, SplitSettings, split_by_date
from jet.bundle.saved import load_bundle
from jet.confidence.calibration import Bounds, Calibration
from jet.confidence.holds import auto_thresholds
from jet.confidence.stack import FEATURES, Stack, confidence_features, cross_fitted, weakest_line
from jet.confidence.threshold import precision_lower_bound, threshold_for
from jet.prediction.outcomes import outcomes_of
from jet.prediction.predictor import Predictor, PredictSettings
from jet.retrieval.neighbors import make_encoder

PROMISES = (0.9, 0.95, 0.99)
SLICES = (200, 384, 1000, 3000)
LARGE = 200_000
"""Entries that a true precision is measured on."""

Rule = Callable[[float, np.ndarray, np.ndarray], float | None]


def naive(promise: float, confidence: np.ndarray, right: np.ndarray) -> float | None:
    """The lowest confidence from which on the slice itself kept the promise."""
    order = np.argsort(-confidence, kind="stable")
    kept = np.flatnonzero(right[order].cumsum() >= promise * np.arange(1, len(order) + 1))
    return float(confidence[order][kept[-1]]) if len(kept) else None


def from_the_top(promise: float, confidence: np.ndarray, right: np.ndarray) -> float | None:
    """Fixed sequence testing: see the module's docstring."""
    order = np.argsort(-confidence, kind="stable")
    total = np.arange(1, len(order) + 1)
    possible = precision_lower_bound(total, total) >= promise
    keeps = precision_lower_bound(right[order].cumsum(), total) >= promise
    fails = np.flatnonzero(possible & ~keeps)
    last = (fails[0] if len(fails) else len(order)) - 1
    return float(confidence[order][last]) if last >= 0 and possible[last] else None


def bound(level: float) -> Rule:
    """jet's rule, at a level."""
    return lambda promise, confidence, right: threshold_for(promise, confidence, right, level)


RULES: dict[str, Rule] = {
    "naive": naive,
    "bound": bound(0.9),
    "bound 93": bound(0.93),
    "bound 97": bound(0.97),
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


def synthetic(name: str, rows: int, promise: float, resamplings: int, seed: int = 0) -> dict[str, list[Kept]]:
    """By rule, what came of each resampling of a population."""
    draw = np.random.default_rng([seed, rows])
    confidence, chance = POPULATIONS[name](draw, LARGE, promise)
    order = np.argsort(-confidence)
    sure, precision = confidence[order], chance[order].cumsum() / np.arange(1, LARGE + 1)
    found: dict[str, list[Kept]] = defaultdict(list)
    for _ in range(resamplings):
        confidence, chance = POPULATIONS[name](draw, rows, promise)
        right = draw.random(rows) < chance
        for rule, choose in RULES.items():
            threshold = choose(promise, confidence, right)
            count = 0 if threshold is None else int(np.searchsorted(-sure, -threshold, side="right"))
            found[rule].append(Kept(float(precision[count - 1]), count / LARGE) if count else Kept(1.0, 0.0))
    return found


class Predictions(NamedTuple):
    """Real predictions: features of each, whether it was right, and whose entry it was."""

    features: np.ndarray  # float64 [N, len(FEATURES)]
    right: np.ndarray  # bool [N]
    entity: np.ndarray  # str [N]
    most: np.ndarray  # float64 [N] what the confidence is at most
    held: np.ndarray  # bool [N] kept from `auto`, whatever the confidence
    history: np.ndarray  # int64 [N] earlier entries of the company
    calibration: np.ndarray  # bool [N] of the calibration split, else of the test split


def answers_of(run: str) -> Predictions:
    """The calibration and test entries of a run, predicted without their lines."""
    bundle = load_bundle(f"{run}/model")
    entries = open_artifact(f"{run}/entries", "entries").read_table(ENTRIES)
    entries = sort_entries(entries.filter(pc.is_valid(entries["lines"])))
    days = entries["date"].cast(pa.int32()).to_numpy()
    split = split_by_date(bundle.corpus.catalog.entity_numbers(entries["entity"]), days, SplitSettings())
    predictor = Predictor.for_entries(bundle, PredictSettings(), entries, make_encoder(bundle.retrieval))
    parts: list[tuple[np.ndarray, ...]] = []
    stack = Stack()
    for part in (CALIBRATION, TEST):
        rows = entries.filter(pa.array(split == part))
        outcomes = outcomes_of(predictor, rows)
        if part == CALIBRATION:
            stack = Stack.fit(outcomes.scores, outcomes.right)
            chances = cross_fitted(outcomes.scores, outcomes.right)
        else:
            chances = stack(outcomes.scores)
        best = np.where(outcomes.scores.exists, chances[:, :-1], -1).argmax(axis=1)
        owner = np.array(rows["entity"].to_pylist())
        calibrated = np.full(len(rows), part == CALIBRATION)
        held = outcomes.held | outcomes.scores.guess[np.arange(len(rows)), best]
        most = weakest_line(outcomes.scores, chances, best)
        found = (
            confidence_features(outcomes.scores, chances),
            best == outcomes.right,
            owner,
            most,
            held,
            outcomes.history,
        )
        parts.append((*found, calibrated))
    return Predictions(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def calibrated(answers: Predictions, rows: np.ndarray) -> Calibration:
    """The calibration that `rows` of the predictions give."""
    owners = answers.entity[rows].tolist()
    bounds = Bounds(answers.most[rows], answers.held[rows], answers.history[rows])
    return Calibration.fit(FEATURES, answers.features[rows], answers.right[rows], owners, bounds)


def automatic(
    calibration: Calibration, choose: Rule, promise: float, answers: Predictions, rows: np.ndarray
) -> np.ndarray:
    """bool [n]: which `rows` of the predictions a rule automates by this calibration."""
    free = ~calibration.held
    cut = choose(promise, calibration.confidence[free], calibration.right[free])
    confidence = np.minimum(calibration(answers.features[rows]), answers.most[rows])
    least = calibration.thresholds(promise).least_history
    threshold = np.full(len(rows), np.inf if cut is None else cut)
    return confidence >= auto_thresholds(threshold, answers.held[rows], answers.history[rows], least)


def real(
    answers: Predictions, rows: int, promise: float, resamplings: int, seed: int = 0
) -> dict[str, list[Kept]]:
    """By rule, the result of each resampling of real predictions."""
    draw = np.random.default_rng([seed, rows])
    found: dict[str, list[Kept]] = defaultdict(list)
    for _ in range(resamplings):
        slice_ = draw.integers(0, len(answers.right), rows)
        calibration = calibrated(answers, slice_)
        everybody = np.arange(len(answers.right))
        automated = {
            rule: automatic(calibration, choose, promise, answers, everybody) for rule, choose in RULES.items()
        }
        confidence = np.minimum(calibration(answers.features), answers.most)
        thresholds = calibration.thresholds(promise)
        own, least = thresholds.of(answers.entity.tolist()), thresholds.least_history
        automated["bound, own"] = confidence >= auto_thresholds(own, answers.held, answers.history, least)
        for rule, auto in automated.items():
            precision = float(answers.right[auto].mean()) if auto.any() else 1.0
            found[rule].append(Kept(precision, float(auto.mean())))
    return found


def as_split(answers: Predictions, promise: float) -> dict[str, tuple[float, float | None]]:
    """By rule, what is automated of the test split (a share) where the calibration split decides, and the
    precision of that, None of nothing."""
    then, later = answers.calibration, ~answers.calibration
    calibration = calibrated(answers, np.flatnonzero(then))
    found: dict[str, tuple[float, float | None]] = {}
    for rule, choose in RULES.items():
        auto = automatic(calibration, choose, promise, answers, np.flatnonzero(later))
        precision = float(answers.right[later][auto].mean()) if auto.any() else None
        found[rule] = (float(auto.mean()), precision)
    return found


def figures_of(kept: list[Kept], promise: float) -> tuple[float, float, float]:
    """kept, within 1, automated."""
    precision, automated = np.array(kept).T
    return (
        float((precision >= promise - 1e-12).mean()),
        float((precision >= promise - 0.01).mean()),
        float(automated.mean()),
    )


def rows_of(name: str, rows: int, promise: float, found: dict[str, list[Kept]]) -> Iterator[str]:
    """Lines of the table."""
    cells = ["{:.3f} ({:.3f}) {:.3f}".format(*figures_of(kept, promise)) for kept in found.values()]
    yield f"| {name}, {rows} | {promise:.0%} | " + " | ".join(cells) + " |"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description="How often a promised precision is kept.")
    parser.add_argument("--run", help="what `jet pipeline` wrote")
    parser.add_argument("--resamplings", type=int, default=1000)
    args = parser.parse_args()
    print(f"kept (within 1) automated, of {args.resamplings} resamplings")
    print("| population, rows | promise | " + " | ".join(RULES) + " |")
    print("|---" * (len(RULES) + 2) + "|")
    for name in POPULATIONS:
        for rows in SLICES:
            for promise in PROMISES:
                found = synthetic(name, rows, promise, args.resamplings)
                print(*rows_of(name, rows, promise, found), sep="\n", flush=True)
    if args.run:
        answers = answers_of(args.run)
        print(
            f"\n| {len(answers.right)} real answers, rows | promise | "
            + " | ".join([*RULES, "bound, own"])
            + " |"
        )
        print("|---" * (len(RULES) + 3) + "|")
        for rows in SLICES[:3]:
            for promise in PROMISES:
                found = real(answers, rows, promise, args.resamplings)
                print(*rows_of("real", rows, promise, found), sep="\n", flush=True)
        print("\nThe run itself: automated of the test split, right among these")
        for promise in PROMISES:
            for rule, (automated, precision) in as_split(answers, promise).items():
                print(f"{promise:.0%} {rule}: {automated:.3f}, {precision}")


if __name__ == "__main__":
    main()
