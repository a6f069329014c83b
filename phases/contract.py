"""Contract: the old shape goes, and what was moved takes its final name. The one phase without a way back."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases import backfill, dual_write, enums, index_tree, key_tree
from phases.constrain import drop_constraint, remove_index
from phases.delta import Delta, ForeignKey, Table, TableRename, TakeOver
from phases.partitions import with_tree
from phases.setting import change
from phases.sql import lock, qualified, text
from phases.step import AwaitSnapshots, LockMode, Statement, Step
from phases.swap import RENAME_COLUMN, compile_anew, swapped
from phases.take_over import (
    LOCK_TABLE,
    leaf_indexes,
    require_check,
    require_trigger,
    sequence_locks,
    take_over,
)

DROP_TABLE = SQL("DROP TABLE {table}")
# an estimate: to count the rows of a large table takes long, and says little more
LOSS = SQL(
    "SELECT pg_catalog.format('about %s rows, %s', pg_catalog.to_char(pg_catalog.sum(CASE WHEN reltuples < 0"
    " THEN pg_catalog.pg_stat_get_live_tuples(oid) ELSE reltuples END), 'FM999G999G999G990'),"
    " pg_catalog.pg_size_pretty(pg_catalog.sum(pg_catalog.pg_total_relation_size(oid))))"
    " FROM pg_catalog.pg_class WHERE relkind <> 'p' AND (oid = pg_catalog.to_regclass({name})"
    " OR oid IN (SELECT relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass({name}))))"
)
DROP_VIEW = SQL("DROP VIEW {view}")
RENAME_TABLE = SQL("ALTER TABLE {table} RENAME TO {name}")
DROP_COLUMN = SQL("ALTER TABLE {table} DROP COLUMN {column}")
RENAME_CONSTRAINT = SQL("ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
RENAME_INDEX = SQL("ALTER INDEX {old} RENAME TO {new}")
RENAME_STATISTICS = SQL("ALTER STATISTICS {old} RENAME TO {new}")


def steps(delta: Delta) -> Iterator[Step]:
    """All validation first; then foreign keys one at a time (each locks a second table), indexes, the switch."""
    yield from backfill.verification(swapped(delta), repair=None)
    if delta.final_names:
        assert delta.sync is not None
        # they see rows whose new column is empty, and would see it under the name of the old one
        yield AwaitSnapshots(
            title=f"wait for snapshots from before {', '.join(each.old_name for each in delta.final_names)} was filled",
            guard=delta.sync.trigger,
        )
    for key in delta.foreign_keys:
        if key.old_name is not None:
            yield drop_constraint(key.table, key.old_name, key.references)
    for index in delta.indexes:
        if index.old_name is not None and not index.owned_by_constraint and not index.replica_identity:
            yield remove_index(delta, index.old_name)
    for dropped in delta.drop_foreign_keys:
        step = drop_constraint(dropped.table, dropped.name, dropped.references)
        other = dropped.references if dropped.table == delta.table else dropped.table
        yield with_tree(step, other) if dropped.partitioned else step
    for gone in delta.drop_indexes:
        yield remove_index(delta, gone.name)
    for gone in delta.drop_constraints:
        yield drop_constraint(delta.table, gone.name)
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
            leaf_indexes=leaf_indexes(_last_moves(delta)),
            guards=(delta.sync.trigger,) if delta.sync else (),
            together=enums.AT_ONCE if delta.enums else "",
            # an application that drew a number holds its sequence until it commits: the executor gives way early
            locks=(
                lock(LockMode.ACCESS_EXCLUSIVE, delta.table),
                *sequence_locks(_last_moves(delta)),
                *(lock(LockMode.ACCESS_EXCLUSIVE, each) for each in delta.drop_sequences),
            ),
        )
    yield from enums.take_over(delta)


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
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, view), lock(LockMode.ACCESS_EXCLUSIVE, table, reach="only")),
    )


def _title(delta: Delta) -> str:
    gone = [*delta.drop, *(["the trigger"] if delta.sync else [])]
    title = f"drop {', '.join(gone)}" if gone else "take the final names"
    return "; ".join((title, *(f"rename {each.old_name} to {each.name}" for each in delta.final_names)))


def _rename_foreign_keys(delta: Delta) -> Iterator[Statement]:
    for key in delta.foreign_keys:
        if key.rename_to is not None:
            yield Statement(
                title=f"rename constraint {key.name} to {key.rename_to}",
                sql=(text(_rename_foreign_key(delta, key, key.rename_to)),),
                locks=(lock(LockMode.ACCESS_EXCLUSIVE, key.table),),
            )


def _rename_foreign_key(delta: Delta, key: ForeignKey, name: str) -> Composable:
    if delta.partitioned and key.table == delta.table:
        return key_tree.rename(key.table, key.name, name)
    return RENAME_CONSTRAINT.format(table=qualified(key.table), old=Identifier(key.name), new=Identifier(name))


def _switch(delta: Delta) -> Iterator[Composable]:
    """In one transaction under ACCESS EXCLUSIVE, catalog only. No CASCADE: what nobody foresaw stops it, unharmed."""
    table = qualified(delta.table)
    if delta.sync is not None:
        yield require_trigger(delta.table, delta.sync.trigger)
        for proven in delta.proven:
            yield require_check(delta.table, proven.constraint)
        yield from dual_write.drop(delta.table, delta.sync)
    yield from take_over(delta.table, _last_moves(delta))
    for index in delta.indexes:
        if index.interim:
            yield index_tree.DROP_INDEX.format(name=Identifier(delta.table.schema, index.name))
    for column in delta.drop:
        yield DROP_COLUMN.format(table=table, column=Identifier(column))
    for renamed in delta.final_names:
        yield RENAME_COLUMN.format(table=table, old=Identifier(renamed.old_name), new=Identifier(renamed.name))
    if delta.final_names:
        yield from compile_anew(delta.trigger_functions)
        yield from enums.compile_anew(delta)
    yield from _renames(delta)


def _last_moves(delta: Delta) -> TakeOver:
    """What moves no earlier than contract."""
    return TakeOver(
        defaults=delta.defaults,
        identities=delta.identities,
        sequences=delta.sequences,
        primary_keys=tuple(key for key in delta.unique_keys if key.primary and key.old_name is not None),
        replica_identity=tuple(index.name for index in delta.indexes if index.replica_identity),
        clustered=tuple(index.name for index in delta.indexes if index.clustered),
    )


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
