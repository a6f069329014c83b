"""Types that columns are to have: which can be changed where they stand, and what goes with the others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from psycopg.errors import Diagnostic
from psycopg.sql import SQL, Identifier
from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from orchestrator.catalog import Column, queries
from orchestrator.catalog.clone import (
    CAST,
    CLONE,
    NAME,
    Successors,
    alone,
    build_constraint,
    build_index,
    change_types,
    enums_exchanged,
    send,
    type_clause,
)
from orchestrator.catalog.wanted import Answer, ColumnType, Expression, MadeEnum, Question, Rejected, Wanted
from orchestrator.database import fetch, primary_message, scalar, set_local
from phases.delta import Table
from phases.sql import catalog_sql, text


def types(columns: Iterable[Column], wanted: Wanted, answered: Mapping[Question, Answer]) -> dict[str, ColumnType]:
    """The types that columns are to have: a collation that nobody speaks of stays."""
    found = {}
    for column in columns:
        retyping = wanted.retypes.get(column.name)
        answer = answered.get(retyping.added) if retyping else None
        if retyping and isinstance(answer, ColumnType):
            keeps = retyping.added.collation is None and answer.collation is None and answer.collatable
            found[column.name] = replace(answer, collation=column.collation) if keeps else answer
    return found


def in_place(
    connection: Connection,
    columns: Iterable[Column],
    types: Mapping[str, ColumnType],
    wanted: Wanted,
    answered: Mapping[Question, Answer],
    *,
    tied: Collection[str],
    rows: Mapping[str, Sequence[RowMapping]],
) -> dict[str, bool]:
    """Columns whose types can be changed where they stand. Not those `tied` by a foreign key: a clone has none."""
    found = {}
    for column in columns:
        type_ = types.get(column.name)
        cast = wanted.retypes[column.name].cast if type_ else None
        answer = answered.get(cast) if cast else None
        # what depends on the session's time zone is not free because ours happens to be UTC
        if type_ and isinstance(answer, Expression) and answer.immutable and column.name not in tied:
            works_back = _stays(
                connection,
                column.name,
                old=(column.type, column.collation),
                new=(type_.type, type_.collation),
                indexes=[row for row in rows["indexes"] if column.name in row["reads"]],
                constraints=[row for row in rows["constraints"] if column.name in row["reads"]],
            )
            if works_back is not None:
                found[column.name] = works_back
    return found


def defaults(
    connection: Connection,
    columns: Iterable[Column],
    types: Mapping[str, ColumnType],
    *,
    enums: Sequence[MadeEnum] = (),
) -> dict[str, str | Rejected]:
    """The defaults of columns under other types; where they name an old enum they stand for the new one."""
    found: dict[str, str | Rejected] = {}
    for column in columns:
        if column.name in types and column.default is not None:
            nested = connection.begin_nested()
            try:
                found[column.name] = _default(connection, column.name, types[column.name], column.default, enums)
            except DBAPIError as error:
                found[column.name] = Rejected(primary_message(error))
            finally:
                nested.rollback()
    return found


def with_defaults(successors: Successors, defaults: Mapping[str, str | Rejected]) -> Successors:
    unfit = [("default of", name, each.message) for name, each in defaults.items() if isinstance(each, Rejected)]
    return replace(
        successors,
        defaults={name: each for name, each in defaults.items() if isinstance(each, str)},
        unfit=(*successors.unfit, *unfit),
    )


def ends(row: RowMapping, table: Table) -> list[str]:
    """The columns of the table that a foreign key ties."""
    out = row["columns"] if (row["schema"], row["relation"]) == (table.schema, table.name) else ()
    into = row["f_columns"] if (row["f_schema"], row["f_relation"]) == (table.schema, table.name) else ()
    return [*out, *into]


def unfit_keys(
    connection: Connection, table: Table, keys: Sequence[RowMapping], types: Mapping[str, ColumnType]
) -> dict[str, str]:
    """Foreign keys that cannot be had under the new types, with the server's words."""
    found = {}
    for row in keys:
        if types.keys().isdisjoint(ends(row, table)):
            continue
        here, there = ((row["schema"], row["relation"]), (row["f_schema"], row["f_relation"]))
        sides = [
            [
                types[name].type if end == (table.schema, table.name) and name in types else type_
                for name, type_ in pairs
            ]
            for end, pairs in (
                (here, zip(row["columns"], row["types"], strict=True)),
                (there, zip(row["f_columns"], row["f_types"], strict=True)),
            )
        ]
        message = _referable(connection, row["name"], *sides)
        if message is not None:
            found[row["name"]] = message
    return found


def _default(connection: Connection, column: str, type_: ColumnType, expression: str, enums: Sequence[MadeEnum]) -> str:
    """A column's default as it reads under another type; cast to it where it would not be assigned.

    Raises:
        DBAPIError: it cannot have one like it.
    """
    change_types(connection, {column: type_})
    cast = text(CAST.format(catalog_sql(expression), catalog_sql(type_.type)))
    if enums:
        with enums_exchanged(connection, enums):
            _set_default(connection, column, expression)
        return str(scalar(connection, queries.CLONE_DEFAULT, {"clone": NAME, "column": column}))
    try:
        with connection.begin_nested():
            _set_default(connection, column, expression)
    except DBAPIError:
        # as ALTER TABLE … TYPE would not: a text, say, for an enum
        _set_default(connection, column, cast)
    return str(scalar(connection, queries.CLONE_DEFAULT, {"clone": NAME, "column": column}))


def _set_default(connection: Connection, column: str, expression: str) -> None:
    setting = SQL("ALTER TABLE {} ALTER COLUMN {} SET DEFAULT {}")
    send(connection, setting.format(CLONE, Identifier(column), catalog_sql(expression)))


def _stays(
    connection: Connection,
    column: str,
    *,
    old: tuple[str, tuple[str, str] | None],
    new: tuple[str, tuple[str, str] | None],
    indexes: Sequence[RowMapping],
    constraints: Sequence[RowMapping],
) -> bool | None:
    """Whether the way back reads or rewrites the table, if the way forth does not; None: it does.

    Found by doing it: PostgreSQL decides by types and expressions alone, so an empty table tells as well as a full one.
    """
    nested = connection.begin_nested()
    try:
        for number, row in enumerate(row for row in indexes if not row["exclusion"]):
            build_index(connection, f"orchestrator_i{number}", row)
        for number, row in enumerate(alone(constraints)):
            build_constraint(connection, f"orchestrator_c{number}", row)
        before = _shape(connection)
        if _works(connection, column, new):
            return None
        works_back = _works(connection, column, old)
        # what does not read as before after the way there and back could not be undone exactly
        return works_back if _shape(connection) == before else None
    except DBAPIError:
        # there is something that cannot follow: it is named when it is rendered for a successor
        return None
    finally:
        nested.rollback()


def _works(connection: Connection, column: str, type_: tuple[str, tuple[str, str] | None]) -> bool:
    """Changes the type, and tells whether that read a row, wrote a file or built an index."""
    files = _files(connection)
    with _told(connection) as notices:
        name, collation = type_
        send(connection, SQL("ALTER TABLE {} ").format(CLONE) + type_clause(column, name, collation))
    return bool(notices) or _files(connection) != files


@contextmanager
def _told(connection: Connection) -> Iterator[list[str]]:
    """What the server says of its work on the clone: it is told to developers only, and never translated."""
    found: list[str] = []

    def heard(diagnostic: Diagnostic) -> None:
        message = diagnostic.message_primary or ""
        if message.startswith(("rewriting table", "verifying table")):
            found.append(message)

    driver = connection.connection.driver_connection
    assert driver is not None
    driver.add_notice_handler(heard)
    set_local(connection, client_min_messages="debug1")
    try:
        yield found
        set_local(connection, client_min_messages="notice")
    finally:
        driver.remove_notice_handler(heard)


def _files(connection: Connection) -> list[int]:
    # an index may be another one with the same file: it was not built anew
    return [row["file"] for row in fetch(connection, queries.CLONE_FILES, {"clone": NAME})]


def _shape(connection: Connection) -> list[str]:
    rows = [
        *fetch(connection, queries.CLONE_FILES, {"clone": NAME}),
        *fetch(connection, queries.CLONE_CONSTRAINTS, {"clone": NAME}),
    ]
    return [str(row["definition"]) for row in rows]


def _referable(connection: Connection, name: str, types: Sequence[str], referenced: Sequence[str]) -> str | None:
    """What the server has against a foreign key of that name between columns of these types."""
    nested = connection.begin_nested()
    columns = [Identifier(f"c{number}") for number in range(len(types))]
    keys = SQL(", ").join(columns)
    try:
        for relation, each, key in (
            ("orchestrator_referenced", referenced, SQL("UNIQUE ({})").format(keys)),
            (
                "orchestrator_referring",
                types,
                SQL("CONSTRAINT {} FOREIGN KEY ({keys}) REFERENCES pg_temp.orchestrator_referenced ({keys})").format(
                    Identifier(name), keys=keys
                ),
            ),
        ):
            parts = [
                SQL("{} {}").format(column, catalog_sql(type_)) for column, type_ in zip(columns, each, strict=True)
            ]
            table = SQL("CREATE TEMPORARY TABLE {} ({})")
            send(connection, table.format(Identifier("pg_temp", relation), SQL(", ").join([*parts, key])))
    except DBAPIError as error:
        return primary_message(error)
    finally:
        nested.rollback()
    return None
