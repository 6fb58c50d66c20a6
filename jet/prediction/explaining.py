"""Explanations: predictions as text, with their lines, confidence, reason and evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from jet.books.schema import joined_keys
from jet.books.tokens import NOTHING
from jet.bundle.bundle import Bundle

SHOWN_EVIDENCE = 3


class Explanations(list[str]):
    """One text for each entry; `str` joins them with empty lines."""

    def __repr__(self) -> str:
        return "\n\n".join(self)

    __str__ = __repr__


def explained(bundle: Bundle, entries: pa.Table, predictions: pa.Table) -> Explanations:
    """The explanation of each row of `predictions` (`PREDICTIONS`) of `entries` (`ENTRIES`), in order."""
    past = _PastEntries(bundle, predictions)
    return Explanations(
        "\n".join(_explanation(entry, prediction, past))
        for entry, prediction in zip(entries.to_pylist(), predictions.to_pylist(), strict=True)
    )


def _explanation(entry: Mapping[str, Any], prediction: Mapping[str, Any], past: _PastEntries) -> Iterator[str]:
    total = "" if entry["total"] is None else f"  {_amount(entry['total'])} {entry['currency']}".rstrip()
    yield f"{entry['date']}  {entry['description']}{total}  ({entry['entity']}, {entry['entry_id']})"
    lines = prediction["lines"]
    width = max((len(f"{line['account']} {line['name']}") for line in lines), default=0)
    for line in lines:
        amount = "" if line["amount"] is None else f"  {_amount(line['amount']):>12}"
        account = f"{line['account']} {line['name']}"
        guess = "  (a guess)" if line["guess"] else ""
        yield f"    {line['side']}  {account:<{width}}{amount}{guess}".rstrip()
    yield f"  {prediction['decision']}, {prediction['confidence']:.0%} sure: {prediction['reason']}"
    for evidence in prediction["evidence"][:SHOWN_EVIDENCE]:
        text, booked = past.of(evidence)
        alike = "same text" if evidence["same_text"] else f"similarity {evidence['similarity']:.2f}"
        yield f"  - {evidence['date']}  {text}: {booked}  ({alike})"


def _amount(value: Decimal) -> str:
    return f"{value:,.2f}"


class _PastEntries:
    """The texts and lines of the entries that are shown as evidence."""

    def __init__(self, bundle: Bundle, predictions: pa.Table) -> None:
        self.bundle = bundle
        evidence = pc.list_flatten(predictions["evidence"].combine_chunks())
        keys = joined_keys(pc.struct_field(evidence, "entity"), pc.struct_field(evidence, "entry_id"))
        corpus = bundle.corpus
        rows = pc.index_in(keys, value_set=joined_keys(corpus.entities, corpus.ids)).to_pylist()
        self.row = dict(zip(keys.to_pylist(), rows, strict=True))
        self.codes = corpus.catalog.accounts["code"].to_pylist()

    def of(self, evidence: Mapping[str, Any]) -> tuple[str, str]:
        """The normalized text and the lines of an entry."""
        columns = self.bundle.corpus.rows
        row = self.row[f"{evidence['entity']}\x1f{evidence['entry_id']}"]
        text = self.bundle.corpus.store.texts[int(columns.text[row])].as_py()
        tokens: Sequence[int] = columns.tokens[columns.offsets[row] : columns.offsets[row + 1]].tolist()
        lines = [f"{'DC'[token % 2]} {self.codes[token // 2]}" for token in tokens if token != NOTHING]
        return text, ", ".join(lines)
