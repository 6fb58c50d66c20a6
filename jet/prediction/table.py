"""Makes the table of predictions from answers.

Shapes: N entries, KEPT sets of an entry, T lines, S shown neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jet.books.schema import (
    ALTERNATIVE,
    AMOUNT,
    AUTO,
    EVIDENCE,
    NO_ANSWER,
    PREDICTED_LINE,
    PREDICTIONS,
    REVIEW,
)
from jet.books.tokens import NOTHING
from jet.bundle.bundle import Bundle
from jet.confidence.decisions import Decisions
from jet.confidence.regimes import REGIMES
from jet.confidence.settings import Method
from jet.model.settings import KEPT
from jet.prediction.amounts import GUESSED
from jet.prediction.answers import Answers
from jet.prediction.known_lines import told_lines
from jet.prediction.reasons import sentence

_EPOCH = date(1970, 1, 1).toordinal()


def predictions_table(
    bundle: Bundle, method: Method, promise: float, entries: pa.Table, answers: Answers
) -> pa.Table:
    """Predictions (`PREDICTIONS`) of `entries` (`ENTRIES`), one row each, in order."""
    made = decided(bundle, method, promise, entries, answers)
    confidence = np.where(answers.answered, made.confidence, np.float32(0))
    decisions = np.where(answers.answered, np.where(made.auto, AUTO, REVIEW), NO_ANSWER)
    lines, offsets = _lines(bundle, answers)
    chosen = pa.ListArray.from_arrays(*_sublist(lines, offsets, np.arange(len(entries)) * KEPT))
    return pa.Table.from_arrays(
        [
            entries["entity"],
            entries["entry_id"],
            entries["date"],
            entries["description"],
            entries["currency"],
            entries["total"],
            chosen,
            pa.array(confidence),
            pa.array(answers.none),
            pa.array(decisions),
            pa.array(np.array(REGIMES)[made.regime], pa.string()),
            pa.array(_reasons(bundle, entries, answers, made), pa.string()),
            _amount_confidence(bundle, answers),
            _alternatives(answers, lines, offsets),
            _evidence(bundle, entries, answers),
            pa.array(answers.text_known),
            pa.array(answers.nearest),
            pa.array(made.held & answers.answered),
            pa.array(answers.hold_facts.history),
            pa.array([bundle.identity] * len(entries), pa.string()),
        ],
        schema=PREDICTIONS,
    )


def decided(bundle: Bundle, method: Method, promise: float, entries: pa.Table, answers: Answers) -> Decisions:
    """The decisions on `answers` to `entries` (`ENTRIES`), in order."""
    return Decisions.of(
        bundle.judgment.of_method(method),
        promise,
        entries["entity"].to_pylist(),
        entries["total"].is_valid().to_numpy(),
        answers.features,
        answers.weakest_line,
        answers.held,
        answers.hold_facts,
    )


def _reasons(bundle: Bundle, entries: pa.Table, answers: Answers, made: Decisions) -> list[str]:
    """The evidence of each answer in words, and why it isn't booked automatically."""
    known = set(bundle.corpus.catalog.entities)
    like = answers.same_lines & (answers.row != NOTHING)
    newest = np.where(like, bundle.corpus.rows.date[answers.row], np.iinfo(np.int32).min).max(axis=1)
    shown = (answers.row != NOTHING).sum(axis=1)
    currencies, directions = entries["currency"].to_pylist(), entries["direction"].to_pylist()
    known_lines = told_lines(entries)
    reasons = []
    for i, entity in enumerate(entries["entity"].to_pylist()):
        if not answers.answered[i]:
            reasons.append(_why_none(entity, entity in known, directions[i], known_lines[i]))
            continue
        last = date.fromordinal(_EPOCH + int(newest[i])).isoformat() if like[i].any() else ""
        why = sentence(
            int(answers.evidence_kind[i]), int(shown[i]), int(like[i].sum()), last, bool(answers.more[i])
        )
        if answers.review[i] != NOTHING:
            name = bundle.corpus.ids[int(answers.review[i])].as_py()
            why = f"as reviewed in entry {name!r} with this text; {why}"
        if known_lines[i]:
            why = f"{', '.join(known_lines[i])} known; {why}"
        if not made.auto[i]:
            held = _held(bundle, answers, made, i, currencies[i], known_lines[i])
            why += f"; to review: {'; '.join(held)}"
        reasons.append(why)
    return reasons


def _why_none(entity: str, known: bool, direction: str, known_lines: Sequence[str]) -> str:
    """Why there is no answer."""
    if not known:
        return (
            f"entity {entity!r} is not in the model's catalog: give its chart of accounts along, or "
            "train with its books"
        )
    if known_lines:
        return (
            f"no lines with the known ones ({', '.join(known_lines)}) and their amounts can be made of "
            "accounts of the entity that are open on this date: correct them, or give their accounts along"
        )
    if direction:
        return f"no lines with the money going {direction} can be made of accounts that are open on this date"
    return "no debit and credit account of the entity is open on this date"


def _held(
    bundle: Bundle, answers: Answers, made: Decisions, row: int, currency: str, known_lines: Sequence[str]
) -> list[str]:
    """Why an answer isn't `auto`: the rules that hold it, and the threshold that it doesn't reach."""
    tokens = sorted(set(answers.tokens[row, 0][answers.guess[row, 0]].tolist()))
    codes = bundle.corpus.catalog.accounts["code"]
    guesses = [f"{'DC'[token % 2]} {codes[token // 2].as_py()}" for token in tokens]
    new = [each for each in guesses if each in known_lines]
    guesses = [each for each in guesses if each not in known_lines]
    facts, least = answers.hold_facts, int(made.least_history[row])
    by_rules = facts.reasons(row, guesses, currency, least, made.promise)
    if new:
        by_rules.append(f"no similar entry was booked with {' and '.join(new)}")
    return by_rules + made.reasons(row, facts)


def _amount_confidence(bundle: Bundle, answers: Answers) -> pa.Array:
    """The probability that all amounts are right if the lines are: 1 with one line a side, null without a
    total."""
    guessed = answers.amount_rule >= GUESSED
    confidence = np.where(guessed, bundle.amount_calibration(answers.amount_features), 1.0)
    return pa.array(confidence.astype(np.float32), mask=answers.amount_rule == 0)


def _lines(bundle: Bundle, answers: Answers) -> tuple[pa.StructArray, np.ndarray]:
    """The lines of all kept sets, flat, and their offsets int64 [N * KEPT + 1]."""
    inside = answers.tokens != NOTHING
    tokens = answers.tokens[inside]
    accounts = bundle.corpus.catalog.accounts.take(pa.array(tokens // 2))
    amounts = np.full(inside.shape, -1, dtype=np.int64)
    amounts[:, 0] = answers.amounts
    minor = amounts[inside]
    # Decimals, since floats don't hold every hundredth.
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
    alternatives = pa.StructArray.from_arrays(
        [of_set, pa.array(answers.probability.ravel()[sets])], fields=list(ALTERNATIVE)
    )
    ends = np.concatenate([[0], np.cumsum(exists.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), alternatives)


def _evidence(bundle: Bundle, entries: pa.Table, answers: Answers) -> pa.ListArray:
    """The neighbors that each entry's reason counts."""
    corpus = bundle.corpus
    shown = answers.row != NOTHING
    rows = answers.row[shown]
    entry = np.broadcast_to(np.arange(len(entries))[:, None], shown.shape)[shown]
    dates = _whole(entries["date"]).cast(pa.int32()).to_numpy(zero_copy_only=False)
    columns = [
        pa.array(corpus.catalog.entities, pa.string()).take(pa.array(corpus.rows.entity[rows])),
        corpus.ids.take(pa.array(rows)),
        pa.array(corpus.rows.date[rows]).cast(pa.date32()),
        pa.array(answers.weight[shown]),
        pa.array(answers.similarity[shown]),
        pa.array(answers.same_text[shown]),
        pa.array(answers.same_lines[shown]),
        pa.array((dates[entry] - corpus.rows.date[rows]).astype(np.int32)),
    ]
    evidence = pa.StructArray.from_arrays(columns, fields=list(EVIDENCE))
    ends = np.concatenate([[0], np.cumsum(shown.sum(axis=1))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(ends), evidence)


def _sublist(lines: pa.StructArray, offsets: np.ndarray, sets: np.ndarray) -> tuple[pa.Array, pa.StructArray]:
    """Offsets and values of a list array of only these `sets`."""
    lengths = offsets[sets + 1] - offsets[sets]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    rows = np.arange(ends[-1]) + np.repeat(offsets[sets] - ends[:-1], lengths)
    return pa.array(ends.astype(np.int32)), lines.take(pa.array(rows))


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
