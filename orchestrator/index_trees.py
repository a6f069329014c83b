"""Indexes of partitioned tables: which partition lacks its own, the catalog says, before each is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping

from orchestrator import indexes
from orchestrator.database import fetch
from orchestrator.errors import PartitionAttached, StepFailed
from orchestrator.journal.store import StepRow
from phases import index_tree
from phases.delta import Table
from phases.names import leaf_stem
from phases.partitions import lock_tree_of
from phases.step import (
    BuildIndexTree,
    BuildLeafIndexes,
    DropIndexTree,
    DropLeafIndexes,
    LockMode,
    Statement,
)

if TYPE_CHECKING:
    from orchestrator.executor import Executor

ROOT = """
SELECT c.oid::bigint AS oid, COALESCE(i.indisvalid, false) AS valid,
       i.indrelid = pg_catalog.to_regclass(%(table)s) AS ours
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE n.nspname = %(schema)s AND c.relname = %(name)s
"""
# the next partition that has no index below that of its parent: from the top down
NEXT = """
WITH RECURSIVE made(relation, index) AS (
  SELECT i.indrelid, i.indexrelid FROM pg_catalog.pg_index i WHERE i.indexrelid = %(root)s
  UNION ALL
  SELECT i.indrelid, i.indexrelid FROM made m
  JOIN pg_catalog.pg_inherits h ON h.inhparent = m.index JOIN pg_catalog.pg_index i ON i.indexrelid = h.inhrelid
)
SELECT n.nspname AS schema, c.relname AS name, c.relkind = 'p' AS partitioned,
       xn.nspname AS parent_schema, x.relname AS parent
FROM made m
JOIN pg_catalog.pg_inherits h ON h.inhparent = m.relation AND NOT h.inhdetachpending
JOIN pg_catalog.pg_class c ON c.oid = h.inhrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class x ON x.oid = m.index JOIN pg_catalog.pg_namespace xn ON xn.oid = x.relnamespace
WHERE NOT EXISTS (SELECT FROM made o WHERE o.relation = h.inhrelid)
ORDER BY c.oid LIMIT 1
"""
PARTITIONS = """
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(%(table)s)) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE t.level > 0 ORDER BY t.level, c.oid
"""
# leaves that have no valid index under the name that ours has there
LEAVES_WITHOUT = """
SELECT n.nspname AS schema, c.relname AS name, c.oid::bigint AS oid
FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(%(table)s)) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE t.isleaf AND NOT EXISTS (
  SELECT FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
  WHERE i.indrelid = c.oid AND i.indisvalid AND x.relname = %(stem)s || '_' || c.oid)
ORDER BY c.oid
"""
LEAF_INDEXES = """
SELECT n.nspname AS schema, x.relname AS name
FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(%(table)s)) t
JOIN pg_catalog.pg_index i ON i.indrelid = t.relid JOIN pg_catalog.pg_class x ON x.oid = i.indexrelid
JOIN pg_catalog.pg_namespace n ON n.oid = x.relnamespace
WHERE x.relname = %(stem)s || '_' || t.relid::oid ORDER BY x.oid
"""
INDEX_OF = """
SELECT FROM pg_catalog.pg_index i
JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_class t ON t.oid = i.indrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace
WHERE n.nspname = %(schema)s AND c.relname = %(name)s AND tn.nspname = %(table_schema)s AND t.relname = %(table)s
"""


def build(executor: Executor, row: StepRow, step: BuildIndexTree, done: Callable[[Connection], object]) -> None:
    """Makes what is missing until nothing is: a try that was cut short, and partitions that came since, look alike."""
    if row.status == "pending":
        _claim_names(executor, row, step)
    position = row.position
    while True:
        executor.claim.check()
        root = _root(executor, step)
        if root is None:
            _run(executor, position, index_tree.on_table(step))
            continue
        missing = _ask(executor, NEXT, {"root": root["oid"]})
        if not missing:
            break
        partition = Table(missing[0]["schema"], missing[0]["name"])
        parent = Table(missing[0]["parent_schema"], missing[0]["parent"])
        if missing[0]["partitioned"]:
            _run(executor, position, index_tree.on_partitioned(step, partition, parent))
        else:
            leaf = index_tree.on_leaf(step, partition)
            with executor.told(leaf):
                indexes.ensure(executor, position, leaf)
            _run(executor, position, index_tree.attach_leaf(step, partition, parent))
    if not root["valid"]:
        raise StepFailed(
            f'index "{step.schema}.{step.name}" is not valid, though each partition has its own',
            f"look at it; then: {executor.again}",
        )
    indexes.finish(executor, position, step.after, done)


def build_leaves(
    executor: Executor, row: StepRow, step: BuildLeafIndexes, done: Callable[[Connection], object]
) -> None:
    """One after the other, until each leaf has its own."""
    executor.begin(row)
    parameters: dict[str, object] = {"table": step.table, "stem": leaf_stem(step.name)}
    while missing := _ask(executor, LEAVES_WITHOUT, parameters):
        executor.claim.check()
        leaf = index_tree.of_leaf(step, Table(missing[0]["schema"], missing[0]["name"]), missing[0]["oid"])
        with executor.told(leaf):
            indexes.ensure(executor, row.position, leaf)
    executor.note(done)


def drop_leaves(executor: Executor, row: StepRow, step: DropLeafIndexes, note: Callable[[Connection], object]) -> None:
    """Those that are there."""
    for index in _ask(executor, LEAF_INDEXES, {"table": step.table, "stem": leaf_stem(step.name)}):
        leaf = index_tree.drop_leaf(step, Table(index["schema"], index["name"]))
        executor.autocommit(row.position, leaf, leaf.sql)
    executor.note(note)


def require_leaves(connection: Connection, step: Statement) -> None:
    """Raises where a leaf lacks an index that a statement makes a key of. Asked under its locks."""
    for each in step.leaf_indexes:
        missing = fetch(connection, LEAVES_WITHOUT, {"table": each.table, "stem": leaf_stem(each.name)})
        if missing:
            names = ", ".join(f"{row['schema']}.{row['name']}" for row in missing)
            raise PartitionAttached(f"{step.title}: {names} came after the indexes of its key were built", each.name)


def drop(executor: Executor, row: StepRow, step: DropIndexTree, note: Callable[[Connection], object]) -> None:
    """The table's own, and with it all that is attached to it; then what was not attached yet."""
    root = _root(executor, step)
    if root is not None and root["ours"]:
        lock_first = lock_tree_of(step.table, LockMode.ACCESS_EXCLUSIVE)
        _run(executor, row.position, index_tree.drop_root(step, lock_first))
    for partition in _partitions(executor, step.table):
        index = index_tree.of(step, partition)
        parameters = {"schema": index.schema, "name": index.name}
        if _ask(executor, INDEX_OF, {**parameters, "table_schema": partition.schema, "table": partition.name}):
            leaf = index_tree.drop_leaf(step, index)
            executor.autocommit(row.position, leaf, leaf.sql)
    executor.note(note)


def _run(executor: Executor, position: int, statement: Statement) -> None:
    with executor.told(statement):
        executor.statement(position, statement, executor.claim.fence)


def _claim_names(executor: Executor, row: StepRow, step: BuildIndexTree) -> None:
    """From here on what has such a name is ours."""
    names = [Table(step.schema, step.name)]
    names += [index_tree.of(step, partition) for partition in _partitions(executor, step.table)]
    with executor.engine.begin() as connection:
        for index in names:
            if fetch(connection, ROOT, {"schema": index.schema, "name": index.name, "table": step.table}):
                raise StepFailed(
                    f'there is already a relation "{index.schema}.{index.name}", and it is not ours',
                    f"rename or drop it, then: {executor.again}",
                )
        executor.begun(connection, row)


def _root(executor: Executor, step: BuildIndexTree | DropIndexTree) -> RowMapping | None:
    rows = _ask(executor, ROOT, {"schema": step.schema, "name": step.name, "table": step.table})
    return rows[0] if rows else None


def _partitions(executor: Executor, table: str) -> list[Table]:
    return [Table(row["schema"], row["name"]) for row in _ask(executor, PARTITIONS, {"table": table})]


def _ask(executor: Executor, query: str, parameters: dict[str, object]) -> list[RowMapping]:
    with executor.engine.connect() as connection:
        return list(fetch(connection, query, parameters))
