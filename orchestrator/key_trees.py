"""Foreign keys out of partitioned tables, leaf by leaf: how far it is, the catalog says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from orchestrator.database import fetch
from orchestrator.journal.store import StepRow
from phases import key_tree
from phases.delta import Table
from phases.partitions import lock_tree_of
from phases.step import AddForeignKeyTree, LockMode

if TYPE_CHECKING:
    from orchestrator.executor import Executor

# the next leaf that has not got it, or not validated
NEXT = """
SELECT n.nspname AS schema, c.relname AS name, con.oid IS NOT NULL AS there
FROM pg_catalog.pg_partition_tree(%(table)s::regclass) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_constraint con ON con.conrelid = c.oid AND con.conname = %(name)s AND con.contype = 'f'
WHERE t.isleaf AND con.convalidated IS NOT TRUE ORDER BY c.oid LIMIT 1
"""


def add(executor: Executor, row: StepRow, step: AddForeignKeyTree, done: Callable[[Connection], object]) -> None:
    """To each leaf that has none, then to the table."""
    executor.begin(row)
    while True:
        executor.claim.check()
        with executor.engine.connect() as connection:
            found = fetch(connection, NEXT, {"table": step.table, "name": step.name})
        if not found:
            break
        leaf = Table(found[0]["schema"], found[0]["name"])
        statement = (key_tree.validate_leaf if found[0]["there"] else key_tree.on_leaf)(step, leaf)
        with executor.told(statement):
            executor.statement(row.position, statement, executor.claim.fence)
    lock_first = lock_tree_of(step.table, LockMode.SHARE_ROW_EXCLUSIVE)
    executor.statement(row.position, key_tree.on_table(step, lock_first), done)
