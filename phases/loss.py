"""Loss: what newer code has written to a column that an abort drops, and that is nowhere else."""

from __future__ import annotations

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases.delta import Delta, NewColumn
from phases.sql import catalog_sql, qualified, shown, text
from phases.sync import GIVEN, PLAINLY_DIFFERENT, differ

LOST = SQL(
    "SELECT pg_catalog.concat(pg_catalog.count(*), ' values of ', {name}) FROM {table} AS new WHERE {condition}"
    " HAVING pg_catalog.count(*) > 0"
)
EACH = SQL("SELECT pg_catalog.string_agg(told, ', ') FROM ({}) AS lost(told)")
CAST = SQL("CAST({} AS {})")


def of_column(delta: Delta, column: NewColumn) -> tuple[str, bool]:
    """A query that tells of it, or nothing; and whether such values may be the trigger's or the default's as well."""
    condition, unsure = _condition(delta, column)
    if condition is None:
        return "", False
    name = Literal(f"{shown(delta.table)}.{column.name}")
    return text(LOST.format(name=name, table=qualified(delta.table), condition=condition)), unsure


def of_swaps(delta: Delta) -> str:
    """A query that tells of values under the columns' names that the old types cannot hold as they are, or nothing."""
    told = (
        LOST.format(
            name=Literal(f"{shown(delta.table)}.{swap.column}"),
            table=qualified(delta.table),
            condition=SQL("{} AND ({})").format(GIVEN.format(Identifier("new", swap.column)), differ(swap.back.down)),
        )
        for swap in delta.swaps
        if swap.back.down
    )
    return text(EACH.format(SQL(" UNION ALL ").join(told)))


def _condition(delta: Delta, column: NewColumn) -> tuple[Composable | None, bool]:
    stored = Identifier("new", column.name)
    given = GIVEN.format(stored)
    for link in delta.sync.links if delta.sync else ():
        if column.name in link.new:
            # what `down` has brought to the old columns and `up` makes of them again is kept; and of an exact link
            # nobody but the trigger writes the new ones
            values = tuple(value for value in link.up if value.column == column.name)
            return (None if link.exact else SQL("{} AND ({})").format(given, differ(values))), False
    for fill in delta.sync.fills if delta.sync else ():
        if fill.value.column == column.name:
            differs = SQL("{} AND ({})").format(given, differ((fill.value,)))
            return (differs, False) if fill.immutable else (given, True)
    if column.generated is not None or column.moved:
        return None, False
    if column.default is None:
        return given, False
    default = CAST.format(catalog_sql(column.default), catalog_sql(column.type))
    return PLAINLY_DIFFERENT.format(stored, default), True
