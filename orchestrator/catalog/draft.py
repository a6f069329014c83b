"""Tables that a plan makes, tried as temporary ones in a transaction that is rolled back: PostgreSQL checks and prints.

No table of the application is locked against anybody for it: what a foreign key refers to is an empty copy, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from psycopg.sql import SQL, Composable, Identifier
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from orchestrator.catalog import queries
from orchestrator.catalog.clone import TYPE, index_tail
from orchestrator.catalog.wanted import Draft, DraftColumn, Drafted, DraftForeignKey
from orchestrator.database import fetch, primary_message, run_one, scalar, set_local
from phases.delta import ForeignKey, Table, TableColumn
from phases.expand import KEY, key_kind
from phases.sql import catalog_sql, grants, names, shown, text

CREATE = SQL("CREATE TEMPORARY TABLE {} ()")
LIKE = SQL("CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING INDEXES)")
ADD_COLUMN = SQL("ALTER TABLE {table} ADD COLUMN {column} {type}{collation}{identity}{not_null}")
SET_DEFAULT = SQL("ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT ({default}\n)")
ADD = SQL("ALTER TABLE {table} ADD {constraint}")
CHECK = SQL("CONSTRAINT {name} CHECK ({condition}\n)")
FOREIGN_KEY = SQL("CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {references}{referenced}{actions}{deferral}")
CREATE_INDEX = SQL("CREATE INDEX {name} ON {table} {definition}")
RENDERING_PATH = "pg_catalog, pg_temp"
"""pg_temp last: a draft may have the name of a system catalog."""

Part = tuple[str, Composable]
"""What a statement is about, and the statement."""


def ask(connection: Connection, drafts: Mapping[Table, Draft], *, search_path: str) -> dict[Table, Drafted]:
    """What PostgreSQL makes of the drafts. Names in them are looked up with `search_path`, and printed qualified."""
    found = {}
    for table in drafts:
        nested = connection.begin_nested()
        try:
            found[table] = _drafted(connection, table, drafts, search_path)
        finally:
            nested.rollback()
    return found


def _drafted(connection: Connection, table: Table, drafts: Mapping[Table, Draft], search_path: str) -> Drafted:
    draft = drafts[table]
    set_local(connection, search_path=f"{search_path}, pg_temp" if search_path else "pg_temp")
    # a constraint on a column that was rejected would be rejected for that alone
    for parts in (_columns(table, draft), _rest(table, draft)):
        rejected = [(what, message) for what, sql in parts if (message := _try(connection, sql)) is not None]
        if rejected:
            return Drafted(rejections=tuple(dict.fromkeys(rejected)))
    keys: list[ForeignKey] = []
    rejected = []
    for each in draft.foreign_keys:
        answer = _foreign_key(connection, table, each, drafts)
        if isinstance(answer, str):
            rejected.append((f'foreign key "{each.name}"', answer))
        else:
            keys.append(answer)
    if rejected:
        return Drafted(rejections=tuple(rejected))
    set_local(connection, search_path=RENDERING_PATH)
    return Drafted(
        columns=tuple(
            TableColumn(**{**row, "collation": tuple(row["collation"]) if row["collation"] else None})
            for row in fetch(connection, queries.DRAFT_COLUMNS, {"table": table.name})
        ),
        checks=tuple((name, _definition(connection, table, name)) for name, _ in draft.checks),
        indexes=tuple((name, index_tail(connection, name)) for name, _ in draft.indexes),
        foreign_keys=tuple(keys),
    )


def _columns(table: Table, draft: Draft) -> Iterator[Part]:
    here = _temporary(table.name)
    yield f'table "{table.name}"', CREATE.format(here)
    for column in draft.columns:
        what, name = f'column "{column.name}"', Identifier(column.name)
        yield what, TYPE.format(catalog_sql(column.type))
        yield what, ADD_COLUMN.format(table=here, column=name, **_attributes(column))
        if column.default is not None:
            yield what, SET_DEFAULT.format(table=here, column=name, default=catalog_sql(column.default))


def _attributes(column: DraftColumn) -> dict[str, Composable]:
    return {
        "type": catalog_sql(column.type),
        "collation": SQL(" COLLATE {}").format(catalog_sql(column.collation)) if column.collation else SQL(""),
        "identity": SQL(" GENERATED {} AS IDENTITY").format(SQL(column.identity)) if column.identity else SQL(""),
        "not_null": SQL(" NOT NULL") if column.not_null else SQL(""),
    }


def _rest(table: Table, draft: Draft) -> Iterator[Part]:
    here = _temporary(table.name)
    for key in draft.keys:
        constraint = KEY.format(name=Identifier(key.name), kind=key_kind(key), columns=names(key.columns))
        yield f'key "{key.name}"', ADD.format(table=here, constraint=constraint)
    for name, condition in draft.checks:
        check = CHECK.format(name=Identifier(name), condition=catalog_sql(condition))
        yield f'check "{name}"', ADD.format(table=here, constraint=check)
    for name, definition in draft.indexes:
        index = CREATE_INDEX.format(name=Identifier(name), table=here, definition=catalog_sql(definition))
        yield f'index "{name}"', index
    for grant in grants(draft.grants, here):
        yield "grants", grant


def _try(connection: Connection, statement: Composable) -> str | None:
    """The server's words against a statement, or None."""
    nested = connection.begin_nested()
    try:
        run_one(connection, text(statement))
        nested.commit()
    except DBAPIError as error:
        nested.rollback()
        return primary_message(error)
    return None


def _foreign_key(
    connection: Connection, table: Table, key: DraftForeignKey, drafts: Mapping[Table, Draft]
) -> ForeignKey | str:
    """The foreign key with what it refers to, or what is wrong with it; tried on an empty copy of the other table."""
    found = _other(connection, key.references, drafts)
    if found is None:
        return f'there is no table "{key.references.name}"'
    if found not in drafts:
        row = fetch(connection, queries.DRAFT_REFERENCES, {"schema": found.schema, "name": found.name})[0]
        if row["partitioned"]:
            return f"{shown(found)} is partitioned, which is not supported yet"
        if not row["allowed"]:
            return f"our role may not refer to {shown(found)}: GRANT REFERENCES on it"
    nested = connection.begin_nested()
    try:
        return _tried(connection, table, key, found, drafts)
    finally:
        nested.rollback()


def _tried(
    connection: Connection, table: Table, key: DraftForeignKey, found: Table, drafts: Mapping[Table, Draft]
) -> ForeignKey | str:
    other = found.name if found.name != table.name or found == table else "orchestrator_referenced"
    statements = []
    if found != table and found in drafts:
        statements = [sql for _, sql in (*_columns(found, drafts[found]), *_rest(found, drafts[found]))]
    elif found != table:
        statements = [LIKE.format(_temporary(other), Identifier(found.schema, found.name))]
    constraint = FOREIGN_KEY.format(
        name=Identifier(key.name),
        columns=names(key.columns),
        references=_temporary(other),
        referenced=SQL(" ({})").format(names(key.referenced_columns)) if key.referenced_columns else SQL(""),
        actions=catalog_sql(key.actions),
        deferral=catalog_sql(key.deferral),
    )
    for statement in (*statements, ADD.format(table=_temporary(table.name), constraint=constraint)):
        message = _try(connection, statement)
        if message is not None:
            return message
    columns = fetch(connection, queries.DRAFT_REFERENCED_COLUMNS, {"table": table.name, "name": key.name})
    return ForeignKey(
        table=table,
        name=key.name,
        columns=key.columns,
        references=found,
        referenced_columns=tuple(row["attname"] for row in columns),
        actions=key.actions,
        deferral=key.deferral,
    )


def _other(connection: Connection, named: Table, drafts: Mapping[Table, Draft]) -> Table | None:
    """The table that a foreign key names: one of the same plan, or one that is there."""
    for table in drafts:
        if table.name == named.name and named.schema in ("", table.schema):
            return table
    quoted = text(Identifier(named.schema, named.name) if named.schema else Identifier(named.name))
    rows = fetch(connection, queries.RESOLVE, {"name": quoted})
    return Table(rows[0]["nspname"], rows[0]["relname"]) if rows else None


def _definition(connection: Connection, table: Table, name: str) -> str:
    return str(scalar(connection, queries.CLONE_CONSTRAINT, {"clone": table.name, "name": name}))


def _temporary(name: str) -> Identifier:
    return Identifier("pg_temp", name)
