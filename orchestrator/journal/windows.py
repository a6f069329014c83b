"""Windows of heap blocks and the workers that hold them. A batch, its window's cursor and its counters are one write.

A window is its worker's as long as the worker's advisory lock is there and it gives signs of life. Every batch locks
the window's row and looks whether it is still its worker's: one that wakes up late writes nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.engine import RowMapping

from orchestrator.database import fetch, scalar
from orchestrator.journal import store
from orchestrator.journal.store import Control

WORKER_LOCK_CLASS = 0x6F726377
"""First key of a worker's advisory lock ("orcw"); the second is its id."""

LIVE = """
SELECT objid::bigint FROM pg_catalog.pg_locks
WHERE locktype = 'advisory' AND classid = %(space)s AND objsubid = 2 AND granted
  AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
"""
# the row becomes visible with the lock already held: nobody can take the worker for a dead one
JOIN = """
WITH new AS (
  INSERT INTO orchestrator.worker (run_id, position, number, actor, host, process, backend_pid)
  VALUES (%(run)s, %(position)s, %(number)s, %(actor)s, %(host)s, %(process)s, pg_catalog.pg_backend_pid())
  RETURNING id
)
SELECT id FROM new WHERE pg_catalog.pg_try_advisory_lock(%(space)s, id)
"""
GIVE_BACK = "UPDATE orchestrator.heap_window SET worker_id = NULL WHERE worker_id = %(worker)s AND done_at IS NULL"
LEAVE = """
UPDATE orchestrator.worker
SET left_at = clock_timestamp(), beat_at = clock_timestamp(), rows_per_s = %(rate)s,
    throttle_reason = NULL, throttled_since = NULL
WHERE id = %(worker)s AND left_at IS NULL
"""
UNLOCK = "SELECT pg_catalog.pg_advisory_unlock(%(space)s, %(worker)s)"
BEAT = """
UPDATE orchestrator.worker w SET beat_at = clock_timestamp(), rows_per_s = r.rate
FROM unnest(%(workers)s::int[], %(rates)s::float8[]) AS r(id, rate)
WHERE w.id = r.id AND w.left_at IS NULL
"""
# a worker whose lock is gone is dead; one without a sign of life is frozen, and its late writes are fenced off
BURY = f"""
UPDATE orchestrator.worker SET left_at = clock_timestamp(), throttle_reason = NULL, throttled_since = NULL
WHERE id IN (
  SELECT id FROM orchestrator.worker
  WHERE run_id = %(run)s AND left_at IS NULL
    AND (id NOT IN ({LIVE}) OR beat_at < clock_timestamp() - make_interval(secs => %(stale_after_s)s))
  FOR UPDATE SKIP LOCKED)
RETURNING id, actor, host, process
"""
THROTTLED = """
UPDATE orchestrator.worker
SET throttle_reason = %(reason)s, throttled_ms = throttled_ms + %(milliseconds)s, throttled_at = clock_timestamp(),
    throttled_since = CASE WHEN %(reason)s::text IS NULL THEN NULL
                           ELSE COALESCE(throttled_since, clock_timestamp()) END
WHERE id = %(worker)s
"""
CUT = """
INSERT INTO orchestrator.heap_window (run_id, position, pass, relation, filenode, first_block, next_block, end_block)
SELECT %(run)s, %(position)s, %(pass)s, %(relation)s, %(filenode)s, first, first, least(first + %(size)s, %(blocks)s)
FROM generate_series(0, %(blocks)s - 1, %(size)s) AS first
"""
# a window that somebody is writing for is not free, whatever became of that worker: its row is locked. Who asks for
# one has let go of its own, which it has not finished where a relation was renamed under it
CLAIM = """
UPDATE orchestrator.heap_window h SET worker_id = %(worker)s
WHERE id = (
  SELECT id FROM orchestrator.heap_window w
  WHERE run_id = %(run)s AND position = %(position)s AND done_at IS NULL
    AND pass = (SELECT pass FROM orchestrator.progress WHERE run_id = %(run)s AND position = %(position)s
                AND finished_at IS NULL)
    AND (worker_id IS NULL OR worker_id = %(worker)s
         OR NOT EXISTS (SELECT FROM orchestrator.worker k WHERE k.id = w.worker_id AND k.left_at IS NULL))
  ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *, (SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname) FROM pg_catalog.pg_class c
              JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation::oid) AS name
"""
LEFT = """
SELECT EXISTS (
  SELECT FROM orchestrator.heap_window w JOIN orchestrator.progress p USING (run_id, position, pass)
  WHERE p.run_id = %(run)s AND p.position = %(position)s AND p.finished_at IS NULL AND w.done_at IS NULL)
"""
# locks the window alone: the run's row, locked by every worker in turn, would never be free for whoever stops them.
# Who changes the run's state or epoch commits that first, and then waits for the windows (`revoke`, or by claiming)
HOLD = """
SELECT r.epoch, r.status, c.pause AS pause_run, EXISTS (SELECT FROM orchestrator.switch WHERE pause) AS pause_all,
       c.knobs, pg_catalog.pg_stat_get_xact_tuples_hot_updated(w.relation::oid) AS hot
FROM orchestrator.heap_window w
JOIN orchestrator.run r ON r.id = w.run_id JOIN orchestrator.control c ON c.run_id = w.run_id
WHERE w.id = %(window)s AND w.worker_id = %(worker)s AND w.done_at IS NULL
FOR UPDATE OF w
"""
# the last statement of a batch: whoever has met one of its rows, or its lock on the table, still waits. pg_locks shows
# the waiting of every user's sessions to everybody; nobody is asked who blocks whom, which would stop the lock manager
SAVE = """
UPDATE orchestrator.heap_window
SET next_block = %(next_block)s, rows = %(rows)s, hot_rows = %(hot_rows)s, skipped = %(skipped)s,
    differences = %(differences)s, keys = %(keys)s::jsonb, batches = %(batches)s, batch_blocks = %(batch_blocks)s,
    stripes = %(stripes)s, busy_ms = %(busy_ms)s, updated_at = clock_timestamp(),
    done_at = CASE WHEN %(next_block)s = end_block THEN clock_timestamp() END
WHERE id = %(id)s
RETURNING EXISTS (
  SELECT FROM pg_catalog.pg_locks
  WHERE NOT granted
    AND (locktype = 'transactionid' AND transactionid = pg_catalog.pg_current_xact_id()::xid
         OR locktype = 'relation' AND relation = %(relation)s
            AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))) AS awaited
"""
REVOKE = """
UPDATE orchestrator.heap_window SET worker_id = NULL
WHERE run_id = %(run)s AND worker_id IS NOT NULL AND done_at IS NULL
"""
LOCK_PROGRESS = """
SELECT pass FROM orchestrator.progress WHERE run_id = %(run)s AND position = %(position)s FOR UPDATE
"""
CLOSE = """
UPDATE orchestrator.heap_window SET end_block = next_block, done_at = clock_timestamp()
WHERE run_id = %(run)s AND position = %(position)s AND pass = %(pass)s AND relation = %(relation)s AND done_at IS NULL
  AND filenode IS DISTINCT FROM %(filenode)s
"""
RELATIONS = """
SELECT DISTINCT relation, filenode FROM orchestrator.heap_window
WHERE run_id = %(run)s AND position = %(position)s AND pass = %(pass)s
"""
VISITING = """
SELECT DISTINCT relation, filenode
FROM orchestrator.heap_window JOIN orchestrator.progress USING (run_id, position, pass)
WHERE run_id = %(run)s AND position = %(position)s
"""
KEYS = """
SELECT key FROM orchestrator.heap_window w JOIN orchestrator.progress p USING (run_id, position, pass),
     jsonb_array_elements_text(w.keys) WITH ORDINALITY AS k(key, number)
WHERE run_id = %(run)s AND position = %(position)s ORDER BY w.id, k.number LIMIT %(limit)s
"""
WORKERS = f"""
SELECT *, pg_catalog.pg_is_in_recovery() OR id IN ({LIVE}) AS alive,
       extract(epoch FROM clock_timestamp() - beat_at)::float8 AS age_s
FROM orchestrator.worker WHERE run_id = %(run)s AND left_at IS NULL ORDER BY id
"""
OPEN_STEP = """
SELECT position FROM orchestrator.progress p JOIN orchestrator.step s USING (run_id, position)
WHERE p.run_id = %(run)s AND p.finished_at IS NULL AND s.status = 'started' ORDER BY position LIMIT 1
"""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A range of heap blocks of one relation, as its worker knows it: nobody else changes it."""

    id: int
    relation: int
    filenode: int
    name: str | None
    """Of the relation, qualified and quoted; None where it has been dropped."""
    first_block: int
    end_block: int
    next_block: int
    rows: int
    hot_rows: int
    skipped: int
    differences: int
    keys: Sequence[str]
    """The first rows that differed."""
    batches: int
    batch_blocks: int
    stripes: int
    busy_ms: float


@dataclass(frozen=True, kw_only=True)
class Held:
    """What a batch learns as it locks its window."""

    epoch: int
    status: str
    control: Control
    hot: int
    """HOT updates that this session had made before, and not yet reported to the statistics."""


@dataclass(frozen=True, kw_only=True)
class Worker:
    """One who works on a run, or did until it died."""

    id: int
    position: int
    number: int
    """Among those of its process, from 1."""
    actor: str
    host: str
    process: int
    joined_at: datetime
    beat_at: datetime
    age_s: float
    alive: bool
    """Its lock is there."""
    rows_per_s: float | None
    throttle_reason: str | None
    throttled_since: datetime | None
    throttled_ms: float

    def __str__(self) -> str:
        return f"worker {self.number} of {self.actor} on {self.host} (process {self.process})"


def join(connection: Connection, run_id: int, position: int, number: int) -> int:
    """A worker begins; this connection holds its lock. Returns its id."""
    who = {"actor": store.actor(), "host": store.host(), "process": os.getpid(), "space": WORKER_LOCK_CLASS}
    return int(scalar(connection, JOIN, {"run": run_id, "position": position, "number": number, **who}))


def leave(connection: Connection, worker: int, rate: float | None) -> None:
    """A worker goes of its own will; another may have its window."""
    fetch_none(connection, GIVE_BACK, {"worker": worker})
    fetch_none(connection, LEAVE, {"worker": worker, "rate": rate})
    scalar(connection, UNLOCK, {"space": WORKER_LOCK_CLASS, "worker": worker})


def beat(connection: Connection, rates: Mapping[int, float | None]) -> bool:
    """Signs of life, with the rows a second of each worker; whether all of them still count as alive."""
    return len(rates) == fetch_none(connection, BEAT, {"workers": list(rates), "rates": list(rates.values())})


def bury(connection: Connection, run_id: int, *, stale_after_s: float) -> None:
    """Those who died without saying so: their windows are free from now on."""
    dead = fetch(connection, BURY, {"run": run_id, "space": WORKER_LOCK_CLASS, "stale_after_s": stale_after_s})
    for row in dead:
        who = f"{row['actor']} on {row['host']} (process {row['process']})"
        store.add_event(connection, run_id, "worker", f"worker of {who} is gone: its blocks are taken over")


def workers(connection: Connection, run_id: int) -> list[Worker]:
    """Who works on a run, those included that died and were not missed yet."""
    rows = fetch(connection, WORKERS, {"run": run_id, "space": WORKER_LOCK_CLASS})
    return [Worker(**{name: row[name] for name in Worker.__dataclass_fields__}) for row in rows]


def throttled(connection: Connection, worker: int, *, reason: str | None, milliseconds: float) -> None:
    """Writes down why a worker waits, or with None that it no longer does, and adds to the time it waited."""
    fetch_none(connection, THROTTLED, {"worker": worker, "reason": reason, "milliseconds": milliseconds})


def cut(
    connection: Connection,
    run_id: int,
    position: int,
    *,
    pass_: int,
    relation: int,
    filenode: int,
    blocks: int,
    size: int,
) -> None:
    """Windows over a whole relation."""
    values = {"relation": relation, "filenode": filenode, "blocks": blocks, "size": size}
    fetch_none(connection, CUT, {"run": run_id, "position": position, "pass": pass_, **values})


def claim(
    connection: Connection, run_id: int, position: int, worker: int, *, stale_after_s: float
) -> tuple[Window | None, bool]:
    """The next free window, now the worker's; without one, whether others are still at theirs."""
    bury(connection, run_id, stale_after_s=stale_after_s)
    rows = fetch(connection, CLAIM, {"run": run_id, "position": position, "worker": worker})
    if rows:
        return _window(rows[0]), True
    return None, left(connection, run_id, position)


def left(connection: Connection, run_id: int, position: int) -> bool:
    """Whether a pass has windows that are not done, whoever has them."""
    return bool(scalar(connection, LEFT, {"run": run_id, "position": position}))


def hold(connection: Connection, window: Window, worker: int) -> Held | None:
    """Locks a window until the end of the transaction; None where it is no longer the worker's, or was closed."""
    rows = fetch(connection, HOLD, {"window": window.id, "worker": worker})
    if not rows:
        return None
    row = rows[0]
    control = Control(pause_run=row["pause_run"], pause_all=row["pause_all"], values=row["knobs"])
    return Held(epoch=row["epoch"], status=row["status"], control=control, hot=row["hot"])


def save(connection: Connection, window: Window, **changes: Any) -> tuple[Window, bool]:
    """Moves the cursor and the counters of a window that this transaction holds; says whether anybody waits for it."""
    after = replace(window, **changes)
    values = {name: getattr(after, name) for name in Window.__dataclass_fields__}
    awaited = scalar(connection, SAVE, {**values, "keys": json.dumps(list(after.keys)) if after.keys else None})
    return after, bool(awaited)


def revoke(connection: Connection, run_id: int) -> None:
    """Takes all windows away; waits for batches under way. For whoever has just moved the run out of `running`."""
    fetch_none(connection, REVOKE, {"run": run_id})


def lock_progress(connection: Connection, run_id: int, position: int) -> int:
    """One at a time cuts windows anew; returns the pass under way."""
    return int(scalar(connection, LOCK_PROGRESS, {"run": run_id, "position": position}))


def close(
    connection: Connection, run_id: int, position: int, *, pass_: int, relation: int, filenode: int | None
) -> int:
    """Ends the windows of a relation where they stand, but for those of this file; waits for batches under way."""
    values = {"pass": pass_, "relation": relation, "filenode": filenode}
    return fetch_none(connection, CLOSE, {"run": run_id, "position": position, **values})


def visited(connection: Connection, run_id: int, position: int, pass_: int) -> set[tuple[int, int]]:
    """Relations that a pass has windows of, each with its file."""
    rows = fetch(connection, RELATIONS, {"run": run_id, "position": position, "pass": pass_})
    return {(row["relation"], row["filenode"]) for row in rows}


def visiting(connection: Connection, run_id: int, position: int) -> set[tuple[int, int]]:
    """Relations that the pass under way has windows of, each with its file."""
    rows = fetch(connection, VISITING, {"run": run_id, "position": position})
    return {(row["relation"], row["filenode"]) for row in rows}


def first_keys(connection: Connection, run_id: int, position: int, limit: int) -> list[str]:
    """The first rows that differed in the pass under way, whoever found them."""
    rows = fetch(connection, KEYS, {"run": run_id, "position": position, "limit": limit})
    return [row["key"] for row in rows]


def open_step(connection: Connection, run_id: int) -> int | None:
    """The position of the batched step that is under way."""
    found: int | None = scalar(connection, OPEN_STEP, {"run": run_id})
    return found


def fetch_none(connection: Connection, sql: str, parameters: Mapping[str, Any]) -> int:
    """Sends a statement without a result; returns the number of rows it touched."""
    return connection.exec_driver_sql(sql, dict(parameters)).rowcount


def _window(row: RowMapping) -> Window:
    values = {name: row[name] for name in Window.__dataclass_fields__}
    return Window(**{**values, "keys": tuple(row["keys"] or ())})
