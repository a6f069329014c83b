"""`orchestrator verify`: compares every row of the old and the new shape, in ranges with a snapshot each."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg.sql import SQL, Composable, Literal
from sqlalchemy import Connection

from orchestrator import database
from orchestrator.backfill.relations import Relation, relations
from orchestrator.context import Context, connected, journal, require_run
from orchestrator.errors import IllegalTransition
from orchestrator.inspecting import shown
from orchestrator.journal import store
from orchestrator.journal.states import Status
from orchestrator.program import load_step
from phases.sql import catalog_sql, text
from phases.step import Phase, Verify

BLOCKS = 16_384
"""128 MB a range: a second or so, so that no snapshot keeps dead rows of the whole database for longer."""
SAMPLE = 10
COMPARE = SQL(
    "SELECT count(*) AS rows, count(*) FILTER (WHERE {differs}) AS differences FROM {table} AS new WHERE {range}"
)
FIRST = SQL("SELECT {keys} FROM {table} AS new WHERE {range} AND ({differs}) LIMIT {limit}")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What a comparison of one table found; `keys` are the first rows that differ."""

    table: str
    rows: int
    differences: int
    keys: tuple[str, ...]


def verify(context: Context, name: str) -> list[Comparison]:
    """Compares every row of the old and the new shape. Reads only.

    Raises:
        IllegalTransition: there are no two shapes before expand and after contract.
    """
    with journal(context) as connection:
        run = require_run(connection, name)
        rows = store.steps(connection, run.id)
    if not run.has_finished(Phase.EXPAND) or run.status is Status.COMPLETE:
        raise IllegalTransition(
            f'run "{name}" is in {run.phase}/{run.status}: there are no two shapes to compare',
            "verify works between expand and contract",
        )
    # from the end of constrain on columns may have exchanged their names: what contract compares is what holds then
    constrained = all(row.status == "done" for row in rows if row.phase is Phase.CONSTRAIN)
    phase = Phase.CONTRACT if constrained else Phase.BACKFILL
    steps = [load_step(row.payload) for row in rows if row.phase is phase]
    return [_compare(context, step, name) for step in steps if isinstance(step, Verify)]


def _compare(context: Context, step: Verify, name: str) -> Comparison:
    with connected(context.engine()) as connection:
        found = relations(connection, step.table, None, run=name)
        connection.rollback()
        parts = [_compare_one(connection, step, relation) for relation in found]
    return Comparison(
        table=step.locks[0].relation,
        rows=sum(part.rows for part in parts),
        differences=sum(part.differences for part in parts),
        keys=tuple(key for part in parts for key in part.keys)[:SAMPLE],
    )


def _compare_one(connection: Connection, step: Verify, relation: Relation) -> Comparison:
    rows = differences = first = 0
    keys: list[str] = []
    # the last range has no end: rows that were inserted meanwhile belong to it
    while first < relation.blocks or first == 0:
        end = first + BLOCKS
        parts = _parts(step, relation.name, first, end if end < relation.blocks else None)
        with connection.begin():
            database.set_short(connection)
            database.set_local(connection, row_security="off")
            found = database.fetch(connection, text(COMPARE.format(**parts)))[0]
            if found["differences"] and len(keys) < SAMPLE:
                sample = database.fetch(connection, text(FIRST.format(**parts, limit=Literal(SAMPLE - len(keys)))))
                keys += map(shown, sample)
        rows, differences, first = rows + found["rows"], differences + found["differences"], end
    return Comparison(table=relation.name, rows=rows, differences=differences, keys=tuple(keys))


def _parts(step: Verify, table: str, first: int, end: int | None) -> dict[str, Composable]:
    parts = {"table": catalog_sql(table), "differs": catalog_sql(step.differs), "keys": catalog_sql(step.keys)}
    begin = SQL("ctid >= {}::tid").format(Literal(f"({first},0)"))
    return {
        **parts,
        "range": begin if end is None else SQL("{} AND ctid < {}::tid").format(begin, Literal(f"({end},0)")),
    }
