"""The test entries with the predictions of each method, as a table and as examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from jet.evaluation.line_sets import Multiset
from jet.evaluation.scored import Scored

EXAMPLES = 20


def rows_table(methods: Mapping[str, Scored]) -> pa.Table:
    """A row for each test entry: entity, entry_id, strata, true lines, and for each method whether it is right,
    its confidence and its lines."""
    first = next(iter(methods.values()))
    columns: dict[str, Any] = {"entity": first.entity.tolist(), "entry_id": first.entry_id}
    columns |= {f"stratum_{name}": values.tolist() for name, values in first.strata.items()}
    columns["true"] = [_spelled(lines) for lines in first.true]
    for name, scored in methods.items():
        columns[f"{name}_right"] = scored.counts["exact"] > 0
        columns[f"{name}_confidence"] = scored.confidence
        columns[f"{name}_answer"] = [_spelled(lines) for lines in scored.predicted]
    return pa.table(columns)


def _spelled(lines: Multiset) -> str:
    return " ".join(f"{side} {account}" for account, side in lines)


def examples(
    entries: pa.Table, predictions: pa.Table, accounts: pa.Table, scored: Scored, count: int = EXAMPLES
) -> list[dict[str, Any]]:
    """Some entries, spread evenly, as the report shows them. `scored` has the rows of `entries`."""
    names = {(row["entity"], row["code"]): row["name"] for row in accounts.to_pylist()}
    by_key = {(row["entity"], row["entry_id"]): row for row in predictions.to_pylist()}
    shown = []
    for row in np.unique(np.linspace(0, len(entries) - 1, count).astype(int)):
        entry = entries.slice(int(row), 1).to_pylist()[0]
        prediction = by_key[entry["entity"], entry["entry_id"]]
        true = [
            {
                "account": line["account"],
                "name": names[entry["entity"], line["account"]],
                "side": line["side"],
            }
            for line in entry["lines"]
        ]
        lines = [
            {**line, "amount": None if line["amount"] is None else f"{line['amount']:.2f}"}
            for line in prediction["lines"]
        ]
        shown.append(
            {
                "entity": entry["entity"],
                "date": entry["date"].isoformat(),
                "description": entry["description"],
                "predicted": lines,
                "true": true,
                "confidence": prediction["confidence"],
                "decision": prediction["decision"],
                "reason": prediction["reason"],
                "right": scored.true[row] == scored.predicted[row],
            }
        )
    return shown
