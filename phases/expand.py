"""Expand: add the new shape beside the old one, so that nobody notices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases import enums, inspection, loss
from phases.constrain import DROP_NOT_NULL, add_constraint, add_foreign_key, drop_constraint, restore_not_null
from phases.delta import Delta, NewColumn, NewTable, Table, TableColumn, TableKey, TableRename
from phases.partitions import lock_tree_block, with_trees
from phases.setting import change
from phases.sql import catalog_sql, comment, grants, lock, names, qualified, shown, text
from phases.step import LockMode, Statement, Step
from phases.take_over import OWN_SEQUENCE

ADD_COLUMN = SQL("ALTER TABLE {table} ADD COLUMN {column} {type}{collation}{default}{not_null}")
GENERATED = SQL(" GENERATED ALWAYS AS ({expression}) VIRTUAL")
CREATE_SEQUENCE = SQL("CREATE SEQUENCE {sequence} AS {type}")
# who runs the plan may be another member of the owner's role
GIVE_SEQUENCE = SQL("ALTER SEQUENCE {sequence} OWNER TO {owner}")
SET_DEFAULT = SQL("ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}")
SET_COLUMN = SQL("ALTER TABLE {table} ALTER COLUMN {column} SET {setting}")
DROP_COLUMN = SQL("ALTER TABLE {table} DROP COLUMN IF EXISTS {column}")
CREATE_TABLE = SQL("CREATE TABLE {table} ({parts}){partitioned}")
PARTITION_BY = SQL(" PARTITION BY {}")
CREATE_PARTITION = SQL("CREATE TABLE {partition} PARTITION OF {table} {bound}{options}")
COLUMN = SQL("{name} {type}{collation}{default}{identity}{not_null}")
KEY = SQL("CONSTRAINT {name} {kind} ({columns})")
CREATE_INDEX = SQL("CREATE INDEX {name} ON {table} {definition}")
DROP_TABLE = SQL("DROP TABLE IF EXISTS {table}")
# its rows are the application's, and nowhere else. row_security: a policy must raise, not hide rows
REQUIRE_EMPTY = SQL("DO {body}")
REQUIRE_EMPTY_BODY = SQL(
    """
BEGIN
  IF pg_catalog.to_regclass({name}) IS NOT NULL THEN
    PERFORM pg_catalog.set_config('row_security', 'off', true);{lock}{others}
    IF EXISTS (SELECT FROM {table}) THEN
      RAISE EXCEPTION {message} USING ERRCODE = 'object_not_in_prerequisite_state', HINT = {hint};
    END IF;
  END IF;
END
"""
)
# DROP TABLE takes any partition, also a table of somebody's that he has attached; and a foreign one is not to be read
REQUIRE_OURS = SQL(
    """
    DECLARE
      others text := (
        SELECT pg_catalog.string_agg(c.oid::pg_catalog.regclass::text, ', ')
        FROM pg_catalog.pg_partition_tree({table}) t JOIN pg_catalog.pg_class c ON c.oid = t.relid
        WHERE t.level > 0
          AND NOT (c.relname = ANY ({ours}::text[]) AND c.relnamespace = {schema}::pg_catalog.regnamespace));
    BEGIN
      IF others IS NOT NULL THEN
        RAISE EXCEPTION {message}, others USING ERRCODE = 'object_not_in_prerequisite_state', HINT = {hint};
      END IF;
    END;"""
)
CREATE_VIEW = SQL("CREATE VIEW {view}{options} AS SELECT {columns} FROM {table}")
# what ALTER DEFAULT PRIVILEGES gives to every new relation: nobody shall have more than on the table
REVOKE_DEFAULTS = SQL("DO {body}")
REVOKE_DEFAULTS_BODY = SQL(
    """
DECLARE
  role text;
BEGIN
  FOR role IN
    SELECT CASE acl.grantee WHEN 0 THEN 'PUBLIC' ELSE acl.grantee::pg_catalog.regrole::text END
    FROM pg_catalog.pg_class AS made CROSS JOIN LATERAL pg_catalog.aclexplode(made.relacl) AS acl
    WHERE made.oid = {made}::pg_catalog.regclass AND acl.grantee <> made.relowner
  LOOP
    EXECUTE pg_catalog.format('REVOKE ALL ON %s FROM %s', {made}, role);
  END LOOP;
END
"""
)
# who runs the plan may be another member of the owner's role
GRANT_OWNER = SQL("GRANT ALL ON {view} TO {owner}")
DROP_VIEW = SQL("DROP VIEW IF EXISTS {view}")
LOCK_TABLE = SQL("\n    LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;")


def steps(delta: Delta) -> Iterator[Step]:
    """One step a column, or a constraint that newer code may break. ACCESS EXCLUSIVE, catalog only.

    A column that takes over from another has no default before contract: it would hide from the trigger whether a
    writer gave a value.
    """
    yield from inspection.trial(delta)
    yield from enums.create(delta)
    for new in delta.create:
        yield create_table(delta.table, new)
    for rename in delta.rename_tables:
        yield _create_view(delta.table, rename)
    locks = (lock(LockMode.ACCESS_EXCLUSIVE, delta.table),)
    for column in delta.add:
        drop = DROP_COLUMN.format(table=qualified(delta.table), column=Identifier(column.name))
        yield Statement(
            title=f"add column {column.name}",
            sql=tuple(map(text, _add(delta.table, column))),
            locks=locks,
            undo=(
                Statement(
                    title=f"drop column {column.name}",
                    sql=(text(drop),),
                    locks=locks,
                    losses=tuple(loss.of_columns(delta, [column])),
                ),
            ),
        )
    for setting in delta.settings:
        if not setting.at_contract:
            yield change(delta.table, setting)
    for not_null in delta.loosen:
        loosen = DROP_NOT_NULL.format(table=qualified(delta.table), column=Identifier(not_null.column))
        yield Statement(
            title=f"drop not null of {not_null.column}",
            sql=(text(loosen),),
            locks=locks,
            undo=tuple(restore_not_null(delta, not_null)),
        )
    for constraint in delta.lift:
        dropped = drop_constraint(delta.table, constraint.name)
        look = inspection.look(delta, constraint) if constraint.validated and constraint.enforced else ()
        yield replace(dropped, undo=(*look, *_again(dropped, add_constraint(delta, constraint))))
    for key in delta.lift_foreign_keys:
        dropped = drop_constraint(key.table, key.name, key.references)
        lifted = replace(dropped, undo=tuple(_again(dropped, add_foreign_key(key))))
        yield with_trees(lifted, key.trees)


def _again(dropped: Statement, steps: Iterator[Statement]) -> Iterator[Statement]:
    """The statements that add a constraint, so that they may be run twice: NOT VALID, then validated."""
    added = next(steps)
    yield replace(added, sql=(*dropped.sql, *added.sql), locks=dropped.locks, undo=())
    yield from steps


def _add(table: Table, column: NewColumn) -> Iterator[Composable]:
    name = Identifier(column.name)
    collation = SQL(" COLLATE {}").format(Identifier(*column.collation)) if column.collation else SQL("")
    default: Composable = SQL("")
    if column.generated is not None:
        default = GENERATED.format(expression=catalog_sql(column.generated))
    elif column.default is not None and not column.default_apart:
        default = SQL(" DEFAULT {}").format(catalog_sql(column.default))
    yield ADD_COLUMN.format(
        table=qualified(table),
        column=name,
        type=catalog_sql(column.type),
        collation=collation,
        default=default,
        not_null=SQL(" NOT NULL") if column.not_null else SQL(""),
    )
    if column.sequence is not None:
        sequence = Identifier(column.sequence.schema, column.sequence.name)
        yield CREATE_SEQUENCE.format(sequence=sequence, type=catalog_sql(column.sequence.type))
        yield from grants(column.sequence.grants, SQL("SEQUENCE {}").format(sequence))
        yield GIVE_SEQUENCE.format(sequence=sequence, owner=Identifier(column.sequence.owner))
        yield OWN_SEQUENCE.format(sequence=sequence, column=Identifier(table.schema, table.name, column.name))
    if column.default is not None and column.default_apart:
        yield SET_DEFAULT.format(table=qualified(table), column=name, default=catalog_sql(column.default))
    for setting in settings(column):
        yield SET_COLUMN.format(table=qualified(table), column=name, setting=setting)
    yield from comment("COLUMN", Identifier(table.schema, table.name, column.name), column.comment)
    yield from grants(column.grants, qualified(table), column.name)


def create_table(table: Table, new: NewTable, *, demanding: bool = True) -> Statement:
    """Nobody sees it before it is complete. Its undo drops it only while it is empty.

    `demanding`: an abort does not begin while it is not. Else it is emptied by the time that its undo comes.
    """
    locks = (lock(LockMode.ACCESS_EXCLUSIVE, table),)
    drop = DROP_TABLE.format(table=qualified(table))
    return Statement(
        title=f"create table {table.name}",
        sql=tuple(map(text, _create(table, new))),
        locks=locks,
        undo=(
            Statement(
                title=f"drop table {table.name}",
                sql=(text(_require_empty(table, new, _lock(table, new))), text(drop)),
                locks=tuple(replace(each, reach="tree") for each in locks) if new.by else locks,
                require=text(_require_empty(table, new, SQL(""))) if demanding else "",
            ),
        ),
    )


def _lock(table: Table, new: NewTable) -> Composable:
    if new.by:
        return SQL("{};").format(lock_tree_block(text(qualified(table)), LockMode.ACCESS_EXCLUSIVE))
    return LOCK_TABLE.format(table=qualified(table))


def _create_view(table: Table, rename: TableRename) -> Statement:
    """A view that PostgreSQL itself makes writable: one table, all columns, as they are."""
    view = Table(table.schema, rename.to)
    locks = (lock(LockMode.ACCESS_EXCLUSIVE, view), lock(LockMode.ACCESS_SHARE, table, reach="only"))
    drop = DROP_VIEW.format(view=qualified(view))
    return Statement(
        title=f"create view {rename.to} on {table.name}",
        sql=tuple(map(text, _view(table, view, rename))),
        locks=locks,
        undo=(Statement(title=f"drop view {rename.to}", sql=(text(drop),), locks=locks[:1]),),
    )


def _view(table: Table, view: Table, rename: TableRename) -> Iterator[Composable]:
    yield CREATE_VIEW.format(
        view=qualified(view),
        options=SQL(" WITH (security_invoker = true)") if rename.invoker else SQL(""),
        columns=names(rename.columns),
        table=qualified(table),
    )
    yield revoke_defaults(view)
    yield GRANT_OWNER.format(view=qualified(view), owner=Identifier(rename.owner))
    yield from grants(rename.grants, qualified(view))
    for column, grant in rename.column_grants:
        yield from grants([grant], qualified(view), column)


def revoke_defaults(made: Table) -> Composable:
    """The statement that leaves a new relation to its owner alone."""
    body = REVOKE_DEFAULTS_BODY.format(made=Literal(text(qualified(made))))
    return REVOKE_DEFAULTS.format(body=Literal(text(body)))


def _create(table: Table, new: NewTable) -> Iterator[Composable]:
    parts = [
        *map(_column, new.columns),
        *map(_key, new.keys),
        *(SQL("CONSTRAINT {} {}").format(Identifier(name), catalog_sql(check)) for name, check in new.checks),
    ]
    partitioned = PARTITION_BY.format(catalog_sql(new.by)) if new.by else SQL("")
    yield CREATE_TABLE.format(table=qualified(table), parts=SQL(", ").join(parts), partitioned=partitioned)
    for name, definition in new.indexes:
        yield CREATE_INDEX.format(name=Identifier(name), table=qualified(table), definition=catalog_sql(definition))
    yield from comment("TABLE", qualified(table), new.comment)
    for column in new.columns:
        yield from comment("COLUMN", Identifier(table.schema, table.name, column.name), column.comment)
    yield from grants(new.grants, qualified(table))
    # each gets the keys, indexes and checks that are there by now
    for partition in new.partitions:
        yield CREATE_PARTITION.format(
            partition=Identifier(table.schema, partition.name),
            table=qualified(table),
            bound=catalog_sql(partition.bound),
            options=SQL(""),
        )


def _column(column: TableColumn) -> Composable:
    return COLUMN.format(
        name=Identifier(column.name),
        type=catalog_sql(column.type),
        collation=SQL(" COLLATE {}").format(Identifier(*column.collation)) if column.collation else SQL(""),
        default=SQL(" DEFAULT {}").format(catalog_sql(column.default)) if column.default is not None else SQL(""),
        identity=SQL(" GENERATED {} AS IDENTITY").format(SQL(column.identity)) if column.identity else SQL(""),
        not_null=SQL(" NOT NULL") if column.not_null else SQL(""),
    )


def _key(key: TableKey) -> Composable:
    return KEY.format(name=Identifier(key.name), kind=key_kind(key), columns=names(key.columns))


def key_kind(key: TableKey) -> Composable:
    """How a key of a new table is introduced."""
    if key.primary:
        return SQL("PRIMARY KEY")
    return SQL("UNIQUE") if key.nulls_distinct else SQL("UNIQUE NULLS NOT DISTINCT")


def _require_empty(table: Table, new: NewTable, lock_table: Composable) -> Composable:
    body = REQUIRE_EMPTY_BODY.format(
        name=Literal(text(qualified(table))),
        table=qualified(table),
        lock=lock_table,
        message=Literal(f"table {shown(table)} has rows, which would be lost".replace("%", "%%")),
        hint=Literal("copy them elsewhere if they are needed, and delete them"),
        others=_require_ours(table, new) if new.by else SQL(""),
    )
    return REQUIRE_EMPTY.format(body=Literal(text(body)))


def _require_ours(table: Table, new: NewTable) -> Composable:
    told = f"table {shown(table)} has partitions that this run has not made, which would go with it: "
    return REQUIRE_OURS.format(
        table=Literal(text(qualified(table))),
        ours=Literal([each.name for each in new.partitions]),
        schema=Literal(text(Identifier(table.schema))),
        message=Literal(f"{told.replace('%', '%%')}%"),
        hint=Literal("drop them, or take them out with ALTER TABLE … DETACH PARTITION"),
    )


def settings(column: NewColumn) -> Iterator[Composable]:
    """What follows ALTER COLUMN name SET, for what a column has besides its type."""
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
