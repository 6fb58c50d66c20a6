"""Drift: whether new entries still resemble those that the confidence was calibrated on.

A promise holds for entries like those that were calibrated. Two statistics of each prediction, neither of
which needs the true lines, show when new entries differ: whether the company booked the text before, and how
similar the most similar earlier text is. Their distributions over all entries of a run are compared with those
of the calibration, in one direction only: books grow, and knowing more is no drift.

Drift is a warning. On 25 real companies and two periods the companies that it held back were the *better* ones
(docs/drift.md): a large company with stable books shows the smallest change, since it has so many rows. So
nothing is held back unless `drift.hold` says so. The distribution of the confidence is not compared: it went
with less confidence than was earned, not more.

- **Distance**: the one-sided Kolmogorov–Smirnov statistic, the largest lead of one cumulative distribution over
  the other; for a yes or no, the difference of the shares. Univariate tests, one for each statistic, did as
  well as anything else in S. Rabanser, S. Günnemann, Z. C. Lipton, "Failing loudly: an empirical study of
  methods for detecting dataset shift", NeurIPS 2019, and a bookkeeper can read them.
- **Chance**: the distance that is exceeded in at most one of a hundred runs where nothing changed
  (W. Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58, 1963; Smirnov's law
  for large samples has the same form). All comparisons of a run share that one in a hundred: with a thousand
  companies, thirty false alarms a night would teach people to ignore them.
- There is drift where the distance exceeds both the limit and chance.

All companies in the calibration are compared together, since the promise is made for them together and more
entries leave less to chance. Calibration rows are weighted to the companies' shares among the new entries, so
that another mix of companies alone is no drift. A company with enough entries on both sides is also compared
alone, and companies that the calibration doesn't have are compared with all of it.

Nothing without true lines can see the same texts booked to other accounts. The report sees it, on its test
split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.groups import rows_of_groups
from jet.books.schema import AUTO, NO_ANSWER, REVIEW
from jet.confidence.settings import STATISTICS, DriftSettings, Statistic

ALL_COMPANIES = "all companies together"
UNKNOWN_COMPANIES = "companies that the calibration doesn't know, together"
HELD_BACK = "; to review: drift"
"""What stands between the reason of a prediction that would have been `auto` and the sentence about drift."""

_NAMES = {
    "new_text": "share of texts never booked before",
    "similarity": "mean similarity of the nearest earlier text",
}
_ADVICE = "check some of these by hand, and train again with them once they are booked"
_CHANCE = 0.01  # the probability of a false alarm in any comparison of a run
_DECIMALS = 3


@dataclass(frozen=True)
class DriftStatistics:
    """The statistics of predictions, those that are alike together in one of N rows.

    They are rounded, so that storing them in float32 changes no comparison, and that a company has some hundred
    rows, however many predictions.
    """

    entity: np.ndarray  # object [N]
    new_text: np.ndarray  # float64 [N] 1 where the company never booked this text before, else 0
    similarity: np.ndarray  # float64 [N] of the most similar earlier text
    count: np.ndarray  # int64 [N] of predictions

    @classmethod
    def of(cls, entity: Sequence[str], new_text: np.ndarray, similarity: np.ndarray) -> DriftStatistics:
        """The statistics of `entity`'s predictions, one by one and of any precision."""
        new_text, similarity = (np.round(each.astype(float), _DECIMALS) for each in (new_text, similarity))
        one_each = np.ones(len(entity), dtype=np.int64)
        return cls(np.array(entity, dtype=object), new_text, similarity, one_each).grouped()

    @classmethod
    def concat(cls, parts: Sequence[DriftStatistics]) -> DriftStatistics:
        """The statistics of all `parts`, of which there is one or more."""
        columns = (np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls))
        return cls(*columns).grouped()

    def grouped(self) -> DriftStatistics:
        """The same with one row for predictions that are alike, sorted."""
        columns = {each.name: getattr(self, each.name) for each in fields(self)}
        keys = ["entity", "new_text", "similarity"]
        table = pa.table({"entity": pa.array(columns.pop("entity"), pa.string()), **columns})
        table = table.group_by(keys).aggregate([("count", "sum")]).sort_by([(key, "ascending") for key in keys])
        return DriftStatistics(
            np.array(table["entity"].to_pylist(), dtype=object),
            *(table[name].to_numpy() for name in ("new_text", "similarity", "count_sum")),
        )

    @classmethod
    def of_predictions(cls, predictions: pa.Table) -> DriftStatistics:
        """The statistics of a table of `PREDICTIONS`, rows without a prediction left out.

        It needs the columns entity, decision, text_known and similarity.
        """
        answered = predictions.filter(pc.not_equal(predictions["decision"], NO_ANSWER))
        known, similarity = (answered[name].to_numpy() for name in ("text_known", "similarity"))
        names = answered["entity"].combine_chunks().dictionary_encode()
        entity = np.array(names.dictionary.to_pylist(), dtype=object)[names.indices.to_numpy()]
        return cls.of(entity, ~known, similarity)

    def __len__(self) -> int:
        return len(self.entity)

    @property
    def predictions(self) -> int:
        """How many predictions there are."""
        return int(self.count.sum())

    def take(self, rows: np.ndarray) -> DriftStatistics:
        """Some rows, by row numbers or a mask."""
        return DriftStatistics(*(getattr(self, each.name)[rows] for each in fields(self)))


@dataclass(frozen=True)
class Shift:
    """The distance of one statistic of a group from the calibration."""

    before: float  # mean in the calibration; for `new_text` the share
    now: float  # mean of the new entries
    distance: float
    chance: float
    limit: float  # 0: off

    @property
    def excess(self) -> float:
        """The distance minus the larger of limit and chance; -1 where the limit is off."""
        return self.distance - max(self.chance, self.limit) if self.limit else -1.0


@dataclass(frozen=True)
class Group:
    """Companies whose new entries are compared together: one, all, or those not in the calibration."""

    name: str  # the company's, ALL_COMPANIES or UNKNOWN_COMPANIES
    companies: tuple[str, ...]
    calibration: int  # calibration rows
    entries: int  # new entries
    shifts: Mapping[Statistic, Shift]

    @property
    def excess(self) -> float:
        """The largest `excess` of its statistics."""
        return max(shift.excess for shift in self.shifts.values())

    @property
    def drifted(self) -> bool:
        """Whether there is drift in any statistic."""
        return self.excess > 0

    def sentence(self) -> str:
        """A sentence that names the statistics with drift, and what to do."""
        past = [
            f"{_NAMES[statistic]} {shift.before:.2f} in the calibration and {shift.now:.2f} in these "
            f"{self.entries} entries "
            f"(distance {shift.distance:.2f}, limit {shift.limit:g}, by chance {shift.chance:.2f})"
            for statistic, shift in self.shifts.items()
            if shift.excess > 0
        ]
        of = "of this company" if self.name not in (ALL_COMPANIES, UNKNOWN_COMPANIES) else f"of {self.name}"
        return f"the new entries {of} aren't like those of the calibration: {'; '.join(past)}; {_ADVICE}"

    def as_dict(self) -> dict[str, Any]:
        """The comparison as JSON types, distances rounded."""
        return {
            "name": self.name,
            "companies": len(self.companies),
            "calibration": self.calibration,
            "entries": self.entries,
            "found": self.drifted,
            "signs": {
                statistic: {name: round(value, 4) for name, value in asdict(shift).items()}
                | {"found": shift.excess > 0}
                for statistic, shift in self.shifts.items()
            },
        }


def compare(calibration: DriftStatistics, new: DriftStatistics, settings: DriftSettings) -> list[Group]:
    """Compare the `new` entries with the `calibration` by groups; those farthest past their limits come first.

    Without calibration rows or new entries there are no groups.
    """
    if not len(calibration) or not len(new):
        return []
    names, code = np.unique(np.concatenate([calibration.entity, new.entity]), return_inverse=True)
    old_code, new_code = code[: len(calibration)], code[len(calibration) :]
    old_count, new_count = (
        np.bincount(each, statistics.count, len(names))
        for each, statistics in ((old_code, calibration), (new_code, new))
    )
    old_rows, new_rows = (rows_of_groups(each, len(names)) for each in (old_code, new_code))
    known = np.flatnonzero((new_count > 0) & (old_count > 0))
    unknown = np.flatnonzero((new_count > 0) & (old_count == 0))
    alone = np.flatnonzero(np.minimum(new_count, old_count) >= settings.least)
    parts = [(names[each], np.array([each])) for each in alone]
    if len(known) and not np.array_equal(known, alone[:1]):
        parts.append((ALL_COMPANIES, known))
    comparisons = len(STATISTICS) * (len(parts) + bool(len(unknown)))
    groups = []
    for name, companies in parts:
        rows = np.concatenate([old_rows[each] for each in companies])
        weight = (new_count / np.maximum(old_count, 1))[old_code[rows]]
        past = calibration.take(rows)
        current = new.take(np.concatenate([new_rows[each] for each in companies]))
        shifts = _shifts(past, weight, current, settings, comparisons)
        groups.append(Group(name, tuple(names[companies]), past.predictions, current.predictions, shifts))
    if len(unknown):
        current = new.take(np.concatenate([new_rows[each] for each in unknown]))
        shifts = _shifts(calibration, np.ones(len(calibration)), current, settings, comparisons)
        sizes = calibration.predictions, current.predictions
        groups.append(Group(UNKNOWN_COMPANIES, tuple(names[unknown]), *sizes, shifts))
    return sorted(groups, key=lambda group: (-group.excess, group.name))


def _shifts(
    old: DriftStatistics, weight: np.ndarray, new: DriftStatistics, settings: DriftSettings, comparisons: int
) -> dict[Statistic, Shift]:
    """Shifts from the rows of `old`, each of whose predictions has the `weight` of its row."""
    whole = weight * old.count
    effective = whole.sum() ** 2 / (weight * whole).sum()  # Kish's effective sample size (1965)
    chance = float(np.sqrt(np.log(comparisons / _CHANCE) / 2 * (1 / new.predictions + 1 / effective)))
    shifts: dict[Statistic, Shift] = {}
    for statistic in STATISTICS:
        before, now = getattr(old, statistic), getattr(new, statistic)
        # A lower value means less known, except for new texts.
        turn = -1 if statistic == "new_text" else 1
        shifts[statistic] = Shift(
            before=float(np.average(before, weights=whole)),
            now=float(np.average(now, weights=new.count)),
            distance=one_sided_distance(turn * before, whole, turn * now, new.count),
            chance=chance,
            limit=getattr(settings, statistic),
        )
    return shifts


def one_sided_distance(old: np.ndarray, weight: np.ndarray, new: np.ndarray, count: np.ndarray) -> float:
    """The one-sided Kolmogorov–Smirnov statistic, 0 to 1: how much lower `new` [N] lies than `old` [M].

    The rows of `old` are weighted by `weight` [M], those of `new` by `count` [N].
    """
    values = np.unique(np.concatenate([old, new]))

    def share(own: np.ndarray, weight: np.ndarray) -> np.ndarray:
        order = np.argsort(own, kind="stable")
        sums = np.concatenate([[0.0], np.cumsum(weight[order])]) / weight.sum()
        return np.asarray(sums[np.searchsorted(own[order], values, side="right")])

    return float(max(0.0, (share(new, count) - share(old, weight)).max()))


def drift_sentences(groups: Sequence[Group]) -> dict[str, str]:
    """The sentence about drift for each company that has any; one about the company alone comes first."""
    drifted = sorted((group for group in groups if group.drifted), key=lambda group: -len(group.companies))
    return {name: group.sentence() for group in drifted for name in group.companies}


def hold_drifted(predictions: pa.Table, why: Mapping[str, str]) -> pa.Table:
    """`predictions` (`PREDICTIONS`) with every `auto` of a company in `why` turned into `review`.

    `why` has the sentence for each company, which is added to the reason. Idempotent: the same table comes back
    where no such `auto` is left.
    """
    entities, reasons = predictions["entity"].to_pylist(), predictions["reason"].to_pylist()
    decisions = predictions["decision"].to_pylist()
    rows = [row for row, entity in enumerate(entities) if decisions[row] == AUTO and entity in why]
    if not rows:
        return predictions
    for row in rows:
        decisions[row] = REVIEW
        reasons[row] += f"{HELD_BACK}: {why[entities[row]]}"
    for name, values in (("decision", decisions), ("reason", reasons)):
        place = predictions.schema.get_field_index(name)
        field = predictions.schema.field(name)
        predictions = predictions.set_column(place, field, pa.array(values, field.type))
    return predictions


def summary(groups: Sequence[Group], held: int, shown: int = 10) -> dict[str, Any]:
    """The facts for a manifest: how many groups were compared and drifted, how many entries were held back, and
    the first `shown` groups."""
    return {
        "found": sum(group.drifted for group in groups),
        "compared": len(groups),
        "held_back": held,
        "groups": [group.as_dict() for group in groups[:shown]],
    }
