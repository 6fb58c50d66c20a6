"""The split into training, calibration and test entries, by date within each entity.

A random split would let a model look up next month's rent in the month after it. So each entity's books are cut
along time, and never within a day: half of a day's batch would give the other half away.

`date_order` is the order behind the split, which also tells what was booked strictly earlier.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPLITS = ("train", "calibration", "test")
TRAIN, CALIBRATION, TEST = range(3)


@dataclass(kw_only=True)
class SplitSettings:
    """The shares of each entity's entries; the test split is what the other two leave.

    `sample` bounds the entries that are split at all (see `jet.books.sample`)."""

    train: float = 0.70
    """Share of an entity's entries, from its first day on, that train the model."""

    calibration: float = 0.15
    """Share of the entries after these, on which confidence and thresholds are fitted and settings chosen."""

    sample: int = 1_000_000
    """Entries that a model is trained and measured on at most, in whole buckets of `jet ingest`. What the other
    buckets hold is known to a prediction that is given these books."""

    def __post_init__(self) -> None:
        if self.sample < 1:
            raise ValueError(f"sample must be at least 1, not {self.sample}")
        if not 0 < self.train <= 1:
            raise ValueError(f"train must be above 0 and at most 1, not {self.train}")
        if not 0 <= self.calibration <= 1:
            raise ValueError(f"calibration must be from 0 to 1, not {self.calibration}")
        if self.train + self.calibration > 1 + 1e-9:
            raise ValueError(
                f"train and calibration must be at most 1 together, not {self.train + self.calibration}"
            )

    def parts(self, entity: NDArray, date: NDArray) -> NDArray[np.int8]:
        """The split of every row of booked entries: `split_by_date`.

        A method, so that `jet.experiments` can override it to measure the optimism of another split; no setting
        does.
        """
        return split_by_date(entity, date, self)


@dataclass(frozen=True)
class DateOrder:
    """Rows ordered by entity and date; every array has one element for each place in that order."""

    row: NDArray[np.intp]
    """The row at this place."""

    entity_start: NDArray[np.intp]
    """The place of the first row of this row's entity."""

    entity_end: NDArray[np.intp]
    """The place after the last row of this row's entity."""

    day_start: NDArray[np.intp]
    """The place of the first row of this row's entity and date; the entity's strictly earlier rows are those
    from `entity_start` to before it."""


def date_order(entity: NDArray, date: NDArray, tie: NDArray | None = None) -> DateOrder:
    """The order of rows by entity, date and, within a day, `tie` (default: the given order).

    `entity` has names or numbers, `date` datetime64 or days as integers; both have shape (rows,). Raises
    ValueError where their shapes differ or a date is missing.
    """
    entity, date = np.asarray(entity), np.asarray(date)
    if entity.ndim != 1 or entity.shape != date.shape:
        raise ValueError(f"entity and date must be of one length, not {entity.shape} and {date.shape}")
    if np.issubdtype(date.dtype, np.datetime64):
        if np.isnat(date).any():
            raise ValueError(f"row {int(np.isnat(date).argmax())} has no date")
        date = date.astype("datetime64[D]").astype(np.int64)
    elif date.size and not np.issubdtype(date.dtype, np.integer):
        raise ValueError(f"date must be datetime64 or days as integers, not {date.dtype}")
    number = np.unique(entity, return_inverse=True)[1]
    row = np.lexsort((date, number) if tie is None else (tie, date, number))
    number, date = number[row], date[row]
    place = np.arange(row.size)
    new_entity = np.concatenate([[True], number[1:] != number[:-1]])[: row.size]
    new_day = new_entity | np.concatenate([[True], date[1:] != date[:-1]])[: row.size]
    starts = place[new_entity]
    sizes = np.diff(np.append(starts, row.size))
    entity_start = np.repeat(starts, sizes)
    day_start = np.maximum.accumulate(np.where(new_day, place, 0)) if row.size else place
    return DateOrder(row, entity_start, entity_start + np.repeat(sizes, sizes), day_start)


def split_by_date(entity: NDArray, date: NDArray, settings: SplitSettings) -> NDArray[np.int8]:
    """The split of every row, as an index into `SPLITS`.

    Each entity's entries are ordered by date, and a boundary lies after the given share of them. A day that a
    boundary would cut goes to the split of its first entry, so a boundary can only move later, and a day across
    both boundaries leaves calibration empty. The first entry always trains, and with the default shares the
    first three do, so an entity with very few entries trains and is never measured.

    Takes and raises the same as `date_order`.
    """
    order = date_order(entity, date)
    size = order.entity_end - order.entity_start
    first_of_day = order.day_start - order.entity_start
    boundaries = (settings.train, settings.train + settings.calibration)
    split = np.empty(order.row.size, np.int8)
    # Rounded first, since .7 * 10 must be 7 whatever the floating point makes of it.
    split[order.row] = sum(first_of_day >= np.ceil(np.round(size * share, 6)) for share in boundaries)
    return split
