"""Loss: what newer code has written to a column that an abort takes away, and that is nowhere else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from psycopg.sql import SQL, Composable, Identifier

from phases.delta import Delta, NewColumn
from phases.sql import catalog_sql, qualified, shown, text
from phases.step import Loss
from phases.sync import GIVEN, PLAINLY_DIFFERENT, differ

CAST = SQL("CAST({} AS {})")


def of_columns(delta: Delta, columns: Iterable[NewColumn]) -> Iterator[Loss]:
    """What goes with new columns."""
    for column in columns:
        condition, unsure = _condition(delta, column)
        if condition is not None:
            yield _loss(delta, column.name, condition, unsure=unsure)


def of_swaps(delta: Delta) -> Iterator[Loss]:
    """Values under the columns' names that the old types cannot hold as they are."""
    for swap in delta.swaps:
        if swap.back.down:
            condition = SQL("{} AND ({})").format(GIVEN.format(Identifier("new", swap.column)), differ(swap.back.down))
            yield _loss(delta, swap.column, condition)


def _loss(delta: Delta, column: str, condition: Composable, *, unsure: bool = False) -> Loss:
    return Loss(
        table=text(qualified(delta.table)),
        column=f"{shown(delta.table)}.{column}",
        condition=text(condition),
        unsure=unsure,
    )


def _condition(delta: Delta, column: NewColumn) -> tuple[Composable | None, bool]:
    stored = Identifier("new", column.name)
    given = GIVEN.format(stored)
    for link in delta.sync.links if delta.sync else ():
        if column.name in link.new:
            if link.exact and not link.down:
                # nobody but the trigger writes it
                return None, False
            # what `down` has brought to the old columns and `up` makes of them again is kept. Of an exact link that is
            # everything that the trigger has seen: what newer code has written behind it only the new column has
            values = tuple(value for value in link.up if value.column == column.name)
            return SQL("{} AND ({})").format(given, differ(values)), link.exact
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
