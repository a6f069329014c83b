"""The time series of a batched step: counters at moments, what they add up to, and how fast they went in between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import pairwise

from sqlalchemy import Connection, select

from orchestrator.database import fetch
from orchestrator.journal import store, tables
from orchestrator.journal.store import Progress

# one statement without a transaction around it: a runner that is frozen never holds the run's row
MEASURE = """
INSERT INTO orchestrator.measurement (
  run_id, position, epoch, rows, blocks, batches, busy_ms, throttled, throttled_ms,
  replica_lag_s, wal_position, table_bytes)
SELECT id, %(position)s, epoch, %(rows)s, %(blocks)s, %(batches)s, %(busy_ms)s, %(throttled)s, %(throttled_ms)s,
       %(replica_lag_s)s, pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_insert_lsn(), '0/0'), %(table_bytes)s
FROM orchestrator.run WHERE id = %(run)s AND epoch = %(epoch)s
FOR SHARE
RETURNING position
"""
# an epoch is one runner's: what happened between two of them was none of theirs
COURSES = """
WITH claim AS (
  SELECT position, extract(epoch FROM max(at) - min(at))::float8 AS ran_s, max(wal_position) - min(wal_position) AS wal
  FROM orchestrator.measurement WHERE run_id = %(run)s GROUP BY position, epoch
), size AS (
  SELECT DISTINCT position, first_value(table_bytes) OVER (PARTITION BY position ORDER BY at) AS before,
         first_value(table_bytes) OVER (PARTITION BY position ORDER BY at DESC) AS after
  FROM orchestrator.measurement WHERE run_id = %(run)s AND table_bytes IS NOT NULL
)
SELECT position, sum(ran_s) AS ran_s, sum(wal)::bigint AS server_wal_bytes, min(size.after) AS table_bytes,
       min(size.after - size.before) AS growth_bytes
FROM claim LEFT JOIN size USING (position) GROUP BY position
"""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Where a step stood at a moment. The counters are those of its progress, since the step began."""

    position: int
    at: datetime
    epoch: int
    rows: int
    blocks: int
    batches: int
    busy_ms: float
    throttled: str | None
    """Why batches waited at that moment, if they did."""
    throttled_ms: float
    replica_lag_s: float | None
    """The worst since the measurement before; None: there is no replica, or we may not see it."""
    wal_position: int
    """Of the whole server, in bytes."""
    table_bytes: int | None
    """With indexes and TOAST, as it was seen last; None: somebody had locked the table from the start."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """What a step has taken so far, all its runners together; what lies between two of them is left out."""

    ran_s: float
    server_wal_bytes: int
    """WAL of the whole server: PostgreSQL does not count it by session."""
    table_bytes: int | None
    growth_bytes: int | None
    """Of the table with its indexes and TOAST, the application's writes included; less than 0 if it shrank."""

    def as_json(self) -> dict[str, float | int | None]:
        """For programs."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Interval:
    """What a runner did between two measurements."""

    position: int
    start: datetime
    end: datetime
    rows_per_s: float
    blocks_per_s: float
    batch_ms: float | None
    """The mean; None: no batch ended."""
    throttled: float
    """The share of the time that batches waited."""
    throttled_at_start: bool
    reason: str | None
    replica_lag_s: float | None
    wal_bytes: int
    growth_bytes: int | None


def measure(
    connection: Connection,
    run_id: int,
    position: int,
    *,
    epoch: int,
    replica_lag_s: float | None,
    table_bytes: int | None,
) -> bool:
    """Adds a measurement; False: another runner has taken over, and nothing was written."""
    mark = store.progress(connection, run_id, position)
    values = {
        "run": run_id,
        "position": position,
        "epoch": epoch,
        "rows": mark.rows if mark else 0,
        "blocks": mark.next_block if mark else 0,
        "batches": mark.batches if mark else 0,
        "busy_ms": mark.busy_ms if mark else 0,
        "throttled": mark.throttle_reason if mark else None,
        "throttled_ms": _throttled_ms(connection, mark) if mark else 0,
        "replica_lag_s": replica_lag_s,
        "table_bytes": table_bytes,
    }
    return bool(fetch(connection, MEASURE, values))


def _throttled_ms(connection: Connection, mark: Progress) -> float:
    """While it lasts, the marks count throttled time every few seconds only."""
    lasting = 1000 * store.seconds_since(connection, mark.updated_at) if mark.throttled_since else 0
    return mark.throttled_ms + max(0, lasting)


def measurements(connection: Connection, run_id: int) -> list[Measurement]:
    """The whole series of a run, oldest first."""
    table = tables.measurement
    columns = [column for column in table.c if column.name != "run_id"]
    query = select(*columns).where(table.c.run_id == run_id).order_by(table.c.at, table.c.position)
    return [Measurement(**row._mapping) for row in connection.execute(query)]


def courses(connection: Connection, run_id: int) -> Mapping[int, Course]:
    """What each batched step of a run has taken, by its position."""
    rows = [dict(row) for row in fetch(connection, COURSES, {"run": run_id})]
    return {row.pop("position"): Course(**row) for row in rows}


def intervals(series: Sequence[Measurement]) -> Iterator[Interval]:
    """What lies between each two measurements that one runner made of one step."""
    for before, after in pairwise(series):
        seconds = (after.at - before.at).total_seconds()
        same = (before.position, before.epoch) == (after.position, after.epoch)
        # the counters begin anew where a comparison does
        if same and seconds > 0 and after.batches >= before.batches:
            yield _interval(before, after, seconds)


def _interval(before: Measurement, after: Measurement, seconds: float) -> Interval:
    batches = after.batches - before.batches
    known = before.table_bytes is not None and after.table_bytes is not None
    return Interval(
        position=after.position,
        start=before.at,
        end=after.at,
        rows_per_s=max(0, after.rows - before.rows) / seconds,
        # back at the first block: another pass, or the table was rewritten
        blocks_per_s=max(0, after.blocks - before.blocks) / seconds,
        batch_ms=(after.busy_ms - before.busy_ms) / batches if batches else None,
        throttled=min(1.0, max(0.0, (after.throttled_ms - before.throttled_ms) / 1000 / seconds)),
        throttled_at_start=before.throttled is not None,
        reason=before.throttled or after.throttled,
        replica_lag_s=after.replica_lag_s,
        wal_bytes=max(0, after.wal_position - before.wal_position),
        growth_bytes=(after.table_bytes or 0) - (before.table_bytes or 0) if known else None,
    )
