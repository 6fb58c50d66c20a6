"""Booked entries without their lines or totals, as they are asked."""

from __future__ import annotations

import pyarrow as pa

from jet.books.schema import ENTRIES


def without_lines(entries: pa.Table) -> pa.Table:
    """`entries` with null lines; a known total stays."""
    return _nulled(entries, "lines")


def without_totals(entries: pa.Table) -> pa.Table:
    """`entries` with null totals; known lines stay."""
    return _nulled(entries, "total")


def _nulled(entries: pa.Table, name: str) -> pa.Table:
    field = ENTRIES.field(name)
    return entries.set_column(entries.schema.get_field_index(name), field, pa.nulls(len(entries), field.type))
