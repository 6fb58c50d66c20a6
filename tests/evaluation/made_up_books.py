"""Small tables for the tests of this folder."""

from datetime import date, timedelta

import numpy as np
import pyarrow as pa

from jet.books.schema import ENTRIES, PREDICTIONS
from jet.evaluation.scored import Scored

RENT = (("5010", "D"), ("1930", "C"))
FOOD = (("5810", "D"), ("1930", "C"))
SALE = (("1510", "D"), ("2611", "C"), ("3001", "C"))
SETS = (RENT, FOOD, SALE)


def lines(pairs):
    return [
        {"account": account, "side": side, "amount": None, "currency": "", "text": "", "dimensions": []}
        for account, side in pairs
    ]


def entry(entry_id, pairs, *, day=0, text="", entity="a"):
    return {
        "entity": entity,
        "entry_id": entry_id,
        "date": date(2024, 1, 1) + timedelta(days=day),
        "description": text,
        "currency": "SEK",
        "journal": "",
        "total": None,
        "lines": None if pairs is None else lines(pairs),
        "file": "made-up",
        "file_line": 1,
        "direction": "",
    }


def entries(rows):
    return pa.Table.from_pylist(rows, schema=ENTRIES)


def predicted_lines(pairs):
    return [{"account": a, "name": "", "side": s, "probability": 0.5, "guess": False} for a, s in pairs]


def prediction(entry_id, pairs, *, confidence=0.5, alternatives=(), entity="a"):
    return {
        "entity": entity,
        "entry_id": entry_id,
        "date": date(2026, 11, 30),
        "description": "Hyra",
        "currency": "SEK",
        "total": None,
        "lines": predicted_lines(pairs),
        "confidence": confidence,
        "none_of_these": 1 - confidence,
        "decision": "review",
        "regime": "rolling",
        "reason": "",
        "alternatives": [{"lines": predicted_lines(a), "probability": 0.1} for a in alternatives],
        "evidence": [],
        "text_known": False,
        "similarity": 0.0,
        "held": False,
        "history": 100,
        "model": "",
    }


def predictions(rows):
    return pa.Table.from_pylist(rows, schema=PREDICTIONS)


def scored(rows, **more):
    """Of rows (true, predicted[, confidence[, alternatives]])."""
    rows = [(*row, *(0.5, [])[len(row) - 2 :]) for row in rows]
    columns = {
        "entity": np.array(["a"] * len(rows)),
        "entry_id": [str(i) for i in range(len(rows))],
        "true": [tuple(sorted(row[0])) for row in rows],
        "predicted": [tuple(sorted(row[1])) for row in rows],
        "confidence": np.array([row[2] for row in rows], dtype=float),
        "alternatives": [[tuple(sorted(a)) for a in row[3]] for row in rows],
        "valid": np.ones(len(rows), bool),
    }
    return Scored(**(columns | more))
