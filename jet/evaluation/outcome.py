"""The text that `jet demo` prints: predictions beside the true lines, scores, and the paths of the results."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa

from jet.artifacts.artifact import Artifact, content_of
from jet.books.importers import ImportSettings, import_file, to_tables
from jet.books.schema import ACCOUNTS, PREDICTIONS
from jet.books.sorting import sort_entries
from jet.evaluation.rows import examples
from jet.evaluation.scored import score_predictions
from jet.evaluation.summary import WIDTH, examples_text, scores_text

SHOWN = 10


def outcome_text(truth: str, entries: Artifact, predictions: Artifact, report: Artifact, promise: float) -> str:
    """The predictions beside the true entries of the ledger file `truth`, and the scores of `report`.

    `entries` has the charts of accounts; `promise` is that of the automation that is shown.
    """
    imported = [part[0] for part in to_tables(import_file(truth, ImportSettings()))]
    true = sort_entries(pa.concat_tables(imported))
    accounts = entries.read_table(ACCOUNTS, "accounts")
    booked = predictions.read_table(PREDICTIONS)
    scored = score_predictions(true, booked, accounts=accounts)
    compared = examples(true, booked, accounts, scored, range(len(true)))
    by_confidence = sorted(compared, key=lambda row: -row["confidence"])
    shown = [by_confidence[row] for row in np.unique(np.linspace(0, len(compared) - 1, SHOWN).astype(int))]
    right = Counter(row["decision"] for row in compared if row["right"])
    decided = Counter(row["decision"] for row in compared)
    tally = ", ".join(f"{name} {right[name]} of {decided[name]}" for name in sorted(decided))
    metrics: dict[str, Any] = json.loads(report.read_bytes("metrics.json"))
    tested = metrics["facts"]["entries"]["test"]
    return f"""
{"=" * WIDTH}
The newest {len(true)} entries came without lines. {len(shown)} of them, from the surest to the least sure:
what jet predicted, and how they are booked in truth (D debit, C credit; "!" marks what differs).

{examples_text(shown)}

All lines right: {right.total()} of {len(compared)}; by decision: {tally}.

{"=" * WIDTH}
Scores on the test split: the newest {tested} booked entries, answered without a look at their lines.

{scores_text(metrics, promise)}

Exact match: every account and side of an entry is right. Automated: the confidence is so high that of such
entries of the calibration split, which is older than the test split, {promise:.0%} are right. What predicts has
also learned its thresholds from the test split, which these scores know nothing of.

{"=" * WIDTH}
Predictions  {content_of(predictions.path, predictions.manifest)}/   (parquet)
Report       {content_of(report.path, report.manifest)}/index.html
Figures      {content_of(report.path, report.manifest)}/metrics.json
"""
