"""Indexes built and rebuilt CONCURRENTLY: the catalog, not our memory, says what is there, and what a kill has left."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping
from sqlalchemy.exc import DBAPIError

from orchestrator.database import fetch, run, set_local, sqlstate
from orchestrator.errors import StepFailed
from orchestrator.journal.store import StepRow
from orchestrator.lock_order import LOCK_STATES
from phases.constrain import reindex
from phases.delta import Table
from phases.step import BuildIndex, DropIndex, Reindex

if TYPE_CHECKING:
    from orchestrator.executor import Executor

logger = logging.getLogger(__name__)

STATE = """
SELECT i.indisvalid AS valid,
       EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index p WHERE p.index_relid = c.oid) AS being_built
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid
WHERE n.nspname = %(schema)s AND c.relname = %(name)s
"""
OF_LEAVES = """
SELECT n.nspname AS schema, c.relname AS name, tc.relname AS table
FROM pg_catalog.pg_class r JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace AND r.relkind = 'I'
CROSS JOIN LATERAL pg_catalog.pg_partition_tree(r.oid) t
JOIN pg_catalog.pg_class c ON c.oid = t.relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid JOIN pg_catalog.pg_class tc ON tc.oid = i.indrelid
WHERE rn.nspname = %(schema)s AND r.relname = %(name)s AND t.isleaf ORDER BY c.oid
"""
# of the index itself or of a leftover: while it lasts, the progress view names now one, now the other
BEING_REBUILT = """
SELECT FROM pg_catalog.pg_stat_progress_create_index p
JOIN pg_catalog.pg_class c ON c.oid = p.index_relid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE p.datname = pg_catalog.current_database() AND n.nspname = %(schema)s AND c.relname = ANY (%(names)s)
"""


def build(executor: Executor, row: StepRow, step: BuildIndex, done: Callable[[Connection], object]) -> None:
    """A killed build leaves an invalid index, which is removed."""
    if row.status == "pending":
        _claim_name(executor, row, step)
    ensure(executor, row.position, step)
    finish(executor, row.position, step.after, done)


def ensure(executor: Executor, position: int, step: BuildIndex) -> None:
    """Builds the index unless it is there."""
    while True:
        state = _state(executor, step.schema, step.name)
        if state is None:
            _create(executor, position, step)
        elif state["valid"]:
            return
        elif state["being_built"]:
            # by the server process of a runner that was killed: it knows nothing of that and works on
            _await_build(executor, step)
        else:
            # ours, by the journal: interrupted or failed; it takes every write and serves no query
            executor.reporter.note(f"removing what is left of an interrupted build of {step.name}")
            executor.autocommit(position, step, step.drop_sql)


def finish(executor: Executor, position: int, after: Sequence[str], done: Callable[[Connection], object]) -> None:
    """What is said of an index, and the note that it is there."""
    with executor.engine.begin() as connection:
        set_local(connection, lock_timeout=0, statement_timeout=0)
        for statement in after:
            run(connection, executor.tagged(statement, position))
        done(connection)


def rebuild(executor: Executor, row: StepRow, step: Reindex, done: Callable[[Connection], object]) -> None:
    """What an interrupted try has left goes first; then it is done again, whether or not it was through."""
    parts = _parts(executor, step)
    if row.status == "pending":
        _claim_leftovers(executor, row, parts)
    else:
        _clear_up(executor, row, parts)
    for part in parts:
        try:
            executor.autocommit(row.position, part, part.sql)
        except StepFailed:
            _remove_leftovers(executor, row, part)
            raise
    executor.note(done)


def clear_up(executor: Executor, row: StepRow, step: Reindex) -> None:
    """Removes what interrupted rebuilds have left."""
    _clear_up(executor, row, _parts(executor, step))


def _await_build(executor: Executor, step: BuildIndex) -> None:
    executor.reporter.note(f"waiting for a build of {step.name} that is still under way")
    while (state := _state(executor, step.schema, step.name)) is not None and state["being_built"]:
        executor.sleep(1)


def _claim_name(executor: Executor, row: StepRow, step: BuildIndex) -> None:
    with executor.engine.begin() as connection:
        if fetch(connection, STATE, {"schema": step.schema, "name": step.name}):
            raise StepFailed(
                f'there is already a relation "{step.schema}.{step.name}", and it is not ours',
                f"rename or drop it, then: {executor.again}",
            )
        executor.begun(connection, row)


def _state(executor: Executor, schema: str, name: str) -> RowMapping | None:
    with executor.engine.connect() as connection:
        rows = fetch(connection, STATE, {"schema": schema, "name": name})
    return rows[0] if rows else None


def _create(executor: Executor, position: int, step: BuildIndex) -> None:
    try:
        executor.autocommit(position, step, step.sql, tablespace=step.tablespace)
    except StepFailed:
        # an invalid unique index still refuses duplicates: it must not stay and fail the application's writes
        executor.autocommit(position, step, step.drop_sql)
        raise
    except DBAPIError as error:
        if sqlstate(error) not in LOCK_STATES:
            raise
        # it lost a deadlock; our caller looks at the catalog, removes what is left and begins again
        logger.info("lost a deadlock: %s", step.title, extra={"run": executor.name})


def _parts(executor: Executor, step: Reindex) -> list[Reindex]:
    """The index itself, or those of the partitions: there is nothing to rebuild of a partitioned table's own."""
    with executor.engine.connect() as connection:
        found = fetch(connection, OF_LEAVES, {"schema": step.schema, "name": step.name})
    return [reindex(Table(row["schema"], row["table"]), row["name"]) for row in found] or [step]


def _clear_up(executor: Executor, row: StepRow, parts: Sequence[Reindex]) -> None:
    for part in parts:
        _await_rebuild(executor, part)
        _remove_leftovers(executor, row, part)


def _claim_leftovers(executor: Executor, row: StepRow, parts: Sequence[Reindex]) -> None:
    """From here on what has such a name is ours."""
    with executor.engine.begin() as connection:
        for schema, name in ((part.schema, name) for part in parts for name in part.leftovers):
            if fetch(connection, STATE, {"schema": schema, "name": name}):
                raise StepFailed(
                    f'there is already a relation "{schema}.{name}", and it is not ours',
                    f"an interrupted REINDEX leaves such an index: drop it, then: {executor.again}",
                )
        executor.begun(connection, row)


def _await_rebuild(executor: Executor, step: Reindex) -> None:
    """The server process of a runner that was killed knows nothing of that and works on."""
    names = [step.name, *step.leftovers]
    while True:
        with executor.engine.connect() as connection:
            if not fetch(connection, BEING_REBUILT, {"schema": step.schema, "names": names}):
                return
        executor.reporter.note(f"waiting for a rebuild of {step.name} that is still under way")
        executor.sleep(1)


def _remove_leftovers(executor: Executor, row: StepRow, step: Reindex) -> None:
    for undo, name in zip(step.undo, step.leftovers, strict=True):
        state = _state(executor, step.schema, name)
        # one that is valid serves somebody: no REINDEX has left it
        if state is not None and state["valid"] is False:
            assert isinstance(undo, DropIndex)
            executor.reporter.note(f"removing what is left of an interrupted rebuild of {step.name}")
            executor.autocommit(row.position, undo, undo.sql)
