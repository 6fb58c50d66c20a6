"""Two reports of the same test entries, side by side: what got better, what got worse, and what was set.

Entries are paired, so the difference is of answers to the same questions, and the interval is that of
`jet.evaluation.comparison`. Figures of reports on other entries can't be compared, and are refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jet.evaluation.comparison import bootstrap_mean
from jet.evaluation.saved import SavedReport

Both = tuple[NDArray[np.bool_], NDArray[np.bool_]]
"""What holds of each entry in the first report, and in the second, [N] each."""

_NAMED = 3
"""Entries that an error names."""


@dataclass(frozen=True)
class TwoReports:
    """The comparison. "first" and "second" are the two reports; every difference is second minus first."""

    paths: tuple[str, str]
    models: tuple[str, str]
    """The fingerprints of the bundles."""
    period: tuple[str, str]
    """The first and the last day of the test entries."""
    figures: list[dict[str, Any]]
    """"label", "first", "second" (shares of all entries), "less_is_better", and "difference", "low", "high",
    "share_above" as `paired_bootstrap` has them."""
    counts: dict[str, int]
    """How many entries are right in "both", in "first" or "second" only, in "neither"; "n" in all."""
    companies: list[dict[str, Any]]
    """By company "entity", "n", the exact match of "first" and "second", "gained" and "lost" (entries that only
    the second and only the first is right in), and the difference with its interval. The largest change is
    first."""
    better: list[dict[str, Any]]
    """The entries that only the second is right in: "entity", "entry_id", "date", "description", "true", and
    the answers and confidences of both. The surest first."""
    worse: list[dict[str, Any]]
    """The entries that only the first is right in, likewise."""
    settings: list[tuple[str, Any, Any]]
    """The settings that differ: the name, and the two values."""
    trained: bool
    """Whether the settings of both trainings are known."""


def compare_reports(first: SavedReport, second: SavedReport) -> TwoReports:
    """Compare two reports. Raises `ValueError` where they are not of the same test entries, booked the same."""
    order = _same_entries(first, second)
    rows = (first.rows, second.rows.take(pa.array(order)))
    right = (_booleans(rows[0], f"{first.method}_right"), _booleans(rows[1], f"{second.method}_right"))
    automated = (_booleans(rows[0], "automated"), _booleans(rows[1], "automated"))
    wrong = (automated[0] & ~right[0], automated[1] & ~right[1])
    entity = np.array(first.rows["entity"].to_pylist(), dtype=object).astype(str)
    at = " and ".join(dict.fromkeys(f"{100 * report.promise:g}%" for report in (first, second)))
    days = first.rows["date"].to_pylist()
    trained = first.training is not None and second.training is not None
    entries = _entries(rows, (first.method, second.method))
    return TwoReports(
        paths=(first.path, second.path),
        models=(first.metrics["facts"]["model"], second.metrics["facts"]["model"]),
        period=(min(days).isoformat(), max(days).isoformat()),
        figures=[
            _figure("exact match", right, entity),
            _figure(f"booked alone at {at}", automated, entity),
            _figure("booked alone and wrong", wrong, entity, less_is_better=True),
        ],
        counts={
            "n": len(entity),
            "both": int((right[0] & right[1]).sum()),
            "first": int((right[0] & ~right[1]).sum()),
            "second": int((right[1] & ~right[0]).sum()),
            "neither": int((~right[0] & ~right[1]).sum()),
        },
        companies=_companies(right, entity),
        better=_surest(entries, ~right[0] & right[1], "second_confidence"),
        worse=_surest(entries, right[0] & ~right[1], "second_confidence"),
        settings=_differences(_flat(_of(first, trained)), _flat(_of(second, trained))),
        trained=trained,
    )


def _same_entries(first: SavedReport, second: SavedReport) -> list[int]:
    """The row of the second report of each row of the first. Raises `ValueError` where the entries differ."""
    keys = [
        list(zip(report.rows["entity"].to_pylist(), report.rows["entry_id"].to_pylist(), strict=True))
        for report in (first, second)
    ]
    row_of = {key: row for row, key in enumerate(keys[1])}
    known = set(keys[0])
    only = ([key for key in keys[0] if key not in row_of], [key for key in keys[1] if key not in known])
    if only[0] or only[1]:
        named = ", ".join("/".join(key) for key in (only[0] or only[1])[:_NAMED])
        raise ValueError(
            f"{first.path} and {second.path} are reports of other test entries: {len(only[0])} of "
            f"{len(keys[0])} are only in the first, {len(only[1])} of {len(keys[1])} only in the second (such "
            f"as {named}). Evaluate both models on the same entries, with the same split"
        )
    order = [row_of[key] for key in keys[0]]
    booked = (first.rows["true"].to_pylist(), second.rows["true"].take(pa.array(order)).to_pylist())
    otherwise = [key for key, one, other in zip(keys[0], *booked, strict=True) if one != other]
    if otherwise:
        named = ", ".join("/".join(key) for key in otherwise[:_NAMED])
        raise ValueError(
            f"{len(otherwise)} test entries are booked otherwise in {second.path} than in {first.path} (such "
            f"as {named}): evaluate both models on the same books"
        )
    return order


def _booleans(rows: pa.Table, name: str) -> NDArray[np.bool_]:
    return np.array(rows[name].to_pylist(), dtype=bool)


def _figure(label: str, both: Both, entity: NDArray, less_is_better: bool = False) -> dict[str, Any]:
    first, second = both
    difference = (second.astype(np.int64) - first)[:, None]
    shares = {"first": float(first.mean()), "second": float(second.mean())}
    return {"label": label, "less_is_better": less_is_better, **shares, **bootstrap_mean(difference, entity)}


def _companies(right: Both, entity: NDArray) -> list[dict[str, Any]]:
    found = []
    for name in np.unique(entity).tolist():
        own = entity == name
        one, other = right[0][own], right[1][own]
        counts = {"n": int(own.sum()), "gained": int((other & ~one).sum()), "lost": int((one & ~other).sum())}
        found.append({"entity": name, **counts, **_figure("exact match", (one, other), entity[own])})
    return sorted(found, key=lambda row: (-abs(row["gained"] - row["lost"]), -row["n"], row["entity"]))


def _entries(rows: tuple[pa.Table, pa.Table], methods: tuple[str, str]) -> list[dict[str, Any]]:
    """Every entry with the answers of both reports."""
    columns: dict[str, Any] = {
        name: rows[0][name].to_pylist() for name in ("entity", "entry_id", "description", "true")
    }
    columns["date"] = [day.isoformat() for day in rows[0]["date"].to_pylist()]
    for place, table, method in zip(("first", "second"), rows, methods, strict=True):
        columns[place] = table[f"{method}_answer"].to_pylist()
        columns[f"{place}_confidence"] = table[f"{method}_confidence"].to_pylist()
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]


def _surest(entries: list[dict[str, Any]], chosen: NDArray[np.bool_], by: str) -> list[dict[str, Any]]:
    return sorted((entries[row] for row in np.flatnonzero(chosen)), key=lambda entry: -entry[by])


def _of(report: SavedReport, trained: bool) -> dict[str, Any]:
    """What was set in a report, and in the training where that is known of both."""
    facts = report.metrics["facts"]
    known = report.training or {} if trained else {}
    named = {name: facts.get(name) for name in ("encoder", "entries fingerprint", "memory", "split", "method")}
    return {**named, "training": facts.get("training"), "settings": known | report.settings}


def _flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted names -> values."""
    found: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}".removeprefix("settings.")] = value
    return found


def _differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    """The names in both whose values differ, or in one."""
    names = dict.fromkeys([*first, *second])
    return [(name, first.get(name), second.get(name)) for name in names if first.get(name) != second.get(name)]
