"""Expand: add the new shape beside the old one, so that nobody notices."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases.constrain import DROP_NOT_NULL, restore_not_null
from phases.delta import Delta, NewColumn, Table
from phases.sql import catalog_sql, comment, grants, lock, qualified, text
from phases.step import LockMode, Statement, Step

ADD_COLUMN = SQL("ALTER TABLE {table} ADD COLUMN {column} {type}{collation}")
SET_COLUMN = SQL("ALTER TABLE {table} ALTER COLUMN {column} SET {setting}")
DROP_COLUMN = SQL("ALTER TABLE {table} DROP COLUMN IF EXISTS {column}")


def steps(delta: Delta) -> Iterator[Step]:
    """One step a column. ACCESS EXCLUSIVE, catalog only: no row is touched.

    No default before contract: it would hide from the trigger whether a writer gave a value.
    """
    locks = (lock(LockMode.ACCESS_EXCLUSIVE, delta.table),)
    for column in delta.add:
        drop = DROP_COLUMN.format(table=qualified(delta.table), column=Identifier(column.name))
        yield Statement(
            title=f"add column {column.name}",
            sql=tuple(map(text, _add(delta.table, column))),
            locks=locks,
            undo=(Statement(title=f"drop column {column.name}", sql=(text(drop),), locks=locks),),
        )
    for not_null in delta.loosen:
        loosen = DROP_NOT_NULL.format(table=qualified(delta.table), column=Identifier(not_null.column))
        yield Statement(
            title=f"drop not null of {not_null.column}",
            sql=(text(loosen),),
            locks=locks,
            undo=tuple(restore_not_null(delta, not_null)),
        )


def _add(table: Table, column: NewColumn) -> Iterator[Composable]:
    name = Identifier(column.name)
    collation = SQL(" COLLATE {}").format(Identifier(*column.collation)) if column.collation else SQL("")
    yield ADD_COLUMN.format(table=qualified(table), column=name, type=catalog_sql(column.type), collation=collation)
    for setting in _settings(column):
        yield SET_COLUMN.format(table=qualified(table), column=name, setting=setting)
    yield from comment("COLUMN", Identifier(table.schema, table.name, column.name), column.comment)
    yield from grants(column.grants, qualified(table), column.name)


def _settings(column: NewColumn) -> Iterator[Composable]:
    if column.storage is not None:
        yield SQL("STORAGE {}").format(catalog_sql(column.storage))
    if column.compression is not None:
        yield SQL("COMPRESSION {}").format(catalog_sql(column.compression))
    if column.statistics is not None:
        yield SQL("STATISTICS {}").format(Literal(column.statistics))
    if column.options:
        options = SQL(", ").join(
            SQL("{} = {}").format(Identifier(key), Literal(value))
            for key, _, value in (option.partition("=") for option in column.options)
        )
        yield SQL("({})").format(options)
