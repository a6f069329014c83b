"""Contract: the old shape goes, and what was moved takes its final name. The one phase without a way back."""

from __future__ import annotations

from collections.abc import Iterator

from psycopg.sql import SQL, Composable, Identifier, Literal

from phases import backfill, dual_write, enums, index_tree, key_tree
from phases.constrain import drop_constraint, remove_index
from phases.delta import Delta, DroppedForeignKey, ForeignKey, ReplicaIdentity, Table, TableRename, TakeOver
from phases.partitions import with_tree, with_trees
from phases.setting import change
from phases.sql import lock, qualified, shown, text
from phases.step import AwaitSnapshots, LockMode, Statement, Step
from phases.swap import RENAME_COLUMN, compile_anew, swapped
from phases.take_over import (
    LOCK_TABLE,
    leaf_indexes,
    locking,
    require_check,
    require_trigger,
    take_over,
    validations,
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
# what was granted or said under the new name is meant of the table; what was revoked there would be back with it
CARRY = SQL("DO {body}")
CARRY_BODY = SQL(
    """
DECLARE
  shown pg_catalog.oid := {view}::pg_catalog.regclass;
  stored pg_catalog.oid := {table}::pg_catalog.regclass;
  given record;
BEGIN
  FOR given IN
    WITH acl AS (
      SELECT c.oid, 0 AS number, c.relacl AS items FROM pg_catalog.pg_class c WHERE c.oid IN (shown, stored)
      UNION ALL
      SELECT a.attrelid, v.attnum, a.attacl
      FROM pg_catalog.pg_attribute v JOIN pg_catalog.pg_attribute a ON a.attname = v.attname
      WHERE v.attrelid = shown AND v.attnum > 0 AND a.attrelid IN (shown, stored)
    ), granted AS (
      -- 1, or 2 with the option to grant it on
      SELECT acl.number, x.grantee, x.privilege_type AS privilege,
             COALESCE(max(1 + x.is_grantable::int) FILTER (WHERE acl.oid = shown), 0) AS now,
             COALESCE(max(1 + x.is_grantable::int) FILTER (WHERE acl.oid = stored), 0) AS before
      FROM acl CROSS JOIN LATERAL pg_catalog.aclexplode(acl.items) AS x
      WHERE x.grantee NOT IN (SELECT relowner FROM pg_catalog.pg_class WHERE oid IN (shown, stored))
      GROUP BY acl.number, x.grantee, x.privilege_type
    )
    SELECT g.privilege || COALESCE(' (' || pg_catalog.quote_ident(a.attname) || ')', '') AS what, g.now, g.before,
           CASE g.grantee WHEN 0 THEN 'PUBLIC' ELSE g.grantee::pg_catalog.regrole::text END AS role
    FROM granted g LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = shown AND a.attnum = g.number AND g.number > 0
    WHERE g.now <> g.before
  LOOP
    IF given.now < given.before THEN
      RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
        MESSAGE = pg_catalog.format({revoked}, given.what, given.role);
    END IF;
    EXECUTE pg_catalog.format('GRANT %s ON %s TO %s%s', given.what, {table}, given.role,
                              CASE given.now WHEN 2 THEN ' WITH GRANT OPTION' ELSE '' END);
  END LOOP;
  FOR given IN
    SELECT CASE d.objsubid WHEN 0 THEN pg_catalog.format('TABLE %s', {table})
           ELSE pg_catalog.format('COLUMN %s.%I', {table}, a.attname) END AS what, d.description AS words
    FROM pg_catalog.pg_description d
    LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = d.objoid AND a.attnum = d.objsubid AND d.objsubid > 0
    WHERE d.classoid = 'pg_catalog.pg_class'::pg_catalog.regclass AND d.objoid = shown
  LOOP
    EXECUTE pg_catalog.format('COMMENT ON %s IS %L', given.what, given.words);
  END LOOP;
END
"""
)


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
            yield with_trees(drop_constraint(key.table, key.old_name, key.references), key.trees)
    for index in delta.indexes:
        if index.old_name is not None and not index.owned_by_constraint and not index.replica_identity:
            yield remove_index(delta, index.old_name)
    for dropped in delta.drop_foreign_keys:
        yield _drop_foreign_key(delta, dropped)
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
        statement = Statement(
            title=_title(delta),
            sql=(lock_table, *switch),
            leaf_indexes=leaf_indexes(delta.table, _last_moves(delta)),
            guards=(delta.sync.trigger,) if delta.sync else (),
            together=enums.AT_ONCE if delta.enums else "",
            locks=tuple(lock(LockMode.ACCESS_EXCLUSIVE, each) for each in (delta.table, *delta.drop_sequences)),
        )
        yield locking(statement, _last_moves(delta))
        yield from validations(_last_moves(delta))
    yield from enums.take_over(delta)


def _drop_foreign_key(delta: Delta, key: DroppedForeignKey) -> Statement:
    """With the trees of partitions of both of its ends; as one step, whichever of two tables that go it is told for."""
    other = key.references if key.table == delta.table else key.table
    trees = {*([other] if key.partitioned else []), *([delta.table] if delta.partitioned else [])}
    step = drop_constraint(key.table, key.name, key.references)
    for end in dict.fromkeys((key.references, key.table)):
        step = with_tree(step, end) if end in trees else step
    return step


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
            text(_carry(table, view)),
            text(DROP_VIEW.format(view=qualified(view))),
            text(RENAME_TABLE.format(table=qualified(table), name=Identifier(rename.to))),
        ),
        locks=(lock(LockMode.ACCESS_EXCLUSIVE, view), lock(LockMode.ACCESS_EXCLUSIVE, table, reach="only")),
    )


def _carry(table: Table, view: Table) -> Composable:
    """Privileges and comments that somebody has given to the view."""
    # a name with a percent sign is none of format()'s
    here, there = (shown(each).replace("%", "%%") for each in (view, table))
    revoked = (
        f"%s on view {here} was revoked from %s, who has it on table {there}: grant it again, and revoke it when the "
        "table has its name"
    )
    body = CARRY_BODY.format(
        view=Literal(text(qualified(view))), table=Literal(text(qualified(table))), revoked=Literal(revoked)
    )
    return CARRY.format(body=Literal(text(body)))


def _title(delta: Delta) -> str:
    gone = [*delta.drop, *(["the trigger"] if delta.sync else [])]
    title = f"drop {', '.join(gone)}" if gone else "take the final names"
    return "; ".join((title, *(f"rename {each.old_name} to {each.name}" for each in delta.final_names)))


def _rename_foreign_keys(delta: Delta) -> Iterator[Statement]:
    for key in delta.foreign_keys:
        if key.rename_to is not None:
            step = Statement(
                title=f"rename constraint {key.name} to {key.rename_to}",
                sql=(text(_rename_foreign_key(key, key.rename_to)),),
                locks=(lock(LockMode.ACCESS_EXCLUSIVE, key.table),),
            )
            yield with_trees(step, key.trees)


def _rename_foreign_key(key: ForeignKey, name: str) -> Composable:
    if key.table in key.trees:
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
    # before foreign keys come again, which could stand on one of them
    for index in delta.indexes:
        if index.interim:
            yield index_tree.DROP_INDEX.format(name=Identifier(delta.table.schema, index.name))
    yield from take_over(delta.table, _last_moves(delta))
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
        replica_identity=tuple(
            ReplicaIdentity(index=index.name, instead_of=index.old_name if delta.partitioned else None)
            for index in delta.indexes
            if index.replica_identity
        ),
        clustered=tuple(index.name for index in delta.indexes if index.clustered),
        foreign_keys=delta.key_exchanges,
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
