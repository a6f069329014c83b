"""Tables that a plan makes, tried as temporary ones in a transaction that is rolled back: PostgreSQL checks and prints.

No table of the application is locked against anybody for it: what a foreign key refers to is an empty copy, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from psycopg.sql import SQL, Composable, Identifier
from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from orchestrator.catalog import bounds, queries
from orchestrator.catalog.clone import TYPE, index_tail
from orchestrator.catalog.wanted import (
    Draft,
    DraftColumn,
    Drafted,
    DraftForeignKey,
    PartitionedBy,
    Partitions,
    Rejected,
)
from orchestrator.database import fetch, message_and_detail, run_one, scalar, set_local
from phases.delta import ForeignKey, Table, TableColumn
from phases.expand import KEY, key_kind
from phases.sql import catalog_sql, grants, names, qualified, shown, text

CREATE = SQL("CREATE TEMPORARY TABLE {} ()")
RENAME = SQL("ALTER TABLE {} RENAME TO {}")
LIKE = SQL("CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING INDEXES)")
ADD_COLUMN = SQL("ALTER TABLE {table} ADD COLUMN {column} {type}{collation}{identity}{not_null}")
SET_DEFAULT = SQL("ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT ({default}\n)")
ADD = SQL("ALTER TABLE {table} ADD {constraint}")
CHECK = SQL("CONSTRAINT {name} CHECK ({condition}\n)")
FOREIGN_KEY = SQL("CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {references}{referenced}{actions}{deferral}")
CREATE_INDEX = SQL("CREATE INDEX {name} ON {table} {definition}")
RENDERING_PATH = "pg_catalog, pg_temp"
"""pg_temp last: a draft may have the name of a system catalog."""
PLAIN = "orchestrator_plain"
LOCKS_OF_PARTITION = 5
"""How many it takes to make one, besides one for each of its keys and indexes; as measured."""

Part = tuple[str, Composable]
"""What a statement is about, and the statement."""


def ask(
    connection: Connection, drafts: Mapping[Table, Draft], *, search_path: str, lock_slots: int
) -> dict[Table, Drafted]:
    """What PostgreSQL makes of the drafts. Names in them are looked up with `search_path`, and printed qualified."""
    found = {}
    for table, draft in drafts.items():
        locks = _locks(draft)
        if locks * 2 > lock_slots:
            # not even tried: it would take them from others
            found[table] = Drafted(rejections=(("locks", _too_many(locks, lock_slots)),))
            continue
        nested = connection.begin_nested()
        try:
            found[table] = _drafted(connection, table, drafts, search_path)
        finally:
            nested.rollback()
    return found


def _locks(draft: Draft) -> int:
    """About how many locks it takes to make all of its partitions, in one transaction."""
    partitions = len(draft.partitioned_by.partitions) if draft.partitioned_by else 0
    return partitions * (LOCKS_OF_PARTITION + len(draft.keys) + len(draft.indexes))


def _too_many(locks: int, slots: int) -> str:
    return (
        f"to make its partitions takes about {locks} at once, and the server has {slots} for all sessions together: "
        'others might fail with "out of shared memory" (53200)'
    )


def _drafted(connection: Connection, table: Table, drafts: Mapping[Table, Draft], search_path: str) -> Drafted:
    draft = drafts[table]
    set_local(connection, search_path=f"{search_path}, pg_temp" if search_path else "pg_temp")
    # a constraint on a column that was rejected would be rejected for that alone
    for parts in (_columns(table, draft), _partition_key(table, draft), _rest(table, draft)):
        rejected = [(what, message) for what, sql in parts if (message := _try(connection, sql)) is not None]
        if rejected:
            return Drafted(rejections=tuple(dict.fromkeys(rejected)))
    partitions = _partitions(connection, table, draft.partitioned_by) if draft.partitioned_by else None
    if isinstance(partitions, Rejected):
        return Drafted(rejections=(("partitions", partitions.message),))
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
        partitions=partitions,
        not_to_be_locked=tuple(
            key.references
            for key in keys
            if key.references not in drafts and not _referenced(connection, key.references)["may_lock"]
        ),
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


def _partition_key(table: Table, draft: Draft) -> Iterator[Part]:
    """The table is made once more, when its columns are known to be good: none becomes partitioned."""
    if draft.partitioned_by:
        yield "partition_by", RENAME.format(_temporary(table.name), Identifier(PLAIN))
        including = " INCLUDING DEFAULTS INCLUDING IDENTITY"
        create = bounds.creation(draft.partitioned_by, table.name, like=_temporary(PLAIN), including=including)
        yield "partition_by", create


def _partitions(connection: Connection, table: Table, question: PartitionedBy) -> Partitions | Rejected:
    """Without the keys and indexes that each will have: there may be many, and nothing of them can fail."""
    nested = connection.begin_nested()
    try:
        return bounds.partitioned(connection, question, like=_temporary(table.name))
    except DBAPIError as error:
        return Rejected(message_and_detail(error))
    finally:
        nested.rollback()


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
        return message_and_detail(error)
    return None


def _foreign_key(
    connection: Connection, table: Table, key: DraftForeignKey, drafts: Mapping[Table, Draft]
) -> ForeignKey | str:
    """The foreign key with what it refers to, or what is wrong with it; tried on an empty copy of the other table."""
    found = _other(connection, key.references, drafts)
    if found is None:
        return f'there is no table "{key.references.name}"'
    if found in drafts:
        partitioned = drafts[found].partitioned_by is not None
    else:
        row = _referenced(connection, found)
        partitioned = row["partitioned"]
        if row["inherits"]:
            return f"{shown(found)} is a partition, or takes part in inheritance: refer to the table at the top"
        if row["unlogged"]:
            return f"{shown(found)} is unlogged, and the new table is not: ALTER TABLE … SET LOGGED first"
        if not row["may_refer"]:
            return f"our role may not refer to {shown(found)} and read it: GRANT SELECT, REFERENCES on it"
    trees = ([table] if drafts[table].partitioned_by else []) + ([found] if partitioned else [])
    nested = connection.begin_nested()
    try:
        answer = _tried(connection, table, key, found, drafts)
    finally:
        nested.rollback()
    return answer if isinstance(answer, str) else replace(answer, trees=tuple(dict.fromkeys(trees)))


def _referenced(connection: Connection, table: Table) -> RowMapping:
    return fetch(connection, queries.REFERENCED, {"name": text(qualified(table))})[0]


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
