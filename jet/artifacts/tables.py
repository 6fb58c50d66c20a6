"""Validation of tables against their schemas, which every reader does."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


class SchemaError(ValueError):
    """A table lacks columns, types or values that its schema requires."""


def validate(table: pa.Table, schema: pa.Schema, what: str) -> pa.Table:
    """`table` with exactly the columns of `schema`, in its order and types; other columns are dropped.

    Raises `SchemaError`, which names `what` and the column, where one is missing, can't be cast, or has a null
    where the schema allows none.
    """
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            raise SchemaError(f"{what}: column {field.name!r} is missing; it has {table.column_names}")
        column = table[field.name]
        if column.type != field.type:
            try:
                column = column.cast(field.type)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
                raise SchemaError(
                    f"{what}: column {field.name!r} is {column.type}, must be {field.type}: {error}"
                ) from None
        if not field.nullable and column.null_count:
            row = pc.index(pc.is_null(column), True).as_py()
            raise SchemaError(f"{what}: column {field.name!r} is null in row {row}, and must never be")
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=schema)


def runs_code(type_: pa.DataType) -> bool:
    """Whether reading a value of this type may run Python code that a package registered for the type.

    Ray Data registers one, `ray.data.arrow_pickled_object`: its `to_pylist` unpickles the file's bytes, so the
    author of the file decides what runs. `validate` is safe: it casts the stored bytes without reading them.
    """
    if isinstance(type_, pa.BaseExtensionType):
        return isinstance(type_, pa.ExtensionType) or runs_code(type_.storage_type)
    if pa.types.is_dictionary(type_) or pa.types.is_run_end_encoded(type_):
        return runs_code(type_.value_type)
    return any(runs_code(type_.field(number).type) for number in range(type_.num_fields))
