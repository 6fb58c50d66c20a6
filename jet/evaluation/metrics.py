"""How good predictions are, by figures that are hard to fool.

What is measured is the free-running answer, as it would be booked: the multiset of (account, side) of an
entry's predicted lines against that of its true ones. The truth is joined on afterwards and decides
nothing, least of all how many lines of the answer count. So four wrong lines too many cost precision, an
account booked twice must be predicted twice, and an entry without a prediction is an entry not solved.

The headline is the share of entries with every line right. Beside it stand the automation at a promised
precision, with the precision that test realised, and the strata: where an answer could be copied from the
entity's earlier books, and where it couldn't.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.stats import binomtest

from jet.artifacts.tables import validate
from jet.books.schema import ACCOUNTS, ENTRIES, PREDICTIONS, SIDES
from jet.books.split import date_order
from jet.confidence.calibration import Thresholds
from jet.confidence.holds import cuts
from jet.confidence.threshold import threshold_for
from jet.texts.normalize import normalize_all

Multiset = tuple[tuple[str, str], ...]
"""The (account, side) pairs of an entry, sorted; a pair that is booked twice is in it twice."""

PROMISES = (0.95, 0.99)
"""The precisions that automation is measured at."""

STRATA: dict[str, tuple[str, ...]] = {
    "text": ("seen", "new"),
    "set": ("seen", "new"),
    "new_account": ("no", "yes"),
    "lines": ("1", "2", "3", "4+"),
    "history": ("0-9", "10-49", "50-149", "150-499", "500+"),
}
"""The strata that `strata` puts entries in, and the values of each in their order."""

_HISTORY_EDGES = (10, 50, 150, 500)
_BINS = 10
_CURVE_POINTS = 200


def line_set(lines: Iterable[Mapping[str, Any]]) -> Multiset:
    """The multiset of an entry's lines, which are mappings with an "account" and a "side"."""
    return tuple(sorted((line["account"], line["side"]) for line in lines))


def line_sets(lines: pa.ChunkedArray | pa.Array) -> list[Multiset]:
    """`line_set` of every row of a column of lists of lines; () where the list is null or empty."""
    sets: list[Multiset] = []
    for chunk in lines.chunks if isinstance(lines, pa.ChunkedArray) else [lines]:
        flat = chunk.flatten()  # leaves out what a null list hides
        pairs = list(zip(flat.field("account").to_pylist(), flat.field("side").to_pylist(), strict=True))
        sizes = chunk.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        ends = np.concatenate([[0], np.cumsum(sizes)]).tolist()
        sets.extend(tuple(sorted(pairs[start:end])) for start, end in pairwise(ends))
    return sets


@dataclass
class Scored:
    """Predictions beside the truth, one element per entry everywhere: what is measured."""

    entity: NDArray
    entry_id: list[str]
    true: list[Multiset]
    predicted: list[Multiset]
    """The answer; () where there was none."""
    confidence: NDArray[np.float64]
    alternatives: list[list[Multiset]]
    """Further answers, best first."""
    valid: NDArray[np.bool_]
    """Whether the answer keeps the rules of `score_sets`."""
    strata: dict[str, NDArray] = field(default_factory=dict)
    held: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))
    """What no confidence automates (see `jet.confidence.holds`); by default nothing is held."""
    history: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """Earlier entries of the entity; by default as many as it takes."""

    def __post_init__(self) -> None:
        if not len(self.held):
            self.held = np.zeros(len(self.entity), dtype=bool)
        if not len(self.history):
            self.history = np.full(len(self.entity), np.iinfo(np.int64).max)
        columns: dict[str, Sequence | NDArray] = {
            "entry_id": self.entry_id,
            "true": self.true,
            "predicted": self.predicted,
            "confidence": self.confidence,
            "alternatives": self.alternatives,
            "valid": self.valid,
            "held": self.held,
            "history": self.history,
            **self.strata,
        }
        for name, column in columns.items():
            if len(column) != len(self.entity):
                raise ValueError(f"{name} has {len(column)} rows, entity has {len(self.entity)}")
        if not np.isfinite(self.confidence).all():
            raise ValueError(f"{self.entry_id[int(np.argmin(np.isfinite(self.confidence)))]!r}: no confidence")

    def __len__(self) -> int:
        return len(self.entity)

    @cached_property
    def counts(self) -> dict[str, NDArray]:
        """What is counted in each entry, shape (rows,) each; every figure is a ratio of their sums."""
        rows = []
        for true, predicted, others in zip(self.true, self.predicted, self.alternatives, strict=True):
            exact = bool(predicted) and predicted == true
            answers = dict.fromkeys(answer for answer in (predicted, *others) if answer)
            rows.append(
                (
                    exact,
                    len(true) if exact else _common(true, predicted),
                    len(true) if exact else _common([pair[0] for pair in true], [p[0] for p in predicted]),
                    len(true),
                    len(predicted),
                    exact or true in list(answers)[:3],
                )
            )
        names = ("exact", "lines", "accounts", "true", "predicted", "top3")
        table = np.array(rows, np.int64).reshape(-1, len(names))
        return dict(zip(names, table.T, strict=True))


def _common(one: Sequence, other: Sequence) -> int:
    return sum((Counter(one) & Counter(other)).values())


def score_predictions(
    entries: pa.Table,
    predictions: pa.Table,
    *,
    strata: Mapping[str, NDArray] | None = None,
    accounts: pa.Table | None = None,
) -> Scored:
    """Join predictions to the entries that they are measured on, which are all rows of `entries`.

    `entries` has the schema ENTRIES and its lines, `predictions` PREDICTIONS; they meet on (entity,
    entry_id). Predictions for other entries are left aside, so that one table may serve calibration and
    test. `strata` (see `strata`) has one element per row of `entries`; `accounts` is the chart that
    answers must keep to, if it is known. Raises ValueError naming the entries where one has no prediction,
    or more than one, or no lines, or stands in `entries` twice.
    """
    entries = validate(entries, ENTRIES, "entries")
    predictions = validate(predictions, PREDICTIONS, "predictions")
    keys = _keys(entries)
    asked = set(keys)
    found: dict[tuple[str, str], int] = {}
    repeated = [key for key, n in Counter(keys).items() if n > 1]
    if repeated:
        raise ValueError(f"entries that stand in the books more than once: {_named(repeated)}")
    for row, key in enumerate(_keys(predictions)):
        if key in asked and key in found:
            repeated.append(key)
        found[key] = row
    if repeated:
        raise ValueError(f"entries with more than one prediction: {_named(repeated)}")
    missing = [key for key in keys if key not in found]
    if missing:
        raise ValueError(f"entries without a prediction: {_named(missing)}")
    matched = predictions.take(pa.array([found[key] for key in keys], pa.int64())).combine_chunks()
    scored = score_sets(
        entries,
        line_sets(matched["lines"]),
        matched["confidence"].to_numpy(),
        _alternatives(matched["alternatives"]),
        strata=strata,
        accounts=accounts,
    )
    held, history = matched["held"].to_numpy(zero_copy_only=False), matched["history"].to_numpy()
    return replace(scored, held=held, history=history)


def _keys(table: pa.Table) -> list[tuple[str, str]]:
    return list(zip(table["entity"].to_pylist(), table["entry_id"].to_pylist(), strict=True))


def _named(keys: Sequence[tuple[str, str]], at_most: int = 10) -> str:
    names = ", ".join(f"{entity}/{entry_id}" for entity, entry_id in keys[:at_most])
    return names + (f" and {len(keys) - at_most} more" if len(keys) > at_most else "")


def _alternatives(column: pa.ChunkedArray) -> list[list[Multiset]]:
    nested: list[list[Multiset]] = []
    for chunk in column.chunks:
        sets = line_sets(chunk.flatten().field("lines"))
        ends = np.concatenate([[0], np.cumsum(chunk.value_lengths().to_numpy())]).tolist()
        nested.extend(sets[start:end] for start, end in pairwise(ends))
    return nested


def score_sets(
    entries: pa.Table,
    predicted: Sequence[Multiset],
    confidence: NDArray,
    alternatives: Sequence[list[Multiset]],
    *,
    strata: Mapping[str, NDArray] | None = None,
    accounts: pa.Table | None = None,
) -> Scored:
    """Put answers beside the truth, where both stand in the same order already.

    An answer is valid with at least one debit and one credit and no other sides; with a chart (`accounts`,
    schema ACCOUNTS), its accounts must also be the entity's and open on the entry's date. No answer breaks
    no rule. Raises ValueError naming the entries that have no lines, for there is nothing to measure.
    """
    true = line_sets(entries["lines"])
    keys = _keys(entries)
    if not all(true):
        unknown = [key for key, lines in zip(keys, true, strict=True) if not lines]
        raise ValueError(f"entries without lines to measure against: {_named(unknown)}")
    chart: dict[tuple[str, str], tuple[Any, Any]] | None = None
    if accounts is not None:
        accounts = validate(accounts, ACCOUNTS, "accounts")
        columns = (accounts[name].to_pylist() for name in ("entity", "code", "opened", "closed"))
        chart = {
            (entity, code): (opened, closed) for entity, code, opened, closed in zip(*columns, strict=True)
        }

    def keeps_the_rules(entity: str, date: Any, answer: Multiset) -> bool:
        if not answer:
            return True
        if {side for _, side in answer} != set(SIDES):
            return False
        if chart is None:
            return True
        for account, _ in answer:
            if (entity, account) not in chart:
                return False
            opened, closed = chart[entity, account]
            if (opened is not None and date < opened) or (closed is not None and date > closed):
                return False
        return True

    dates = entries["date"].to_pylist()
    return Scored(
        entity=np.array([entity for entity, _ in keys], dtype=str),
        entry_id=[entry_id for _, entry_id in keys],
        true=true,
        predicted=list(predicted),
        confidence=np.asarray(confidence, np.float64),
        alternatives=list(alternatives),
        valid=np.array(
            [
                keeps_the_rules(entity, date, answer)
                for (entity, _), date, answer in zip(keys, dates, predicted, strict=True)
            ],
            dtype=bool,
        ),
        strata=dict(strata or {}),
    )


def strata(entries: pa.Table, rows: NDArray) -> dict[str, NDArray]:
    """The strata of some entries, by what their entity had booked on strictly earlier dates.

    `entries` has the schema ENTRIES and holds all books; `rows` picks those to describe, as row numbers or
    as a mask. Returns for every stratum of `STRATA` an array of its values, in the order of the picked rows:

    - text: whether an earlier entry had the same normalized description
    - set: whether an earlier entry had the same lines. The share of "seen" is the repeat ceiling, the most
      that anything that only repeats can get right.
    - new_account: whether the entry books an account that the entity never booked before
    - lines: how many lines it has
    - history: how many entries the entity had booked

    Entries without lines are no history. One pass through the books in the order of their dates.
    """
    entries = validate(entries, ENTRIES, "entries")
    rows = np.arange(entries.num_rows)[rows]
    picked = np.zeros(entries.num_rows, bool)
    picked[rows] = True
    texts = normalize_all(entries["description"]).to_pylist()
    sets = line_sets(entries["lines"])
    order = date_order(entries["entity"].to_numpy(), entries["date"].to_numpy())
    values: dict[str, NDArray] = {
        name: np.zeros(entries.num_rows, np.int64) for name in ("text", "set", "new_account", "history")
    }
    seen_texts: set[str] = set()
    seen_sets: set[Multiset] = set()
    seen_accounts: set[str] = set()
    booked = learned = 0
    places = zip(order.row.tolist(), order.entity_start.tolist(), order.day_start.tolist(), strict=True)
    in_order = order.row.tolist()
    for place, (row, entity_start, day_start) in enumerate(places):
        if place == entity_start:
            seen_texts, seen_sets, seen_accounts = set(), set(), set()
            booked, learned = 0, place
        while learned < day_start:
            earlier = in_order[learned]
            learned += 1
            if sets[earlier]:
                seen_texts.add(texts[earlier])
                seen_sets.add(sets[earlier])
                seen_accounts.update(account for account, _ in sets[earlier])
                booked += 1
        if picked[row]:
            values["text"][row] = texts[row] not in seen_texts
            values["set"][row] = sets[row] not in seen_sets
            values["new_account"][row] = any(account not in seen_accounts for account, _ in sets[row])
            values["history"][row] = booked
    values["history"] = np.searchsorted(_HISTORY_EDGES, values["history"], side="right")
    values["lines"] = np.clip([len(lines) for lines in sets], 1, 4) - 1
    return {name: np.array(names)[values[name][rows]] for name, names in STRATA.items()}


def thresholds_for(calibration: Scored, promises: Iterable[float] = PROMISES) -> dict[str, float | None]:
    """From which confidence on each promised precision is kept, on all calibration rows together."""
    right = calibration.counts["exact"] > 0
    return {f"{promise:g}": threshold_for(promise, calibration.confidence, right) for promise in promises}


def group_metrics(
    scored: Scored,
    mask: NDArray,
    thresholds: Mapping[str, float | None],
    company_thresholds: Mapping[str, Mapping[str, float | None]] | None = None,
    least_history: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """The figures of the rows that `mask` (a mask, or row numbers) picks; None where one has no meaning.

    - n; answered: the share with a prediction at all
    - entry_exact_match: every line right, as a multiset; exact_match_top3: among the first three distinct
      answers (the prediction, then its alternatives)
    - line_precision, line_recall, line_f1: micro, over the lines of all entries together
    - account_f1: the same without the sides
    - side_accuracy: of the accounts predicted rightly, so of the pairs that `account_f1` counts as found,
      the share whose side is right too
    - line_count_accuracy: as many lines predicted as there are
    - validity: the share of answers that break no rule
    - expected_calibration_error: of the confidence that all lines are right, ten bins of equal width,
      weighted by their rows (Naeini et al., "Obtaining well calibrated probabilities using Bayesian
      binning", AAAI 2015); calibration_error_by_chance: what it would be on average on so few rows if the
      confidence were exactly right
    - automation, for each promise of `thresholds`: the threshold, the share of entries at or above it that no
      rule holds and whose entity has the promise's `least_history` (coverage, n_auto), their precision and its
      two-sided 95 % Clopper–Pearson interval; entities that `company_thresholds` has a threshold of their own
      for are held to that instead
    - repeat_ceiling: where strata are known, the share whose lines had been booked before
    """
    counts = {name: column[mask] for name, column in scored.counts.items()}
    confidence = scored.confidence[mask]
    right = counts["exact"] > 0
    n = right.size
    limits = _limits(scored, mask, thresholds, company_thresholds or {}, least_history or {})
    total = {name: int(column.sum()) for name, column in counts.items()}
    metrics: dict[str, Any] = {
        "n": n,
        "answered": _ratio(int((counts["predicted"] > 0).sum()), n),
        "entry_exact_match": _ratio(total["exact"], n),
        "exact_match_top3": _ratio(total["top3"], n),
        "line_precision": _ratio(total["lines"], total["predicted"]),
        "line_recall": _ratio(total["lines"], total["true"]),
        "line_f1": _ratio(2 * total["lines"], total["true"] + total["predicted"]),
        "account_f1": _ratio(2 * total["accounts"], total["true"] + total["predicted"]),
        "side_accuracy": _ratio(total["lines"], total["accounts"]),
        "line_count_accuracy": _ratio(int((counts["true"] == counts["predicted"]).sum()), n),
        "validity": _ratio(int(scored.valid[mask].sum()), n),
        "expected_calibration_error": _calibration_error(confidence, right),
        "calibration_error_by_chance": _calibration_error_by_chance(confidence),
        "automation": {
            promise: _automation(threshold, confidence >= limits[promise], right)
            for promise, threshold in thresholds.items()
        },
    }
    if "set" in scored.strata:
        metrics["repeat_ceiling"] = _ratio(int((scored.strata["set"][mask] == "seen").sum()), n)
    return metrics


def _limits(
    scored: Scored,
    mask: NDArray,
    thresholds: Mapping[str, float | None],
    company_thresholds: Mapping[str, Mapping[str, float | None]],
    least_history: Mapping[str, int],
) -> dict[str, NDArray]:
    """By promise, the confidence from which on each row is automated; see `group_metrics`."""
    entity, held, history = scored.entity[mask], scored.held[mask], scored.history[mask]
    limits = {promise: np.full(len(entity), _cut(threshold)) for promise, threshold in thresholds.items()}
    for company, own in company_thresholds.items():
        rows = entity == company
        for promise in own.keys() & limits.keys():
            limits[promise][rows] = _cut(own[promise])
    return {each: cuts(limit, held, history, least_history.get(each, 0)) for each, limit in limits.items()}


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _cut(threshold: float | None) -> float:
    return np.inf if threshold is None else threshold


def _automation(threshold: float | None, auto: NDArray[np.bool_], right: NDArray) -> dict[str, Any]:
    n_auto, n_right = int(auto.sum()), int(right[auto].sum())
    interval = binomtest(n_right, n_auto).proportion_ci(0.95, method="exact") if n_auto else None
    return {
        "threshold": threshold,
        "coverage": _ratio(n_auto, auto.size),
        "precision": _ratio(n_right, n_auto),
        "precision_interval": [float(interval.low), float(interval.high)] if interval else None,
        "n_auto": n_auto,
    }


def reliability(confidence: NDArray, right: NDArray) -> list[list[float]]:
    """Mean confidence, share right and number of rows of every bin of equal width that has any."""
    bins = _bins(confidence)
    n = np.bincount(bins, minlength=_BINS)
    said = np.bincount(bins, confidence, minlength=_BINS)
    was = np.bincount(bins, right, minlength=_BINS)
    return [[float(said[b] / n[b]), float(was[b] / n[b]), int(n[b])] for b in np.flatnonzero(n)]


def _bins(confidence: NDArray) -> NDArray[np.int64]:
    return np.clip((np.asarray(confidence) * _BINS).astype(np.int64), 0, _BINS - 1)


def _calibration_error(confidence: NDArray, right: NDArray) -> float | None:
    if not right.size:
        return None
    return sum(abs(said - was) * n for said, was, n in reliability(confidence, right)) / right.size


def _calibration_error_by_chance(confidence: NDArray) -> float | None:
    """A bin's rows right are then a sum of independent draws, nearly normal, whose mean distance from what was
    said is sqrt(2 / pi) standard deviations."""
    if not confidence.size:
        return None
    variance = np.bincount(_bins(confidence), confidence * (1 - confidence), minlength=_BINS)
    return float(np.sqrt(2 / np.pi * variance).sum() / confidence.size)


def risk_coverage(confidence: NDArray, right: NDArray) -> list[list[float]]:
    """Coverage and error rate as the threshold sinks, at most 200 points, the last at coverage 1.

    Rows of equal confidence are covered together. (R. El-Yaniv and Y. Wiener, "On the foundations of
    noise-free selective classification", JMLR 11, 2010.)
    """
    if not right.size:
        return []
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    last_of_tie = np.append(sorted_confidence[1:] != sorted_confidence[:-1], True)
    covered = np.arange(1, right.size + 1)[last_of_tie]
    error = 1 - np.cumsum(right[order])[last_of_tie] / covered
    points = np.unique(np.linspace(0, covered.size - 1, _CURVE_POINTS).round().astype(np.int64))
    return [[float(covered[p] / right.size), float(error[p])] for p in points]


def evaluate(
    scored_calibration: Scored,
    scored_test: Scored,
    *,
    thresholds: Mapping[str, float | None] | None = None,
    company_thresholds: Mapping[str, Mapping[str, float | None]] | None = None,
    least_history: Mapping[str, int] | None = None,
) -> dict[str, Any]:
    """All figures of the test rows, as a tree that JSON can hold.

    "overall" and each of "by_entity" are `group_metrics`, with the `thresholds` (see `thresholds_for`) that
    answers are held to, by default those that the calibration rows of all entities together decide, save where
    `company_thresholds` (entity -> promise -> threshold, None: nothing is automated) has one of the entity's
    own, and save what rules hold (`least_history`: promise -> entries); "macro" averages the figures of the
    entities, one voice each, over those where a figure has a meaning. "strata" holds n, exact
    match and line F1 of every value of every stratum.
    """
    if thresholds is None:
        thresholds = thresholds_for(scored_calibration)

    def own_thresholds(entity: str) -> dict[str, float | None]:
        own = (company_thresholds or {}).get(entity, {})
        return {promise: own.get(promise, threshold) for promise, threshold in thresholds.items()}

    entities, number = np.unique(scored_test.entity, return_inverse=True)
    order = np.argsort(number, kind="stable")
    groups = np.split(order, np.cumsum(np.bincount(number, minlength=entities.size))[:-1])
    by_entity = {
        str(entity): group_metrics(scored_test, rows, own_thresholds(str(entity)), least_history=least_history)
        for entity, rows in zip(entities, groups, strict=False)
    }
    everything = np.arange(len(scored_test))
    overall = group_metrics(scored_test, everything, thresholds, company_thresholds, least_history)
    macro: dict[str, Any] = {"entities": len(by_entity)}
    for name in overall:
        values = [metrics[name] for metrics in by_entity.values() if isinstance(metrics[name], float)]
        if name not in ("n", "automation"):
            macro[name] = float(np.mean(values)) if values else None
    by_stratum: dict[str, dict[str, Any]] = {}
    for stratum, column in scored_test.strata.items():
        known = STRATA.get(stratum, ())
        present = set(column.tolist())
        by_stratum[stratum] = {}
        for value in [*(v for v in known if v in present), *sorted(present.difference(known))]:
            metrics = group_metrics(scored_test, column == value, {})
            by_stratum[stratum][value] = {k: metrics[k] for k in ("n", "entry_exact_match", "line_f1")}
    right = scored_test.counts["exact"] > 0
    return {
        "overall": overall,
        "macro": macro,
        "by_entity": by_entity,
        "strata": by_stratum,
        "risk_coverage": risk_coverage(scored_test.confidence, right),
        "reliability": reliability(scored_test.confidence, right),
    }


def _automated(threshold: float | None, sure: NDArray, right: NDArray) -> dict[str, Any]:
    return _automation(threshold, sure >= _cut(threshold), right)


def amount_metrics(
    examined: pa.Table, thresholds: Callable[[float], Thresholds], promises: Iterable[float] = PROMISES
) -> dict[str, Any]:
    """The figures of amounts proposed for the true lines, of what `jet.evaluation.examine.examine` found.

    All entries count whose total is known, and the amounts of all their lines; those with one line on each side
    can't be wrong and need no guess. `thresholds` gives those of the amounts' calibration for a promise. As a
    tree that JSON can hold.
    """
    known = examined["total_known"].to_numpy() & examined["amounts_known"].to_numpy()
    right = examined["amounts_right"].to_numpy()[known]
    sure = examined["amount_confidence"].to_numpy()[known]
    lines = pc.list_value_length(examined["true"]).to_numpy()[known]
    by_lines = {}
    for name, group in (("2", lines <= 2), ("3", lines == 3), ("4", lines == 4), ("5+", lines >= 5)):
        if group.any():
            by_lines[name] = {
                "n": int(group.sum()),
                "all_right": _ratio(int(right[group].sum()), int(group.sum())),
            }
    return {
        "n": len(known),
        "known_total": int(known.sum()),
        "all_right_given_set": _ratio(int(right.sum()), right.size),
        "by_lines": by_lines,
        "expected_calibration_error": _calibration_error(sure, right),
        "reliability": reliability(sure, right),
        "automation": {
            f"{promise:g}": _automated(thresholds(promise).pooled, sure, right) for promise in promises
        },
    }
