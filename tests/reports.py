"""Small reports, published as `jet evaluate` publishes them."""

import json
from datetime import date, timedelta

import pyarrow as pa

from jet.artifacts.artifact import artifact_writer

RIGHT, WRONG = "C 1930 D 5010", "C 1930 D 5810"


def rows_of(right, *, entity="a", texts=None, automated=None):
    """The rows of a report in which entry number i is right where `right[i]`."""
    n = len(right)
    return pa.table(
        {
            "entity": [entity] * n if isinstance(entity, str) else list(entity),
            "entry_id": [str(i) for i in range(n)],
            "date": [date(2024, 1, 1) + timedelta(days=i) for i in range(n)],
            "description": texts or [f"Text {i}" for i in range(n)],
            "true": [RIGHT] * n,
            "automated": [False] * n if automated is None else automated,
            "ranker_right": right,
            "ranker_confidence": [0.8] * n,
            "ranker_answer": [RIGHT if good else WRONG for good in right],
        }
    )


def publish_report(folder, rows, *, model="m1", predict=None, changed=None):
    """A report with these rows in `folder`; returns the path."""
    config = {"predict": {"method": "ranker", "promise": 0.95} | (predict or {}), "seed": 0} | (changed or {})
    metrics = {"facts": {"method": "ranker", "model": model, "encoder": "none"}}
    with artifact_writer(str(folder), "report", config, {"model": model}) as writer:
        writer.write_bytes("metrics.json", json.dumps(metrics).encode())
        writer.write_table("rows.parquet", rows)
        writer.publish({"test": len(rows)})
    return str(folder)


def publish_model(folder, config, fingerprint="m1"):
    """The manifest of a bundle, beside a report."""
    with artifact_writer(str(folder), "model", config, {}) as writer:
        writer.publish({}, {"fingerprint": fingerprint})
