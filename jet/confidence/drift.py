"""Drift: whether new entries still look like those that the confidence was calibrated on.

A promise holds for entries like those of the calibration split. Three signs of each answer, none of which needs
its true lines, show when new ones aren't like them any more: whether the company has booked the text before,
how similar the most similar earlier text is, and the confidence. Compared are their distributions, in the
calibration and in all entries of a run, and only towards the less known: books grow, and that more is known is
no harm.

- **Distance**: the largest lead of one cumulative distribution over the other (Kolmogorov and Smirnov,
  one-sided); for a yes or no that is the difference of the shares. Univariate tests like these, one for each
  figure, did as well as anything else in S. Rabanser, S. Günnemann, Z. C. Lipton, "Failing loudly: an empirical
  study of methods for detecting dataset shift", NeurIPS 2019, and a bookkeeper can read them.
- **Chance**: what a difference of two shares exceeds at most once in a hundred runs where nothing changed
  (W. Hoeffding, "Probability inequalities for sums of bounded random variables", JASA 58, 1963;
  Smirnov's law for large samples has the same form). All comparisons of a run share that one in a hundred: with
  a thousand companies, thirty false alarms a night would teach people to look away. Few entries prove little,
  and this says how little.
- A drift is **found** where the distance is past the limit, and more than chance makes.

All companies that the calibration knows are compared together, since the promise is made for them together, and
with more entries there is less that chance could be; each counts as much in the calibration as among the new
entries, so that another mix of companies alone is no drift. A company that has enough entries on both sides is
compared alone as well, and those that the calibration doesn't know are compared with all of it. Decisions are
held back of whom a drift was found for: of all, where it was found for all together.

What nobody can see without true lines: the same texts booked to other accounts. The report sees it, on its test
split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Sign = Literal["new_text", "similarity", "confidence"]
SIGNS: tuple[Sign, ...] = ("new_text", "similarity", "confidence")

ALL = "all companies together"
UNKNOWN = "companies that the calibration doesn't know, together"
HELD_BACK = "; to review: drift"
"""What stands in the reason of an answer that would have been `auto`, before the sentence of its drift."""

_SAID = {
    "new_text": "share of texts never booked before",
    "similarity": "mean similarity of the nearest earlier text",
    "confidence": "mean confidence",
}
_ADVICE = "book these by hand, then train again with them"
_CHANCE = 0.01  # of a false alarm, in all comparisons of a run together
_DECIMALS = 4


@dataclass(kw_only=True)
class DriftSettings:
    """When new entries differ so much from the calibration that nothing is `auto`.

    A limit is the distance of the two distributions that is still allowed, from 0 to 1; 0 switches it off.
    """

    new_text: float = 0.1
    """Limit of the share of texts that the company never booked before."""
    similarity: float = 0.1
    """Limit of how similar the most similar earlier text is."""
    confidence: float = 0.1
    """Limit of the confidence."""
    least: int = 50
    """Entries that a company has at least, in the calibration and among the new ones, to be compared alone."""

    def __post_init__(self) -> None:
        for sign in SIGNS:
            if not 0 <= getattr(self, sign) < 1:
                raise ValueError(
                    f"drift.{sign} must be at least 0 (off) and below 1, got {getattr(self, sign)}"
                )
        if self.least < 1:
            raise ValueError(f"drift.least must be at least 1, got {self.least}")


@dataclass(frozen=True)
class Signs:
    """What is compared of N answered entries; figures are rounded, so that equal ones stay equal whatever
    precision they were stored in."""

    entity: np.ndarray  # object [N]
    new_text: np.ndarray  # float64 [N] 1: the company never booked this text before
    similarity: np.ndarray  # float64 [N] of the most similar earlier text
    confidence: np.ndarray  # float64 [N]

    @classmethod
    def of(
        cls, entity: Sequence[str], new_text: np.ndarray, similarity: np.ndarray, confidence: np.ndarray
    ) -> Signs:
        """Of figures in whatever precision."""
        figures = (np.round(each.astype(np.float64), _DECIMALS) for each in (new_text, similarity, confidence))
        return cls(np.array(entity, dtype=object), *figures)

    @classmethod
    def of_predictions(cls, predictions: pa.Table) -> Signs:
        """Of `PREDICTIONS`, of which no more than these columns are needed: entity, decision, text_known,
        similarity, confidence."""
        answered = predictions.filter(pc.not_equal(predictions["decision"], "none"))
        known, similarity, confidence = (
            answered[name].to_numpy() for name in ("text_known", "similarity", "confidence")
        )
        names = answered["entity"].combine_chunks().dictionary_encode()
        entity = np.array(names.dictionary.to_pylist(), dtype=object)[names.indices.to_numpy()]
        return cls.of(entity, ~known, similarity, confidence)

    def __len__(self) -> int:
        return len(self.entity)

    def take(self, rows: np.ndarray) -> Signs:
        """Some of them, by row numbers or a mask."""
        return Signs(*(getattr(self, each.name)[rows] for each in fields(self)))


@dataclass(frozen=True)
class Shift:
    """How one sign of a group differs from the calibration."""

    before: float  # mean in the calibration; of `new_text` it is the share
    now: float  # mean of the new entries
    distance: float
    chance: float
    limit: float  # 0: not asked for

    @property
    def beyond(self) -> float:
        """How far the distance is past its limit and past chance; never past a limit that is off."""
        return self.distance - max(self.chance, self.limit) if self.limit else -1.0


@dataclass(frozen=True)
class Group:
    """Companies whose new entries were compared together, mostly one."""

    name: str  # of the company, else ALL or UNKNOWN
    companies: tuple[str, ...]
    calibration: int  # entries
    entries: int  # new ones
    shifts: Mapping[Sign, Shift]

    @property
    def beyond(self) -> float:
        """Of the sign that is farthest past its limit."""
        return max(shift.beyond for shift in self.shifts.values())

    @property
    def found(self) -> bool:
        """Whether any sign is past its limit."""
        return self.beyond > 0

    def sentence(self) -> str:
        """Which signs are past their limits, and what to do."""
        past = [
            f"{_SAID[sign]} {shift.before:.2f} in the calibration and {shift.now:.2f} in these {self.entries} "
            f"entries (distance {shift.distance:.2f}, limit {shift.limit:g}, by chance {shift.chance:.2f})"
            for sign, shift in self.shifts.items()
            if shift.beyond > 0
        ]
        of = "of this company" if self.name not in (ALL, UNKNOWN) else f"of {self.name}"
        return f"the new entries {of} aren't like those of the calibration: {'; '.join(past)}; {_ADVICE}"

    def as_dict(self) -> dict[str, Any]:
        """The figures, as JSON can hold them."""
        return {
            "name": self.name,
            "companies": len(self.companies),
            "calibration": self.calibration,
            "entries": self.entries,
            "found": self.found,
            "signs": {
                sign: {name: round(value, 4) for name, value in asdict(shift).items()}
                | {"found": shift.beyond > 0}
                for sign, shift in self.shifts.items()
            },
        }


def compare(calibration: Signs, new: Signs, settings: DriftSettings) -> list[Group]:
    """The groups of the `new` entries beside their `calibration`, the farthest past its limits first.

    Without calibrated entries nothing was promised, and there is nothing to compare.
    """
    if not len(calibration) or not len(new):
        return []
    names, code = np.unique(np.concatenate([calibration.entity, new.entity]), return_inverse=True)
    theirs, ours = code[: len(calibration)], code[len(calibration) :]
    there, here = (np.bincount(each, minlength=len(names)) for each in (theirs, ours))
    known, unknown = np.flatnonzero((here > 0) & (there > 0)), np.flatnonzero((here > 0) & (there == 0))
    alone = np.flatnonzero(np.minimum(here, there) >= settings.least)
    parts = [(names[each], np.array([each])) for each in alone]
    if len(known) and not np.array_equal(known, alone[:1]):
        parts.append((ALL, known))
    comparisons = len(SIGNS) * (len(parts) + bool(len(unknown)))
    groups = []
    for name, companies in parts:
        rows = np.isin(theirs, companies)
        weight = (here / np.maximum(there, 1))[theirs[rows]]
        own = new.take(np.isin(ours, companies))
        shifts = _shifts(calibration.take(rows), weight, own, settings, comparisons)
        groups.append(Group(name, tuple(names[companies]), int(rows.sum()), len(own), shifts))
    if len(unknown):
        own = new.take(np.isin(ours, unknown))
        shifts = _shifts(calibration, np.ones(len(calibration)), own, settings, comparisons)
        groups.append(Group(UNKNOWN, tuple(names[unknown]), len(calibration), len(own), shifts))
    return sorted(groups, key=lambda group: (-group.beyond, group.name))


def _shifts(
    old: Signs, weight: np.ndarray, new: Signs, settings: DriftSettings, comparisons: int
) -> dict[Sign, Shift]:
    effective = weight.sum() ** 2 / (weight**2).sum()  # what unequal weights leave of the rows (Kish 1965)
    chance = float(np.sqrt(np.log(comparisons / _CHANCE) / 2 * (1 / len(new) + 1 / effective)))
    found: dict[Sign, Shift] = {}
    for sign in SIGNS:
        before, now = getattr(old, sign), getattr(new, sign)
        # The less known is what is low, but for new texts.
        turn = -1 if sign == "new_text" else 1
        found[sign] = Shift(
            before=float(np.average(before, weights=weight)),
            now=float(now.mean()),
            distance=lower_by(turn * before, weight, turn * now),
            chance=chance,
            limit=getattr(settings, sign),
        )
    return found


def lower_by(old: np.ndarray, weight: np.ndarray, new: np.ndarray) -> float:
    """How much lower `new` [N] lies than `old` [M], whose rows count by `weight` [M]: the largest lead of its
    cumulative distribution, from 0 to 1."""
    values = np.unique(np.concatenate([old, new]))
    order = np.argsort(old, kind="stable")
    share = np.concatenate([[0.0], np.cumsum(weight[order])]) / weight.sum()
    before = share[np.searchsorted(old[order], values, side="right")]
    now = np.searchsorted(np.sort(new), values, side="right") / len(new)
    return float(max(0.0, (now - before).max()))


def sentences(groups: Sequence[Group]) -> dict[str, str]:
    """By company, what to tell of the drift that was found; what was found for it alone says more."""
    found = sorted((group for group in groups if group.found), key=lambda group: -len(group.companies))
    return {name: group.sentence() for group in found for name in group.companies}


def held_back(predictions: pa.Table, why: Mapping[str, str]) -> pa.Table:
    """`predictions` (`PREDICTIONS`) in which no company of `why` has an `auto` any more; the reason says why.

    The very same table where there is nothing to hold back: doing it twice is doing it once.
    """
    owners, reasons = predictions["entity"].to_pylist(), predictions["reason"].to_pylist()
    decisions = predictions["decision"].to_pylist()
    rows = [row for row, owner in enumerate(owners) if decisions[row] == "auto" and owner in why]
    if not rows:
        return predictions
    for row in rows:
        decisions[row] = "review"
        reasons[row] += f"{HELD_BACK}: {why[owners[row]]}"
    for name, values in (("decision", decisions), ("reason", reasons)):
        place = predictions.schema.get_field_index(name)
        field = predictions.schema.field(name)
        predictions = predictions.set_column(place, field, pa.array(values, field.type))
    return predictions


def summary(groups: Sequence[Group], held: int, shown: int = 10) -> dict[str, Any]:
    """What a manifest keeps: how many groups were compared and how many are past a limit, how many entries were
    `held` back, and the figures of the groups that are the farthest off."""
    return {
        "found": sum(group.found for group in groups),
        "compared": len(groups),
        "held_back": held,
        "groups": [group.as_dict() for group in groups[:shown]],
    }
