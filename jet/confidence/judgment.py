"""The judgment: everything that is fitted on booked entries which trained nothing.

It has a calibration of the ranker's confidence in each regime of use, one for amounts, the record of each
company, the gaps that were calibrated, and the statistics from which later entries may drift
(`jet.confidence.drift`). The decoder's answers are not calibrated: see `Judgment.of_method`.

Calibration and test split are both used: the more rows and the newer, the better a promise is kept. A report on
the test split must not know its rows. So the judgment brings another one, `without_test`, for reports.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import pyarrow as pa

from jet.confidence.calibration import Calibration, CalibrationRows
from jet.confidence.drift import DriftStatistics
from jet.confidence.outcomes import Asked, Outcomes
from jet.confidence.promises import Calibrations
from jet.confidence.record import Records, records_before
from jet.confidence.regimes import REGIMES, Horizon
from jet.confidence.scores import FEATURES, confidence_features, distribution, weakest_line
from jet.confidence.settings import Method

AMOUNT_FEATURES = (
    "support",
    "same_set",
    "evidence",
    "similarity",
    "repeated",
    "tax",
    "fixed",
    "split",
    "lines",
)
"""The features of the amounts' confidence.

The logit of the weakest vote that was followed; the number of neighbors with the same set, and with the rarest
line (both log1p); the similarity of the nearest one with the same set; whether a neighbor was repeated, all
formulas are tax rates, one is a fixed amount, amounts were split by shares; and the number of lines beyond two
(log1p)."""


RECORD = FEATURES.index("record")


@dataclass(frozen=True)
class DriftReference:
    """Statistics of the calibrated entries, with which new ones are compared."""

    entity: np.ndarray  # object [rows] names of the companies
    text_known: np.ndarray  # bool [rows]
    similarity: np.ndarray  # float64 [rows] of the most similar earlier text

    @classmethod
    def empty(cls) -> DriftReference:
        """Without entries."""
        return cls(np.empty(0, dtype=object), np.empty(0, dtype=bool), np.empty(0))

    def as_dict(self) -> dict[str, Any]:
        """The statistics as JSON types; `from_dict` reads them."""
        return {
            "entity": self.entity.tolist(),
            "text_known": self.text_known.astype(int).tolist(),
            "similarity": self.similarity.tolist(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> DriftReference:
        """Read what `as_dict` wrote."""
        return cls(
            np.array(content["entity"], dtype=object),
            np.asarray(content["text_known"], dtype=bool),
            np.asarray(content["similarity"], dtype=np.float64),
        )


@dataclass(frozen=True)
class Judgment:
    """See the module's docstring."""

    calibrations: Calibrations  # one for each of REGIMES
    amounts: Calibration
    records: Records
    horizon: Horizon
    reference: DriftReference
    without_test: Judgment | None = None

    @classmethod
    def unfitted(cls) -> Judgment:
        """An unfitted judgment, which promises nothing."""
        return cls(
            calibrations=Calibrations(tuple(Calibration.unfitted(FEATURES) for _ in REGIMES)),
            amounts=Calibration.unfitted(AMOUNT_FEATURES),
            records=Records(),
            horizon=Horizon(),
            reference=DriftReference.empty(),
        )

    @classmethod
    def fit(cls, outcomes: Outcomes, asked: Asked) -> Judgment:
        """Fit on the outcomes of N booked entries, each as it was `asked`."""
        older = np.flatnonzero(~asked.newest)
        whole = _fitted(outcomes, asked)
        if len(older) == len(asked.newest):
            return whole
        return replace(whole, without_test=_fitted(outcomes.take(older), asked.take(older)))

    def for_report(self) -> Judgment:
        """The judgment that has not seen the test split."""
        return self.without_test or self

    def of_method(self, method: Method) -> Judgment:
        """The judgment of answers by `method`: the decoder's confidence is its own probability, and it promises
        nothing."""
        if method == "ranker":
            return self
        plain = Judgment.unfitted()
        return replace(self, calibrations=plain.calibrations, records=plain.records, without_test=None)

    def checked(self, answers: pa.Table) -> Judgment:
        """This judgment after people checked `answers` (`CHECKED`), which are in order of date."""
        columns = (answers[name].to_numpy(zero_copy_only=False) for name in ("right", "confidence", "auto"))
        return replace(self, records=self.records.checked(answers["entity"].to_pylist(), *columns))

    def drift_statistics(self) -> DriftStatistics:
        """The statistics with which new predictions are compared."""
        reference = self.reference
        return DriftStatistics.of(reference.entity.tolist(), ~reference.text_known, reference.similarity)

    def as_dict(self) -> dict[str, Any]:
        """The whole judgment as JSON types; `from_dict` reads it."""
        return {
            "calibrations": [each.as_dict() for each in self.calibrations],
            "amounts": self.amounts.as_dict(),
            "records": self.records.as_dict(),
            "horizon": self.horizon.as_dict(),
            "reference": self.reference.as_dict(),
            "without_test": self.without_test and self.without_test.as_dict(),
        }

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Judgment:
        """Read what `as_dict` wrote. Raises `ValueError` where another version of jet wrote it."""
        missing = [each.name for each in fields(cls) if each.name not in content]
        if missing:
            raise ValueError(f"the judgment lacks {', '.join(missing)}: it is of another jet; train again")
        calibrations = tuple(Calibration.from_dict(each, FEATURES) for each in content["calibrations"])
        if len(calibrations) != len(REGIMES):
            raise ValueError(f"the bundle isn't calibrated in each of the regimes {', '.join(REGIMES)}")
        return cls(
            Calibrations(calibrations),
            Calibration.from_dict(content["amounts"], AMOUNT_FEATURES),
            Records.from_dict(content["records"]),
            Horizon.from_dict(content["horizon"]),
            DriftReference.from_dict(content["reference"]),
            content["without_test"] and cls.from_dict(content["without_test"]),
        )


def _fitted(outcomes: Outcomes, asked: Asked) -> Judgment:
    """`Judgment.fit`, without another one for reports."""
    scores, right = outcomes.scores, outcomes.right
    # Of two splits, each is judged by what was fitted on the other; of one, likewise its older and newer half.
    fold = (asked.newest if asked.newest.any() else _newer_half(asked)).astype(np.int64)
    probability = distribution(scores, "ranker")
    best = np.where(scores.exists, probability[:, :-1], -1).argmax(axis=1)
    rows = CalibrationRows(
        entity=asked.entity,
        right=best == right,
        fold=fold,
        group=np.unique(outcomes.group, return_inverse=True)[1],
        entry=asked.entry,
        newest=asked.newest,
        most=weakest_line(scores, probability, best),
        held=outcomes.held | scores.guess[np.arange(len(right)), best],
        history=outcomes.history,
    )
    features = confidence_features(scores, probability)
    features[:, RECORD], records = _records(features, rows, asked)
    calibrations = tuple(
        Calibration.fit(FEATURES, features[of_regime], rows.take(of_regime))
        for of_regime in (np.flatnonzero(asked.regime == regime) for regime in range(len(REGIMES)))
    )
    # Amounts can be right only where the lines are.
    priced = np.flatnonzero(outcomes.amounts_guessed & rows.right & (asked.regime == 0))
    amounts = Calibration.fit(
        AMOUNT_FEATURES,
        outcomes.amount_features[priced],
        CalibrationRows.independent(asked.entity[priced].tolist(), outcomes.amounts_right[priced]),
    )
    compared = np.flatnonzero(scores.exists.any(axis=1) & (asked.regime == 0))
    reference = DriftReference(
        asked.entity[compared],
        outcomes.text_known[compared],
        outcomes.nearest[compared].astype(np.float64).round(4),
    )
    horizon = Horizon.of(asked.entity, outcomes.gap, asked.regime)
    return Judgment(Calibrations(calibrations), amounts, records, horizon, reference)


def _newer_half(asked: Asked) -> np.ndarray:
    """bool [N]: the entries of each company that are later than half of its others."""
    number = np.unique(asked.entity.astype(str), return_inverse=True)[1]
    order = np.lexsort((asked.date, number))
    size = np.bincount(number)
    start = np.cumsum(size) - size
    middle = asked.date[order][start + size // 2]
    return np.asarray(asked.date >= middle[number])


def _records(features: np.ndarray, rows: CalibrationRows, asked: Asked) -> tuple[np.ndarray, Records]:
    """The record of each row's company when it was asked, float64 [N], and the records after all rows.

    Answers of the first regime count; their confidence is of a regression without records.
    """
    daily = np.flatnonzero(asked.regime == 0)
    daily = daily[np.argsort(asked.date[daily], kind="stable")]
    plain = features[daily].copy()
    plain[:, RECORD] = 0.0
    confidence = Calibration.fit(FEATURES, plain, rows.take(daily)).confidence
    surplus = rows.right[daily] - confidence
    figure = records_before(asked.entity[daily], asked.date[daily], surplus, asked.entity, asked.known_before)
    return figure, Records.of(asked.entity[daily].tolist(), surplus)
