"""Partitioned tables: what is done to one is done to all of its partitions, and locks them all.

PostgreSQL takes the locks of partitions one after the other, each with a wait of its own, while the application waits
for those that it has: with many partitions nobody could say for how long. So a short step begins with all the locks
that it will need, from the top down, as the application takes them, and within the time that one lock may take.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TypeVar

from psycopg.sql import SQL, Composable, Literal

from phases.delta import Delta, Table
from phases.sql import catalog_sql, qualified, shown, text
from phases.step import Lock, LockClass, LockMode, Statement, Step, Undo

AnyStep = TypeVar("AnyStep", bound=Step | Undo)

LOCK_TREE = SQL("DO {body}")
# who has a table locked like that keeps its partitions as they are: each level is read when the one above is locked
LOCK_TREE_BODY = SQL(
    """
DECLARE
  bound text := pg_catalog.current_setting('lock_timeout');
  deadline timestamptz := pg_catalog.clock_timestamp() + bound::interval;
  parents oid[] := ARRAY[{name}::regclass::oid];
  partition oid;
BEGIN
  LOCK TABLE ONLY {table} IN {mode} MODE;
  WHILE pg_catalog.cardinality(parents) > 0 LOOP
    parents := ARRAY(SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = ANY (parents) ORDER BY inhrelid);
    FOREACH partition IN ARRAY parents LOOP
      IF bound <> '0' THEN
        PERFORM pg_catalog.set_config('lock_timeout', GREATEST(1, CEIL(
          EXTRACT(epoch FROM deadline - pg_catalog.clock_timestamp()) * 1000))::int::text, true);
      END IF;
      EXECUTE pg_catalog.format('LOCK TABLE ONLY %s IN {mode} MODE', partition::regclass);
    END LOOP;
  END LOOP;
  PERFORM pg_catalog.set_config('lock_timeout', bound, true);
END
"""
)


def reaching(delta: Delta, steps: Iterator[Step]) -> Iterator[Step]:
    """The steps as they are; locks of partitioned tables, of those to which columns move too, with their partitions."""
    trees = [delta.table] if delta.partitioned else []
    trees += [move.table for move in delta.moves if move.there_partitioned]
    for step in steps:
        for table in trees:
            step = with_tree(step, table)
        yield step


def lock_tree(table: Table, mode: LockMode) -> str:
    """The statement that locks a table and all of its partitions."""
    return lock_tree_of(text(qualified(table)), mode)


def lock_tree_of(table: str, mode: LockMode) -> str:
    """The same for a table by its name as SQL has it."""
    return text(LOCK_TREE.format(body=Literal(text(lock_tree_block(table, mode)))))


def lock_tree_block(table: str, mode: LockMode) -> Composable:
    """The same as a block of PL/pgSQL, for a statement that looks whether the table is there."""
    return LOCK_TREE_BODY.format(name=Literal(table), table=catalog_sql(table), mode=catalog_sql(mode))


def with_tree(step: AnyStep, table: Table) -> AnyStep:
    """A step with the locks of all partitions of this table, where it locks that."""
    locks = tuple(_extended(lock, table) for lock in step.locks)
    undo = tuple(with_tree(each, table) for each in step.undo)
    changed = replace(step, locks=locks, undo=undo)
    if not isinstance(changed, Statement) or changed.lock_class is not LockClass.SHORT:
        return changed
    # another table's partitions may be locked already
    trees = [now.mode for was, now in zip(step.locks, locks, strict=True) if now != was]
    return replace(changed, sql=(*(lock_tree(table, mode) for mode in trees), *changed.sql))


def with_trees(step: AnyStep, tables: Iterable[Table]) -> AnyStep:
    """The same for several partitioned tables."""
    for table in tables:
        step = with_tree(step, table)
    return step


def _extended(lock: Lock, table: Table) -> Lock:
    mine = lock.relation == shown(table) and lock.reach == "table"
    return replace(lock, reach="tree") if mine else lock
