"""Contract: the old shape goes, and what was moved takes its final name. The one phase without a way back."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases import backfill, dual_write
from phases.constrain import drop_constraint, drop_index
from phases.delta import Delta, Identity, Sync, Table, TableRename, UniqueKey
from phases.setting import change
from phases.sql import catalog_sql, comment, grants, lock, qualified, text
from phases.step import LockMode, Statement, Step

DROP_TABLE = SQL("DROP TABLE {table}")
# an estimate: to count the rows of a large table takes long, and says little more
LOSS = SQL(
    "SELECT pg_catalog.format('about %s rows, %s', pg_catalog.to_char(CASE WHEN reltuples < 0"
    " THEN pg_catalog.pg_stat_get_live_tuples(oid) ELSE reltuples END, 'FM999G999G999G990'),"
    " pg_catalog.pg_size_pretty(pg_catalog.pg_total_relation_size(oid)))"
    " FROM pg_catalog.pg_class WHERE oid = pg_catalog.to_regclass({name})"
)
DROP_VIEW = SQL("DROP VIEW {view}")
RENAME_TABLE = SQL("ALTER TABLE {table} RENAME TO {name}")
LOCK_TABLE = SQL("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
# with the lock held: nobody can switch it off between this look and the drop
REQUIRE_TRIGGER = SQL("DO {body}")
REQUIRE_TRIGGER_BODY = SQL(
    """
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_trigger WHERE tgrelid = {table}::regclass AND tgname = {trigger}
                 AND tgenabled IN ('O', 'A')) THEN
    RAISE EXCEPTION {message} USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
END
"""
)
SWAP_PRIMARY_KEY = SQL(
    "ALTER TABLE {table} DROP CONSTRAINT {old}, ADD CONSTRAINT {new} PRIMARY KEY USING INDEX {index}{deferral}"
)
SET_DEFAULT = SQL("ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {expression}")
DROP_DEFAULT = SQL("ALTER TABLE {table} ALTER COLUMN {column} DROP DEFAULT")
DROP_SEQUENCE = SQL("DROP SEQUENCE {sequence}")
OWN_SEQUENCE = SQL("ALTER SEQUENCE {sequence} OWNED BY {column}")
RENAME_SEQUENCE = SQL("ALTER SEQUENCE {sequence} RENAME TO {name}")
ADD_IDENTITY = SQL(
    "ALTER TABLE {table} ALTER COLUMN {column} ADD GENERATED {when} AS IDENTITY (SEQUENCE NAME {sequence} {options})"
)
COPY_POSITION = SQL("SELECT pg_catalog.setval({sequence}, last_value, is_called) FROM {interim}")
DROP_COLUMN = SQL("ALTER TABLE {table} DROP COLUMN {column}")
RENAME_CONSTRAINT = SQL("ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
RENAME_INDEX = SQL("ALTER INDEX {old} RENAME TO {new}")
RENAME_STATISTICS = SQL("ALTER STATISTICS {old} RENAME TO {new}")
CLUSTER_ON = SQL("ALTER TABLE {table} CLUSTER ON {index}")
REPLICA_IDENTITY = SQL("ALTER TABLE {table} REPLICA IDENTITY USING INDEX {index}")


def steps(delta: Delta) -> Iterator[Step]:
    """All validation first; then foreign keys one at a time (each locks a second table), indexes, the switch."""
    yield from backfill.verification(delta, repair=None)
    for key in delta.foreign_keys:
        if key.old_name is not None:
            yield drop_constraint(key.table, key.old_name, key.references)
    for index in delta.indexes:
        if index.old_name is not None and not index.owned_by_constraint and not index.replica_identity:
            yield drop_index(delta.table, index.old_name)
    for dropped in delta.drop_foreign_keys:
        yield drop_constraint(dropped.table, dropped.name, dropped.references)
    for name in delta.drop_indexes:
        yield drop_index(delta.table, name)
    for name in delta.drop_constraints:
        yield drop_constraint(delta.table, name)
    for table in delta.drop_tables:
        yield _drop_table(table)
    for rename in delta.rename_tables:
        yield _rename_table(delta.table, rename)
    yield from _rename_foreign_keys(delta)
    for setting in delta.settings:
        if setting.at_contract:
            yield change(delta.table, setting)
    switch = tuple(map(text, _switch(delta)))
    if switch:
        lock_table = text(LOCK_TABLE.format(table=qualified(delta.table)))
        yield Statement(
            title=_title(delta),
            sql=(lock_table, *switch),
            guard=delta.sync.trigger if delta.sync else "",
            # an application that drew a number holds its sequence until it commits: the executor gives way early
            locks=(
                lock(LockMode.ACCESS_EXCLUSIVE, delta.table),
                *(lock(LockMode.SHARE_ROW_EXCLUSIVE, Table(each.schema, each.name)) for each in delta.sequences),
                *(lock(LockMode.ACCESS_EXCLUSIVE, Table(each.schema, each.sequence)) for each in delta.identities),
                *(lock(LockMode.ACCESS_EXCLUSIVE, each) for each in delta.drop_sequences),
            ),
        )


def _drop_table(table: Table) -> Statement:
    """Without CASCADE. Its foreign keys are gone by now: no other table is locked."""
    return Statement(
        title=f"drop table {table.name}",
        sql=(text(DROP_TABLE.format(table=qualified(table))),),
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, table),),
        loss=text(LOSS.format(name=Literal(text(qualified(table))))),
    )


def _rename_table(table: Table, rename: TableRename) -> Statement:
    """The view first: whoever uses it has locked it before the table, and waits for it, not for us in between.

    A statement that waited for the view looks its name up anew once it has the lock, and finds the table.
    """
    view = Table(table.schema, rename.to)
    return Statement(
        title=f"drop view {rename.to}, rename {table.name} to {rename.to}",
        sql=(
            text(DROP_VIEW.format(view=qualified(view))),
            text(RENAME_TABLE.format(table=qualified(table), name=Identifier(rename.to))),
        ),
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, view), lock(LockMode.ACCESS_EXCLUSIVE, table)),
    )


def _title(delta: Delta) -> str:
    gone = [*delta.drop, *(["the trigger"] if delta.sync else [])]
    return f"drop {', '.join(gone)}" if gone else "take the final names"


def _rename_foreign_keys(delta: Delta) -> Iterator[Statement]:
    for key in delta.foreign_keys:
        if key.rename_to is not None:
            rename = RENAME_CONSTRAINT.format(
                table=qualified(key.table), old=Identifier(key.name), new=Identifier(key.rename_to)
            )
            yield Statement(
                title=f"rename constraint {key.name} to {key.rename_to}",
                sql=(text(rename),),
                locks=(lock(LockMode.ACCESS_EXCLUSIVE, key.table),),
            )


def _switch(delta: Delta) -> Iterator[Composable]:
    """In one transaction under ACCESS EXCLUSIVE, catalog only. No CASCADE: what nobody foresaw stops it, unharmed."""
    table = qualified(delta.table)
    if delta.sync is not None:
        yield _require_trigger(delta.table, delta.sync)
        yield from dual_write.drop(delta.table, delta.sync)
    for sequence in delta.sequences:
        yield OWN_SEQUENCE.format(
            sequence=Identifier(sequence.schema, sequence.name),
            column=Identifier(delta.table.schema, delta.table.name, sequence.column),
        )
    for default in delta.defaults:
        yield SET_DEFAULT.format(
            table=table, column=Identifier(default.column), expression=catalog_sql(default.expression)
        )
    for identity in delta.identities:
        yield from _move_identity(table, identity)
    for index in delta.indexes:
        # before the old column goes: a table must not be without its replica identity, or its updates fail
        if index.replica_identity:
            yield REPLICA_IDENTITY.format(table=table, index=Identifier(index.name))
        if index.clustered:
            yield CLUSTER_ON.format(table=table, index=Identifier(index.name))
    for key in delta.unique_keys:
        if key.primary and key.old_name is not None:
            yield from _swap_primary_key(delta, key)
    for column in delta.drop:
        yield DROP_COLUMN.format(table=table, column=Identifier(column))
    yield from _renames(delta)


def _require_trigger(table: Table, sync: Sync) -> Composable:
    body = REQUIRE_TRIGGER_BODY.format(
        table=Literal(text(qualified(table))),
        trigger=Literal(sync.trigger),
        message=Literal(
            f"trigger {sync.trigger} is gone or disabled: what was written since may differ".replace("%", "%%")
        ),
    )
    return REQUIRE_TRIGGER.format(body=Literal(text(body)))


def _swap_primary_key(delta: Delta, key: UniqueKey) -> Iterator[Composable]:
    assert key.old_name is not None
    yield SWAP_PRIMARY_KEY.format(
        table=qualified(delta.table),
        old=Identifier(key.old_name),
        new=Identifier(key.name),
        index=Identifier(key.index),
        deferral=catalog_sql(key.deferral),
    )
    yield from comment("CONSTRAINT", Identifier(key.name), key.comment, delta.table)


def _move_identity(table: Composable, identity: Identity) -> Iterator[Composable]:
    """The old sequence is renamed first: ACCESS EXCLUSIVE on it, so that no number is drawn between read and drop."""
    old = Identifier(identity.schema, identity.sequence)
    interim = Identifier(identity.schema, identity.interim)
    yield RENAME_SEQUENCE.format(sequence=old, name=Identifier(identity.interim))
    if identity.from_default:
        yield DROP_DEFAULT.format(table=table, column=Identifier(identity.column))
    yield ADD_IDENTITY.format(
        table=table,
        column=Identifier(identity.column),
        when=SQL("ALWAYS") if identity.always else SQL("BY DEFAULT"),
        sequence=old,
        options=catalog_sql(identity.options),
    )
    yield COPY_POSITION.format(sequence=Literal(text(old)), interim=interim)
    yield from grants(identity.grants, SQL("SEQUENCE {}").format(old))
    if identity.from_default:
        yield DROP_SEQUENCE.format(sequence=interim)


def _renames(delta: Delta) -> Iterator[Composable]:
    constraints = [
        *((key.name, key.rename_to) for key in delta.unique_keys),
        *((constraint.name, constraint.rename_to) for constraint in delta.constraints),
        *((renamed.old_name, renamed.name) for renamed in delta.rename_constraints),
    ]
    for old, new in constraints:
        if new is not None:
            yield RENAME_CONSTRAINT.format(table=qualified(delta.table), old=Identifier(old), new=Identifier(new))
    for index in delta.indexes:
        if index.rename_to is not None:
            yield RENAME_INDEX.format(old=Identifier(delta.table.schema, index.name), new=Identifier(index.rename_to))
    for statistics in delta.statistics:
        if statistics.rename_to is not None:
            yield RENAME_STATISTICS.format(
                old=Identifier(statistics.schema, statistics.name), new=Identifier(statistics.rename_to)
            )
