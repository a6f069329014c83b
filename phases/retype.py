"""Retype: a type that PostgreSQL can change where it stands, for both versions at once."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Composable, Identifier

from phases.delta import Delta, Retype
from phases.sql import catalog_sql, lock, names, qualified, text
from phases.step import LockMode, Statement, Step
from phases.swap import compile_anew
from phases.take_over import DROP_DEFAULT, SET_DEFAULT

ALTER_TYPE = SQL("ALTER TABLE {table} ALTER COLUMN {column} TYPE {type}{collation}")
ANALYZE = SQL("ANALYZE {table} ({columns})")


def steps(delta: Delta) -> Iterator[Step]:
    """ACCESS EXCLUSIVE, catalog only. In constrain, because the column's statistics go with its type: ANALYZE follows.

    An undo is the same the other way, and may have to rewrite the table: it is cut short as any short step is, and
    then the change can only be finished, or undone with a longer bound.
    """
    if not delta.retypes:
        return
    locks = (lock(LockMode.ACCESS_EXCLUSIVE, delta.table),)
    analyze = _analyze(delta)
    for retype in delta.retypes:
        yield Statement(
            title=f"change the type of {retype.column} to {retype.type}",
            sql=tuple(map(text, _alter(delta, retype.column, retype.type, retype.collation))),
            locks=locks,
            undo=(
                Statement(
                    title=f"change the type of {retype.column} back to {retype.old_type}",
                    sql=tuple(map(text, _back(delta, retype))),
                    locks=locks,
                ),
                analyze,
            ),
        )
    yield analyze


def _analyze(delta: Delta) -> Statement:
    columns = [retype.column for retype in delta.retypes]
    return Statement(
        title=f"analyze {', '.join(columns)} of {delta.table.name}",
        sql=(text(ANALYZE.format(table=qualified(delta.table), columns=names(columns))),),
        locks=(lock(LockMode.SHARE_UPDATE_EXCLUSIVE, delta.table),),
    )


def _back(delta: Delta, retype: Retype) -> Iterator[Composable]:
    table, column = qualified(delta.table), Identifier(retype.column)
    if retype.default is not None:
        yield DROP_DEFAULT.format(table=table, column=column)
    yield from _alter(delta, retype.column, retype.old_type, retype.old_collation)
    if retype.default is not None:
        yield SET_DEFAULT.format(table=table, column=column, expression=catalog_sql(retype.default))


def _alter(delta: Delta, column: str, type_: str, collation: tuple[str, str] | None) -> Iterator[Composable]:
    yield ALTER_TYPE.format(
        table=qualified(delta.table),
        column=Identifier(column),
        type=catalog_sql(type_),
        collation=SQL(" COLLATE {}").format(Identifier(*collation)) if collation else SQL(""),
    )
    yield from compile_anew(delta.trigger_functions)
