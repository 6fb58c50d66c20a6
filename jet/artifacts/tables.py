"""The check that a table has the schema that it should have; every reader of tables makes it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


class SchemaError(ValueError):
    """A table does not have the columns, the types or the values that its schema asks for."""


def validate(table: pa.Table, schema: pa.Schema, what: str) -> pa.Table:
    """Return `table` with exactly the columns of `schema`, in its order and types.

    Columns that the schema does not name are dropped. Raises `SchemaError`, naming `what` and the column,
    where one is missing, can't be cast, or holds a null that it must not.
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
    """Whether reading a value of this type runs Python code that a package registered for it.

    Ray Data registers such a type, `ray.data.arrow_pickled_object`: `to_pylist` unpickles what the file holds,
    and whoever wrote the file decides what is run. `validate` is safe: it casts what is stored, unread.
    """
    if isinstance(type_, pa.BaseExtensionType):
        return isinstance(type_, pa.ExtensionType) or runs_code(type_.storage_type)
    if pa.types.is_dictionary(type_) or pa.types.is_run_end_encoded(type_):
        return runs_code(type_.value_type)
    return any(runs_code(type_.field(number).type) for number in range(type_.num_fields))
