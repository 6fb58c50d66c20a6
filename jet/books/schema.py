"""The Arrow schemas of all tables that jet reads or writes.

Every reader validates against them (`jet.artifacts.tables.validate`). A null in a nullable column has a
meaning, which stands beside the column. Sides are "D" and "C"; amounts are never negative, since the side has
the sign.
"""

from __future__ import annotations

from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc

AMOUNT = pa.decimal128(28, 8)
"""Money: 20 digits before the point, 8 after it. Never a float."""


def _required(name: str, type_: pa.DataType) -> pa.Field:
    return pa.field(name, type_, nullable=False)


DIMENSION = pa.struct([_required("dimension", pa.string()), _required("object", pa.string())])

LINE = pa.struct(
    [
        _required("account", pa.string()),
        _required("side", pa.string()),
        pa.field("amount", AMOUNT),  # null: not known
        _required("currency", pa.string()),  # "" : not known
        _required("text", pa.string()),
        _required("dimensions", pa.list_(DIMENSION)),
    ]
)

ENTRIES = pa.schema(
    [
        _required("entity", pa.string()),
        _required("entry_id", pa.string()),  # unique within its entity
        _required("date", pa.date32()),  # the posting date
        _required("description", pa.string()),
        _required("currency", pa.string()),  # "" : not known
        _required("journal", pa.string()),  # "" : not known
        pa.field("total", AMOUNT),  # sum of the debits in the entry's currency; null: not known
        pa.field("lines", pa.list_(LINE)),  # null: an entry to predict
        _required("file", pa.string()),
        _required("file_line", pa.int64()),  # counted from 1
        _required("direction", pa.string()),  # of the money, as seen from the bank: of DIRECTIONS
        pa.field("known_lines", pa.list_(LINE)),  # null: a booked entry, or one of which no line is known
    ]
)

DIRECTIONS = ("in", "out", "")
"""The direction of the money as seen from the bank; "" : not known."""

ACCOUNTS = pa.schema(
    [
        _required("entity", pa.string()),
        _required("code", pa.string()),
        _required("name", pa.string()),
        pa.field("parent", pa.string()),  # null: a root, or the format has no hierarchy
        pa.field("nature", pa.string()),  # asset, liability, equity, income, expense; null: not known
        pa.field("opened", pa.date32()),  # first day it may be booked to; null: always
        pa.field("closed", pa.date32()),  # last day it may be booked to; null: still open
    ]
)

SAID = ACCOUNTS.append(_required("stated", pa.bool_()))
"""What a part of a file says of accounts, in a row of their own or in lines that use them."""

NATURES = ("asset", "liability", "equity", "income", "expense")

REJECTED = pa.schema(
    [
        _required("file", pa.string()),
        _required("file_line", pa.int64()),
        _required("rule", pa.string()),
        _required("message", pa.string()),
        pa.field("entity", pa.string()),  # null: it could not be read
        pa.field("entry_id", pa.string()),  # null: it could not be read
        _required("excerpt", pa.string()),  # the first characters of what was rejected
        _required("used_for", pa.string()),  # a `Use`: what of it is used all the same
    ]
)

Use = Literal["nothing", "lines", "all"]
"""What is still used of an entry that broke a rule. lines: its accounts and sides, in the books and in
training, with unknown amounts. all: everything, changed as the message says."""

FILES = pa.schema(
    [
        _required("file", pa.string()),
        _required("format", pa.string()),
        _required("dialect", pa.string()),  # "" : the format has none
        _required("entity", pa.string()),  # whose books it holds; "" : a table, which says it in its rows
        _required("org_number", pa.string()),  # of that company; "" : not known
        _required("lines", pa.int64()),  # of the file (of parquet: rows): the sum of the next three
        _required("entry_lines", pa.int64()),  # read as entries
        _required("passed_lines", pa.int64()),  # passed over by rule
        _required("rejected_lines", pa.int64()),  # rejected, each with its reason
        _required("passed_over", pa.map_(pa.string(), pa.int64())),  # reason to lines
    ]
)
"""The files of an import, with counts of what became of their lines."""

NEIGHBOR = pa.struct(
    [
        _required("row", pa.int64()),  # of the booked entries, sorted by entity, date and id; strictly earlier
        _required("source", pa.string()),  # of SOURCES
        _required("similarity", pa.float32()),  # 0 where the source is "latest": not computed
        _required("same_text", pa.bool_()),
        _required("age_days", pa.int32()),
    ]
)

NEIGHBORS = pa.schema(
    [
        _required("entity", pa.string()),
        _required("entry_id", pa.string()),
        _required("neighbors", pa.list_(NEIGHBOR)),  # by source, in the order of SOURCES; best first in each
    ]
)
"""One row an entry, booked or not, sorted by entity, date and id. A neighbor's row counts in the booked ones of
the entries that the table was made from; the manifest names these by their fingerprint."""

MEMORY = pa.schema(
    [
        _required("entity", pa.string()),
        _required("entry_id", pa.string()),
        _required("date", pa.date32()),
        _required("text", pa.int64()),  # row of the bundle's texts
        _required("journal", pa.int64()),  # stable hash
        _required("currency", pa.int64()),  # stable hash
        _required("direction", pa.int8()),  # of the money, as stated: 1 in, -1 out, 0 not known
        pa.field("total", pa.float64()),  # in major units; null: not known
        _required("tokens", pa.large_list(pa.int64())),  # catalog row * 2 + side, in the catalog's order
        _required("amounts", pa.large_list(pa.float64())),  # of each token, in major units; nan: not known
    ]
)
"""The entries that a bundle retrieves neighbors from, sorted by entity, date and entry_id."""


def texts_schema(dimension: int) -> pa.Schema:
    """The schema of a store's texts, one a row, with sentence vectors of `dimension` (0: none)."""
    vector = [_required("vector", pa.list_(pa.float32(), dimension))] if dimension else []
    return pa.schema(
        [
            _required("text", pa.string()),
            _required("masked", pa.int64()),  # stable hash of the text with its digits masked
            *vector,
            _required("ngram_columns", pa.large_list(pa.uint16())),
            _required("ngram_counts", pa.large_list(pa.float32())),
        ]
    )


PREDICTED_LINE = pa.struct(
    [
        _required("account", pa.string()),
        _required("name", pa.string()),
        _required("side", pa.string()),
        _required("probability", pa.float32()),  # share of all candidates' probability on sets with this line
        _required("guess", pa.bool_()),  # no neighbor of the entity was booked to this account on this side
        pa.field("amount", AMOUNT),  # null: the total isn't known, or this is an alternative
    ]
)

ALTERNATIVE = pa.struct([_required("lines", pa.list_(PREDICTED_LINE)), _required("probability", pa.float32())])

EVIDENCE = pa.struct(
    [
        _required("entity", pa.string()),
        _required("entry_id", pa.string()),
        _required("date", pa.date32()),
        _required(
            "weight", pa.float32()
        ),  # share of the votes of the evidence; 0 where it was booked otherwise
        _required("similarity", pa.float32()),
        _required("same_text", pa.bool_()),
        _required("same_lines", pa.bool_()),  # booked like the prediction
        _required("age_days", pa.int32()),
    ]
)

AUTO, REVIEW, NO_ANSWER = "auto", "review", "none"
"""The decisions: booked without a person, left to one, or not predicted at all."""

PREDICTIONS = pa.schema(
    [
        _required("entity", pa.string()),
        _required("entry_id", pa.string()),
        _required("date", pa.date32()),
        _required("description", pa.string()),
        _required("currency", pa.string()),
        pa.field("total", AMOUNT),  # these four as they came with the entry
        _required("lines", pa.list_(PREDICTED_LINE)),  # empty where the decision is NO_ANSWER
        _required("confidence", pa.float32()),  # calibrated probability that all lines are right
        _required("none_of_these", pa.float32()),  # probability that no candidate at all is right
        _required("decision", pa.string()),  # AUTO, REVIEW or NO_ANSWER
        _required("regime", pa.string()),  # in which its confidence is calibrated: jet.confidence.regimes
        _required("reason", pa.string()),  # what the prediction rests on; why there is none, or none is booked
        pa.field(
            "amount_confidence", pa.float32()
        ),  # that all amounts are right if the lines are; null: no total
        _required("alternatives", pa.list_(ALTERNATIVE)),
        _required("evidence", pa.list_(EVIDENCE)),
        _required("text_known", pa.bool_()),  # whether the entity has booked the same text before
        _required("similarity", pa.float32()),  # of the text, to the most similar earlier one
        _required(
            "held", pa.bool_()
        ),  # a rule keeps it from `auto`, whatever its confidence; reason says which
        _required("history", pa.int64()),  # entries of the entity before this day
        _required("model", pa.string()),  # fingerprint of the bundle
    ]
)

PREDICTED_LINES = pa.schema(
    [
        *(
            PREDICTIONS.field(name)
            for name in ("entity", "entry_id", "date", "description", "currency", "total")
        ),
        *(PREDICTIONS.field(name) for name in ("decision", "confidence")),
        pa.field("line", pa.int32()),  # from 1; this and what follows is null where there is no prediction
        *(field.with_nullable(True) for field in PREDICTED_LINE),
    ]
)
"""The predicted lines, a row each, and one row for each entry without any."""

CHECKED = pa.schema(
    [
        _required("date", pa.date32()),
        _required("entity", pa.string()),
        _required("entry_id", pa.string()),
        _required("right", pa.bool_()),  # all lines are as people booked them
        _required("confidence", pa.float64()),
        _required("auto", pa.bool_()),  # the decision, but for a stop of the company
    ]
)
"""The ranker's answers to reviewed entries, given before these were learned."""

RUNG = pa.struct(
    [
        _required("epoch", pa.int32()),
        _required("exact_match", pa.float64()),  # free-running, calibration split
        _required("likelihood", pa.float64()),  # mean log-likelihood of an entry, calibration split
        _required("loss", pa.float64()),  # of the training
    ]
)

TRIALS = pa.schema(
    [
        _required("number", pa.int32()),
        _required("trial", pa.string()),
        pa.field("parent", pa.string()),  # the training whose state it began with; null: it began anew
        _required("config", pa.string()),  # JSON: the settings in which it differs from the base config
        _required("status", pa.string()),  # finished, stopped (early), diverged or failed
        pa.field("exact_match", pa.float64()),  # at the best epoch: that of the highest likelihood; null: none
        pa.field("likelihood", pa.float64()),
        pa.field("best_epoch", pa.int32()),
        _required("epochs", pa.int32()),
        _required("rungs", pa.list_(RUNG)),
        _required("seconds", pa.float64()),
        pa.field("error", pa.string()),
    ]
)
"""The trials of a sweep."""


def joined_keys(entities: pa.Array | pa.ChunkedArray, names: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One key for each pair of an entity and a name (an entry's id or an account's code).

    No text of an entry or account contains the separator (`jet.books.checks`).
    """
    joined = pc.binary_join_element_wise(entities, names, "\x1f")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def uses(rejected: pa.Table) -> dict[str, int]:
    """The counts of a `REJECTED` table: entries that are not used at all, and partly used ones."""
    unused = pc.sum(pc.equal(rejected["used_for"], "nothing")).as_py() or 0
    return {"rejected": unused, "partly_used": len(rejected) - unused}


def empty(schema: pa.Schema) -> pa.Table:
    """A table of `schema` without rows."""
    return schema.empty_table()
