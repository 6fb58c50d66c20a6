"""The metrics of an evaluation as one table, for programs and notebooks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from jet.evaluation.measurements import MODEL, Figures

_SHARES = (
    "answered",
    "entry_exact_match",
    "exact_match_top3",
    "line_f1",
    "account_f1",
    "validity",
    "expected_calibration_error",
)
FIGURES = pa.schema(
    [
        # "jet", jet in another regime of use ("jet: batch"), one of its parts, or a baseline
        pa.field("method", pa.string(), nullable=False),
        pa.field("entity", pa.string(), nullable=False),  # "" : all together
        pa.field("entries", pa.int64(), nullable=False),
        *(pa.field(name, pa.float64()) for name in _SHARES),  # as `group_metrics` says
        pa.field("automated", pa.float64()),  # the share that is booked automatically at the promise
        pa.field("automated_right", pa.float64()),  # of these, the share with every line right; null: none
    ]
)


def figures_table(tree: Mapping[str, Any], promise: float) -> pa.Table:
    """The metrics (`FIGURES`) of each method in the tree of an `Evaluation`: jet, in the other regimes of use,
    its parts, the baselines.

    The first row of a method is of all test entries, the others of one entity each. `promise` is one of those
    measured.
    """
    test = tree["test"]
    regimes = {f"jet: {name}": figures for name, figures in tree.get("regimes", {}).items()}
    methods = {"jet": test[MODEL], **regimes, **test.get("methods", {}), **test["baselines"]}
    rows = [row for name, figures in methods.items() for row in _rows(name, figures, f"{promise:g}")]
    return pa.Table.from_pylist(rows, schema=FIGURES)


def _rows(method: str, figures: Figures, promise: str) -> Iterator[dict[str, Any]]:
    for entity, group in {"": figures["overall"], **figures["by_entity"]}.items():
        automation = group["automation"][promise]
        yield {
            "method": method,
            "entity": entity,
            "entries": group["n"],
            **{name: group[name] for name in _SHARES},
            "automated": automation["coverage"],
            "automated_right": automation["precision"],
        }
