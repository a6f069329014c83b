"""Who still sees the database as it was: what CREATE INDEX CONCURRENTLY waits for, seen from outside."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from orchestrator.database import fetch, scalar
from orchestrator.errors import LockNotObtained
from orchestrator.journal import store
from orchestrator.report import Blocker
from phases.step import AwaitSnapshots

if TYPE_CHECKING:
    from orchestrator.executor import Executor

LOOK_S = 0.2
"""How often those who hold an old snapshot are looked for."""

# every snapshot that was taken before this one has an xmin that is no newer
HORIZON = "SELECT (pg_catalog.pg_snapshot_xmin(pg_catalog.pg_current_snapshot())::xid)::text"
# xmin and virtual transactions are shown to every role. A standby with hot_standby_feedback holds its xmin through its
# walsender, or through its slot if it has one; a prepared transaction holds no snapshot
HOLDERS = """
SELECT CASE a.backend_type WHEN 'walsender' THEN 'standby ' || a.application_name
       ELSE a.pid || ' ' || COALESCE(l.virtualtransaction, '') END AS holder,
       a.pid, COALESCE(a.application_name, '') AS application,
       COALESCE(a.usename, '') AS user, COALESCE(a.state, a.backend_type, '') AS state,
       COALESCE(extract(epoch FROM clock_timestamp() - a.xact_start), 0)::float8 AS age_s,
       left(regexp_replace(COALESCE(a.query, ''), '\\s+', ' ', 'g'), 120) AS query
FROM pg_catalog.pg_stat_activity a
LEFT JOIN pg_catalog.pg_locks l
       ON l.pid = a.pid AND l.locktype = 'virtualxid' AND l.virtualxid = l.virtualtransaction
WHERE pg_catalog.age(a.backend_xmin) >= pg_catalog.age(%(horizon)s::xid)
  AND (a.datname = current_database() OR a.backend_type = 'walsender')
  AND a.application_name IS DISTINCT FROM current_setting('application_name')
  AND a.backend_type IS DISTINCT FROM 'autovacuum worker'
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_stat_progress_vacuum v WHERE v.pid = a.pid)
UNION ALL
SELECT 'slot ' || s.slot_name, COALESCE(s.active_pid, 0), s.slot_name, '', 'replication slot', 0, ''
FROM pg_catalog.pg_replication_slots s
WHERE pg_catalog.age(s.xmin) >= pg_catalog.age(%(horizon)s::xid)
ORDER BY age_s DESC
"""


def horizon(connection: Connection) -> str:
    """A transaction id that no snapshot taken before this moment is newer than."""
    return str(scalar(connection, HORIZON))


def holders(connection: Connection, since: str) -> dict[str, Blocker]:
    """Who may hold a snapshot from before the horizon, by transaction, standby or slot.

    A transaction that begins later may be among them too, while one with an old id is open: its key is a new one.
    """
    return {
        row["holder"]: Blocker(**{key: value for key, value in row.items() if key != "holder"})
        for row in fetch(connection, HOLDERS, {"horizon": since})
    }


def await_their_end(executor: Executor, step: AwaitSnapshots) -> None:
    """Each look is a transaction of its own; whoever begins after the first is not waited for.

    Raises:
        LockNotObtained: somebody still holds one when the lock budget is spent.
    """
    engine, budget_s = executor.engine, executor.settings.lock_budget_s
    with engine.begin() as connection:
        since = horizon(connection)
    with engine.begin() as connection:
        left = everyone = holders(connection, since)
    started, told = time.monotonic(), set[str]()
    while left:
        if told != left.keys():
            told = set(left)
            executor.reporter.waiting(step.title, list(left.values()))
        executor.waited_s = time.monotonic() - started
        if executor.waited_s >= budget_s:
            break
        executor.sleep(LOOK_S)
        with engine.begin() as connection:
            now = holders(connection, since)
        left = {holder: blocker for holder, blocker in now.items() if holder in left}
    if everyone:
        _note(executor, step, list((left or everyone).values()), in_vain=bool(left))
    if left:
        raise LockNotObtained(
            f"{step.title}: somebody still has one after {budget_s:g} s",
            "\n".join(("held by:", *(f"  {blocker}" for blocker in left.values()), executor.try_again)),
        )


def _note(executor: Executor, step: AwaitSnapshots, blockers: Sequence[Blocker], *, in_vain: bool) -> None:
    message = f"{step.title}: {executor.waited_s * 1000:.0f} ms" + (" in vain" if in_vain else "")
    detail = {"blockers": [blocker.as_json() for blocker in blockers]}
    with executor.engine.begin() as connection:
        executor.claim.fence(connection)
        store.add_event(connection, executor.claim.run_id, "lock_wait", message, detail=detail)
