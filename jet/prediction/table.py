"""Answers in words: the table of predictions that people and programs read.

Shapes: N entries, KEPT sets of an entry, T lines, S shown neighbors.
"""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.schema import ALTERNATIVE, AMOUNT, EVIDENCE, PREDICTED_LINE, PREDICTIONS
from jet.bundle import Bundle
from jet.model.features import NOTHING
from jet.prediction.amounts import GUESSED
from jet.prediction.answers import Answers
from jet.prediction.decode import KEPT
from jet.prediction.reasons import sentence
from jet.prediction.stack import Method

_EPOCH = date(1970, 1, 1).toordinal()


def predictions_table(
    bundle: Bundle, method: Method, promise: float, entries: pa.Table, answers: Answers
) -> pa.Table:
    """Predictions (`PREDICTIONS`) of `entries` (`ENTRIES`), one row each, in order."""
    calibration = bundle.calibration(method)
    confidence = np.where(answers.answered, calibration(answers.figures), 0.0).astype(np.float32)
    thresholds = calibration.thresholds(promise).of(entries["entity"].to_pylist())
    auto = answers.answered & (confidence >= thresholds)
    decisions = np.where(answers.answered, np.where(auto, "auto", "review"), "none")
    lines, offsets = _lines(bundle, answers)
    chosen = pa.ListArray.from_arrays(*_sublist(lines, offsets, np.arange(len(entries)) * KEPT))
    return pa.Table.from_arrays(
        [
            entries["entity"],
            entries["entry_id"],
            chosen,
            pa.array(confidence),
            pa.array(answers.none),
            pa.array(decisions),
            pa.array(_reasons(bundle, entries, answers, auto, thresholds, promise), pa.string()),
            _amount_confidence(bundle, answers),
            _alternatives(answers, lines, offsets),
            _evidence(bundle, entries, answers),
            pa.array(answers.text_known),
            pa.array(answers.nearest),
            pa.array([bundle.identity] * len(entries), pa.string()),
        ],
        schema=PREDICTIONS,
    )


def _reasons(
    bundle: Bundle,
    entries: pa.Table,
    answers: Answers,
    auto: np.ndarray,
    thresholds: np.ndarray,
    promise: float,
) -> list[str]:
    """What each answer rests on, and why it isn't booked by itself."""
    known = set(bundle.catalog.entities)
    like = answers.same_lines & (answers.row != NOTHING)
    newest = np.where(like, bundle.books.columns.date[answers.row], np.iinfo(np.int32).min).max(axis=1)
    shown = (answers.row != NOTHING).sum(axis=1)
    reasons = []
    for i, entity in enumerate(entries["entity"].to_pylist()):
        if not answers.answered[i]:
            reasons.append(
                "no debit and credit account of the entity is open on this date"
                if entity in known
                else f"entity {entity!r} is not in the model's catalog: give its chart of accounts along, or "
                "train with its books"
            )
            continue
        last = date.fromordinal(_EPOCH + int(newest[i])).isoformat() if like[i].any() else ""
        why = sentence(int(answers.ground[i]), int(shown[i]), int(like[i].sum()), last, bool(answers.more[i]))
        if answers.review[i] != NOTHING:
            name = bundle.books.ids[int(answers.review[i])].as_py()
            why = f"as reviewed in entry {name!r} with this text; {why}"
        if not auto[i]:
            why += (
                f"; to review: {promise:.0%} are promised from a confidence of {thresholds[i]:.3f} on"
                if np.isfinite(thresholds[i])
                else f"; to review: no confidence was high enough in the calibration to promise {promise:.0%}"
            )
        reasons.append(why)
    return reasons


def _amount_confidence(bundle: Bundle, answers: Answers) -> pa.Array:
    """That all amounts are right if the lines are: 1 with one line on each side, null without a total."""
    guessed = answers.amount_rule >= GUESSED
    confidence = np.where(guessed, bundle.amount_calibration(answers.amount_figures), 1.0)
    return pa.array(confidence.astype(np.float32), mask=answers.amount_rule == 0)


def _lines(bundle: Bundle, answers: Answers) -> tuple[pa.StructArray, np.ndarray]:
    """All lines of all kept sets, flat, and int64 [N * KEPT + 1] where each set begins."""
    inside = answers.tokens != NOTHING
    tokens = answers.tokens[inside]
    accounts = bundle.catalog.accounts.take(pa.array(tokens // 2))
    amounts = np.full(inside.shape, -1, dtype=np.int64)
    amounts[:, 0] = answers.amounts
    minor = amounts[inside]
    # Decimals throughout: a float would not hold every hundredth.
    hundredths = pa.array(minor, mask=minor < 0).cast(pa.decimal128(19, 0))
    amount = pc.multiply(hundredths, pa.scalar(Decimal("0.01"))).cast(AMOUNT)
    columns = [
        _whole(accounts["code"]),
        _whole(accounts["name"]),
        pa.array(np.array(["D", "C"])[tokens % 2], pa.string()),
        pa.array(answers.line_share[inside]),
        pa.array(answers.guess[inside]),
        amount,
    ]
    lines = pa.StructArray.from_arrays(columns, fields=list(PREDICTED_LINE))
    return lines, np.concatenate([[0], np.cumsum(inside.sum(axis=2).ravel())])


def _alternatives(answers: Answers, lines: pa.StructArray, offsets: np.ndarray) -> pa.ListArray:
    exists = answers.probability > 0
    exists[:, 0] = False
    sets = np.flatnonzero(exists.ravel())
    of_set = pa.ListArray.from_arrays(*_sublist(lines, offsets, sets))
    found = pa.StructArray.from_arrays(
        [of_set, pa.array(answers.probability.ravel()[sets])], fields=list(ALTERNATIVE)
    )
    ends = np.concatenate([[0], np.cumsum(exists.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), found)


def _evidence(bundle: Bundle, entries: pa.Table, answers: Answers) -> pa.ListArray:
    """Per entry the neighbors that its reason counts."""
    books = bundle.books
    shown = answers.row != NOTHING
    rows = answers.row[shown]
    own = np.broadcast_to(np.arange(len(entries))[:, None], shown.shape)[shown]
    dates = _whole(entries["date"]).cast(pa.int32()).to_numpy(zero_copy_only=False)
    columns = [
        pa.array(bundle.catalog.entities, pa.string()).take(pa.array(books.columns.entity[rows])),
        books.ids.take(pa.array(rows)),
        pa.array(books.columns.date[rows]).cast(pa.date32()),
        pa.array(answers.weight[shown]),
        pa.array(answers.similarity[shown]),
        pa.array(answers.same_text[shown]),
        pa.array(answers.same_lines[shown]),
        pa.array((dates[own] - books.columns.date[rows]).astype(np.int32)),
    ]
    found = pa.StructArray.from_arrays(columns, fields=list(EVIDENCE))
    ends = np.concatenate([[0], np.cumsum(shown.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), found)


def _sublist(lines: pa.StructArray, offsets: np.ndarray, sets: np.ndarray) -> tuple[pa.Array, pa.StructArray]:
    """Offsets and values of a list array that holds just `sets`."""
    lengths = offsets[sets + 1] - offsets[sets]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.arange(ends[-1]) + np.repeat(offsets[sets] - ends[:-1], lengths)
    return pa.array(ends.astype(np.int32)), lines.take(pa.array(rows))


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
