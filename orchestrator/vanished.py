"""Tables that somebody has dropped under a run: an abort takes back what the run has made elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from psycopg.sql import SQL, Literal
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from orchestrator import losses
from orchestrator.database import fetch, sqlstate
from orchestrator.errors import GateClosed, StepFailed
from orchestrator.journal.store import Run, StepRow
from orchestrator.program import load_deltas, load_step
from phases.delta import Delta, Partitioning, Table
from phases.sql import shown, text
from phases.step import Statement

# by schema and name in the catalog: neither search_path nor privileges decide what is there
ABSENT = """
WITH asked AS (
  SELECT relation, pg_catalog.parse_ident(relation) AS parts FROM pg_catalog.unnest(%(relations)s::text[]) AS relation
)
SELECT asked.relation, asked.parts[1] AS schema, asked.parts[2] AS name, taken.relation AS oid
FROM asked LEFT JOIN orchestrator.run_table AS taken
  ON taken.run_id = %(run)s AND taken.table_name = asked.parts[1] || '.' || asked.parts[2]
WHERE NOT EXISTS (
  SELECT FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
  WHERE n.nspname = asked.parts[1] AND c.relname = asked.parts[2])
ORDER BY asked.relation
"""
# the table that the run began with, or one with a trigger of the run
RENAMED = """
SELECT n.nspname AS schema, c.relname AS name
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND (c.oid::bigint = %(oid)s::bigint OR EXISTS (
  SELECT FROM pg_catalog.pg_trigger AS t
  WHERE t.tgrelid = c.oid AND t.tgparentid = 0 AND t.tgname = ANY (%(triggers)s::text[])))
ORDER BY c.oid
"""

_STATES = {"42P01", "42704", "3F000"}
"""undefined_table, undefined_object, invalid_schema_name: it went with the table."""
REQUIRE_THERE = SQL("SELECT {relation}::pg_catalog.regclass")
IF_THERE = SQL("DO {body}")
IF_THERE_BODY = SQL(
    """
BEGIN
  EXECUTE {statement};
EXCEPTION WHEN undefined_table OR undefined_object OR invalid_schema_name THEN
  NULL;
END
"""
)


@dataclass(frozen=True)
class Vanished:
    """Tables as locks and losses name them."""

    gone: frozenset[str] = frozenset()
    exchanged: frozenset[str] = frozenset()
    """Have exchanged their names, and are there: half of the way back would be the end of one."""


def find(connection: Connection, run: Run, rows: Iterable[StepRow]) -> Vanished:
    """The tables that an undo of the steps would lock and that are gone.

    Raises:
        GateClosed: one of them has only been renamed, or nothing can take its place.
    """
    deltas = load_deltas(run.deltas)
    undos = [undo for row in rows for undo in load_step(row.payload).undo]
    relations = {lock.relation for undo in undos for lock in undo.locks}
    relations |= {loss.table for undo in undos if isinstance(undo, Statement) for loss in undo.losses}
    found = fetch(connection, ABSENT, {"run": run.id, "relations": sorted(relations)})
    # locks and losses quote them each in their own way
    absent = {row["relation"]: (Table(row["schema"], row["name"]), row["oid"]) for row in found}
    exchanged = set[str]()
    for delta, made in _exchanged(deltas, relations):
        _require_retired(absent, delta, made)
        if shown(delta.table) not in absent:
            exchanged |= {shown(delta.table), shown(Table(delta.table.schema, made.retired))}
            # it has that name until the undo
            absent.pop(shown(Table(delta.table.schema, made.copy)), None)
    retired = {Table(delta.table.schema, made.retired) for delta in deltas for made in delta.partitionings}
    for gone, oid in absent.values():
        triggers = [name for delta in deltas for table, name in _triggers(delta) if table == gone]
        for row in fetch(connection, RENAMED, {"oid": oid, "triggers": triggers}):
            now = Table(row["schema"], row["name"])
            if now not in retired:
                raise _renamed(run, gone, now)
    return Vanished(frozenset(absent), frozenset(exchanged))


def copied(run: Run, vanished: Vanished) -> Iterator[str]:
    """What the run has copied out of tables that are gone, and that goes with an abort."""
    gone = vanished.gone
    for delta in load_deltas(run.deltas):
        if shown(delta.table) not in gone:
            continue
        there = [(move.table, f"{', '.join(move.there)} of ") for move in delta.moves]
        # once the names are exchanged the old table is given back instead
        there += [
            (Table(delta.table.schema, made.copy), "")
            for made in delta.partitionings
            if shown(Table(delta.table.schema, made.retired)) not in gone
        ]
        for table, what in there:
            if shown(table) not in gone:
                yield f"{what}{shown(table)}: what was copied there from {shown(delta.table)}, which is gone"


def what_is_left(undo: Statement, vanished: Vanished) -> Statement:
    """An undo, each statement by itself: where what it is about went with a table, there is nothing to take back."""
    lost = [loss for loss in undo.losses if loss.table in vanished.gone]
    # they come first, as the executor takes them
    trees = sum(lock.reach == "tree" for lock in undo.locks)
    sql = [*map(_if_there, (*undo.sql, *(each for loss in lost for each in losses.forget(loss))))]
    sql[trees:trees] = [
        text(REQUIRE_THERE.format(relation=Literal(lock.relation)))
        for lock in undo.locks
        if lock.relation in vanished.exchanged
    ]
    return replace(undo, sql=tuple(sql), losses=tuple(loss for loss in undo.losses if loss not in lost))


def went_with_it(error: StepFailed) -> bool:
    """Whether a statement failed because what it is about is not there."""
    return isinstance(error.__cause__, DBAPIError) and sqlstate(error.__cause__) in _STATES


def _if_there(sql: str) -> str:
    return text(IF_THERE.format(body=Literal(text(IF_THERE_BODY.format(statement=Literal(sql))))))


def _exchanged(deltas: Iterable[Delta], relations: Collection[str]) -> Iterator[tuple[Delta, Partitioning]]:
    """The tables that have exchanged their names: only the undo of that locks the old one under its new name."""
    for delta in deltas:
        for made in delta.partitionings:
            if shown(Table(delta.table.schema, made.retired)) in relations:
                yield delta, made


def _require_retired(absent: Collection[str], delta: Delta, made: Partitioning) -> None:
    retired = shown(Table(delta.table.schema, made.retired))
    if retired in absent:
        raise GateClosed(
            f"nothing was undone: table {retired} is gone, which {shown(delta.table)} was before",
            f"its rows are in {shown(delta.table)}; where it has been renamed, give it its name back",
        )


def _triggers(delta: Delta) -> Iterator[tuple[Table, str]]:
    """The run's triggers, each with its table."""
    if delta.sync is not None:
        yield delta.table, delta.sync.trigger
    for move in delta.moves:
        yield delta.table, move.trigger
        yield move.table, move.back_trigger
    for made in delta.partitionings:
        yield delta.table, made.trigger


def _renamed(run: Run, table: Table, now: Table) -> GateClosed:
    return GateClosed(
        f"nothing was undone: table {shown(table)} has been renamed by somebody: it is {shown(now)} now",
        f"give it its name back (ALTER TABLE {shown(now)} RENAME TO …, or SET SCHEMA …), then: "
        f"orchestrator abort {run.name}",
    )
