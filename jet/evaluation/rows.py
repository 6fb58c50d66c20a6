"""The test entries with the predictions of each method, as a table; and some of them as the report shows
them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from jet.evaluation.line_sets import Multiset
from jet.evaluation.scored import Scored

EXAMPLES = 20
MISTAKES = 20
MISTAKES_OF_A_COMPANY = 5
MOST_MISTAKES = 400


def rows_table(entries: pa.Table, methods: Mapping[str, Scored], automated: NDArray[np.bool_]) -> pa.Table:
    """A row for each test entry: entity, entry_id, date, description, strata, true lines, whether the first
    method's answer is automated, and for each method whether it is right, its confidence and its lines.

    The rows of `methods` and `automated` [N] are those of `entries`.
    """
    first = next(iter(methods.values()))
    columns: dict[str, Any] = {name: entries[name] for name in ("entity", "entry_id", "date", "description")}
    columns |= {f"stratum_{name}": values.tolist() for name, values in first.strata.items()}
    columns["true"] = [_spelled(lines) for lines in first.true]
    columns["automated"] = automated
    for name, scored in methods.items():
        columns[f"{name}_right"] = scored.counts["exact"] > 0
        columns[f"{name}_confidence"] = scored.confidence
        columns[f"{name}_answer"] = [_spelled(lines) for lines in scored.predicted]
    return pa.table(columns)


def _spelled(lines: Multiset) -> str:
    return " ".join(f"{side} {account}" for account, side in lines)


def spread_rows(n: int, count: int = EXAMPLES) -> NDArray[np.int64]:
    """int64: at most `count` of `n` rows, spread evenly."""
    return np.unique(np.linspace(0, n - 1, count).astype(np.int64))


def surest_mistakes(
    scored: Scored, count: int = MISTAKES, each: int = MISTAKES_OF_A_COMPANY
) -> NDArray[np.int64]:
    """int64: the rows of the `count` most confident wrong answers, and of each company's `each`, the most
    confident first, at most `MOST_MISTAKES`. No answer isn't a wrong one."""
    answered = np.array([bool(lines) for lines in scored.predicted], dtype=bool)
    wrong = np.flatnonzero(answered & (scored.counts["exact"] == 0))
    wrong = wrong[np.argsort(-scored.confidence[wrong], kind="stable")]
    seen = Counter[str]()
    kept = []
    for place, row in enumerate(wrong.tolist()):
        entity = str(scored.entity[row])
        if place < count or seen[entity] < each:
            kept.append(row)
        seen[entity] += 1
    return np.array(kept[:MOST_MISTAKES], dtype=np.int64)


def account_names(accounts: pa.Table) -> dict[tuple[str, str], str]:
    """(entity, account) -> the account's name."""
    return {(row["entity"], row["code"]): row["name"] for row in accounts.to_pylist()}


def examples(
    entries: pa.Table, predictions: pa.Table, accounts: pa.Table, scored: Scored, rows: Iterable[int]
) -> list[dict[str, Any]]:
    """Some `rows` of the entries, as the report shows them. `scored` has the rows of `entries`."""
    names = account_names(accounts)
    by_key = {(row["entity"], row["entry_id"]): row for row in predictions.to_pylist()}
    shown = []
    for row in rows:
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
