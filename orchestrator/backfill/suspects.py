"""Rows on which a statement fails for good (SQLSTATE 22, 23): found by halving, written down, and left to people."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from psycopg.sql import SQL, Literal
from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from orchestrator.database import fetch, primary_message, set_local, sqlstate
from orchestrator.inspecting import shown
from orchestrator.journal import badrows, store, windows
from orchestrator.journal.badrows import BadRow
from phases.sql import catalog_sql, text

if TYPE_CHECKING:
    from orchestrator.backfill.worker import Worker
    from orchestrator.executor import Executor

# without the condition: it may be what fails
TIDS = SQL("SELECT ctid::text AS tid FROM {table} AS new WHERE ctid >= {first}::tid AND ctid < {end}::tid")
KEY = SQL("SELECT {keys} FROM {table} AS new WHERE ctid = {tid}::tid")
DIFFERS = SQL("SELECT FROM {table} AS new WHERE ctid = {tid}::tid AND ({differs})")
PLACE = """
SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS name,
       pg_catalog.pg_relation_filenode(c.oid)::bigint AS filenode,
       pg_catalog.pg_relation_size(c.oid, 'main') = 0 AS empty
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = %(relation)s
"""


def is_bad(error: DBAPIError) -> bool:
    """Whether the data is to blame: an expression that fails on it, or a constraint that it breaks."""
    return (sqlstate(error) or "")[:2] in ("22", "23")


def isolate(
    worker: Worker,
    first: int,
    end: int,
    update: Callable[[int, int], None],
    update_one: Callable[[str], None],
    *,
    differing: bool = False,
) -> int:
    """Updates the blocks in parts, each moving the cursor to its end; returns how many rows were written down.

    `differing`: these count as differences of the window.
    """
    try:
        update(first, end)
        return 0
    except DBAPIError as error:
        if not is_bad(error):
            raise
    if end - first > 1:
        middle = (first + end) // 2
        return isolate(worker, first, middle, update, update_one, differing=differing) + isolate(
            worker, middle, end, update, update_one, differing=differing
        )
    return singly(worker, first, update_one, differing=differing)


def singly(worker: Worker, block: int, update_one: Callable[[str], None], *, differing: bool = False) -> int:
    """Updates the rows of a block one by one, and moves the cursor past it; otherwise as `isolate`."""
    bad = sum(_tried(worker, tid, update_one) for tid in _tids(worker, block))
    with worker.batch(timeout_ms=0) as batch:
        worker.expect(batch)
        counted = {"differences": worker.window.differences + bad} if differing else {}
        after = worker.save(batch, next_block=block + 1, **counted)
    worker.committed(batch, after)
    return bad


def _tids(worker: Worker, block: int) -> list[str]:
    assert worker.window.name is not None
    query = TIDS.format(
        table=catalog_sql(worker.window.name), first=Literal(f"({block},0)"), end=Literal(f"({block + 1},0)")
    )
    with worker.batch(timeout_ms=0) as batch:
        found = [row["tid"] for row in worker.read(batch, text(query))]
        worker.expect(batch)
    return found


def _tried(worker: Worker, tid: str, update_one: Callable[[str], None]) -> bool:
    """Whether a row had to be written down."""
    try:
        update_one(tid)
        return False
    except DBAPIError as error:
        if not is_bad(error):
            raise
        _record(worker, tid, error)
        return True


def _record(worker: Worker, tid: str, error: DBAPIError) -> None:
    assert worker.window.name is not None
    name = worker.window.name
    query = KEY.format(keys=catalog_sql(worker.crew.keys), table=catalog_sql(name), tid=Literal(tid))
    message, state = primary_message(error), sqlstate(error) or ""
    with worker.batch(timeout_ms=0) as batch:
        rows = worker.read(batch, text(query))
        key = shown(rows[0]) if rows else f"ctid={tid}"
        new = badrows.record(
            batch.connection,
            worker.claim.run_id,
            worker.crew.position,
            table=worker.step.table,
            relation=worker.window.relation,
            name=name,
            filenode=worker.window.filenode,
            tid=tid,
            key=key,
            sqlstate=state,
            message=message,
        )
        if new:
            said = f"{name} row {key} cannot be {worker.step.verb}: {message} ({state})"
            store.add_event(batch.connection, worker.claim.run_id, "bad_row", said, detail={"keys": [key]})
    worker.crew.found_bad_row(f"{name} row {key} cannot be {worker.step.verb}: {message}", new=new)


def still_open(executor: Executor, position: int, table: str, differs: str) -> list[BadRow]:
    """The bad rows of a table that nobody has put right yet; the others are noted as resolved."""
    run_id = executor.claim.run_id
    with executor.engine.connect() as connection:
        rows = [row for row in badrows.open_rows(connection, run_id) if row.table_name == table]
        visiting = windows.visiting(connection, run_id, position)
    fine = [row for row in rows if not _still_bad(executor, position, row, differs, visiting)]
    if fine:
        with executor.engine.begin() as connection:
            executor.claim.fence(connection)
            badrows.resolve(connection, [row.id for row in fine])
            keys = [f"{row.relation_name} {row.key}" for row in fine]
            store.add_event(connection, run_id, "bad_row", "put right", detail={"keys": keys})
    return [row for row in rows if row not in fine]


def _still_bad(
    executor: Executor, position: int, row: BadRow, differs: str, visiting: Collection[tuple[int, int]]
) -> bool:
    """Whether it is where it was, and still differs; whoever changes a row moves it, and lets the trigger see it.

    In another file the tid means another row: there it is bad until the pass under way has visited that file, in
    which it is then found anew.
    """

    def attempt() -> bool:
        with executor.engine.begin() as connection:
            set_local(connection, lock_timeout=executor.settings.lock_timeout_ms, row_security="off")
            place = _place(connection, row)
            if place is None:
                return False
            query = DIFFERS.format(table=catalog_sql(place["name"]), tid=Literal(row.tid), differs=catalog_sql(differs))
            found = bool(fetch(connection, text(query)))
            # once more, now that the query's lock keeps the file from being exchanged
            place = _place(connection, row)
            if place is None or place["filenode"] == row.filenode:
                return found
            return not place["empty"] and (row.relation, place["filenode"]) not in visiting

    try:
        return executor.guarded("look at rows that could not be updated", position, attempt)
    except DBAPIError as error:
        if is_bad(error):
            return True
        raise


def _place(connection: Connection, row: BadRow) -> RowMapping | None:
    """The relation as it is now; None where it has been dropped."""
    found = fetch(connection, PLACE, {"relation": row.relation})
    return found[0] if found else None
