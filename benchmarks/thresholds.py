"""How a threshold should be chosen: what each rule automates on older windows, and how much of it is right.

    python -m benchmarks.thresholds --data ../shared/data --output DIR [--seeds 0 1] [--promise 0.95]

Sources, companies, regimes and the meaning of "below" are those of `benchmarks.accuracy`. A window is 15 % of
each company's entries; five of them, half overlapping, end where the newest 15 % begin, which are not read. For
each window and seed a model is trained on what lies before it, by which its calibration decides.

Rules:

- jet: one threshold for all regimes, and higher ones of single companies (`jet.confidence.promises`)
- level 90 %, 70 %: the same with another level of the bound
- each regime alone: a threshold of each regime's own rows, at the level of jet's or at 90 %
- no own thresholds: jet without those of single companies
- hindsight: the lowest threshold of a window and regime that keeps the promise there, which nobody can know

Answers and calibrations are kept in DIR, and not computed again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.accuracy import answers_of, companies_below, fitted, folder_of, kept, parser_of, row, rule
from benchmarks.sources import Books, books_of, window_from
from jet.confidence.calibration import Calibration
from jet.confidence.holds import auto_thresholds
from jet.confidence.judgment import Judgment
from jet.confidence.promises import Calibrations, Thresholds
from jet.confidence.regimes import REGIMES

STARTS = (0.40, 0.475, 0.55, 0.625, 0.70)
"""The share of each company's entries before a window."""
BROKEN = "sap_ides"
"""Left out in the second table: its many answers are surer and righter than the others', until they aren't."""

Chosen = tuple[Thresholds, ...]
Rule = Callable[[Calibrations, float], Chosen]


def alone(calibrations: Calibrations, promise: float) -> Chosen:
    """Each regime's threshold by its own rows."""
    return tuple(replace(calibrations, by_regime=(each,)).thresholds(promise)[0] for each in calibrations)


def at(level: float, choose: Callable[[Calibrations, float], Chosen] = Calibrations.thresholds) -> Rule:
    """A rule at another level."""
    return lambda calibrations, promise: choose(replace(calibrations, level=level), promise)


def common(calibrations: Calibrations, promise: float) -> Chosen:
    """jet's thresholds without those of single companies."""
    return tuple(replace(each, by_entity={}) for each in calibrations.thresholds(promise))


RULES: dict[str, Rule] = {
    "jet": Calibrations.thresholds,
    "level 90 %": at(0.9),
    "level 70 %": at(0.7),
    "each regime alone": alone,
    "each regime alone, level 90 %": at(0.9, alone),
    "no own thresholds": common,
}


class Window:
    """The answers to a window by one seed, and the calibrations that decide."""

    def __init__(self, answers: pa.Table, calibrations: Calibrations) -> None:
        self.answers, self.calibrations = answers, calibrations

    def without(self, source: str) -> Window:
        """Without the companies of a source."""
        own = pc.equal(self.answers["source"], source)
        names = self.answers.filter(own)["entity"].unique().to_pylist()

        def others(calibration: Calibration) -> Calibration:
            rest = ~np.isin(calibration.rows.entity, names)
            return replace(
                calibration, rows=calibration.rows.take(rest), confidence=calibration.confidence[rest]
            )

        rest = Calibrations(tuple(others(each) for each in self.calibrations))
        return Window(self.answers.filter(pc.invert(own)), rest)

    def automated(self, choose: Rule, promise: float) -> pa.Table:
        """The answers, with what a rule automates as `auto`."""
        limits = np.full(len(self.answers), np.inf)
        column = {name: self.answers[name].to_numpy(zero_copy_only=False) for name in self.answers.column_names}
        for regime, thresholds in zip(REGIMES, choose(self.calibrations, promise), strict=True):
            rows = np.flatnonzero(column["regime"] == regime)
            limits[rows] = auto_thresholds(
                thresholds.of(column["entity"][rows].tolist()),
                column["held"][rows],
                column["history"][rows],
                thresholds.least_history,
            )
        return self._with_auto(column["confidence"] >= limits)

    def in_hindsight(self, promise: float) -> pa.Table:
        """The answers, with what the best threshold of each setting would have automated as `auto`."""
        auto = np.zeros(len(self.answers), dtype=bool)
        setting = np.array(self.answers["setting"].to_pylist())
        free = ~self.answers["held"].to_numpy(zero_copy_only=False)
        confidence, right = (
            self.answers[name].to_numpy(zero_copy_only=False) for name in ("confidence", "right")
        )
        for name in REGIMES:
            rows = np.flatnonzero((setting == name) & free)
            rows = rows[np.argsort(-confidence[rows], kind="stable")]
            keeps = np.flatnonzero(right[rows].cumsum() >= promise * np.arange(1, len(rows) + 1))
            auto[rows[: keeps[-1] + 1 if len(keeps) else 0]] = True
        return self._with_auto(auto)

    def _with_auto(self, auto: np.ndarray) -> pa.Table:
        return self.answers.drop_columns("auto").append_column("auto", pa.array(auto))


def main() -> None:
    """Answer what is not answered yet, and print the tables in Markdown."""
    parser = parser_of(__doc__, seeds=2)
    parser.add_argument("--promise", type=float, default=0.95)
    args = parser.parse_args()
    folder = folder_of(args.output, "older")
    whole = books_of(Path(args.data))
    windows = [
        window_by(folder, f"{start:g}-{seed}", partial(window_from, whole, start), seed, args.promise)
        for start in STARTS
        for seed in args.seeds
    ]
    print(table("all sources", windows, args.promise), "\n")
    print(table(f"without {BROKEN}", [each.without(BROKEN) for each in windows], args.promise))


def window_by(
    folder: Path, name: str, books_of_window: Callable[[], Books], seed: int, promise: float
) -> Window:
    """The window of one seed, kept as `name`."""
    calibrated = folder / f"{name}.json"

    def made() -> pa.Table:
        books = books_of_window()
        model = fitted(books, seed, {})
        calibrated.write_text(json.dumps(model.bundle.judgment.as_dict()))
        return answers_of(books, model, promise)

    answers = kept(folder / f"{name}.parquet", made)
    return Window(answers, Judgment.from_dict(json.loads(calibrated.read_text())).calibrations)


def table(name: str, windows: Sequence[Window], promise: float) -> str:
    """What each rule automates, the share right among these, and companies below, all windows together."""
    lines = [row(name, *REGIMES), rule(len(REGIMES))]
    by_rule = {
        each: [window.automated(choose, promise) for window in windows] for each, choose in RULES.items()
    }
    by_rule["hindsight"] = [window.in_hindsight(promise) for window in windows]
    for each, answers in by_rule.items():
        cells = []
        for setting in REGIMES:
            own = [some.filter(pc.equal(some["setting"], setting)) for some in answers]
            auto, right = (
                np.concatenate([some[column].to_numpy(zero_copy_only=False) for some in own])
                for column in ("auto", "right")
            )
            broken, judged = map(sum, zip(*(companies_below(some, promise) for some in own), strict=True))
            precision = f"{right[auto].mean():.3f}" if auto.any() else "-"
            cells.append(f"{auto.mean():.2f}, {precision}; {broken} of {judged}")
        lines.append(row(each, *cells))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
